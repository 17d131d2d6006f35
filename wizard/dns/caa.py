"""CAA (RFC 8659, RFC 8657): whether a zone lets an authority issue, looked up before an order."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import dns.rdatatype
import dns.rdtypes.ANY.CAA

from wizard.core.errors import ExitCode, WizardError
from wizard.core.events import Finding
from wizard.dns.answers import levels
from wizard.dns.ask import Reply, ask, at_once
from wizard.dns.resolvers import TELLING
from wizard.dns.zone import View

CRITICAL: Final = 128
KNOWN: Final = frozenset(
    {"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}
)
"""Tags in IANA's registry; one that is not there and critical forbids everything."""
DOMAIN: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
VALUE: Final = re.compile(
    rf"[ \t]*(?P<domain>{DOMAIN})?[ \t]*(?:;(?P<rest>.*))?", re.IGNORECASE | re.DOTALL
)
PARAMETER: Final = re.compile(
    r"[ \t]*([a-z0-9][a-z0-9-]*)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)[ \t]*",
    re.IGNORECASE,
)
SHOWN: Final = 3


class Property(NamedTuple):
    """One CAA record: its flags, its tag in small letters, its value."""

    flags: int
    tag: str
    value: str

    def __str__(self) -> str:
        return f'{self.flags} {self.tag} "{self.value}"'


class Issuer(NamedTuple):
    """Who may issue, and how: an empty `domain` is nobody."""

    domain: str
    parameters: Mapping[str, str]


class Policy(NamedTuple):
    """What applies to a name: the records, and the name at or above it that has them."""

    owner: str
    properties: tuple[Property, ...]


class Refusal(NamedTuple):
    """Why an authority may not issue: a code, and the record or tag that says so."""

    code: str
    told_by: str


def check(
    names: Sequence[str],
    caa_identities: Iterable[str],
    view: View,
    *,
    account_url: str = "",
    method: str = "dns-01",
) -> tuple[Finding, ...]:
    """Looks up CAA for every name, as authorities do right before they issue.

    Args:
        names: to be certified, a wildcard with its `*.`.
        caa_identities: the domains that the authority goes by, as its directory tells
            (RFC 8555, 9.7.6). Without any nothing can be said, and nothing is.
        view: how DNS is looked at.
        account_url: of the account at the authority; empty when there is none yet.
        method: how the names are proved.

    Returns:
        Warnings.

    Raises:
        WizardError: `caa-forbids`, `caa-forbids-wildcard`, `caa-other-account`, `caa-other-method`,
            `caa-critical` or `caa-lookup-failed`, all with exit code 4.
    """
    identities = tuple(one.lower().rstrip(".") for one in caa_identities)
    if not identities:
        return ()
    policies, warnings = _policies(names, view)
    for name in names:
        policy = policies[name]
        found = refusal(
            policy.properties,
            identities,
            is_wildcard=name.startswith("*."),
            account_url=account_url,
            method=method,
        )
        if found is not None:
            raise _refused(name, policy, found, identities, account_url=account_url, method=method)
    return warnings


def refusal(
    properties: Sequence[Property],
    identities: Sequence[str],
    *,
    is_wildcard: bool,
    account_url: str = "",
    method: str = "dns-01",
) -> Refusal | None:
    """Why these records forbid it; None where they do not (RFC 8659, 4; RFC 8657, 3 and 4)."""
    for one in properties:
        if one.flags & CRITICAL and one.tag not in KNOWN:
            return Refusal("caa-critical", one.tag)
    wild = [one for one in properties if one.tag == "issuewild"] if is_wildcard else []
    counting = wild or [one for one in properties if one.tag == "issue"]
    if not counting:
        return None
    closest = Refusal("caa-forbids-wildcard" if wild else "caa-forbids", str(counting[0]))
    for one in counting:
        issuer = issuer_of(one.value)
        if issuer is None or issuer.domain not in identities:
            continue
        account = issuer.parameters.get("accounturi")
        methods = issuer.parameters.get("validationmethods")
        if account is not None and account_url and account != account_url:
            closest = Refusal("caa-other-account", str(one))
        elif methods is not None and method not in methods.lower().split(","):
            closest = Refusal("caa-other-method", str(one))
        else:
            return None
    return closest


def issuer_of(value: str) -> Issuer | None:
    """Reads the value of `issue` or `issuewild`; None when it is malformed and allows nobody.

    Parameters that come twice are malformed (RFC 8657, 3 and 4).
    """
    match = VALUE.fullmatch(value)
    if match is None:
        return None
    parameters: dict[str, str] = {}
    rest = (match["rest"] or "").strip(" \t")
    for part in rest.split(";") if rest else ():
        found = PARAMETER.fullmatch(part)
        if found is None or found[1].lower() in parameters:
            return None
        parameters[found[1].lower()] = found[2]
    return Issuer((match["domain"] or "").lower(), parameters)


# ── looking it up ──────────────────────────────────────────────────────────────────────────────


