"""Paths, as Pomerium takes them."""

from pathlib import Path

from wizard.core.errors import UsageError


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
