"""Values that must never be seen: they travel wrapped and are revealed only where they are used."""

from pathlib import Path
from typing import TYPE_CHECKING

from wizard.core.errors import UsageError

if TYPE_CHECKING:
    from wizard.core.system import System


class Secret:
    """A secret value. Its repr, str and format say nothing, so no log or traceback can."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> str:
        raise TypeError("a secret does not travel")


def is_reference(text: str) -> bool:
    """Whether a text says where a secret is: `env:NAME` or `file:/PATH`. Nothing is looked up."""
    scheme, _, where = text.partition(":")
    return scheme in {"env", "file"} and bool(where)


def resolve(reference: str, system: "System") -> Secret:
    """Looks a secret up; the one line end at the end of a file does not count.

    Raises:
        UsageError: `secret-missing`: the variable or the file is not there, or is empty.
        WizardError: the file cannot be read.
    """
    scheme, _, where = reference.partition(":")
    if scheme == "env":
        value = system.env.get(where, "").encode()
    else:
        kept = system.keep(Path(where))
        value = kept.content.removesuffix(b"\n").removesuffix(b"\r") if kept else b""
    if not value:
        what = f"The variable {where}" if scheme == "env" else f"The file {where}"
        raise UsageError("secret-missing", f"{what} holds no secret.", "Put it there, run again.")
    return Secret(value)
