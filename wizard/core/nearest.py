"""The name that a misspelt one was meant to be."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The known name most like `word`, or nothing when none is at least `cutoff` (0 to 1) alike."""
    from difflib import get_close_matches  # noqa: PLC0415  only a misspelling needs it

    return next(iter(get_close_matches(word, tuple(known), n=1, cutoff=cutoff)), "")
