"""Dynamic updates: what is sent, and what each answer of a server means to a person."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdataclass
import dns.tsigkeyring
import dns.update
import pytest
from provider_support import PREFIX, provider, txt

from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.dns.providers import rfc2136
from wizard.dns.providers.base import Provider
from wizard.engine import Session

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
KEYS = dns.tsigkeyring.from_text({"update": ("hmac-sha256", SECRET)})


def made(port: int = 53, reference: str = "env:TSIG", **more: str) -> Provider:
    answers: dict[str, Value] = {
        "server": "127.0.0.1",
        "port": str(port),
        "tsig_name": "update",
        "tsig_secret": reference,
        **more,
    }
    return provider("rfc2136", answers, System(env={"TSIG": SECRET}))


@contextmanager
def server(
    code: dns.rcode.Rcode = dns.rcode.NOERROR, *, tcp: bool = True
) -> Iterator[tuple[int, list[dns.message.Message]]]:
    """A server of updates on loopback that answers all alike, by TCP or by UDP only."""
    got: list[dns.message.Message] = []

    def answer(packet: bytes) -> bytes:
        update = dns.message.from_wire(packet, keyring=KEYS)
        got.append(update)
        reply = dns.message.make_response(update)
        reply.set_rcode(code)
        return reply.to_wire()

    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as listening:
        listening.bind(("127.0.0.1", 0))
        if tcp:
            listening.listen()

        def serve() -> None:
            try:
                while True:
                    if tcp:
                        line, _ = listening.accept()
                        with line:
                            size = int.from_bytes(line.recv(2))
                            packet = line.recv(size, socket.MSG_WAITALL)
                            reply = answer(packet)
                            line.sendall(len(reply).to_bytes(2) + reply)
                    else:
                        packet, address = listening.recvfrom(65535)
                        listening.sendto(answer(packet), address)
            except OSError:
                return  # closed

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], got
        listening.shutdown(socket.SHUT_RDWR) if tcp else None


def test_one_message_for_each_zone_adds_exactly_the_values() -> None:
    records = [
        txt("example.com", "one", "two"),
        txt("example.net", "three"),
        txt("example.com", "four", name="_acme-challenge.www"),
    ]
    with server() as (port, got):
        made(port).publish(records)
    changes = [
        sorted(
            (str(rrset.name), rrset.ttl, str(value))
            for rrset in each.sections[2]
            for value in rrset
        )
        for each in got
    ]
    assert changes == [
        [
            ("_acme-challenge.example.com.", 60, '"one"'),
            ("_acme-challenge.example.com.", 60, '"two"'),
            ("_acme-challenge.www.example.com.", 60, '"four"'),
        ],
        [("_acme-challenge.example.net.", 60, '"three"')],
    ]
    assert all(each.had_tsig for each in got)


def test_only_the_values_are_deleted_never_the_name() -> None:
    with server() as (port, got):
        made(port).remove([txt("example.com", "one", "two")])
    (update,) = got
    assert isinstance(update, dns.update.UpdateMessage)
    assert {rrset.deleting for rrset in update.update} == {dns.rdataclass.NONE}
    assert sorted(str(value) for rrset in update.update for value in rrset) == ['"one"', '"two"']


def test_a_server_without_tcp_is_reached_by_udp() -> None:
    with server(tcp=False) as (port, got):
        made(port).publish([txt("example.com", "one")])
    assert len(got) == 1


@pytest.mark.parametrize(
    ("rcode", "code"),
    [
        ("NOTAUTH", "update-not-primary"),
        ("NOTZONE", "update-outside-zone"),
        ("REFUSED", "update-refused"),
        ("NOTIMP", "update-not-supported"),
        ("SERVFAIL", "update-failed"),
        ("FORMERR", "update-failed"),
    ],
)
def test_every_refusal_says_who_what_and_what_to_do(rcode: str, code: str) -> None:
    with (
        server(dns.rcode.from_text(rcode)) as (port, _),
        pytest.raises(WizardError) as caught,
    ):
        made(port).publish([txt("example.com", "one")])
    error = caught.value
    assert error.code == code
    assert f"127.0.0.1:{port}" in error.summary
    assert rcode in error.summary
    assert error.hint
    assert "{" not in error.summary
    assert SECRET not in f"{error.summary}{error.hint}"


def test_the_primary_of_the_zone_is_asked_when_no_server_is_named() -> None:
    with server() as (port, got):
        record = txt("example.com", "one", primary=f"127.0.0.1:{port}")
        made(53, server="").publish([record])
        made(port, server="").publish([record._replace(primary="127.0.0.1")])
        made(53, server=f"127.0.0.1:{port}").publish([record._replace(primary="192.0.2.1")])
    assert len(got) == 3


@pytest.mark.parametrize(
    "content",
    [
        SECRET,
        f"{SECRET}\n",
        f'key "update" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n',
    ],
)
def test_the_secret_is_taken_from_its_file_or_from_the_servers(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "key").write_text(content)
    with server() as (port, got):
        made(port, f"file:{tmp_path}/key").publish([txt("example.com", "one")])
    assert got[0].had_tsig


def test_a_secret_that_is_no_base64_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2!")
    with pytest.raises(UsageError) as caught:
        made(reference=f"file:{tmp_path}/key")
    assert caught.value.code == "tsig-not-base64"
    assert "hunter2" not in f"{caught.value.summary}{caught.value.hint}{caught.value.__cause__}"


def test_the_secret_is_in_no_repr() -> None:
    publisher = made()
    assert SECRET not in f"{publisher!r}{vars(publisher)!r}"


@pytest.mark.parametrize("algorithm", ["hmac-md5", "hmac-sha1"])
def test_weak_algorithms_are_refused_with_the_command_for_a_better_key(
    tmp_path: Path, algorithm: str
) -> None:
    session = Session(System(env={"HOME": str(tmp_path)}), tmp_path, None)
    key = f"{PREFIX}tsig_algorithm"
    problem = session.answer(session.question(key), algorithm)
    assert problem is not None
    assert "weak" in problem.summary
    assert "tsig-keygen -a hmac-sha256" in problem.summary


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("server", "192.0.2.53", None),
        ("server", "2001:db8::53", None),
        ("server", "", None),
        ("server", "ns1.example.com", "server"),
        ("port", "53", None),
        ("port", "0", "port"),
        ("port", "65536", "port"),
        ("tsig_name", "update.example.com.", None),
        ("tsig_name", "a..b", "tsig-name"),
        ("tsig_name", "x" * 64, "tsig-name"),
        ("tsig_secret", "env:TSIG", None),
        ("tsig_secret", SECRET, "secret-reference"),
    ],
)
def test_answers_are_checked(key: str, value: str, code: str | None) -> None:
    question = next(one for one in rfc2136.QUESTIONS if one.key == f"{PREFIX}{key}")
    problem = question.check(value, Answers())
    assert (problem.code if problem else None) == code
