"""The certificate entry of a configuration: added or replaced, and what else matters with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wizard.core.errors import WizardError
from wizard.pomerium.document import (
    Document,
    elements,
    follow,
    lookup,
    own,
    refuse_others,
    string,
)
from wizard.pomerium.edit import Editor
from wizard.pomerium.emitter import Value
from wizard.pomerium.lint import Problem, problems
from wizard.pomerium.paths import require_absolute
from wizard.pomerium.routes import covers, hosts
from wizard.pomerium.syntax import MERGE_KEY, STRING, Node, merged
from wizard.pomerium.trap_files import Read, nothing
from wizard.pomerium.traps import traps
from wizard.pomerium.variables import TRUE

Covered = Callable[[Path], tuple[str, ...] | None]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """A new full text of a configuration, and sentences for the person who confirms it."""

    text: bytes = field(repr=False)
    notices: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """A certificate the file lists; `index` is its place in `certificates:`, None for the pair."""

    cert: str
    key: str | None
    line: int
    index: int | None
    names: frozenset[str] | None


def with_certificate(
    document: Document,
    cert: Path,
    key: Path,
    names: Sequence[str],
    covered: Covered,
    *,
    read: Read = nothing,
) -> Edit:
    """The configuration with this certificate for these names; its own result comes back unchanged.

    An entry that covers exactly these names is replaced in place; else one is added at the end of
    `certificates:`. Everything else stays, except that `autocert` goes off where it would get in
    the way. `covered` gives the DNS names of the certificate at a path as the file writes it, or
    None when that cannot be read; `read` gives what such a file holds.

    Raises:
        UsageError: `path-not-absolute`, `path-not-utf-8`.
        WizardError: `config-of-others`, `config-certificates-not-a-list`, `config-anchor-shared`,
            `config-edit-unproven`.

    """
    require_absolute(cert, key)
    wanted = frozenset(map(_plain, names))
    entries = _entries(document, covered)
    refuse_others(document)
    editor = Editor(document)
    same = [entry for entry in entries if entry.cert == str(cert) or entry.names == wanted]
    if not same:
        _add(editor, document, {"cert": str(cert), "key": str(key)})
    elif (same[0].cert, same[0].key) != (str(cert), str(key)):
        _replace(editor, document, same[0], cert, key)
    notices = [
        *_autocert(editor, document, wanted),
        *_neighbours(document, entries, same, wanted),
    ]
    made = editor.finish()
    return edit(document, made, notices, traps(made, read, names=sorted(wanted)))


def edit(
    before: Document, after: Document, notices: Iterable[str], found: Iterable[Problem]
) -> Edit:
    """An edit, its notices, and what is wrong with the configuration that comes of it."""
    told = (*notices, *(problem.told for problem in (*problems(after), *found)))
    return Edit(after.encode(after.text), told, after.text != before.text)


def serving_all(document: Document, covered: Covered) -> tuple[str, ...] | None:
    """The names of a certificate that the file lists and that is good for every host it serves."""
    served = hosts(document)
    for entry in _entries(document, covered):
        if served and entry.names and all(covers(entry.names, host) for host in served):
            return covered(Path(entry.cert))
    return None


def listed(document: Document, covered: Covered) -> tuple[tuple[str, frozenset[str]], ...]:
    """Every certificate that the file lists and that can be read: where, and its names."""
    entries = _entries(document, covered)
    return tuple((f"{one.cert} (line {one.line})", one.names) for one in entries if one.names)


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _entries(document: Document, covered: Covered) -> list[_Entry]:
    """What the file lists, in the order in which Pomerium serves it: the pair comes last."""

    def entry(cert: Node, key: Node | None, index: int | None) -> _Entry:
        names = covered(Path(cert.value))
        known = None if names is None else frozenset(map(_plain, names))
        return _Entry(cert.value, string(key), cert.line, index, known)

    root = document.root
    found: list[_Entry] = []
    for index, item in enumerate(elements(lookup(root, "certificates"))):
        cert = lookup(item, "cert")
        if cert is not None and string(cert):
            found.append(entry(cert, lookup(item, "key"), index))
    pair, pair_key = lookup(root, "certificate_file"), lookup(root, "certificate_key_file")
    if pair is not None and string(pair):
        found.append(entry(pair, pair_key, None))
    return found


def _add(editor: Editor, document: Document, entry: Value) -> None:
    root = document.root
    found = own(root, "certificates") if root is not None else None
    node = lookup(root, "certificates")
    if node is not None and node.kind != "sequence" and not node.is_null:
        raise _not_a_list(document, node)
    if found is not None and found[1].kind == "sequence":
        editor.append(found[1], entry)
        return
    # The list of an alias or of a merge key belongs to others as well: this one becomes a copy.
    editor.set(root, "certificates", [*(_value(document, item) for item in elements(node)), entry])


def _value(document: Document, node: Node) -> Value:
    """A copy of what a node holds, aliases and merge keys written out."""
    if node.kind == "sequence":
        return [_value(document, item) for item in elements(node)]
    if node.kind == "mapping":
        copy: dict[str, Value] = {}
        for source in (node, *merged(node)):
            for key, value in source.pairs:
                if key.value != MERGE_KEY:
                    copy.setdefault(key.value, _value(document, follow(value)))
        return copy
    if node.tag != STRING:
        raise _not_a_list(document, node)
    return node.value


def _not_a_list(document: Document, node: Node) -> WizardError:
    return WizardError(
        "config-certificates-not-a-list",
        f"{document.name}, line {node.line}, column {node.column}: "
        "`certificates` must be a list of `cert` and `key`, each a path.",
        "Correct or delete it and run again; the file was left as it is.",
    )


def _replace(editor: Editor, document: Document, entry: _Entry, cert: Path, key: Path) -> None:
    root = document.root
    if entry.index is None:
        editor.set(root, "certificate_file", str(cert))
        editor.set(root, "certificate_key_file", str(key))
        return
    new: dict[str, Value] = {"cert": str(cert), "key": str(key)}
    found = own(root, "certificates") if root is not None else None
    if found is None or found[1].kind == "alias":
        values = [_value(document, item) for item in elements(lookup(root, "certificates"))]
        values[entry.index] = new
        editor.set(root, "certificates", values)
        return
    item = found[1].items[entry.index]
    if item.kind == "alias":
        editor.replace_item(found[1], entry.index, new)
        return
    if entry.cert != str(cert):
        editor.set(item, "cert", str(cert))
    if entry.key != str(key):
        editor.set(item, "key", str(key))


def _autocert(editor: Editor, document: Document, names: frozenset[str]) -> Iterator[str]:
    value = string(lookup(document.root, "autocert"))
    if value is None or value.lower() not in TRUE:
        return
    left = [host for host in hosts(document) if not covers(names, host)]
    if left and not any(name.startswith("*.") for name in names):
        yield (
            f"autocert stays on, because it serves {_list(left)}; it will also ask for "
            "certificates for the hosts of this one."
        )
        return
    editor.set(document.root, "autocert", value=False)
    yield (
        "autocert is switched off: its certificates for exact names would be served instead of "
        "this one. The environment variable AUTOCERT, which cannot be seen here, would switch it "
        "on again."
    )
    if left:
        yield f"Without autocert nothing makes a certificate for {_list(left)}."


def _neighbours(
    document: Document, entries: list[_Entry], same: list[_Entry], names: frozenset[str]
) -> Iterator[str]:
    """What the certificates that stay mean for the new one."""
    listed = [entry for entry in entries if entry.index is not None]
    above = entries[: entries.index(same[0])] if same else listed
    for entry in entries:
        where = f"{entry.cert} (line {entry.line})"
        if entry in same[1:]:
            yield f"{where} is for the same names as an entry above it, and is never served."
        if entry.names is None or entry in same:
            continue
        exact = sorted(n for n in entry.names - names if "*" not in n and covers(names, n))
        if exact:
            yield f"{where} names {_list(exact)} exactly, and is served there, not the wildcard."
        shared = sorted(entry.names & names)
        if shared and entry in above:
            yield (
                f"{where} comes first and is served for {_list(shared)} instead of this one. "
                "Delete its entry to have this one served."
            )
    if string(lookup(document.root, "certificate")):
        yield "`certificate` comes before every listed file, and is served for the names it holds."
    file = string(lookup(document.root, "certificate_file"))
    key = string(lookup(document.root, "certificate_key_file"))
    if bool(file) != bool(key) and not any(entry.index is None for entry in same[:1]):
        yield "`certificate_file` and `certificate_key_file` need each other for Pomerium to start."


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