class LookUp(NamedTuple):
    """The records of one name; `trouble` where that is unsure, `failed` where it is unknown."""

    properties: tuple[Property, ...]
    trouble: str = ""
    failed: bool = False


def _policies(names: Sequence[str], view: View) -> tuple[dict[str, Policy], tuple[Finding, ...]]:
    """What applies to each name: the first records found, climbing towards the root."""
    climbs = {name: tuple(levels(name.removeprefix("*."))) for name in names}
    every = list(dict.fromkeys(level for climb in climbs.values() for level in climb))
    found = dict(zip(every, at_once(lambda level: _look_up(level, view), every), strict=True))
    policies: dict[str, Policy] = {}
    unsure: dict[str, None] = {}
    for name, climb in climbs.items():
        policies[name] = Policy("", ())
        for level in climb:
            if found[level].failed:
                raise _failed(name, level, found[level].trouble)
            if found[level].trouble:
                unsure[level] = None
            if found[level].properties:
                policies[name] = Policy(level, found[level].properties)
                break
    return policies, tuple(_unsure(level, found[level].trouble) for level in unsure)


def _look_up(name: str, view: View) -> LookUp:
    """The CAA records of exactly this name, CNAMEs followed."""
    trouble = ""
    if not view.authoritative:
        try:
            return LookUp(_read(view.recursive(name, "CAA")))
        except WizardError as error:
            trouble = error.summary
    try:
        zone = view.zone_of(name)
    except WizardError:
        # Where servers were named, what they do not have is none of their business.
        return LookUp((), trouble)
    # The resolvers here may fail where the authority's do not.
    replies = at_once(lambda pair: ask(name, "CAA", pair[1]), list(zone.addresses))
    for reply in replies:
        if reply.is_authoritative and reply.rcode in TELLING:
            return LookUp(_read(reply), trouble)
    said = ", ".join(dict.fromkeys(reply.rcode or reply.trouble for reply in replies))
    hosts = ", ".join(server.host for server in zone.nameservers)
    return LookUp((), f"{hosts} answered: {said}.", failed=True)


def _read(reply: Reply) -> tuple[Property, ...]:
    return tuple(
        Property(
            rdata.flags,
            rdata.tag.decode(errors="backslashreplace").lower(),
            rdata.value.decode(errors="backslashreplace"),
        )
        for rrset in (reply.message.answer if reply.message else ())
        if rrset.rdtype == dns.rdatatype.CAA
        for rdata in rrset
        if isinstance(rdata, dns.rdtypes.ANY.CAA.CAA)
    )


# ── saying it ──────────────────────────────────────────────────────────────────────────────────


def _refused(
    name: str,
    policy: Policy,
    found: Refusal,
    identities: Sequence[str],
    *,
    account_url: str,
    method: str,
) -> WizardError:
    """The refusal in words, with the record that would allow it."""
    owner, who = policy.owner, identities[0]
    tag = "issuewild" if found.code == "caa-forbids-wildcard" else "issue"
    add = f'Add this record, or choose another authority: {owner} CAA 0 {tag} "{who}"'
    sentences = {
        "caa-forbids": (
            f"CAA of {owner} does not let {who} issue for {name}: {found.told_by}",
            add,
        ),
        "caa-forbids-wildcard": (
            f"CAA of {owner} does not let {who} issue for the wildcard {name}: {found.told_by}",
            add,
        ),
        "caa-other-account": (
            f"CAA of {owner} lets only another account of {who} issue for {name}: {found.told_by}",
            (
                f"Put this account into the record, or add one for it: {owner} CAA 0 {tag} "
                f'"{who}; accounturi={account_url}"'
            ),
        ),
        "caa-other-method": (
            f"CAA of {owner} does not let {name} be proved by {method}: {found.told_by}",
            f"Add {method} to the record's validationmethods.",
        ),
        "caa-critical": (
            f"CAA of {owner} has a critical property, {found.told_by}, which no authority knows.",
            f"Remove that record from {owner}, or its critical flag (128).",
        ),
    }
    summary, hint = sentences[found.code]
    return WizardError(found.code, summary, hint, exit_code=ExitCode.REFUSED_BY_AUTHORITY)


def _failed(name: str, level: str, trouble: str) -> WizardError:
    return WizardError(
        "caa-lookup-failed",
        f"The CAA records of {level} cannot be looked up, so no authority issues for {name}. "
        f"{trouble}",
        f"See why the name servers of {level} fail for the type CAA; old ones do not know it.",
        exit_code=ExitCode.REFUSED_BY_AUTHORITY,
    )


def _unsure(level: str, trouble: str) -> Finding:
    return Finding(
        "caa-lookup-failed",
        "warning",
        f"The CAA records of {level} cannot be looked up by resolvers. {trouble}",
        "The name servers themselves do not forbid it; if the authority fails to look CAA up as "
        "well, it will not issue. DNSSEC that does not verify is the most frequent reason.",
    )
