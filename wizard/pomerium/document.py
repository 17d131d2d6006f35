"""A Pomerium configuration as it was read: its text, its tree, and how to find a setting in it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wizard.core.errors import WizardError
from wizard.pomerium.syntax import NULL, Node, compose, merged

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration that parsed. `root` is None when it holds nothing but blanks and comments."""

    name: str
    text: str = field(repr=False)
    bom: bool
    root: Node | None
    end: int
    """The index in `text` behind which nothing may be added: an explicit `...`, else the end."""

    @property
    def newline(self) -> str:
        """The line end of the first line, for added lines."""
        at = min((i for i in map(self.text.find, "\r\n") if i >= 0), default=-1)
        if at < 0 or self.text[at] == "\n":
            return "\n"
        return self.text[at : at + 2] if self.text[at + 1 : at + 2] == "\n" else "\r"

    def encode(self, text: str) -> bytes:
        """`text` as the bytes of this file."""
        return (_BOM + text if self.bom else text).encode()


def read(path: Path) -> Document | None:
    """The configuration at `path`, symlinks followed; None when there is no such file.

    Raises:
        WizardError: `config-is-a-directory`, `config-not-a-file`, `config-unreadable`, and all of
            `parse`.

    """
    require_file(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WizardError(
            "config-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            "Run as a user who may read it, or name another file.",
        ) from error
    return parse(data, str(path))


def require_file(path: Path) -> None:
    """Refuses a directory, and what may never end: a pipe, a socket, a device.

    Raises:
        WizardError: `config-is-a-directory`, `config-not-a-file`.

    """
    if os.path.isdir(path):  # noqa: PTH112  unlike Path.is_dir it raises nothing
        raise WizardError(
            "config-is-a-directory",
            f"{path} is a directory, not a Pomerium configuration.",
            f"Name the file in it, for example {path / 'config.yaml'}.",
        )
    # Of what may not be looked at nothing is known; reading it tells why.
    with suppress(OSError):
        if path.is_fifo() or path.is_char_device() or path.is_socket():
            raise WizardError(
                "config-not-a-file",
                f"{path} is a pipe, a socket or a device, not a file.",
                "Name a file that can be read again and replaced.",
            )


def parse(text: bytes, name: str) -> Document:
    """The configuration in `text`; `name` stands for the file in errors.

    Raises:
        WizardError: `config-not-utf-8`, `config-not-yaml`, `config-duplicate-key`,
            `config-many-documents`, `config-not-a-mapping`; each names the line and column.

    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        start = text.rfind(b"\n", 0, error.start) + 1
        column = len(text[start : error.start].decode()) + 1
        raise WizardError(
            "config-not-utf-8",
            f"{name}, line {line}, column {column}: byte 0x{text[error.start]:02X} is not UTF-8.",
            "Save the file as UTF-8 and run again; it was left as it is.",
        ) from None
    body = decoded.removeprefix(_BOM)
    tree = compose(body, name)
    if tree.root is not None and tree.root.kind != "mapping":
        raise WizardError(
            "config-not-a-mapping",
            f"{name}, line {tree.root.line}, column {tree.root.column}: "
            "the top level must be settings of the form `name: value`.",
            "Check that this is Pomerium's configuration; it was left as it is.",
        )
    return Document(name, body, body != decoded, tree.root, tree.end)


def refuse_others(document: Document) -> None:
    """Refuses to edit a Compose file or a Kubernetes manifest, which Pomerium reads none of.

    Raises:
        WizardError: `config-of-others`.

    """
    services = lookup(document.root, "services")
    is_manifest = all(lookup(document.root, key) is not None for key in ("apiversion", "kind"))
    if is_manifest or (services is not None and services.kind == "mapping"):
        what = "a Kubernetes manifest" if is_manifest else "a Compose file"
        raise WizardError(
            "config-of-others",
            f"{document.name} is {what}, not a Pomerium configuration.",
            "Name the file that Pomerium itself reads.",
        )


def follow(node: Node) -> Node:
    """The node itself, or what it is an alias of."""
    return node.target or node


def own(mapping: Node, key: str) -> tuple[Node, Node] | None:
    """The key and value nodes of `key` in `mapping` itself; case does not count, as in Pomerium."""
    for name, value in mapping.pairs:
        if name.kind == "scalar" and name.value.lower() == key:
            return name, value
    return None


def lookup(mapping: Node | None, key: str) -> Node | None:
    """The value of `key` with aliases followed and merge keys applied; None when absent."""
    if mapping is None:
        return None
    found = own(mapping, key)
    if found is not None:
        return follow(found[1])
    values = (lookup(source, key) for source in merged(mapping))
    return next((value for value in values if value is not None), None)


def string(node: Node | None) -> str | None:
    """The text of a scalar; None for null and for anything else."""
    return node.value if node is not None and node.kind == "scalar" and node.tag != NULL else None


def elements(node: Node | None) -> Iterator[Node]:
    """The items of a sequence with aliases followed; nothing for anything else."""
    return (follow(item) for item in (node.items if node is not None else ()))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything written below it, in order; aliases are not followed."""
    yield node
    for item in node.items:
        yield from walk(item)
    for key, value in node.pairs:
        yield from walk(key)
        yield from walk(value)
