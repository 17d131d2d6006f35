"""Paths, as Pomerium takes them."""

import re
from pathlib import Path

from wizard.core.errors import UsageError

_BASE64_OF_PEM = "LS0tLS1CRUdJTi"
_BASE64 = re.compile(r"[A-Za-z0-9+][A-Za-z0-9+/]{39,}={0,2}")
_YAML = frozenset({".yaml", ".yml"})
_JSON = ".json"


def is_content(text: str) -> bool:
    """Whether a certificate, a key or a secret itself stands where its path belongs."""
    is_pem = "-----BEGIN" in text or text.startswith(_BASE64_OF_PEM)
    return is_pem or _BASE64.fullmatch("".join(text.split())) is not None


def require_absolute(*paths: Path) -> None:
    """Refuses a path Pomerium would not find again.

    Raises:
        UsageError: `path-not-absolute`, or `path-not-utf-8` for one that YAML cannot hold.

    """
    for path in paths:
        if not path.is_absolute():
            raise UsageError(
                "path-not-absolute",
                f"{path} is not an absolute path; Pomerium would look for it where it was started.",
                "Give the path from the root of the file system.",
            )
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                "path-not-utf-8",
                f"{str(path)!r} is not UTF-8, so a configuration cannot name it.",
                "Choose a directory with a plain name.",
            ) from error


def require_yaml_name(path: Path) -> None:
    """Refuses a name for a new configuration that Pomerium would not read as YAML.

    Raises:
        UsageError: `config-name`.

    """
    if path.suffix not in _YAML:
        raise UsageError(
            "config-name",
            f"output.config: Pomerium goes by a file's ending, and reads no YAML from {path}.",
            "Choose a name that ends in .yaml.",
        )


def refuse_yaml_name(path: Path) -> None:
    """Refuses a name for a file of variables that says it is something else.

    Raises:
        UsageError: `config-name`.

    """
    if path.suffix in _YAML or path.suffix == _JSON:
        raise UsageError(
            "config-name",
            f"output.config: {path} is named as YAML or JSON, and is to hold variables.",
            "Choose a name that ends in .env, or the form yaml (output.form).",
        )


def unread(path: Path) -> tuple[str, ...]:
    """What to say about the name of a configuration that Pomerium does not read."""
    if path.suffix in _YAML or path.suffix == _JSON:
        return ()
    return (f"Pomerium does not start with {path}: the name must end in .yaml, .yml or .json.",)
