"""When a certificate is renewed: what RFC 9773 says of names, windows and answers of no use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509

from wizard.acme import renewal_info
from wizard.acme.renewal_info import Suggestion
from wizard.acme.session import JsonObject, Reply, Session
from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pki import keys

NOW = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
NEVER = datetime(2031, 12, 31, tzinfo=UTC)


def certificate(
    days: float = 90, serial: int = 0x87654321, key_id: bytes = b""
) -> x509.Certificate:
    key = keys.generate("ecdsa-p256")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=days))
    )
    if key_id:
        extension = x509.AuthorityKeyIdentifier(key_id, None, None)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, keys.digest(key))


class Said:
    """A session whose authority says one thing about every certificate."""

    def __init__(self, answer: JsonObject, retry_after: float | None = None) -> None:
        self.asked: list[str] = []
        self._reply = Reply(200, "", retry_after, answer, b"", {})
        self.system = type("Clock", (), {"now": lambda _self: NOW})()

    def url(self, _resource: str) -> str:
        return "https://authority/renewal-info/"

    def get(self, url: str) -> Reply:
        self.asked.append(url)
        return self._reply


def fetch(said: Said, before: Suggestion | None = None) -> Suggestion | None:
    return renewal_info.fetch(cast("Session", said), certificate(key_id=b"k"), before)


def window(start: str, end: str, **more: object) -> JsonObject:
    return {"suggestedWindow": {"start": start, "end": end}, **more}


def test_a_certificate_is_named_as_in_the_example_of_the_rfc() -> None:
    # RFC 9773, appendix A.
    key_id = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    name = renewal_info.identifier(certificate(key_id=key_id))
    assert name == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert renewal_info.identifier(certificate()) == ""


def test_the_moment_is_in_the_window_and_stays_while_the_window_does() -> None:
    said = Said(window("2031-07-01T00:00:00Z", "2031-07-03T02:00:00.123456789+02:00"), 7200)
    first = fetch(said)
    assert said.asked == ["https://authority/renewal-info/aw.AIdlQyE"]
    assert first is not None
    start = datetime(2031, 7, 1, tzinfo=UTC)
    assert first.start == start <= first.moment <= first.end < start + timedelta(days=2, seconds=1)
    assert first.ask_after == NOW + timedelta(hours=2)
    again = fetch(said, first)
    assert again is not None
    assert again.moment == first.moment
    moved = fetch(Said(window("2031-06-01T00:00:00Z", "2031-06-01T00:00:01Z")), first)
    assert moved is not None
    assert moved.moment < datetime(2031, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, timedelta(hours=6)),
        (0.0, timedelta(minutes=1)),
        (1e9, timedelta(days=1)),
    ],
)
def test_it_is_asked_again_neither_at_once_nor_never(
    retry_after: float | None, wait: timedelta
) -> None:
    found = fetch(Said(window("2031-07-01T00:00:00Z", "2031-07-02T00:00:00Z"), retry_after))
    assert found is not None
    assert found.ask_after == NOW + wait


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"suggestedWindow": "soon"},
        {"suggestedWindow": {"start": "2031-07-01T00:00:00Z"}},
        window("2031-07-01T00:00:00Z", "2031-07-01T00:00:00Z"),
        window("2031-07-01T00:00:00", "2031-07-02T00:00:00"),
        window("tomorrow", "later"),
        {"suggestedWindow": {"start": 1, "end": 2}},
    ],
    ids=str,
)
def test_an_answer_of_no_use_is_none(answer: JsonObject) -> None:
    assert fetch(Said(answer)) is None


@pytest.mark.parametrize(
    ("days", "moment", "due"),
    [
        (90, None, timedelta(days=60)),
        (6, None, timedelta(days=3)),
        (90, NOW + timedelta(days=5), timedelta(days=5)),
        (90, NOW - timedelta(days=5), timedelta(days=-5)),
        # It would be too late then.
        (90, NOW + timedelta(days=90), timedelta(days=60)),
    ],
)
def test_a_certificate_is_due_when_the_authority_says_or_by_its_life(
    days: int, moment: datetime | None, due: timedelta
) -> None:
    suggestion = Suggestion(NOW, NEVER, moment, "", NEVER) if moment else None
    assert renewal_info.renew_after(certificate(days), suggestion) == NOW + due


def test_a_suggestion_is_kept_beside_its_order(tmp_path: Path) -> None:
    system = System()
    assert renewal_info.kept(system, tmp_path) is None
    made = Suggestion(NOW, NEVER, NEVER, "https://authority/why", NOW)
    renewal_info.keep(system, tmp_path, made)
    assert renewal_info.kept(system, tmp_path) == made


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        ("", [{"a": 1, "replaces": "x.y"}]),
        ("acme-already-replaced", [{"a": 1, "replaces": "x.y"}, {"a": 1}]),
        ("acme-unauthorized", [{"a": 1, "replaces": "x.y"}, {"a": 1}]),
        ("authority-busy", [{"a": 1, "replaces": "x.y"}, {"a": 1}]),
    ],
)
def test_an_order_that_may_not_replace_is_made_all_the_same(
    refusal: str, asked: list[JsonObject]
) -> None:
    posts: list[JsonObject] = []

    class Asked(Said):
        def post(self, _url: str, payload: JsonObject) -> Reply:
            posts.append(payload)
            if refusal and "replaces" in payload:
                raise WizardError(refusal, "no", "")
            return self._reply

    renewal_info.order(cast("Session", Asked({})), {"a": 1}, "x.y")
    assert posts == asked


def test_any_other_refusal_of_an_order_is_told() -> None:
    class Refused(Said):
        def post(self, _url: str, _payload: JsonObject) -> Reply:
            raise WizardError("rate-limited", "too many", "")

    with pytest.raises(WizardError, match="too many"):
        renewal_info.order(cast("Session", Refused({})), {}, "x.y")
