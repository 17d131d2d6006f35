"""What can go wrong: one shape of error, and the exit codes of the command line."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `pomcert-wizard`, a contract for scripts."""

    DONE = 0
    FAILED = 1
    """Failed, and rolled back."""
    USAGE = 2
    """Wrong usage or invalid answers; nothing was changed."""
    WAITING = 3
    """Waiting for a person; run again to resume."""
    REFUSED_BY_AUTHORITY = 4
    NOT_PROPAGATED = 5
    PRIVILEGE = 6
    """Done, except for what needs a privilege that was not given; those commands were printed."""
    NEEDS_CLEANUP = 7
    """Something needs a hand; it was printed."""
    DOCTOR_FOUND_ERRORS = 8
    CHANGES_PENDING = 10
    """`plan --detailed-exitcode`: applying would change something."""
    LOCKED = 11
    INTERRUPTED = 130


class WizardError(Exception):
    """An error a person can act on.

    `code` is stable and kebab-case, for scripts and for search; `summary` is one sentence that says
    what is wrong and where; `hint` says what to do next.
    """

    exit_code = ExitCode.FAILED

    def __init__(
        self, code: str, summary: str, hint: str, *, exit_code: ExitCode | None = None
    ) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(WizardError):
    """The command line or an answer is wrong; nothing was changed."""

    exit_code = ExitCode.USAGE


class ResumableError(WizardError):
    """The run could not go on, and lost nothing: the same command goes on from there."""
