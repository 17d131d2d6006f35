"""The command line: arguments, which front end, exit codes, and the only place that exits."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wizard import __version__
from wizard.core.errors import ExitCode, UsageError, WizardError

if TYPE_CHECKING:
    from wizard.core.system import System
    from wizard.engine import Session
    from wizard.headless.jsonl import JsonLines
    from wizard.headless.text import Text

COMMANDS = {
    "plan": "show what would be done (--answers FILE); the same as --dry-run",
    "renew": "issue again what is due",
    "status": "certificates, expiry, next renewal, trust, drift",
    "undo": "restore what a run changed, to the byte",
    "trust": "status, install or uninstall the local root in trust stores",
    "answers": "schema, or example [STRATEGY]: what an answers file may hold",
    "list": "strategies, stores or targets",
}


def run() -> NoReturn:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    options = parser().parse_args(arguments)
    from wizard.headless.text import Text  # noqa: PLC0415  --version and --help need none of it

    text = Text(verbose=options.verbose)
    try:
        return _dispatch(options, text)
    except WizardError as error:
        if options.json:
            from wizard.headless.jsonl import JsonLines  # noqa: PLC0415

            JsonLines().error(error)
        text.error(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        text.say("Stopped; what had been begun was taken back.")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our stdout has gone; without this Python complains about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(ExitCode.FAILED)


def parser() -> argparse.ArgumentParser:
    """Every option and command."""
    common = argparse.ArgumentParser(add_help=False, formatter_class=_Formatter)
    add = common.add_argument
    quiet = argparse.SUPPRESS
    add("--answers", metavar="FILE", default=quiet, help="answers from a TOML file, or - for stdin")
    add(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=quiet,
        help="one answer; may be repeated",
    )
    add("--dry-run", action="store_true", default=quiet, help="show the plan, change nothing")
    add("--json", action="store_true", default=quiet, help="one JSON object a line on stdout")
    add("--plain", action="store_true", default=quiet, help="plain prompts instead of the screen")
    add(
        "--state-dir",
        metavar="DIR",
        default=quiet,
        help="where the wizard keeps its records and keys",
    )
    add("-v", "--verbose", action="store_true", default=quiet, help="say more")
    root = argparse.ArgumentParser(
        prog="pomcert-wizard",
        parents=[common],
        formatter_class=_Formatter,
        description="The TLS certificates Pomerium needs. Without arguments: the wizard.",
        epilog="Exit codes: 0 done, 1 failed and rolled back, 2 usage or answers, "
        "6 privilege refused, 7 needs a hand, 10 changes pending, 11 another run is working, "
        "130 interrupted.",
    )
    root.add_argument("--version", action="version", version=f"pomcert-wizard {__version__}")
    # With a prog of its own argparse need not format a usage line to find one.
    commands = root.add_subparsers(prog=root.prog, dest="command", metavar="COMMAND")
    made = {
        name: commands.add_parser(
            name, parents=[common], help=line, description=line, formatter_class=_Formatter
        )
        for name, line in COMMANDS.items()
    }
    made["plan"].add_argument(
        "--detailed-exitcode", action="store_true", help="10 when changes wait"
    )
    made["renew"].add_argument("--force", action="store_true", help="also what is not due")
    made["renew"].add_argument("--name", default="", help="only the certificate for this name")
    made["undo"].add_argument("run", nargs="?", default="", metavar="RUN", help="default: the last")
    made["undo"].add_argument("--force", action="store_true", help="also files changed since")
    made["trust"].add_argument("do", choices=("status", "install", "uninstall"))
    made["trust"].add_argument(
        "--store",
        action="append",
        metavar="STORE",
        help="system, nss or java; default: every store",
    )
    made["answers"].add_argument("do", choices=("schema", "example"))
    made["answers"].add_argument("strategy", nargs="?", default="")
    made["list"].add_argument("what", choices=("strategies", "stores", "targets"))
    root.set_defaults(
        answers="", set=[], dry_run=False, json=False, plain=False, state_dir="", verbose=False
    )
    return root


class _Formatter(argparse.HelpFormatter):
    """Help for eighty columns; asking the terminal would load shutil before every run."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


