"""What is read as a certificate, and which one of several is served with which chain."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bundle_support import APEX, CA, HOST, NAME, PASSWORD, SITE, Forge

from wizard.core.errors import UsageError, WizardError
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki import chain
from wizard.pki.bundle import Bundle, open_bundle
from wizard.pki.fitness import subject, usable_names
from wizard.pki.hoard import Source
from wizard.pki.pem import Contents, contents


def opened(path: Path, *wanted: str, password: str = "", **named: Path) -> Bundle:
    secret = Secret(password.encode()) if password else None
    return open_bundle(System(), Source(path, password=secret, **named), wanted)


def refused(path: Path, *wanted: str, password: str = "", **named: Path) -> WizardError:
    with pytest.raises(WizardError) as caught:
        opened(path, *wanted, password=password, **named)
    return caught.value


def served(bundle: Bundle) -> list[str]:
    return [subject(one) for one in chain.read(bundle.chain_pem(), "")]


WHOLE = [NAME, "Corp Issuing"]


# ── forms ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", ["site issuing root", "root issuing site", "issuing root site"])
def test_the_order_in_a_file_does_not_matter_and_the_root_stays_out(
    forge: Forge, tmp_path: Path, order: str
) -> None:
    (tmp_path / "all.pem").write_bytes(forge.pem(*order.split(), "site.key"))
    assert served(opened(tmp_path / "all.pem", NAME)) == WHOLE


def test_what_is_there_twice_is_served_once(forge: Forge, tmp_path: Path) -> None:
    names = ("site", "issuing", "site", "issuing", "root", "root")
    (tmp_path / "all.pem").write_bytes(forge.pem(*names, "site.key"))
    assert served(opened(tmp_path / "all.pem")) == WHOLE


TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "UTF-16, as PowerShell writes": lambda text: text.decode().encode("utf-16"),
    "text around": lambda text: b"subject=CN = x\nBag Attributes: \xe4\n" + text + b"bye\n",
    "indented, as in YAML": lambda text: b"tls: |\n  " + text.replace(b"\n", b"\n  "),
    "blanks at the ends": lambda text: text.replace(b"\n", b"  \t\n"),
    "line ends spelt out, as in JSON": lambda text: text.replace(b"\n", b"\\n"),
    "no line end at the end": lambda text: text.rstrip(),
}


@pytest.mark.parametrize("how", TEXTS)
def test_text_of_any_system_is_read(forge: Forge, tmp_path: Path, how: str) -> None:
    (tmp_path / "all.pem").write_bytes(TEXTS[how](forge.pem("site", "issuing", "site.key")))
    assert served(opened(tmp_path / "all.pem", NAME)) == WHOLE


def test_a_key_is_given_to_pomerium_without_a_password(forge: Forge, tmp_path: Path) -> None:
    forge.pkcs12(tmp_path / "all.p12")
    bundle = opened(tmp_path / "all.p12", password=PASSWORD)
    own = contents(forge.pem("site.key")).keys[0]
    found = contents(bundle.key_pem().reveal()).keys[0]
    assert found.private_numbers() == own.private_numbers()  # type: ignore[union-attr]
    assert b"ENCRYPTED" not in bundle.key_pem().reveal()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x30",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x03\x02\x01\x03",
        b"\x00" * 100,
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN X-----\n\n-----END Y-----\n",
        b"A" * 200,
        b"-----BEGIN " * 1000,
    ],
)
def test_what_is_no_certificate_is_nothing_and_no_crash(data: bytes) -> None:
    found = contents(data)
    assert (found.certificates, found.keys) == ((), ())


def test_a_cut_certificate_is_nothing_wherever_it_is_cut(forge: Forge) -> None:
    forge.openssl("x509 -in site.pem -outform DER -out site.der")
    whole = (forge.folder / "site.der").read_bytes()
    assert contents(whole).certificates
    for end in range(0, len(whole), 7):
        assert contents(whole[:end]) == Contents(), end


# ── which one, and what issued it ──────────────────────────────────────────────────────────────


def test_an_issuer_of_the_same_name_and_another_key_is_not_taken(
    forge: Forge, tmp_path: Path
) -> None:
    forge.issue("impostor", "root", extensions=CA, subject="/O=Corp/CN=Corp Issuing")
    (tmp_path / "all.pem").write_bytes(forge.pem("impostor", "site", "issuing", "site.key"))
    bundle = opened(tmp_path / "all.pem")
    assert bundle.route.issuers == chain.read(forge.pem("issuing"), "")
    (tmp_path / "all.pem").write_bytes(forge.pem("impostor", "site", "site.key"))
    assert opened(tmp_path / "all.pem").route.issuers == ()


def test_a_cross_signed_root_leads_to_the_root_that_is_there(forge: Forge, tmp_path: Path) -> None:
    """As Let's Encrypt had it: the same root under itself and under an older one."""
    old = {"extensions": CA, "subject": "/CN=Old Root"}
    forge.issue("old", "", **old)  # type: ignore[arg-type]
    forge.issue("cross", "old", extensions=CA, subject="/O=Corp/CN=Corp Root", key="root")
    every = ("cross", "site", "old", "issuing", "root", "site.key")
    (tmp_path / "all.pem").write_bytes(forge.pem(*every))
    assert served(opened(tmp_path / "all.pem")) == WHOLE
    (tmp_path / "all.pem").write_bytes(forge.pem("cross", "site", "issuing", "site.key"))
    assert served(opened(tmp_path / "all.pem")) == [*WHOLE, "Corp Root"]
    (tmp_path / "all.pem").write_bytes(forge.pem("cross", "site", "issuing", "old", "site.key"))
    assert served(opened(tmp_path / "all.pem")) == [*WHOLE, "Corp Root"]


