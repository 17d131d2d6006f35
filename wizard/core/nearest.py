"""The name that a misspelt one was meant to be."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The known name most like `word`, or nothing when none is at least `cutoff` (0 to 1) alike.

    Capitals make no difference.
    """
    from difflib import get_close_matches  # noqa: PLC0415  only a misspelling needs it

    names = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), names, n=1, cutoff=cutoff)
    return names[found[0]] if found else ""
