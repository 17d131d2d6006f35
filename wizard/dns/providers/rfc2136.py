"""Dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS and others."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Choice, Kind, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.secrets import Secret, resolve
from wizard.core.system import System
from wizard.core.validation import HIGHEST_PORT, secret_reference
from wizard.dns.address import PORT, Address, parse
from wizard.dns.providers.base import Keep, Txt, forgotten

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.tsig
    import dns.update

TTL: Final = 60
SECONDS: Final = 10.0
UDP_SECONDS: Final = 3.0
USUAL: Final = "hmac-sha256"
ALGORITHMS: Final = {
    USUAL: "what tsig-keygen makes",
    "hmac-sha224": "if the server's configuration says so",
    "hmac-sha384": "if the server's configuration says so",
    "hmac-sha512": "if the server's configuration says so",
}
WEAK: Final = {
    # RFC 8945, 6: not recommended; servers know them for keys of old.
    "hmac-md5": "refused: MD5 is broken",
    "hmac-sha1": "refused: SHA-1 is broken",
}
WEAK_KEY: Final = f"it is too weak; make a new key, here and there: tsig-keygen -a {USUAL}"
REFUSALS: Final = {
    # what it is called: (code, what the server does, what to do)
    "PeerBadKey": (
        "tsig-unknown",
        "does not know a key {key} for {algorithm}",
        "Both have to be as the server's configuration has them; does it need an rndc reload?",
    ),
    "PeerBadSignature": (
        "tsig-secret-wrong",
        "has another secret for the key {key}",
        "Copy the secret again, from the server's own configuration.",
    ),
    "PeerBadTime": (
        "tsig-clock",
        "has a clock that differs too much from this machine's for the key {key}",
        "Set both clocks, by NTP for example; five minutes apart is too much.",
    ),
    "PeerBadTruncation": (
        "tsig-truncated",
        "wants longer signatures for the key {key}",
        "Take the algorithm that the server's configuration names, without a number of bits.",
    ),
    "NOTAUTH": (
        "update-not-primary",
        "is not the primary server of the zone {zone}",
        "Name the primary's address in dns_01.provider.server.",
    ),
    "NOTZONE": (
        "update-outside-zone",
        "says that a record lies outside the zone {zone}",
        "Look whether a part of the zone was delegated to other name servers.",
    ),
    "REFUSED": (
        "update-refused",
        "does not allow the key {key} to change these TXT records in {zone}",
        "Allow it there, with BIND: update-policy {{ grant {key} wildcard *.{zone} TXT; }};",
    ),
    "NOTIMP": (
        "update-not-supported",
        "takes no updates at all",
        "Switch dynamic updates on there, or publish the records another way.",
    ),
    "SERVFAIL": (
        "update-failed",
        "could not write the zone {zone}",
        "Its log says why; often it may not write its own zone file or journal.",
    ),
}
OTHERWISE: Final = (
    "update-failed",
    "did not take the update of {zone} with the key {key}",
    "Its log says why.",
)


class Rfc2136:
    """Sends updates to the zone's primary server."""

    info: ClassVar[Info] = Info(
        "rfc2136", "DNS updates with a key", "Your own BIND, Knot or PowerDNS, by RFC 2136 and TSIG"
    )
    is_manual: ClassVar[bool] = False
    settles: ClassVar[bool] = False

    def __init__(self, answers: Answers, system: System) -> None:
        """Reads the answers.

        Raises:
            UsageError: `secret-missing`, `tsig-not-base64`.
        """
        server, port, name, algorithm, reference = (
            answers.text(f"dns_01.provider.{key}")
            for key in ("server", "port", "tsig_name", "tsig_algorithm", "tsig_secret")
        )
        self._server = parse(server) if server else None
        self._port = int(port or PORT)
        self._name, self._algorithm = name, algorithm or USUAL
        text = resolve(reference, system).reveal().decode(errors="replace")
        self._secret = Secret(_secret_of(text).encode())
        try:
            self._keys()
        except ValueError:
            raise UsageError(
                "tsig-not-base64",
                "The TSIG secret is not base64 text.",
                "Copy it as it stands in the key file, between its quotes, or name that file.",
            ) from None

    def _keys(self) -> "dict[dns.name.Name, dns.tsig.Key]":
        import dns.tsigkeyring  # noqa: PLC0415  the questions alone need none of it

        secret = self._secret.reveal().decode()
        return dns.tsigkeyring.from_text({self._name: (self._algorithm, secret)})

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """Where the server is, and the key."""
        return QUESTIONS

    def publish(self, records: Sequence[Txt], _keep: Keep = forgotten) -> None:
        """Adds each value; those that are there already stay.

        Raises:
            WizardError: `update-unreachable`, or what `REFUSALS` says of the server's answer.
        """
        self._each_zone(records, add=True)

    def remove(self, records: Sequence[Txt]) -> None:
        """Removes each value and no other.

        Raises:
            WizardError: as `publish`.
        """
        self._each_zone(records, add=False)

    def _each_zone(self, records: Sequence[Txt], *, add: bool) -> None:
        import dns.name  # noqa: PLC0415  as above
        import dns.update  # noqa: PLC0415

        for zone in dict.fromkeys(record.zone for record in records):
            here = [record for record in records if record.zone == zone]
            update = dns.update.UpdateMessage(zone, keyring=self._keys())
            for record in here:
                for value in record.values:
                    name = dns.name.from_text(record.name)
                    if add:
                        update.add(name, TTL, "TXT", f'"{value}"')
                    else:
                        update.delete(name, "TXT", f'"{value}"')
            self._send(update, zone, here[0].primary)

    def _send(self, update: "dns.update.UpdateMessage", zone: str, primary: str) -> None:
        import dns.rcode  # noqa: PLC0415  as above
        import dns.tsig  # noqa: PLC0415

        address = self._server or parse(primary) or Address(primary)
        if self._port != PORT:
            address = address._replace(port=self._port)
        try:
            answer = _exchange(update, address)
        except dns.tsig.PeerError as error:
            raise self._refused(zone, address, type(error).__name__) from None
        if answer is None:
            raise WizardError(
                "update-unreachable",
                f"The DNS server {address} takes no updates for {zone}: it does not answer.",
                "Look at dns_01.provider.server and port, and at firewalls between here and there.",
            )
        if answer.rcode() != dns.rcode.NOERROR:
            raise self._refused(zone, address, dns.rcode.to_text(answer.rcode()))

    def _refused(self, zone: str, address: Address, answer: str) -> WizardError:
        code, does, hint = REFUSALS.get(answer, OTHERWISE)
        told = {"key": self._name, "algorithm": self._algorithm, "zone": zone}
        said = answer.removeprefix("Peer").upper()
        return WizardError(
            code, f"The DNS server {address} {does.format(**told)} ({said}).", hint.format(**told)
        )


