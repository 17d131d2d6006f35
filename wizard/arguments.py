"""What a command line may hold: commands, options, and what of it has no meaning together."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from wizard import __version__
from wizard.core.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

COMMANDS = {
    "plan": "show what would be done (--answers FILE); the same as --dry-run",
    "renew": "issue again what is due",
    "status": "certificates, expiry, next renewal, trust, drift",
    "adopt": "an answers file for what Pomerium is told here already",
    "doctor": "what is wrong with Pomerium's certificates here; changes nothing",
    "undo": "restore what a run changed, to the byte",
    "trust": "status, install or uninstall the local root in trust stores",
    "client": "issue NAME, list, or revoke NAME: certificates for people and their browsers",
    "answers": "schema, or example [STRATEGY]: what an answers file may hold",
    "list": "strategies, authorities, providers, stores or targets",
}
LISTED = ("strategies", "authorities", "providers", "stores", "targets")


def parser() -> argparse.ArgumentParser:
    """Every option and command; options may stand before the command or after it."""
    common = _Parser(add_help=False, formatter_class=_Formatter)
    add = common.add_argument
    # A default here would overwrite what was given before the command.
    quiet = argparse.SUPPRESS
    add("--json", action="store_true", default=quiet, help="one JSON object a line on stdout")
    add("--plain", action="store_true", default=quiet, help="plain prompts instead of the screen")
    add("--state-dir", metavar="DIR", default=quiet, help="where records and keys are kept")
    add("-v", "--verbose", action="store_true", default=quiet, help="say more")
    add("--version", action="version", version=f"pomcert-wizard {__version__}")
    root = _Parser(
        prog="pomcert-wizard",
        parents=[common],
        formatter_class=_Formatter,
        allow_abbrev=False,
        description="The TLS certificates Pomerium needs. Without arguments: the wizard.",
        epilog="Exit codes: 0 done, 1 failed and rolled back, 2 usage or answers, "
        "3 waiting for records, 4 refused by the authority, 5 records not seen in time, "
        "6 privilege refused, 7 needs a hand, 8 the doctor found errors, 10 changes pending, "
        "11 another run is working, 130 interrupted.",
    )
    # With a prog of its own argparse need not format a usage line to find one.
    commands = root.add_subparsers(prog=root.prog, dest="command", metavar="COMMAND")
    made = {
        name: commands.add_parser(
            name,
            parents=[common],
            formatter_class=_Formatter,
            allow_abbrev=False,
            help=line,
            description=line,
        )
        for name, line in COMMANDS.items()
    }
    for one, sets in ((root, "sets_before"), (made["plan"], "sets")):
        add = one.add_argument
        add("--answers", metavar="FILE", default=quiet, help="a TOML file, or - for stdin")
        add(
            "--set",
            metavar="KEY=VALUE",
            dest=sets,
            action="append",
            default=quiet,
            help="one answer; may be repeated",
        )
        add("--dry-run", action="store_true", default=quiet, help="show the plan, change nothing")
    made["plan"].add_argument(
        "--detailed-exitcode", action="store_true", help="10 when changes wait"
    )
    made["renew"].add_argument("--force", action="store_true", help="also what is not due")
    made["renew"].add_argument("--name", default="", help="only the certificate for this name")
    add = made["adopt"].add_argument
    add("config", nargs="?", default="", metavar="CONFIG", help="default: what is found here")
    add("--output", metavar="FILE", default="", help="default: stdout")
    add("--force", action="store_true", help="also over a file that is there")
    add = made["doctor"].add_argument
    add("--config", metavar="FILE", default="", help="default: Pomerium's own, as it is found")
    add(
        "--connect",
        metavar="HOST:PORT",
        help="also look at what is served there",
    )
    add("--server-name", metavar="NAME", default="", help="the host to ask for; default: HOST")
    made["undo"].add_argument("run", nargs="?", default="", metavar="RUN", help="default: the last")
    made["undo"].add_argument("--force", action="store_true", help="also files changed since")
    _choose(made["trust"], "do", "status", "install", "uninstall")
    made["trust"].add_argument(
        "--store",
        action="append",
        metavar="STORE",
        help="system, nss or java; default: every store",
    )
    _choose(made["client"], "do", "issue", "list", "revoke")
    add = made["client"].add_argument
    add("name", nargs="?", default="", metavar="NAME", help="an e-mail address or another name")
    add("--out", metavar="FILE", default="", help="default: NAME.p12 in the current directory")
    add(
        "--password",
        metavar="WHERE",
        default="",
        help="env:NAME or file:PATH; else it is asked for",
    )
    add("--lifetime", metavar="SPAN", default="365d", help="default: 365d")
    add("--legacy", action="store_true", help="encrypt it as old systems know")
    _choose(made["answers"], "do", "schema", "example")
    made["answers"].add_argument("strategy", nargs="?", default="", metavar="STRATEGY")
    _choose(made["list"], "what", *LISTED)
    return root


def _choose(command: argparse.ArgumentParser, name: str, *words: str) -> None:
    # An error calls it by its metavar.
    command.add_argument(name, choices=words, metavar="|".join(words))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line as it was meant; an option that would have no effect is an error."""
    options = argparse.Namespace(
        answers=None,
        sets_before=[],
        sets=[],
        dry_run=False,
        json=False,
        plain=False,
        state_dir="",
        verbose=False,
    )
    parser().parse_args(arguments, options)
    options.sets = [*options.sets_before, *options.sets]
    given = {
        "--answers": options.answers is not None,
        "--set": bool(options.sets),
        "--dry-run": options.dry_run,
    }
    for option in (name for name, is_given in given.items() if is_given):
        if options.command not in {None, "plan"}:
            raise UsageError(
                "usage",
                f"{option} has no meaning for {options.command}.",
                f"See: pomcert-wizard {options.command} --help",
            )
    return options


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong, so that it is told like every other error."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong with the command line."""
        summary = message[:1].upper() + message[1:]
        raise UsageError("usage", f"{summary}.", f"See: {self.prog} --help")

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        # argparse's own keeps it to itself when nothing could be written.
        (file or sys.stderr).write(message)


class _Formatter(argparse.HelpFormatter):
    """Help for eighty columns; asking the terminal would load shutil before every run."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)
