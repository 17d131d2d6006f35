"""Signs and words for states. A state is never a colour alone."""

from typing import Final, NamedTuple

from wizard.core.actions import ChangeKind


class Sign(NamedTuple):
    """A state: its glyph, its word, and the colour that goes with them."""

    glyph: str
    word: str
    style: str


CHANGES: Final = {
    ChangeKind.CREATE: Sign("+", "write", "$success"),
    ChangeKind.UPDATE: Sign("~", "edit", "$warning"),
    ChangeKind.DELETE: Sign("-", "delete", "$error"),
    ChangeKind.RUN: Sign("»", "run", "$accent"),
    ChangeKind.NONE: Sign("·", "keep", "$foreground-muted"),
}
TODO: Final = Sign("·", "waiting", "$foreground-faint")
WORKING: Final = Sign("…", "working", "$warning")
DONE: Final = Sign("✓", "done", "$success")
LEFT_OUT: Final = Sign("!", "left out", "$warning")
FAILED: Final = Sign("✗", "failed", "$error")
TAKEN_BACK: Final = Sign("←", "taken back", "$accent")
VERDICTS: Final = {
    "accepted": Sign("✓", "accepted", "$success"),
    "refused": Sign("✗", "refused", "$error"),
    "unknown": Sign("?", "unknown", "$warning"),
}
WAITS: Final = Sign("…", "waits", "$warning")
HALTS: Final = {"waiting-for-records": WAITS, "not-propagated": WAITS}
"""How a run stopped that has not failed, by the code of its error."""
TO_REMOVE: Final = Sign("-", "to remove", "$warning")
SERVES: Final = {
    "ok": Sign("✓", "has", "$success"),
    "partial": Sign("…", "lacks value", "$warning"),
    "wrong": Sign("✗", "has others", "$error"),
    "nodata": Sign("…", "not there yet", "$warning"),
    "nxdomain": Sign("…", "not there yet", "$warning"),
    "referral": Sign("!", "refers on", "$warning"),
    "lame": Sign("!", "not its zone", "$warning"),
    "servfail": Sign("!", "fails", "$warning"),
    "timeout": Sign("!", "no answer", "$warning"),
    "skipped": Sign("·", "unreachable", "$foreground-faint"),
}
"""What a name server does with a record, by `NameserverAnswer.state`."""
SERVED: Final = Sign("✓", "served", "$success")
LEVELS: Final = {
    "error": Sign("✗", "wrong", "$error"),
    "warning": Sign("!", "warning", "$warning"),
    "info": Sign("·", "note", "$accent"),
}
ORDER: Final = {
    "valid": Sign("✓", "valid", "$success"),
    "invalid": Sign("✗", "invalid", "$error"),
}
"""The states of an order that are ends; all others go on."""
OUTCOMES: Final = {
    "done": ("Done", "The certificate is in place and works."),
    "nothing-to-do": ("Nothing to do", "Everything is as your answers ask for."),
    "rolled-back": ("Taken back", "The run stopped; the machine is as it was before."),
    "undone": ("Taken back", "Everything is as it was before that run."),
    "waiting": ("Waiting for you", "Nothing is lost: run it again to go on from here."),
    "needs-cleanup": ("This needs your hand", "Something could not be taken back; see below."),
}
KEPT: Final = (
    "Stopped; nothing is lost",
    "The order is kept and its records stay the same: run it again to go on from here.",
)
UNPROVED: Final = ("Done", "Everything is written; what it brought is still to be seen.")
"""Where nobody has accepted a certificate yet, as with a Pomerium that does not run."""
PARTLY: Final = (
    "Done, except for what is listed here",
    "The certificate is in place and works; not every client trusts it yet.",
)
