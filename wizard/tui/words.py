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
OUTCOMES: Final = {
    "done": ("Done", "The certificate is in place and works."),
    "nothing-to-do": ("Nothing to do", "Everything is as your answers ask for."),
    "rolled-back": ("Taken back", "The run stopped; the machine is as it was before."),
    "undone": ("Taken back", "Everything is as it was before that run."),
    "waiting": ("Waiting for you", "Nothing is lost: run it again to go on from here."),
    "needs-cleanup": ("This needs your hand", "Something could not be taken back; see below."),
}
PARTLY: Final = (
    "Done, except for what is listed here",
    "The certificate is in place and works; not every client trusts it yet.",
)
