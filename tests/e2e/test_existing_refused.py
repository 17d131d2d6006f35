"""A certificate that is there already and would fail later: a refusal that helps."""

import os
from pathlib import Path

import pytest
from bundle_support import APEX, CA, NAME, PASSWORD, SITE, Forge
from cli_support import Wizard, tree
from conftest import Need
from existing_support import (
    SECRET,
    Answers,
    Make,
    certbot,
    check_served,
    company,
    encrypted,
    install,
    one_file,
    pkcs12,
)

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rules")]


@pytest.fixture
def wizard(tmp_path: Path, need: Need) -> Wizard:
    return company(tmp_path, need)


def odd(**how: str) -> Make:
    """A certificate that is wrong in one way."""

    def make(forge: Forge, mine: Path) -> Answers:
        forge.issue("odd", "issuing", **how)  # type: ignore[arg-type]
        return one_file("odd", "issuing", "odd.key")(forge, mine)

    return make


def keyed(algorithm: str, option: str = "") -> Make:
    return odd(key=(algorithm, option))  # type: ignore[arg-type]


def without_chain(forge: Forge, mine: Path) -> Answers:
    url = "URI:http://pki.corp.example.com/issuing.crt"
    forge.issue("odd", "issuing", extensions=f"{SITE}\nauthorityInfoAccess=caIssuers;{url}")
    return one_file("odd", "odd.key")(forge, mine)


def weak_issuer(forge: Forge, mine: Path) -> Answers:
    forge.issue("weak", "root", extensions=CA, subject="/CN=Weak", digest="sha1")
    forge.issue("odd", "weak")
    return one_file("odd", "weak", "odd.key")(forge, mine)


def self_signed(forge: Forge, mine: Path) -> Answers:
    forge.openssl(
        "req -x509 -newkey rsa:2048 -noenc -subj /CN=x -days 30 -keyout self.key -out self.pem "
        f"-addext subjectAltName=DNS:{NAME}"
    )
    return one_file("self", "self.key")(forge, mine)


def jks(forge: Forge, mine: Path) -> Answers:
    forge.keystore(mine / "site.jks", "JKS")
    return {"existing.certificate": "mine/site.jks", **SECRET}


def revocations(forge: Forge, mine: Path) -> Answers:
    forge.openssl(
        "ca -config ca.cnf -gencrl -crldays 30 -cert issuing.pem -keyfile issuing.key -out list.crl"
    )
    return one_file("list.crl")(forge, mine)


def public_key(forge: Forge, mine: Path) -> Answers:
    forge.openssl(f"pkey -in site.key -pubout -out {mine}/all.pem")
    return {"existing.certificate": "mine/all.pem"}


def wrong_password(make: Make) -> Make:
    return lambda forge, mine: {**make(forge, mine), "existing.password": "env:HOME"}


def no_password(make: Make) -> Make:
    def without(forge: Forge, mine: Path) -> Answers:
        found = make(forge, mine)
        del found["existing.password"]
        return found

    return without


def foreign_key(forge: Forge, mine: Path) -> Answers:
    (mine / "site.pem").write_bytes(forge.pem("site", "issuing"))
    (mine / "site.key").write_bytes(forge.pem("issuing.key"))
    return {"existing.certificate": "mine/site.pem"}


def pipe(_forge: Forge, mine: Path) -> Answers:
    os.mkfifo(mine / "pipe")
    return {"existing.certificate": "mine/pipe"}


