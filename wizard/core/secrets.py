"""Values that must never be seen: they travel wrapped and are revealed only where they are used."""


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
