"""What happens while a plan is applied. Front ends draw events; they decide nothing."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from wizard.core.system import Command

if TYPE_CHECKING:
    from wizard.core.elevation import Elevation

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


class RunStarted(NamedTuple):
    """A run has begun; `run` is its name for `undo`."""

    run: str
    actions: int


class ActionStarted(NamedTuple):
    """An action begins."""

    id: str
    title: str


class ActionDone(NamedTuple):
    """An action is done and checked."""

    id: str
    title: str


class ActionSkipped(NamedTuple):
    """An action was left for a person, with the commands that do it."""

    id: str
    title: str
    reason: str
    commands: tuple[str, ...]


class ActionFailed(NamedTuple):
    """An action failed. When it is `fatal` the run rolls back; else the rest goes on."""

    id: str
    title: str
    code: str
    summary: str
    hint: str
    fatal: bool


class PrivilegeNeeded(NamedTuple):
    """The next actions need root, and these are all their commands.

    A front end that may ask calls `elevation.start()` before it goes on with the run; one that may
    not, or a person who refuses, goes on without. The commands are then printed and the rest done.
    """

    commands: tuple[str, ...]
    elevation: "Elevation"


class DnsRecord(NamedTuple):
    """A record that proves names: absolute, and as web forms want it, relative to its zone.

    `name` and `zone` have no dot at the end; `host` is `@` for the zone itself. `delegated_from` is
    the name that was asked for, where a CNAME there leads to `name`. `proves` are identifiers.
    """

    name: str
    type: str
    value: str
    zone: str
    host: str
    delegated_from: str
    proves: tuple[str, ...]


class DnsRecords(NamedTuple):
    """Every record that an order needs, all at once; the same ones until the order `expires`.

    `provider` is who sets them: for `manual` that is a person. `expires` is ISO 8601 in UTC.
    """

    authority: str
    provider: str
    records: tuple[DnsRecord, ...]
    expires: str


class NameserverAnswer(NamedTuple):
    """What one address of a nameserver serves for one name.

    `state` is one of ok, partial, wrong, nodata, nxdomain, referral, lame, servfail, timeout,
    skipped; `found` and `missing` are the values wanted; `ttl` in seconds.
    """

    name: str
    nameserver: str
    address: str
    state: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    ttl: int
    detail: str


class Finding(NamedTuple):
    """What a look at DNS found: a stable code, a sentence, and the fix.

    `level` is error when it has to be mended, warning when it may harm, info when it only explains.
    """

    code: str
    level: str
    summary: str
    hint: str


class DnsChecked(NamedTuple):
    """One look at every nameserver. `ready` opens the gate; `next_check` is in seconds, 0 for none.

    `at` and `expires` are ISO 8601 in UTC.
    """

    answers: tuple[NameserverAnswer, ...]
    findings: tuple[Finding, ...]
    ready: bool
    next_check: int
    at: str
    expires: str


class OrderChanged(NamedTuple):
    """A step of an order: `what` is `account`, `order` or the identifier, `status` RFC 8555's."""

    authority: str
    what: str
    status: str
    detail: str


class RecordsLeft(NamedTuple):
    """Records that are needed no longer: removed, or where `by_hand` to be removed by a person."""

    records: tuple[DnsRecord, ...]
    by_hand: bool


class ActionUndone(NamedTuple):
    """An earlier action was taken back."""

    id: str
    title: str


class Proof(NamedTuple):
    """One client's verdict on the new certificate; `fix` is the line that makes it accept."""

    client: str
    verdict: str
    detail: str
    fix: str


class NextStep(NamedTuple):
    """What to do after a run, in words, and the line to type or the page to open."""

    what: str
    line: str


class Finished(NamedTuple):
    """The end of a run.

    `outcome` is done, nothing-to-do, rolled-back, undone, needs-cleanup, or waiting, when the same
    command goes on where this one stopped.
    """

    outcome: str
    exit_code: int
    run: str
    next_steps: tuple[NextStep, ...] = ()


Event: TypeAlias = (
    RunStarted
    | ActionStarted
    | ActionDone
    | ActionSkipped
    | ActionFailed
    | PrivilegeNeeded
    | DnsRecords
    | DnsChecked
    | OrderChanged
    | RecordsLeft
    | ActionUndone
    | Proof
    | Finished
)


Parts: Final = (NextStep, DnsRecord, NameserverAnswer, Finding)


def to_json(event: Event) -> dict[str, Json]:
    """An event as one JSON object: `{"event": "action-done", …}`."""
    return {"event": name_of(type(event)), **_fields(event._asdict())}


def _fields(named: Mapping[str, object]) -> dict[str, Json]:
    fields = {name: _plain(part) for name, part in named.items()}
    return {name: part for name, part in fields.items() if part is not None}


def _plain(value: object) -> Json:
    """A field as JSON; nothing for what only a front end can use."""
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, Parts):
        return _fields(value._asdict())
    return [_plain(part) for part in value] if isinstance(value, tuple) else None


def name_of(kind: type) -> str:
    """An event's name for programs: `action-done` for `ActionDone`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def lines(commands: tuple[Command, ...]) -> tuple[str, ...]:
    """Commands as lines to show and to paste."""
    return tuple(command.shell() for command in commands)


def still_to_do(event: ActionSkipped | ActionFailed) -> Iterator[str]:
    """What is left to a person, as lines to read and to paste."""
    if isinstance(event, ActionSkipped):
        yield f"! left out: {event.title}, because {event.reason}. In a root shell:"
        yield from (f"    {command}" for command in event.commands)
    else:
        yield f"✗ {event.title}: {readable(event.summary)} [{event.code}]"
        yield f"  {event.hint}"


def readable(summary: str) -> str:
    """A sentence that may quote anything: what steers a terminal is spelt out, the endless cut."""
    spelt = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in summary
    )
    return re.sub(r"(\S{300})\S{300,}(\S{100})", r"\1…\2", spelt)
