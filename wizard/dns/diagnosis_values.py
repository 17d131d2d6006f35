"""What is wrong with a TXT value that is nearly the one wanted."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

from wizard.core.events import Finding
from wizard.dns.diagnosis_codes import finding

MOST_VALUES: Final = 10
"""Above about a dozen values answers no longer fit into one packet, and authorities give up."""
LONG_ENOUGH: Final = 8
"""Fewer characters than that begin like a value by chance."""
SHOWN: Final = 60
TYPOGRAPHIC: Final = "\u00ab\u00bb\u2018-\u201f"
"""Quotation marks that word processors put in place of plain ones."""


class Verdict(NamedTuple):
    """A code of `diagnosis_codes.CODES`; what is there, and what should be: empty if unknown."""

    code: str
    seen: str
    wanted: str


def _unquoted(value: str) -> str:
    return re.sub(rf"""\\(?=["'\\])|["'`{TYPOGRAPHIC}]""", "", value)


def _unspaced(value: str) -> str:
    """Without blanks of any kind, nor those that Unicode has and nobody sees, nor spelt ones."""
    return re.sub(r"[\s\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff]|\\[nrt]", "", value)


MENDS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("value-quoted", _unquoted),
    ("value-whitespace", _unspaced),
    ("value-dot", lambda value: value.rstrip(".")),
    ("value-padded", lambda value: value.rstrip("=")),
    ("value-case", str.lower),
)
"""What people and web forms do to values, and how to take it back, one after the other."""


def classify(
    wanted: Collection[str], seen: Collection[str], old: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """Why what is there is not what is wanted.

    Args:
        wanted: every value that there should be.
        seen: the values there are, the strings of each record joined.
        old: values of earlier orders.

    Returns:
        A verdict for each strange value, the telling ones first; none when nothing is missing.
    """
    missing = sorted(set(wanted) - set(seen))
    if not missing:
        return ()
    strange = sorted(set(seen) - set(wanted))
    verdicts = [_verdict(one, missing, set(wanted), old) for one in strange]
    if len(missing) < len(set(wanted)) and all(one.code in VAGUE for one in verdicts):
        verdicts.append(Verdict("one-of-two", min(set(wanted) & set(seen)), missing[0]))
    return tuple(sorted(verdicts, key=lambda one: one.code in VAGUE))


VAGUE: Final = {"old-value", "value-unknown"}
"""Verdicts that say nothing of a value that is wanted."""


def _verdict(
    value: str, missing: Collection[str], wanted: Collection[str], old: Collection[str]
) -> Verdict:
    if value in old:
        return Verdict("old-value", value, "")
    inside = sorted(one for one in wanted if one in value)
    if len(inside) > 1:
        return Verdict("values-joined", value, inside[0])
    for one in missing:
        if code := _difference(value, one):
            return Verdict(code, value, one)
    return Verdict("value-unknown", value, "")


def _difference(value: str, wanted: str) -> str:
    """The first thing that was done to a wanted value; empty if this is none."""
    here, there, first = value, wanted, ""
    for code, mend in MENDS:
        before, here, there = here, mend(here), mend(there)
        if not first and here != before:
            first = code
        if here == there:
            # Lower case changes here although nobody changed it there.
            return first or code
    if wanted in value:
        return "value-decorated"
    is_part = there.startswith(here) or there.endswith(here)
    return "value-truncated" if is_part and len(here) >= LONG_ENOUGH else ""


def value_findings(
    name: str, wanted: Collection[str], seen: Collection[str], old: Collection[str], ttl: int
) -> Iterator[Finding]:
    """What is wrong with the values at a name, as sentences; `ttl` is theirs, in seconds."""
    for verdict in classify(wanted, seen, old):
        yield _told(verdict, name, ttl)


def too_many(name: str, values: Collection[str], wanted: Collection[str]) -> Finding | None:
    """Whether so many values are at a name that authorities may not read them all."""
    if len(values) <= max(MOST_VALUES, len(wanted)):
        return None
    return finding(
        "too-many-values",
        f"{name} has {len(values)} TXT values, of which {len(wanted)} are needed: answers of that "
        "size get lost on the way.",
        f"Remove the old TXT records of {name}; keep only the values shown here.",
    )


def _told(verdict: Verdict, name: str, ttl: int) -> Finding:
    code, seen, wanted = verdict
    shown, right = _quote(seen), _quote(wanted)
    again = f"Replace it by exactly this, nothing before and nothing behind: {wanted}"
    kept = f" Resolvers may remember the old one for {ttl} s." if ttl else ""
    sentences = {
        "value-quoted": (
            f"The TXT value of {name} has quotation marks in it: {shown}.",
            f"Leave them out of the form, it adds its own: {wanted}",
        ),
        "value-whitespace": (
            f"The TXT value of {name} has blanks or line breaks in it: {shown}.",
            f"Paste it as one line, without a blank: {wanted}",
        ),
        "value-dot": (f"The TXT value of {name} ends in a dot: {shown}.", again),
        "value-padded": (f"The TXT value of {name} has = at its end: {shown}.", again),
        "value-case": (
            f"The TXT value of {name} has other capital and small letters than {right}: {shown}.",
            f"Paste it as it is, without changing any letter: {wanted}",
        ),
        "value-truncated": (
            f"Only a part of the TXT value is at {name}: {shown}, not {right}.",
            f"Paste all {len(wanted)} characters: {wanted}",
        ),
        "value-decorated": (
            f"The TXT value of {name} has other text around it: {shown}.",
            f"Put only the value there: {wanted}",
        ),
        "values-joined": (
            f"One TXT record of {name} holds several values: {shown}.",
            "Make a record of its own for each value, all with the same name.",
        ),
        "one-of-two": (
            f"{name} has the value {shown}, but {right} is missing.",
            f"Add a second TXT record with the same name and keep the first: {wanted}",
        ),
        "old-value": (
            f"{name} has {shown}, which belongs to an earlier order.",
            f"Replace it by the value shown here.{kept}",
        ),
        "value-unknown": (
            f"{name} has {shown}, which is none of the values wanted.",
            f"Add the TXT record shown here; the other one may stay.{kept}",
        ),
    }
    return finding(code, *sentences[code])


def _quote(value: str) -> str:
    return repr(value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…")