def _dispatch(options: argparse.Namespace, text: "Text") -> int:
    from wizard.core.system import System  # noqa: PLC0415
    from wizard.headless.jsonl import JsonLines  # noqa: PLC0415

    system = System()
    state = _state(options.state_dir, system)
    front: Text | JsonLines = JsonLines() if options.json else text
    match options.command:
        case "plan":
            return _plan(_session(options, system, state), options, front)
        case "renew" | "status" | "undo" | "trust" | "answers" | "list":
            from wizard.headless import commands  # noqa: PLC0415

            return commands.run(options, system, state, front, may_ask=_has_terminal())
        case _ if options.answers or options.set or options.dry_run:
            session = _session(options, system, state)
            if options.dry_run:
                return _plan(session, options, front)
            return _headless(session, front)
        case _ if options.plain or system.env.get("TERM") == "dumb":
            return _plain(_session(options, system, state), text)
        case _:
            return _screen(_session(options, system, state))


def _state(given: str, system: "System") -> Path:
    """Where platformdirs says; for root under sudo its own home, not the invoking user's."""
    if given:
        return Path(given).absolute()
    person = system.person
    if system.invoked_by_other:
        import pwd  # noqa: PLC0415  POSIX only

        return Path(pwd.getpwuid(system.uid).pw_dir) / ".local/state/pomcert-wizard"
    import platformdirs  # noqa: PLC0415  --state-dir needs it not

    path = platformdirs.user_state_path("pomcert-wizard", appauthor=False)
    return path if path.is_absolute() else person.home / ".local/state/pomcert-wizard"


def _session(options: argparse.Namespace, system: "System", state: Path) -> "Session":
    """The answers of the file, then of the environment, then of --set: the last one wins."""
    from wizard.core import answers  # noqa: PLC0415
    from wizard.engine import Session  # noqa: PLC0415

    session = Session(system, state)
    known = session.known
    if options.answers:
        session.take(answers.read(_text_of(options.answers, system), options.answers, known))
    for key, question in known.items():
        if question.variable in system.env:
            session.answer_word(key, system.env[question.variable], question.variable)
    for word in options.set:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError("usage", f"--set {word}: there is no =.", "Write --set KEY=VALUE.")
        if key not in known:
            raise answers.unknown_key(key, f"--set {word}", known)
        session.answer_word(key, value, f"--set {word}")
    return session


def _text_of(name: str, system: "System") -> str:
    if name == "-":
        return sys.stdin.read()
    kept = system.keep(Path(name))
    if kept is None:
        raise UsageError(
            "answers-missing",
            f"There is no answers file {name}.",
            "See: pomcert-wizard answers example",
        )
    try:
        return kept.content.decode()
    except UnicodeDecodeError:
        raise UsageError(
            "answers-not-toml", f"{name} is not UTF-8 text.", "Save it as UTF-8."
        ) from None


def _plan(session: "Session", options: argparse.Namespace, front: "Text | JsonLines") -> int:
    plan = session.plan()
    front.plan(plan)
    detailed = options.command == "plan" and options.detailed_exitcode
    return int(ExitCode.CHANGES_PENDING if detailed and not plan.is_empty else ExitCode.DONE)


def _headless(session: "Session", front: "Text | JsonLines") -> int:
    """Plans and applies; no prompt ever: sudo and its like are only asked for what they grant."""
    from wizard.engine import settle  # noqa: PLC0415
    from wizard.headless.commands import follow  # noqa: PLC0415

    follow(settle(session.system, session.journal, may_ask=False), front)
    plan = session.plan()
    front.notices(plan)
    return follow(session.apply(plan, may_ask=False), front)


def _plain(session: "Session", text: "Text") -> int:
    from wizard.engine import settle  # noqa: PLC0415
    from wizard.headless.commands import follow  # noqa: PLC0415
    from wizard.headless.prompts import Prompts  # noqa: PLC0415

    may_ask = _has_terminal()
    follow(settle(session.system, session.journal, may_ask=may_ask), text)
    prompts = Prompts(session, text)
    prompts.ask_all()
    plan = session.plan()
    text.plan(plan)
    if plan.is_empty:
        return int(ExitCode.DONE)
    if not prompts.confirm("Apply this plan?"):
        text.say("Nothing was changed.")
        return int(ExitCode.DONE)
    return follow(session.apply(plan, may_ask=may_ask), text)


def _screen(session: "Session") -> int:
    if not _has_terminal():
        raise UsageError(
            "no-terminal",
            "There is no terminal for the wizard's screens.",
            "Use --plain for plain prompts, or --answers FILE to run without a person.",
        )
    from wizard.tui.app import WizardApp  # noqa: PLC0415

    return WizardApp(session).run() or int(ExitCode.DONE)


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