def test_authorities_that_signed_each_other_are_no_endless_way(
    forge: Forge, tmp_path: Path
) -> None:
    for name, issuer in (("a", ""), ("b", "")):
        forge.issue(name, issuer, extensions=CA, subject=f"/CN={name}")
    forge.issue("ab", "a", extensions=CA, subject="/CN=b", key="b")
    forge.issue("ba", "b", extensions=CA, subject="/CN=a", key="a")
    forge.issue("leaf", "ab")
    (tmp_path / "all.pem").write_bytes(forge.pem("ab", "ba", "leaf", "leaf.key"))
    assert served(opened(tmp_path / "all.pem"))[:2] == [NAME, "b"]


def test_an_issuer_that_ended_gives_way_to_its_successor(forge: Forge, tmp_path: Path) -> None:
    again = {"extensions": CA, "subject": "/O=Corp/CN=Corp Issuing", "key": "issuing"}
    forge.issue("ended", "root", until="20200102000000Z", **again)  # type: ignore[arg-type]
    (tmp_path / "all.pem").write_bytes(forge.pem("ended", "site", "issuing", "root", "site.key"))
    assert opened(tmp_path / "all.pem").route.issuers == chain.read(forge.pem("issuing"), "")
    (tmp_path / "all.pem").write_bytes(forge.pem("ended", "site", "root", "site.key"))
    assert refused(tmp_path / "all.pem").code == "issuer-expired"


def test_of_several_that_would_do_the_longest_is_taken_and_told(
    forge: Forge, tmp_path: Path
) -> None:
    forge.issue("short", "issuing", until="20500101000000Z")
    for name in ("site", "short"):
        (tmp_path / f"{name}.pem").write_bytes(forge.pem(name, "issuing", f"{name}.key"))
    bundle = opened(tmp_path, NAME)
    assert bundle.leaf == chain.read(forge.pem("site"), "")[0]
    assert "holds 2 certificates that would do" in bundle.notices[0]
    assert "until 2099-12-31" in bundle.notices[0]
    assert opened(tmp_path / "short.pem", NAME).leaf == chain.read(forge.pem("short"), "")[0]


