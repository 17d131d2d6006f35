"""Privilege, asked for once: one root shell that runs every privileged command of a run."""

import contextlib
import os
import select
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wizard.core.errors import ExitCode, WizardError
from wizard.core.system import Command, Result, System, token

if TYPE_CHECKING:
    import subprocess

PROMPT = "Password for the commands above (sudo): "
WAYS: Final = {
    # name: (asking a person, never asking)
    "sudo": (("sudo", f"--prompt={PROMPT}", "--"), ("sudo", "-n", "--")),
    "doas": (("doas",), ("doas", "-n")),
    "run0": (("run0", "--pipe"), ("run0", "--pipe", "--no-ask-password")),
}
ANSWER_SECONDS = 180.0
"""How long a person has to type a password."""
SILENT_SECONDS = 10.0
"""How long a program may think that asks nobody."""
GRACE_SECONDS = 3.0
"""How long a shell may take to end."""


class Elevation:
    """A shell that runs as root, started once, fed one command at a time, ended with the run.

    sudo remembers a password per terminal, doas perhaps, run0 never; a single shell asks once with
    each of them. The password is typed into the program that asks, never into this one.
    """

    def __init__(self, system: System, *, may_ask: bool) -> None:
        self._system = system
        self._may_ask = may_ask
        self._shell: subprocess.Popen[bytes] | None = None

    @cached_property
    def prefix(self) -> str:
        """The program that grants privilege here, or nothing."""
        return next((name for name in WAYS if self._system.which(name)), "")

    @property
    def active(self) -> bool:
        """Whether commands can be run as root now."""
        return self._shell is not None

    def start(self) -> None:
        """Asks for privilege on the terminal, or without a word where nobody may be asked.

        Raises:
            WizardError: `privilege-refused` when it was not given, or there is nothing to ask.
        """
        import subprocess  # noqa: PLC0415  slow, and most runs need no privilege

        if self._shell is not None:
            return
        if not self.prefix:
            raise _refused("There is no sudo, doas or run0 on this machine.")
        asking, silent = WAYS[self.prefix]
        program = self._system.which(self.prefix) or self.prefix
        self._shell = subprocess.Popen(
            [program, *(asking if self._may_ask else silent)[1:], "/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if self._may_ask else subprocess.DEVNULL,
            env=dict(self._system.env),
        )
        try:
            # Ctrl-C is for the run, which then takes back what this shell did.
            self._exchange("trap '' INT", ANSWER_SECONDS if self._may_ask else SILENT_SECONDS)
        except WizardError:
            self.stop()
            raise _refused(f"{self.prefix} did not give it.") from None
        self._system.elevated = self

    def run(self, command: Command, timeout: float) -> Result:
        """Runs one command as root and waits for it; it reads nothing.

        Raises:
            WizardError: `command-timeout`, or `privilege-lost` when the shell is gone.
        """
        return self._exchange(command.shell(), timeout)

    def _exchange(self, line: str, timeout: float) -> Result:
        """Sends one line; the answer ends at a marker nobody can guess, with the exit status."""
        shell = self._shell
        if shell is None or shell.stdin is None or shell.stdout is None:
            raise WizardError("privilege-lost", "The root shell is gone.", "Run again.")
        marker = token(16)
        script = f"{{ {line}; }} </dev/null 2>&1; printf '\\n%s %d\\n' {marker} $?\n"
        try:
            shell.stdin.write(script.encode())
            shell.stdin.flush()
        except BrokenPipeError:
            raise WizardError("privilege-lost", "The root shell is gone.", "Run again.") from None
        end = f"\n{marker} ".encode()
        answer = b""
        deadline = time.monotonic() + timeout
        while end not in answer or not answer.endswith(b"\n"):
            ready, _, _ = select.select([shell.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                self.stop()
                raise WizardError(
                    "command-timeout",
                    f"No answer within {timeout:.0f} s: {line[:200]}",
                    "Run it by hand to see what it waits for.",
                )
            chunk = os.read(shell.stdout.fileno(), 65536)
            if not chunk:
                raise WizardError("privilege-lost", "The root shell is gone.", "Run again.")
            answer += chunk
        output, _, status = answer.rpartition(end)
        return Result(int(status), output.decode(errors="replace"))

    def stop(self) -> None:
        """Ends the root shell."""
        shell, self._shell, self._system.elevated = self._shell, None, None
        if shell is None:
            return
        import subprocess  # noqa: PLC0415

        for pipe in (shell.stdin, shell.stdout):
            if pipe is not None:
                # What was not read any more cannot be flushed; the pipe is closed all the same.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            shell.wait(GRACE_SECONDS)
            return
        # A program that runs as root cannot be killed by us; it ends when it notices the pipes.
        with contextlib.suppress(PermissionError, subprocess.TimeoutExpired):
            shell.kill()
            shell.wait(GRACE_SECONDS)


def _refused(reason: str) -> WizardError:
    return WizardError(
        "privilege-refused",
        f"No privilege for the commands above. {reason}",
        "Paste the printed commands into a root shell, or run again as root.",
        exit_code=ExitCode.PRIVILEGE,
    )
