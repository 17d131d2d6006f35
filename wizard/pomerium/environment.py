"""Settings as environment variables, which win over a configuration, and files of them."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_LINE: Final = re.compile(
    r"""[ \t\r\n]*(?:
      [#;](?:\\.|[^\\\r\n])*
    | (?P<name>[^=\r\n]+)=
      (?P<quoted>(?:[ \t]*(?:'[^']*'|"(?:\\.|[^"\\])*"))*)[ \t]*
      (?P<bare>(?:\\.|[^\\\r\n])*?)[ \t]*(?=[\r\n]|\Z)
    | [^\r\n]+
    )""",
    re.DOTALL | re.VERBOSE,
)
_QUOTED: Final = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def overridden(variables: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Which settings of a configuration the environment overrides, each with its variable.

    `variables` are names and values, an empty one counts for nothing; `keys` the settings.
    """
    from wizard.pomerium.settings import SETTINGS  # noqa: PLC0415  ruamel.yaml costs 25 ms

    given = {name for name, value in variables.items() if value}
    return {
        setting.name: setting.environment
        for setting in SETTINGS
        if setting.name in keys and setting.environment in given and setting.environment
    }


def from_systemd(text: str) -> dict[str, str]:
    """The variables of a file as systemd reads `EnvironmentFile=` (systemd.exec(5)).

    Quotes count at the beginning of a value only; a backslash protects what follows, and between
    double quotes only a few characters.
    """
    found: dict[str, str] = {}
    for line in _LINE.finditer(text):
        if line["name"] is not None:
            quoted = (_unquoted(*piece) for piece in _QUOTED.findall(line["quoted"]))
            bare = _ESCAPE.sub(lambda escape: escape[1].strip("\r\n"), line["bare"])
            found[line["name"].strip()] = "".join((*quoted, bare))
    return found


def _unquoted(single: str, double: str) -> str:
    def plain(escape: re.Match[str]) -> str:
        if escape[1] == "\n":
            return ""
        return escape[1] if escape[1] in '"\\`$' else escape[0]

    return single or _ESCAPE.sub(plain, double)