def _exchange(update: "dns.update.UpdateMessage", address: Address) -> "dns.message.Message | None":
    """Sends it by TCP, which takes a message of any size, and else by UDP; None without an answer.

    Raises:
        PeerError: the server does not accept the signature.
    """
    import dns.exception  # noqa: PLC0415  as above
    import dns.query  # noqa: PLC0415
    import dns.tsig  # noqa: PLC0415

    for send, seconds in ((dns.query.tcp, SECONDS), (dns.query.udp, UDP_SECONDS)):
        try:
            return send(update, address.ip, seconds, address.port)
        except dns.tsig.PeerError:
            raise
        except (OSError, EOFError, dns.exception.DNSException):
            continue
    return None


def _secret_of(text: str) -> str:
    """The secret alone; a file that tsig-keygen wrote has more in it."""
    found = re.search(r'secret\s+"([^"]+)"', text)
    return found[1] if found else text.strip()


def _chosen(answers: Answers) -> bool:
    return answers.text("dns_01.provider.name") == Rfc2136.info.id


def _server(value: Value, _answers: Answers) -> Problem | None:
    if value == "" or parse(str(value)):
        return None
    return Problem("server", f"{value!r} is not an IP address.", "Write it like 192.0.2.53.")


def _key(value: Value, _answers: Answers) -> Problem | None:
    if re.fullmatch(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", str(value), re.ASCII):
        return None
    return Problem("tsig-name", f"{value!r} is not a key's name.", "It looks like a host's name.")


def _port(value: Value, _answers: Answers) -> Problem | None:
    if str(value).isdecimal() and 0 < int(str(value)) <= HIGHEST_PORT:
        return None
    return Problem("port", f"{value!r} is not a port.", "Mostly it is 53.")


QUESTIONS: Final = (
    Question(
        "dns_01.provider.server",
        Kind.TEXT,
        "Which server takes the updates?",
        "Only the primary server of a zone takes them.",
        "An IP address. Empty means the primary that the zone's SOA record names.",
        default="",
        optional=True,
        when=_chosen,
        check=_server,
    ),
    Question(
        "dns_01.provider.port",
        Kind.TEXT,
        "On which port?",
        "DNS is at 53 nearly everywhere.",
        "A number.",
        default="53",
        when=_chosen,
        advanced=True,
        check=_port,
    ),
    Question(
        "dns_01.provider.tsig_name",
        Kind.TEXT,
        "What is the key called?",
        "The server knows a TSIG key by its name.",
        "As it stands in the server's configuration after the word key.",
        when=_chosen,
        check=_key,
    ),
    Question(
        "dns_01.provider.tsig_algorithm",
        Kind.CHOICE,
        "Which algorithm is the key for?",
        "Both sides have to use the same.",
        "As it stands in the server's configuration after the word algorithm.",
        default=USUAL,
        choices=(
            *(Choice(one, one.upper(), said) for one, said in ALGORITHMS.items()),
            *(Choice(one, one.upper(), said, WEAK_KEY) for one, said in WEAK.items()),
        ),
        when=_chosen,
    ),
    Question(
        "dns_01.provider.tsig_secret",
        Kind.TEXT,
        "Where is the key's secret?",
        "It is what proves that the update is yours.",
        "env:NAME or file:/PATH; the secret itself never stands in answers. The file may be what "
        "tsig-keygen wrote for the server.",
        when=_chosen,
        check=secret_reference,
    ),
)