SITE_OF_NOBODY = SITE.replace(f"subjectAltName=DNS:{NAME},DNS:{APEX}\n", "")
REFUSED: dict[str, tuple[str, Make]] = {
    "the key of another certificate": ("key-mismatch", foreign_key),
    "no key": ("key-missing", one_file("site", "issuing")),
    "no certificate": ("certificate-missing", one_file("site.key")),
    "an empty directory": ("certificate-missing", lambda *_: {"existing.certificate": "mine"}),
    "nothing there": ("file-missing", lambda *_: {"existing.certificate": "mine/none.pem"}),
    "a pipe": ("not-a-file", pipe),
    "a request": ("certificate-request", one_file("site.csr")),
    "a revocation list": ("revocation-list", revocations),
    "a public key": ("public-key", public_key),
    "a keystore of Java's own": ("keystore-java", jks),
    "a wrong password": ("password-wrong", wrong_password(pkcs12())),
    "a wrong password of a key": ("password-wrong", wrong_password(encrypted("ec -aes256"))),
    "no password": ("password-missing", no_password(pkcs12())),
    "no password of a key": ("password-missing", no_password(encrypted("ec -aes256"))),
    "a password that is nowhere": (
        "secret-missing",
        lambda forge, mine: {**pkcs12()(forge, mine), "existing.password": "env:NOBODY"},
    ),
    "a cipher of the past": (
        "key-cipher",
        encrypted("ec -provider legacy -provider default -des"),
    ),
    "expired": ("certificate-expired", odd(until="20200201000000Z")),
    "not yet valid": ("certificate-not-yet-valid", odd(since="20980101000000Z")),
    "no SAN": ("certificate-without-names", odd(extensions=SITE_OF_NOBODY)),
    "addresses only": (
        "certificate-without-names",
        odd(extensions=f"{SITE_OF_NOBODY}\nsubjectAltName=IP:192.0.2.1"),
    ),
    "other names": (
        "names-not-covered",
        lambda forge, mine: {
            **one_file("site", "issuing", "site.key")(forge, mine),
            "names": "a.other.example.org",
        },
    ),
    "two labels below a wildcard": (
        "names-not-covered",
        lambda forge, mine: {
            **one_file("site", "issuing", "site.key")(forge, mine),
            "names": f"a.b.{APEX}",
        },
    ),
    "an authority": (
        "certificate-is-ca",
        odd(extensions=SITE.replace("CA:FALSE", "CA:TRUE")),
    ),
    "self-signed": ("certificate-self-signed", self_signed),
    "for clients only": (
        "certificate-not-for-servers",
        odd(extensions=SITE.replace("serverAuth", "clientAuth")),
    ),
    "a key that may not sign": (
        "certificate-not-for-servers",
        odd(extensions=SITE.replace("digitalSignature", "keyAgreement")),
    ),
    "must-staple": ("must-staple", odd(extensions=f"{SITE}\ntlsfeature=status_request")),
    "SHA-1": ("signature-weak", odd(digest="sha1")),
    "an issuer with SHA-1": ("signature-weak", weak_issuer),
    "RSA 1024": ("key-type", keyed("RSA", "rsa_keygen_bits:1024")),
    "P-521": ("key-type", keyed("EC", "ec_paramgen_curve:P-521")),
    "a curve of Bitcoin": ("key-type", keyed("EC", "ec_paramgen_curve:secp256k1")),
    "Ed25519": ("key-type", keyed("ED25519")),
    "RSASSA-PSS": ("key-type", keyed("RSA-PSS", "rsa_keygen_bits:2048")),
    "no issuer": ("chain-incomplete", without_chain),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_fail_later_is_refused_with_a_code_and_a_way_out(
    what: str, forge: Forge, wizard: Wizard
) -> None:
    code, make = REFUSED[what]
    answers = make(forge, wizard.folder / "mine")
    before = tree(wizard.folder)
    done = install(wizard, answers)
    assert done.status == 2, done.err
    problem, hint = done.err.strip().splitlines()[-2:]
    assert problem.endswith(f"[{code}]"), done.err
    assert len(hint.strip()) > 10
    assert PASSWORD not in done.err
    after = {path: it for path, it in tree(wizard.folder).items() if "/state" not in path}
    assert after == before


def test_a_missing_issuer_is_named_with_the_address_where_it_is(
    forge: Forge, wizard: Wizard
) -> None:
    answers = without_chain(forge, wizard.folder / "mine")
    done = install(wizard, answers)
    assert "Corp Issuing" in done.err
    assert "http://pki.corp.example.com/issuing.crt" in done.err
    chained = {**answers, "existing.chain": str(forge.folder / "issuing.pem")}
    assert install(wizard, chained).status == 0
    check_served(wizard, forge)


def test_a_file_that_only_another_user_may_read_is_named(
    forge: Forge, wizard: Wizard, need: Need
) -> None:
    need.that(os.geteuid() == 0, "only root can become a plain user", "run as root")
    need("setpriv")
    certbot(forge, wizard.folder / "mine")
    private = wizard.folder / "mine/archive"
    private.chmod(0o700)
    wizard.folder.chmod(0o777)
    plain = Wizard(
        wizard.folder, ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"), wizard.env
    )
    done = install(plain, {"existing.certificate": "mine/live/corp/fullchain.pem"})
    assert done.status != 0
    assert "[permission-denied]" in done.err
    assert "fullchain.pem" in done.err
