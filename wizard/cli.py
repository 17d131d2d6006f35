"""The command line: arguments, which front end, exit codes, and the only place that exits."""

import argparse
import contextlib
import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wizard import __version__
from wizard.core.errors import ExitCode, UsageError, WizardError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

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
    "client": "issue NAME, list, or revoke NAME: certificates for people and their browsers",
    "answers": "schema, or example [STRATEGY]: what an answers file may hold",
    "list": "strategies, authorities, providers, stores or targets",
}
LISTED = ("strategies", "authorities", "providers", "stores", "targets")


def run() -> NoReturn:
    """The console script."""
    # A run is over before the collector finds anything worth its time.
    gc.set_threshold(100_000)
    _open_streams()
    _stop_like_ctrl_c()
    _leave(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except WizardError as error:
        _tell(error, as_json="--json" in arguments)
        code = int(error.exit_code)
    except KeyboardInterrupt:
        from wizard.headless.text import Text  # noqa: PLC0415

        with contextlib.suppress(OSError):
            Text().say("\nStopped; nothing is left half done.")
        code = int(ExitCode.INTERRUPTED)
    except OSError as error:
        # Errors of files have a name, and are told where they happen.
        if error.filename is not None:
            raise
        code = int(ExitCode.FAILED)
        # Whoever read this has gone, the end of a pipe (EPIPE) or a terminal (EIO), and knows.
        if error.errno not in {errno.EPIPE, errno.EIO}:
            problem = f"The output cannot be written: {error.strerror}."
            hint = "Nothing is left half done. Send it elsewhere and run again."
            _tell(WizardError("output-lost", problem, hint), as_json=False)
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        options = _parse(arguments)
    except SystemExit:
        # argparse ends so after --help and --version.
        return int(ExitCode.DONE)
    return _dispatch(options)


def _tell(error: WizardError, *, as_json: bool) -> None:
    """Says what is wrong, also to whoever can hear only half of it."""
    from wizard.headless.jsonl import JsonLines  # noqa: PLC0415  --version and --help
    from wizard.headless.text import Text  # noqa: PLC0415  need none of it

    if as_json:
        with contextlib.suppress(OSError):
            JsonLines().error(error)
    with contextlib.suppress(OSError):
        Text().error(error)


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
        "6 privilege refused, 7 needs a hand, 10 changes pending, 11 another run is working, "
        "130 interrupted.",
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


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
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


def _dispatch(options: argparse.Namespace) -> int:
    from wizard.core.system import System  # noqa: PLC0415
    from wizard.headless.jsonl import JsonLines  # noqa: PLC0415
    from wizard.headless.text import Text  # noqa: PLC0415  --version and --help need none of it

    system = System()
    text = Text(verbose=options.verbose)
    # A list is the same for somebody without a home.
    state = Path() if options.command == "list" else _state(options.state_dir, system)
    front: Text | JsonLines = JsonLines() if options.json else text
    match options.command:
        case "plan":
            return _plan(_session(options, system, state), options)
        case "renew" | "status" | "undo" | "trust" | "client" | "answers" | "list":
            from wizard.headless import commands  # noqa: PLC0415

            return commands.run(options, system, state, front, may_ask=_has_terminal())
        case _ if options.answers is not None or options.sets or options.dry_run:
            session = _session(options, system, state)
            if options.dry_run:
                return _plan(session, options)
            return _headless(session, front)
        case _ if options.json and (options.plain or _has_terminal()):
            summary = "--json is for programs, and without answers a person is asked."
            raise UsageError("usage", summary, "Add --answers FILE, or leave --json out.")
        case _ if options.plain or (system.env.get("TERM") == "dumb" and _has_terminal()):
            from wizard.headless import prompts  # noqa: PLC0415

            return prompts.run(_session(options, system, state), text, may_ask=_has_terminal())
        case _:
            return _screen(_session(options, system, state))


def _state(given: str, system: "System") -> Path:
    """Where platformdirs says; for root under sudo its own home, not the invoking user's."""
    if given.startswith("~/"):
        # In --state-dir=~/x a shell leaves the tilde alone.
        return system.person.home / given[2:]
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
    if options.answers is not None:
        text, name = _text_of(options.answers), options.answers
        session.take(
            answers.read(text, name, known),
            lambda key: f"{name}, line {answers.line_of(text, key)}: {key}",
        )
    for variable in sorted(name for name in system.env if name.startswith("POMCERT_")):
        variables = known.variables(variable)
        if variable not in variables:
            raise answers.unknown_key(variable, "The environment", variables)
        session.answer_word(variables[variable], system.env[variable], variable)
    for word in options.sets:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise UsageError("usage", f"--set {word} sets nothing.", "Write --set KEY=VALUE.")
        if key not in known:
            raise answers.unknown_key(key, f"--set {key}", known)
        session.answer_word(key, value, f"--set {key}")
    return session


def _text_of(name: str) -> str:
    """The text of an answers file, which may also be a pipe."""
    from wizard.core.files import file_error  # noqa: PLC0415

    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name or "?").read_bytes()
        if name == "-" and not content.strip():
            # What should have written them has failed, and nobody asked for the defaults.
            raise UsageError(
                "answers-missing",
                "There are no answers on stdin.",
                "See: pomcert-wizard answers example",
            )
        # Editors on Windows put a byte order mark in front.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            "answers-not-toml", f"{name} is not UTF-8 text.", "Save it as UTF-8."
        ) from None
    except FileNotFoundError:
        raise UsageError(
            "answers-missing",
            f'There is no answers file "{name}".',
            "See: pomcert-wizard answers example",
        ) from None
    except OSError as error:
        found = file_error(error, "read", Path(name))
        raise UsageError(found.code, found.summary, found.hint) from None


def _plan(session: "Session", options: argparse.Namespace) -> int:
    """Shows the plan on stdout: here it is what was asked for."""
    from wizard.headless.jsonl import JsonLines  # noqa: PLC0415
    from wizard.headless.text import Text  # noqa: PLC0415

    plan = session.plan()
    front = JsonLines() if options.json else Text(sys.stdout)
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


def _screen(session: "Session") -> int:
    if not _has_terminal():
        raise UsageError(
            "no-terminal",
            "There is no terminal for the wizard's screens.",
            "Use --plain for plain prompts, or --answers FILE to run without a person.",
        )
    from wizard.tui import app  # noqa: PLC0415

    return app.run(session)


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _leave(code: int) -> NoReturn:
    """Ends the process as it is: taking the interpreter down first is a tenth of a run's time."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or int(ExitCode.FAILED)
    os._exit(code)


def _stop_like_ctrl_c() -> None:
    """Makes SIGTERM and a closed terminal's SIGHUP take a run back, not end it half done."""
    import signal  # noqa: PLC0415  tests call main(), and their process is not ours

    names = {"SIGINT", "SIGTERM", "SIGHUP"}
    numbers = [number for number in signal.Signals if number.name in names]

    def stop(_number: int, _frame: object) -> None:
        # They often come twice; the second one must not cut off the taking back.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        # nohup has a program ignore SIGHUP; that stays.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _open_streams() -> None:
    """Opens what our caller closed (`>&-`), or the next file opened would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name that is not UTF-8 is shown, not a reason to fail.
            stream.reconfigure(errors="backslashreplace")
