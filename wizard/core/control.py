"""How a front end steers a run that waits: stop it, or have it look again at once."""

import threading


class Control:
    """Handed to a run when it starts. Safe to call from any thread."""

    def __init__(self, *, attended: bool = False) -> None:
        """`attended` says that a person looks on, who needs no time limit."""
        self.attended = attended
        self._changed = threading.Condition()
        self._stopped = False
        self._check_now = False

    @property
    def stopped(self) -> bool:
        """Whether somebody wants out."""
        return self._stopped

    def stop(self) -> None:
        """Asks the run to end; it takes back what it did."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def check_now(self) -> None:
        """Ends the wait that goes on, or the next one, so that the run looks again at once."""
        with self._changed:
            self._check_now = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until `stop` or `check_now`; says whether a person cut it short."""
        with self._changed:
            cut_short = self._changed.wait_for(lambda: self._stopped or self._check_now, seconds)
            self._check_now = False
            return cut_short
