"""What a command line may hold: commands, options, and what of it has no meaning together."""

import argparse
import sys
from collections.abc import Collection, Sequence
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
TAKE_ONE = frozenset({"--answers", "--set", "--state-dir"})
"""Options in front of any command that the next word belongs to."""
WORDS = frozenset({"-h", "--help", "--"})
"""Options that say something of all commands."""
LISTED = ("strategies", "authorities", "providers", "stores", "targets")


def parser(commands: Collection[str] = COMMANDS.keys()) -> argparse.ArgumentParser:
    """Every option, and these commands; options may stand before the command or after it."""
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
    made = root.add_subparsers(prog=root.prog, dest="command", metavar="COMMAND")
    for name in commands:
        command = made.add_parser(
            name,
            parents=[common],
            formatter_class=_Formatter,
            allow_abbrev=False,
            help=COMMANDS[name],
            description=COMMANDS[name],
        )
        _options(name, command)
    _answered(root, "sets_before")
    return root


def _answered(command: argparse.ArgumentParser, sets: str) -> None:
    """Where answers come from."""
    add, quiet = command.add_argument, argparse.SUPPRESS
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


def _options(name: str, command: argparse.ArgumentParser) -> None:
    """What a command of that name takes besides what all take."""
    add = command.add_argument
    match name:
        case "plan":
            _answered(command, "sets")
            add("--detailed-exitcode", action="store_true", help="10 when changes wait")
        case "renew":
            add("--force", action="store_true", help="also what is not due")
            add("--name", default="", help="only the certificate for this name")
        case "adopt":
            what = "default: what is found here"
            add("config", nargs="?", default="", metavar="CONFIG", help=what)
            add("--output", metavar="FILE", default="", help="default: stdout")
            add("--force", action="store_true", help="also over a file that is there")
        case "doctor":
            what = "default: Pomerium's own, as it is found"
            add("--config", metavar="FILE", default="", help=what)
            add("--connect", metavar="HOST:PORT", help="also look at what is served there")
            what = "the host to ask for; default: HOST"
            add("--server-name", metavar="NAME", default="", help=what)
        case "undo":
            add("run", nargs="?", default="", metavar="RUN", help="default: the last")
            add("--force", action="store_true", help="also files changed since")
        case "trust":
            _choose(command, "do", "status", "install", "uninstall")
            what = "system, nss or java; default: every store"
            add("--store", action="append", metavar="STORE", help=what)
        case "client":
            _choose(command, "do", "issue", "list", "revoke")
            what = "an e-mail address or another name"
            add("name", nargs="?", default="", metavar="NAME", help=what)
            what = "default: NAME.p12 in the current directory"
            add("--out", metavar="FILE", default="", help=what)
            what = "env:NAME or file:PATH; else it is asked for"
            add("--password", metavar="WHERE", default="", help=what)
            add("--lifetime", metavar="SPAN", default="365d", help="default: 365d")
            add("--legacy", action="store_true", help="encrypt it as old systems know")
        case "answers":
            _choose(command, "do", "schema", "example")
            add("strategy", nargs="?", default="", metavar="STRATEGY")
        case "list":
            _choose(command, "what", *LISTED)
        case _:
            pass


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
    _parser_for(arguments).parse_args(arguments, options)
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


def _parser_for(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that is named: to make all of them takes 2 ms of a short run."""
    words = [
        word
        for before, word in zip(["", *arguments], arguments, strict=False)
        if before not in TAKE_ONE and (not word.startswith("-") or word in WORDS)
    ]
    return parser(words[:1]) if not words or words[0] in COMMANDS else parser()


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
