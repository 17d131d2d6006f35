"""Dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS and others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Choice, Kind, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.secrets import resolve
from wizard.core.system import System
from wizard.core.validation import HIGHEST_PORT, secret_reference
from wizard.dns.address import PORT, Address, parse
from wizard.dns.providers.base import Txt

if TYPE_CHECKING:
    import dns.update

TTL: Final = 60
SECONDS: Final = 10.0
ALGORITHMS: Final = ("hmac-sha256", "hmac-sha224", "hmac-sha384", "hmac-sha512")
REFUSALS: Final = {
    "NOTAUTH": "does not know the key, or is not the primary of the zone",
    "REFUSED": "allows this key no update of these names",
    "NOTZONE": "does not hold the zone",
    "SERVFAIL": "could not write the zone",
}


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
        import dns.name  # noqa: PLC0415  the questions alone need none of it
        import dns.tsigkeyring  # noqa: PLC0415

        server, port, name, algorithm, reference = (
            answers.text(f"dns_01.provider.{key}")
            for key in ("server", "port", "tsig_name", "tsig_algorithm", "tsig_secret")
        )
        self._server = parse(server) if server else None
        self._port = int(port or PORT)
        self._name = name
        self._algorithm = dns.name.from_text(algorithm or ALGORITHMS[0])
        secret = resolve(reference, system).reveal().decode(errors="replace")
        try:
            self._keys = dns.tsigkeyring.from_text({name: secret.strip()})
        except ValueError:
            raise UsageError(
                "tsig-not-base64",
                "The TSIG secret is not base64 text.",
                "Copy it as it stands in the key file, between its quotes.",
            ) from None

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """Where the server is, and the key."""
        return QUESTIONS

    def publish(self, records: Sequence[Txt]) -> None:
        """Adds each value; those that are there already stay.

        Raises:
            WizardError: `update-refused`, `update-unreachable`.
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
            update = dns.update.UpdateMessage(
                zone, keyring=self._keys, keyalgorithm=self._algorithm
            )
            for record in here:
                for value in record.values:
                    name = dns.name.from_text(record.name)
                    if add:
                        update.add(name, TTL, "TXT", f'"{value}"')
                    else:
                        update.delete(name, "TXT", f'"{value}"')
            self._send(update, zone, here[0].primary)

    def _send(self, update: "dns.update.UpdateMessage", zone: str, primary: str) -> None:
        import dns.exception  # noqa: PLC0415  as above
        import dns.query  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415
        import dns.tsig  # noqa: PLC0415

        address = (self._server or parse(primary) or Address(primary))._replace(port=self._port)
        try:
            answer = dns.query.tcp(update, address.ip, SECONDS, address.port)
        except dns.tsig.PeerError as error:
            raise self._refused(zone, address, type(error).__name__) from None
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise WizardError(
                "update-unreachable",
                f"The DNS server {address} takes no updates for {zone}: {error}.",
                "Check dns_01.provider.server and port, and that it listens on TCP.",
            ) from None
        if answer.rcode() != dns.rcode.NOERROR:
            raise self._refused(zone, address, dns.rcode.to_text(answer.rcode()))

    def _refused(self, zone: str, address: Address, code: str) -> WizardError:
        reason = REFUSALS.get(code, "does not accept the key's signature")
        return WizardError(
            "update-refused",
            f"The DNS server {address} {reason} ({code}), for {zone} with the key {self._name}.",
            "Check name, algorithm and secret of the key, the server's update policy, its clock.",
        )


def _chosen(answers: Answers) -> bool:
    return answers.text("dns_01.provider.name") == Rfc2136.info.id


def _server(value: Value, _answers: Answers) -> Problem | None:
    if value == "" or parse(str(value)):
        return None
    return Problem("server", f"{value!r} is not an IP address.", "Write it like 192.0.2.53.")


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
    ),
    Question(
        "dns_01.provider.tsig_algorithm",
        Kind.CHOICE,
        "Which algorithm is the key for?",
        "Both sides have to use the same.",
        "As it stands in the server's configuration after the word algorithm.",
        default=ALGORITHMS[0],
        choices=tuple(Choice(one, one.upper()) for one in ALGORITHMS),
        when=_chosen,
    ),
    Question(
        "dns_01.provider.tsig_secret",
        Kind.TEXT,
        "Where is the key's secret?",
        "It is what proves that the update is yours.",
        "env:NAME or file:/PATH; the secret itself, in base64, never stands in answers.",
        when=_chosen,
        check=secret_reference,
    ),
)
