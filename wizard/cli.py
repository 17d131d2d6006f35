"""The command line: which front end, exit codes, and the only place that exits."""

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

from wizard.arguments import parse
from wizard.core.errors import ExitCode, UsageError, WizardError

if TYPE_CHECKING:
    from wizard.core.system import System
    from wizard.engine import Session
    from wizard.headless.jsonl import JsonLines
    from wizard.headless.text import Text


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
        options = parse(arguments)
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
        case str():
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
    from wizard.headless.front import follow  # noqa: PLC0415

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
        # Whoever was stopped is not to wait for a reader: what is left was cut off by the signal.
        if code != ExitCode.INTERRUPTED:
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