def test_of_several_the_one_for_the_names_is_taken(forge: Forge, tmp_path: Path) -> None:
    """As in lego's directory, which holds the certificates of all domains."""
    other = SITE.replace(APEX, "other.example.org")
    forge.issue("other", "issuing", extensions=other, until="20980101000000Z")
    for name in ("site", "other"):
        (tmp_path / f"{name}.crt").write_bytes(forge.pem(name, "issuing"))
        (tmp_path / f"{name}.key").write_bytes(forge.pem(f"{name}.key"))
    bundle = opened(tmp_path, "*.other.example.org")
    assert usable_names(bundle.leaf) == ("*.other.example.org", "other.example.org")
    assert bundle.notices == ()
    assert usable_names(opened(tmp_path).leaf) == (NAME, APEX)


def test_names_that_browsers_refuse_are_left_out(forge: Forge, tmp_path: Path) -> None:
    names = "DNS:intranet,DNS:*.com,IP:192.0.2.1,DNS:Intranet.Corp.Example.Com"
    own = SITE.replace(f"DNS:{NAME},DNS:{APEX}", names)
    forge.issue("mixed", "issuing", extensions=own)
    (tmp_path / "all.pem").write_bytes(forge.pem("mixed", "issuing", "mixed.key"))
    assert usable_names(opened(tmp_path / "all.pem").leaf) == ("intranet.corp.example.com",)


# ── what lies beside ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("site.pem", "site-key.pem"),  # mkcert
        ("site.pem", "site.key"),
        ("site.crt", "site.key"),  # lego, Caddy
        ("cert.pem", "privkey.pem"),  # certbot
        ("corp.example.com_ecc/fullchain.cer", "corp.example.com_ecc/corp.example.com.key"),
        ("tls.crt", "tls.key"),  # Kubernetes
    ],
)
def test_a_key_beside_its_certificate_is_found(
    forge: Forge, tmp_path: Path, certificate: str, key: str
) -> None:
    (tmp_path / certificate).parent.mkdir(exist_ok=True)
    (tmp_path / certificate).write_bytes(forge.pem("site"))
    (tmp_path / key).write_bytes(forge.pem("site.key"))
    (tmp_path / certificate).with_name("chain.pem").write_bytes(forge.pem("root", "issuing"))
    assert served(opened(tmp_path / certificate, HOST)) == WHOLE


def test_a_key_that_is_named_counts_alone(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "all.pem").write_bytes(forge.pem("site", "issuing", "site.key"))
    other = forge.folder / "issuing.key"
    assert refused(tmp_path / "all.pem", key=other).code == "key-mismatch"


@pytest.mark.parametrize("what", ["a pipe", "a socket's like", "nothing", "too large"])
def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    codes = {"nothing": "file-missing", "too large": "file-too-large"}
    if what == "a pipe":
        subprocess.run(["mkfifo", path], check=True)
    elif what == "a socket's like":
        path = Path("/dev/null")
    elif what == "too large":
        path.write_bytes(b"-" * (1 << 20 | 1))
    error = refused(path)
    assert error.code == codes.get(what, "not-a-file")
    assert str(path) in error.summary
    assert isinstance(error, UsageError)


def test_a_directory_may_hold_other_things_too(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "README").write_text("This directory contains your keys\n")
    (tmp_path / "large").write_bytes(b"x" * (1 << 20 | 1))
    (tmp_path / "backup").mkdir()
    (tmp_path / "gone.pem").symlink_to("nowhere")
    subprocess.run(["mkfifo", tmp_path / "pipe"], check=True)
    (tmp_path / "site.pem").write_bytes(forge.pem("site", "issuing", "site.key"))
    (tmp_path / "request.csr").write_bytes(forge.pem("site.csr"))
    assert served(opened(tmp_path)) == WHOLE


def test_the_time_is_that_of_the_machine(forge: Forge) -> None:
    """The authority of these tests began long ago: their other dates would else mean nothing."""
    root = chain.read(forge.pem("root"), "")[0]
    assert root.not_valid_before_utc < datetime.now(UTC) < root.not_valid_after_utc
