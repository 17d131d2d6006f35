"""What a look at Pomerium finds, and the grade of all of it.

| grade | errors | warnings |
|---|---|---|
| A | none | none |
| B | none | one or two |
| C | none | more |
| D | one | any |
| E | two or three | any |
| F | more | any |

An error keeps somebody out now; a warning is one to come, or a risk. What is good does not count.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.events import Json

Level = Literal["error", "warning", "good"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "good")
"""The gravest first."""
UNSEEN: Final = frozenset({"permission-denied", "file-not-mounted"})
GRADES: Final = (("A", 0, 0), ("B", 0, 2), ("C", 0, None), ("D", 1, None), ("E", 3, None))
"""Each grade with the most errors and the most warnings it takes, None for any; else it is F."""


class Finding(NamedTuple):
    """What the doctor found: a stable code, one sentence, what to do, and where it is written.

    `hint` and `file` are empty, and `line` is 0, where there is none.
    """

    level: Level
    code: str
    summary: str
    hint: str = ""
    file: str = ""
    line: int = 0

    @classmethod
    def of(cls, error: WizardError, file: str = "", line: int = 0) -> "Finding":
        """An error as a finding; what only we cannot see may be well."""
        level: Level = "warning" if error.code in UNSEEN else "error"
        return cls(level, error.code, error.summary, error.hint, file, line)

    def to_json(self) -> dict[str, Json]:
        """The finding as data."""
        return {"event": "finding", **self._asdict()}


class Grade(NamedTuple):
    """The end of a look: its grade, from A to F, and how many of each level were found."""

    grade: str
    errors: int
    warnings: int
    good: int

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Grade":
        """The grade of all that was found."""
        counts = Counter(finding.level for finding in findings)
        errors, warnings, good = (counts[level] for level in LEVELS)
        for grade, most_errors, most_warnings in GRADES:
            if errors <= most_errors and (most_warnings is None or warnings <= most_warnings):
                return cls(grade, errors, warnings, good)
        return cls("F", errors, warnings, good)

    def to_json(self) -> dict[str, Json]:
        """The grade as data."""
        return {"event": "grade", **self._asdict()}
