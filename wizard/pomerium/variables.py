"""Settings as environment variables, which win over a configuration, and files of them.

Whoever starts Pomerium reads such a file, and each in its own way: systemd's `EnvironmentFile=`
(systemd.exec(5)) knows quotes, `docker run --env-file` and Compose's `format: raw` know none.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wizard.core.errors import UsageError

if TYPE_CHECKING:
    from wizard.pomerium.document import Document

TRUE: Final = frozenset({"true", "t", "1"})
"""What Pomerium takes for yes, in any case of letters; with `yes` or `on` it does not start."""
FALSE: Final = frozenset({"false", "f", "0", ""})
MASK: Final = "<redacted>"
SHOWN: Final = frozenset(
    {
        *("ADDRESS", "HTTP_REDIRECT_ADDR", "CERTIFICATE_FILE", "CERTIFICATE_KEY_FILE", "HEADERS"),
        *("AUTOCERT", "AUTOCERT_DIR", "AUTOCERT_EMAIL", "AUTOCERT_USE_STAGING", "AUTOCERT_CA"),
        *("AUTOCERT_TRUSTED_CA_FILE", "AUTOCERT_MUST_STAPLE", "DOWNSTREAM_MTLS_ENFORCEMENT"),
        *("DOWNSTREAM_MTLS_CA_FILE", "DOWNSTREAM_MTLS_CRL_FILE"),
    }
)
"""Variables that never hold a secret, of those that are written here."""
ROUTES: Final = ("ROUTES", "POLICY")
HEADER: Final = (
    "# Pomerium's settings as variables, made by pomcert-wizard. They are read at its start."
)
_NAME: Final = r"[A-Z][A-Z0-9_]*"
"""Names that Pomerium looks for; it minds their case."""
# Texts: `re` compiles them where they are used, and most runs read no such file.
_SYSTEMD: Final = r"""(?sx)[ \t\r\n]*(?:
      [#;](?:\\.|[^\\\r\n])*
    | (?P<name>[^=\r\n]+)=
      (?P<quoted>(?:[ \t]*(?:'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\\?\Z)))*)[ \t]*
      (?P<bare>(?:\\(?:.|\Z)|[^\\\r\n])*?)[ \t]*(?=[\r\n]|\Z)
    | [^\r\n]+
    )"""
_QUOTED: Final = r"""(?s)'([^']*)(?:'|\Z)|"((?:\\.|[^"\\])*)(?:"|\\?\Z)"""
_ESCAPE: Final = r"(?s)\\(.|\Z)"
_PLAIN: Final = r"(?a)[\w.,:/=+@%^-]+"
_ABOVE_LIST: Final = r"(?:[ \t]*(?:#[^\r\n]*|---[ \t]*)?[\r\n]+)*"
_DOCKER: Final = r"(?m)^[ \t]*(?P<name>[^#=\s][^=\r\n]*)=(?P<value>[^\r\n]*)"


class Assignment(NamedTuple):
    """A variable of a file, and where in its text the assignment stands."""

    name: str
    value: str
    start: int
    end: int


class Dialect(NamedTuple):
    """How a program reads a file of variables, and how a value is written for it."""

    assignments: Callable[[str], Iterator[Assignment]]
    quote: Callable[[str], str]

    def read(self, text: str) -> dict[str, str]:
        """The variables of a file; of several of one name the last counts."""
        return {one.name: one.value for one in self.assignments(text)}

    def write(self, text: str, wanted: Mapping[str, str]) -> str:
        """The text with these variables set, and every other byte as it was.

        Raises:
            UsageError: `variable-lines` for a value that the dialect cannot hold, `variable-open`
                where the last value of the text has no end.
        """
        for name, value in wanted.items():
            standing = [one for one in self.assignments(text) if one.name == name]
            line = f"{name}={self.quote(value)}"
            if not standing:
                text = self._added(text, line)
            elif standing[-1].value != value:
                text = text[: standing[-1].start] + line + text[standing[-1].end :]
        return text

    def _added(self, text: str, line: str) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        ended = text if text.endswith("\n") or not text else text + newline
        wanted = self.read(text) | self.read(line)
        # A line that a backslash continues ends at an empty one.
        for gap in ("", newline):
            made = f"{ended}{gap}{line}{newline}"
            if self.read(made) == wanted:
                return made
        raise UsageError(
            "variable-open",
            "The last value of the file of variables has an opening quote and no closing one.",
            "Close it and run again; the file was left as it is.",
        )


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


def variables_of(config: bytes) -> dict[str, str]:
    """A configuration of one certificate as variables, in its order.

    Routes become base64 of YAML, headers pairs with a colon; a certificate has variables of its
    own. Source: Pomerium v0.32 config/options.go and custom.go, tried with its own loader.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415  it costs 25 ms

    from wizard.pomerium.emitter import dump  # noqa: PLC0415  as above

    settings = YAML(typ="safe", pure=True).load(config)
    found: dict[str, str] = {}
    for name, value in settings.items():
        if name == "certificates":
            found |= certificate(value[0]["cert"], value[0]["key"])
        elif name == "set_response_headers":
            found["HEADERS"] = ",".join(f"{key}:{text}" for key, text in value.items())
        elif name == "routes":
            found["ROUTES"] = base64.b64encode(dump(value).encode()).decode()
        else:
            found |= flat(name, value)
    return found


def flat(name: str, value: object) -> dict[str, str]:
    """The variables of a setting; what stands below it has its name behind an underscore."""
    if isinstance(value, Mapping):
        return {
            key: text for leaf in value for key, text in flat(f"{name}_{leaf}", value[leaf]).items()
        }
    return {name.upper().replace(".", "_"): text_of(value)}


def text_of(value: object) -> str:
    """A setting's value as a variable; Go reads true and false in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def document(path: Path, dialect: Dialect | None = None) -> "Document | None":
    """A file of variables as the configuration that it stands for; None where there is none.

    It is read as systemd reads it, unless for another `dialect`.

    Raises:
        WizardError: it cannot be read, or its routes cannot.
    """
    from wizard.core.files import file_error  # noqa: PLC0415  only where there is such a file
    from wizard.pomerium.document import require_file  # noqa: PLC0415  ruamel.yaml: 25 ms

    require_file(path)
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise file_error(error, "read", path) from None
    found = (dialect or SYSTEMD).read(text)
    return document_of({name: found[name] for name in found if re.fullmatch(_NAME, name)}, path)


def document_of(variables: Mapping[str, str], path: Path) -> "Document":
    """Variables as the configuration that they stand for; `path` is where they are set.

    Raises:
        WizardError: their routes cannot be read.
    """
    from wizard.pomerium.document import parse  # noqa: PLC0415  ruamel.yaml: 25 ms
    from wizard.pomerium.emitter import dump  # noqa: PLC0415  as above

    found = {name.lower(): value for name, value in variables.items() if value}
    encoded = found.pop("routes", "") or found.pop("policy", "")
    _, listed = _listed(encoded, str(path))
    routes = f"{_key(listed)}{listed}\n" if listed else ""
    return parse((routes + (dump(found) if found else "")).encode(), str(path))


def with_routes(
    standing: Mapping[str, str], wanted: Mapping[str, Mapping[str, str]], name: str
) -> dict[str, str]:
    """The variable that holds the routes, with these settings of routes by their `from`.

    `standing` are the variables of the file `name`. What is base64 there keeps every other byte.

    Raises:
        WizardError: the routes cannot be read, or see `upstreams.set_up`.
    """
    from wizard.pomerium.document import parse  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.edit import Editor  # noqa: PLC0415  as above
    from wizard.pomerium.upstreams import set_up  # noqa: PLC0415  as above

    variable = next((one for one in ROUTES if standing.get(one)), "")
    if not variable or not wanted:
        return {}
    above, listed = _listed(standing[variable], name)
    # Inside JSON the editor writes JSON.
    key, end = ('{"routes": ', "}") if _is_json(listed) else (_key(listed), "")
    document = parse((key + listed + end).encode(), name)
    editor = Editor(document)
    set_up(editor, document, wanted)
    made = above + editor.finish().text.removeprefix(key).removesuffix(end)
    return {variable: base64.b64encode(made.encode()).decode()}


def _listed(encoded: str, name: str) -> tuple[str, str]:
    """The YAML of a list of routes: what stands above it, and the list."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise UsageError(
            "variable-routes",
            f"ROUTES in {name} is not base64 of YAML.",
            "Mend it, as Pomerium does not start with it either.",
        ) from None
    head = re.match(_ABOVE_LIST, text)
    above = head[0] if head else ""
    return above, text.removeprefix(above)


def _key(listed: str) -> str:
    """What makes a list the routes of a configuration; one in brackets stands on the same line."""
    newline = "\r\n" if "\r\n" in listed else "\n"
    return "routes: " if listed.startswith("[") else f"routes:{newline}"


def _is_json(text: str) -> bool:
    import json  # noqa: PLC0415  hardly anybody has routes in a variable

    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def certificate(cert: str, key: str) -> dict[str, str]:
    """The variables that name a certificate and its key."""
    return {"CERTIFICATE_FILE": cert, "CERTIFICATE_KEY_FILE": key}


def shown(text: str) -> str:
    """A file of variables as people may see it: line for line, and only what is no secret."""
    return "\n".join(map(_shown, text.splitlines()))


def _shown(line: str) -> str:
    name, equals, _ = line.partition("=")
    if not line.strip() or line == HEADER or name in SHOWN:
        return line
    return f"{name}={MASK}" if equals and re.fullmatch(r"\w+", name.strip()) else MASK


def _systemd(text: str) -> Iterator[Assignment]:
    for line in re.finditer(_SYSTEMD, text):
        if line["name"] is not None:
            quoted = (_unquoted(*piece) for piece in re.findall(_QUOTED, line["quoted"]))
            bare = re.sub(_ESCAPE, lambda escape: escape[1].strip("\r\n"), line["bare"])
            value = "".join((*quoted, bare))
            yield Assignment(line["name"].strip(), value, line.start("name"), line.end("bare"))


def _unquoted(single: str, double: str) -> str:
    def plain(escape: re.Match[str]) -> str:
        if escape[1] == "\n":
            return ""
        return escape[1] if escape[1] in '"\\`$' else escape[0]

    return single or re.sub(_ESCAPE, plain, double)


def _quote_systemd(value: str) -> str:
    """Between double quotes, as a POSIX shell reads it too."""
    if re.fullmatch(_PLAIN, value):
        return value
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'


def _docker(text: str) -> Iterator[Assignment]:
    for line in re.finditer(_DOCKER, text):
        yield Assignment(line["name"], line["value"], line.start("name"), line.end())


def _quote_docker(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise UsageError(
            "variable-lines",
            "A file of variables for Docker has one line for each, and this value has more.",
            "Choose the form yaml (output.form).",
        )
    return value


SYSTEMD: Final = Dialect(_systemd, _quote_systemd)
"""`EnvironmentFile=`, and `.` of a POSIX shell."""
DOCKER: Final = Dialect(_docker, _quote_docker)
"""`docker run --env-file`, and `env_file:` of Compose with `format: raw`."""
