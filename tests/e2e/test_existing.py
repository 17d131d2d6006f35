"""A certificate that is there already: every form to a served one, or to a refusal that helps."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bundle_support import APEX, CA, HOST, NAME, P256, PASSWORD, RSA, SITE, Forge
from cli_support import Outcome, Wizard, tree
from conftest import REPOSITORY, Need

from wizard.doctor.handshake import serve, shake_hands
from wizard.pki import chain
from wizard.pki.fitness import subject

from .pomerium import RULES, judge

pytestmark = pytest.mark.e2e

STEM = "tls/_wildcard.corp.example.com"
BASE = ("strategy=existing", "output.directory=tls", "output.config=config.yaml", "output.owner=")
SECRET = {"existing.password": "env:PASSWORD"}
Answers = dict[str, str]
Make = Callable[[Forge, Path], Answers]


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    need("keytool")
    need("certutil")
    need("pk12util")
    return Forge.opened(tmp_path_factory.mktemp("forge"), need)


@pytest.fixture
def wizard(tmp_path: Path, need: Need) -> Wizard:
    need.that(RULES.exists(), "Pomerium's configuration code is not built", "`make test` builds it")
    (tmp_path / "mine").mkdir()
    return Wizard(tmp_path, env={"PASSWORD": PASSWORD})


def words(answers: Answers, *more: str) -> list[str]:
    pairs = [*BASE, *(f"{key}={value}" for key, value in answers.items()), *more]
    return [word for pair in pairs for word in ("--set", pair)]


def install(wizard: Wizard, answers: Answers, *more: str) -> Outcome:
    return wizard(*words(answers, *more))


def check_served(wizard: Wizard, forge: Forge, *, root: str = "root") -> None:
    """A client that has nothing but the root accepts it, and so does Pomerium's own loader."""
    files = wizard.folder / f"{STEM}.pem", wizard.folder / f"{STEM}-key.pem"
    with serve(*files) as port:
        for host in (HOST, APEX):
            assert "TLSv1.3" in shake_hands(port, host, forge.folder / f"{root}.pem")
    assert files[1].stat().st_mode & 0o777 == 0o600
    verdict = judge(wizard.folder / "config.yaml")
    assert (verdict.error, verdict.unknown) == ("", frozenset())
    assert verdict.certificates == ((NAME, APEX),)
    assert verdict.hosts == {HOST: True}


# ── thirty forms that are served ───────────────────────────────────────────────────────────────


def one_file(*parts: str, name: str = "all.pem") -> Make:
    """Parts of the forge in one file."""

    def make(forge: Forge, mine: Path) -> Answers:
        (mine / name).write_bytes(forge.pem(*parts))
        return {"existing.certificate": f"mine/{name}"}

    return make


def encrypted(command: str) -> Make:
    """The certificate with its chain, and beside it the key as openssl encrypts it."""

    def make(forge: Forge, mine: Path) -> Answers:
        (mine / "site.pem").write_bytes(forge.pem("site", "issuing"))
        forge.openssl(f"{command} -in site.key -out {mine}/site.key -passout env:PASSWORD")
        return {"existing.certificate": "mine/site.pem", **SECRET}

    return make


def key_as(command: str) -> Make:
    def make(forge: Forge, mine: Path) -> Answers:
        (mine / "site.pem").write_bytes(forge.pem("site", "issuing"))
        forge.openssl(f"{command} -in site.key -out {mine}/other.bin")
        return {"existing.certificate": "mine/site.pem", "existing.key": "mine/other.bin"}

    return make


def key_of(key: tuple[str, str], command: str = "") -> Make:
    """A certificate for another kind of key; the command converts the key."""

    def make(forge: Forge, mine: Path) -> Answers:
        forge.issue("kind", "issuing", key=key)
        (mine / "c.pem").write_bytes(forge.pem("kind", "issuing"))
        forge.openssl(f"{command or 'pkey'} -in kind.key -out {mine}/c.key")
        return {"existing.certificate": "mine/c.pem"}

    return make


def der_files(forge: Forge, mine: Path) -> Answers:
    for name in ("site", "issuing", "root"):
        forge.openssl(f"x509 -in {name}.pem -outform DER -out {mine}/{name}.cer")
    forge.openssl(f"pkcs8 -topk8 -nocrypt -in site.key -outform DER -out {mine}/site.key")
    return {"existing.certificate": "mine/site.cer", "existing.chain": "mine/issuing.cer"}


def der_directory(forge: Forge, mine: Path) -> Answers:
    der_files(forge, mine)
    return {"existing.certificate": "mine"}


def pkcs7(form: str) -> Make:
    def make(forge: Forge, mine: Path) -> Answers:
        forge.openssl(
            "crl2pkcs7 -nocrl -certfile root.pem -certfile issuing.pem -certfile site.pem "
            f"-outform {form} -out {mine}/site.p7b"
        )
        (mine / "site.key").write_bytes(forge.pem("site.key"))
        return {"existing.certificate": "mine/site.p7b"}

    return make


def pkcs12(options: str = "") -> Make:
    def make(forge: Forge, mine: Path) -> Answers:
        forge.pkcs12(mine / "site.pfx", words=options)
        return {"existing.certificate": "mine/site.pfx", **SECRET}

    return make


def pkcs12_without_password(forge: Forge, mine: Path) -> Answers:
    (forge.folder / "chain").write_bytes(forge.pem("issuing"))
    forge.openssl(
        "pkcs12 -export -inkey site.key -in site.pem -certfile chain -passout pass: "
        f"-out {mine}/site.p12"
    )
    return {"existing.certificate": "mine/site.p12"}


def pkcs12_without_chain(forge: Forge, mine: Path) -> Answers:
    forge.openssl(
        "pkcs12 -export -inkey site.key -in site.pem -passout env:PASSWORD "
        f"-name site -out {mine}/site.p12"
    )
    (mine / "issuers").mkdir()
    (mine / "issuers/1.pem").write_bytes(forge.pem("root"))
    (mine / "issuers/2.pem").write_bytes(forge.pem("issuing"))
    return {"existing.certificate": "mine/site.p12", "existing.chain": "mine/issuers", **SECRET}


def keytool(forge: Forge, mine: Path) -> Answers:
    """A keystore as Java makes them today, which is a PKCS #12."""
    forge.pkcs12(forge.folder / "in.p12")
    forge.run(
        *("keytool", "-importkeystore", "-noprompt", "-srckeystore", "in.p12"),
        *("-srcstorepass:env", "PASSWORD", "-destkeystore", str(mine / "java.keystore")),
        *("-deststorepass:env", "PASSWORD", "-deststoretype", "PKCS12"),
    )
    return {"existing.certificate": "mine/java.keystore", **SECRET}


def nss(forge: Forge, mine: Path) -> Answers:
    """What Firefox exports: BER, with lengths left open."""
    forge.pkcs12(forge.folder / "in.p12", words="-name site")
    (forge.folder / "word").write_text(f"{PASSWORD}\n")
    (forge.folder / "nss").mkdir(exist_ok=True)
    (forge.folder / "empty").write_text("\n")
    database = ("-d", "sql:nss")
    forge.run("certutil", "-N", *database, "-f", "empty")
    forge.run("pk12util", "-i", "in.p12", *database, "-w", "word", "-k", "empty")
    out = str(mine / "firefox.p12")
    forge.run("pk12util", "-o", out, "-n", "site", *database, "-w", "word", "-k", "empty")
    return {"existing.certificate": "mine/firefox.p12", **SECRET}


def trusted(forge: Forge, mine: Path) -> Answers:
    """With OpenSSL's own trust settings behind the certificate."""
    settings = "-addtrust serverAuth -setalias site -trustout"
    forge.openssl(f"x509 -in site.pem {settings} -out {mine}/site.pem")
    (mine / "site.key").write_bytes(forge.pem("site.key"))
    (mine / "chain.pem").write_bytes(forge.pem("issuing"))
    return {"existing.certificate": "mine/site.pem"}


def described(forge: Forge, mine: Path) -> Answers:
    """`openssl x509 -text` in front of each, and what `pkcs12 -in` says between them."""
    text = b"".join(forge.openssl(f"x509 -text -in {n}.pem") for n in ("site", "issuing"))
    forge.pkcs12(forge.folder / "in.p12")
    bags = forge.openssl("pkcs12 -in in.p12 -noenc -passin env:PASSWORD")
    (mine / "all.txt").write_bytes(text.replace(b"\n", b"\r\n") + bags)
    return {"existing.certificate": "mine/all.txt"}


def base64(forge: Forge, mine: Path) -> Answers:
    """As Pomerium's own setting `certificate` has it, or a Secret of Kubernetes."""
    (forge.folder / "all").write_bytes(forge.pem("site", "issuing", "site.key"))
    (mine / "site.b64").write_bytes(forge.openssl("base64 -A -in all"))
    return {"existing.certificate": "mine/site.b64"}


def openssh(forge: Forge, mine: Path) -> Answers:
    (mine / "site.pem").write_bytes(forge.pem("site", "issuing"))
    shutil.copy(forge.folder / "site.key", mine / "ssh")
    (mine / "ssh").chmod(0o600)
    forge.run("ssh-keygen", "-p", "-q", "-N", "", "-f", str(mine / "ssh"))
    assert b"OPENSSH" in (mine / "ssh").read_bytes()
    return {"existing.certificate": "mine/site.pem", "existing.key": "mine/ssh"}


def certbot(forge: Forge, mine: Path) -> Answers:
    """Its directory, with links into the archive as certbot makes them."""
    archive, live = mine / "archive/corp", mine / "live/corp"
    for folder in (archive, live, mine / "renewal"):
        folder.mkdir(parents=True)
    parts = {
        "cert": ("site",),
        "chain": ("issuing",),
        "fullchain": ("site", "issuing"),
        "privkey": ("site.key",),
    }
    for stem, names in parts.items():
        (archive / f"{stem}1.pem").write_bytes(forge.pem(*names))
        (live / f"{stem}.pem").symlink_to(f"../../archive/corp/{stem}1.pem")
    (live / "README").write_text("This directory contains your keys and certificates.\n")
    (mine / "renewal/corp.conf").write_text("version = 5.8.0\n")
    return {"existing.certificate": "mine/live/corp"}


def certbot_leaf(forge: Forge, mine: Path) -> Answers:
    certbot(forge, mine)
    return {"existing.certificate": "mine/live/corp/cert.pem"}


def acme_sh(forge: Forge, mine: Path) -> Answers:
    folder = mine / "corp.example.com_ecc"
    folder.mkdir()
    for name, parts in {
        "corp.example.com.cer": ("site",),
        "ca.cer": ("issuing",),
        "fullchain.cer": ("site", "issuing"),
        "corp.example.com.key": ("site.key",),
        "corp.example.com.csr": ("site.csr",),
    }.items():
        (folder / name).write_bytes(forge.pem(*parts))
    (folder / "corp.example.com.conf").write_text("Le_Domain='corp.example.com'\nLe_Alt='no'\n")
    return {"existing.certificate": "mine/corp.example.com_ecc"}


def acme_sh_file(forge: Forge, mine: Path) -> Answers:
    acme_sh(forge, mine)
    return {"existing.certificate": "mine/corp.example.com_ecc/corp.example.com.cer"}


def lego(forge: Forge, mine: Path) -> Answers:
    """One directory for all domains, `_` for the star."""
    other = SITE.replace(APEX, "other.example.org")
    forge.issue("other", "issuing", extensions=other)
    for stem, name in (("_.corp.example.com", "site"), ("other.example.org", "other")):
        (mine / f"{stem}.crt").write_bytes(forge.pem(name, "issuing"))
        (mine / f"{stem}.issuer.crt").write_bytes(forge.pem("issuing"))
        (mine / f"{stem}.key").write_bytes(forge.pem(f"{name}.key"))
        (mine / f"{stem}.json").write_text('{"domain": "x", "certUrl": "https://x"}\n')
    return {"existing.certificate": "mine", "names": f"{NAME},{APEX}"}


def lego_file(forge: Forge, mine: Path) -> Answers:
    lego(forge, mine)
    return {"existing.certificate": "mine/_.corp.example.com.crt"}


def caddy(forge: Forge, mine: Path) -> Answers:
    folder = mine / "wildcard_.corp.example.com"
    folder.mkdir()
    stem = folder / folder.name
    stem.with_name(f"{stem.name}.crt").write_bytes(forge.pem("site", "issuing"))
    stem.with_name(f"{stem.name}.key").write_bytes(forge.pem("site.key"))
    stem.with_name(f"{stem.name}.json").write_text('{"sans": [], "issuer_data": {}}\n')
    return {"existing.certificate": f"mine/{folder.name}"}


def kubernetes(forge: Forge, mine: Path) -> Answers:
    """A mounted Secret, as cert-manager fills it."""
    (mine / "..data").mkdir()
    for name, parts in (("tls.crt", ("site", "issuing")), ("tls.key", ("site.key",))):
        (mine / "..data" / name).write_bytes(forge.pem(*parts))
        (mine / name).symlink_to(f"..data/{name}")
    (mine / "ca.crt").write_bytes(forge.pem("root"))
    return {"existing.certificate": "mine"}


SERVED: dict[str, Make] = {
    "PEM, leaf first": one_file("site", "issuing", "root", "site.key"),
    "PEM, root first, key in the middle": one_file("root", "site.key", "issuing", "site"),
    "PEM with text": described,
    "PEM with trust settings": trusted,
    "base64 of PEM": base64,
    "DER with a DER key": der_files,
    "a directory of DER": der_directory,
    "PKCS 7 in PEM": pkcs7("PEM"),
    "PKCS 7 in DER": pkcs7("DER"),
    "PKCS 12": pkcs12(),
    "PKCS 12, legacy RC2 and 3DES": pkcs12("-legacy"),
    "PKCS 12, RC4 and RC2-128": pkcs12(
        "-legacy -keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC2-128"
    ),
    "PKCS 12, only the key encrypted": pkcs12("-certpbe NONE"),
    "PKCS 12, nothing encrypted": pkcs12("-certpbe NONE -keypbe NONE -nomac"),
    "PKCS 12 with the empty password": pkcs12_without_password,
    "PKCS 12, the chain elsewhere": pkcs12_without_chain,
    "keytool's keystore": keytool,
    "NSS's PKCS 12": nss,
    "SEC 1 key": key_as("ec"),
    "SEC 1 key in DER": key_as("ec -outform DER"),
    "PKCS 8 key in DER": key_as("pkcs8 -topk8 -nocrypt -outform DER"),
    "OpenSSH key": openssh,
    "PKCS 1 key": key_of(RSA, "rsa -traditional"),
    "PKCS 1 key in DER": key_of(RSA, "rsa -traditional -outform DER"),
    "a key with EC PARAMETERS in front": key_of(P256, "pkey -traditional"),
    "P-384": key_of(("EC", "ec_paramgen_curve:P-384")),
    "key encrypted, PKCS 8 with AES": encrypted("pkcs8 -topk8 -v2 aes256"),
    "key encrypted, PKCS 8 with scrypt": encrypted("pkcs8 -topk8 -scrypt"),
    "key encrypted, PKCS 8 with 3DES": encrypted("pkcs8 -topk8 -v1 PBE-SHA1-3DES"),
    "key encrypted, PKCS 8 in DER": encrypted("pkcs8 -topk8 -v2 aes128 -outform DER"),
    "key encrypted, traditional AES": encrypted("ec -aes128"),
    "key encrypted, traditional 3DES": encrypted("ec -des3"),
    "certbot": certbot,
    "certbot's cert.pem": certbot_leaf,
    "acme.sh": acme_sh,
    "acme.sh's certificate": acme_sh_file,
    "lego": lego,
    "lego's certificate": lego_file,
    "Caddy": caddy,
    "a Secret of Kubernetes": kubernetes,
}


@pytest.mark.parametrize("form", SERVED)
def test_every_form_is_served_with_its_chain(form: str, forge: Forge, wizard: Wizard) -> None:
    answers = SERVED[form](forge, wizard.folder / "mine")
    done = install(wizard, answers)
    assert done.status == 0, done.err
    assert f"handshake accepted: https://{HOST}" in done.err
    check_served(wizard, forge)
    pem = (wizard.folder / f"{STEM}.pem").read_bytes()
    assert [subject(one) for one in chain.read(pem, form)] == [NAME, "Corp Issuing"]
    again = install(wizard, answers)
    assert (again.status, "Nothing to do" in again.err) == (0, True)
    assert PASSWORD not in done.err + (wizard.folder / "config.yaml").read_text()


def test_a_certificate_of_mkcert_is_served(
    forge: Forge, wizard: Wizard, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("mkcert")
    monkeypatch.setattr(forge, "folder", wizard.folder / "mine")
    env = ("env", f"CAROOT={forge.folder}/ca")
    forge.run(*env, "mkcert", NAME, APEX)
    (path,) = forge.folder.glob("_wildcard*[0-9].pem")
    done = install(wizard, {"existing.certificate": str(path)})
    assert done.status == 0, done.err
    assert "mkcert renews nothing" in done.err
    check_served(wizard, forge, root="ca/rootCA")
    refused = install(wizard, {"existing.certificate": "mine/ca", "names": NAME})
    assert (refused.status, "[certificate-self-signed]" in refused.err) == (2, True)


# ── what is refused ────────────────────────────────────────────────────────────────────────────


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
    forge.pkcs12(forge.folder / "in.p12")
    forge.run(
        *("keytool", "-importkeystore", "-noprompt", "-srckeystore", "in.p12"),
        *("-srcstorepass:env", "PASSWORD", "-destkeystore", str(mine / "site.jks")),
        *("-deststorepass:env", "PASSWORD", "-deststoretype", "JKS"),
    )
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


# ── afterwards ─────────────────────────────────────────────────────────────────────────────────


def test_a_new_file_in_the_old_place_is_installed_by_renew_and_by_the_same_answers(
    forge: Forge, wizard: Wizard
) -> None:
    answers = certbot(forge, wizard.folder / "mine")
    assert install(wizard, answers).status == 0
    archive = wizard.folder / "mine/archive/corp"
    for number, how in ((1, ("renew",)), (2, words(answers)), (3, ("renew", "--name", APEX))):
        quiet = wizard("renew")
        assert (quiet.status, "Nothing to do" in quiet.err) == (0, True)
        forge.issue(f"again{number}", "issuing")
        (archive / "cert1.pem").write_bytes(forge.pem(f"again{number}"))
        (archive / "fullchain1.pem").write_bytes(forge.pem(f"again{number}", "issuing"))
        (archive / "privkey1.pem").write_bytes(forge.pem(f"again{number}.key"))
        assert "_wildcard.corp.example.com.pem" in wizard("status").out
        drift = wizard("status", "--json").rows()[0]["drift"]
        assert len(drift) == 2, drift  # type: ignore[arg-type]
        done = wizard(*how)
        assert done.status == 0, done.err
        installed = (wizard.folder / f"{STEM}.pem").read_bytes()
        assert installed == forge.pem(f"again{number}", "issuing")
        check_served(wizard, forge)


def test_a_renewal_that_lost_a_name_is_refused_and_the_old_one_stays(
    forge: Forge, wizard: Wizard
) -> None:
    answers = one_file("site", "issuing", "site.key")(forge, wizard.folder / "mine")
    assert install(wizard, answers).status == 0
    forge.issue("less", "issuing", extensions=SITE.replace(f",DNS:{APEX}", ""))
    one_file("less", "issuing", "less.key")(forge, wizard.folder / "mine")
    done = wizard("renew")
    assert done.status == 2
    assert f"not for {APEX}" in done.err
    check_served(wizard, forge)


def test_a_source_that_is_gone_is_told_by_status_and_keeps_no_other_from_renewing(
    forge: Forge, wizard: Wizard
) -> None:
    one_file("site", "issuing", "site.key")(forge, wizard.folder / "mine")
    moved = wizard.folder / "mine/moved.pem"
    shutil.copy(wizard.folder / "mine/all.pem", moved)
    assert install(wizard, {"existing.certificate": str(moved)}).status == 0
    wizard.install("--set", "output.directory=other", "--set", "output.config=other.yaml")
    moved.unlink()
    rows = wizard("status", "--json").rows()
    drifts = [str(row["drift"]) for row in rows if row["event"] == "certificate"]
    assert sum("There is no" in drift for drift in drifts) == 1, rows
    before = tree(wizard.folder / "other")
    done = wizard("renew", "--force")
    assert done.status == 2
    assert "[file-missing]" in done.err
    assert tree(wizard.folder / "other") != before
    check_served(wizard, forge)


def test_certbots_hook_is_written_runs_and_is_taken_back(forge: Forge, wizard: Wizard) -> None:
    mine = wizard.folder / "mine"
    answers = certbot(forge, mine)
    before = tree(mine)
    assert install(wizard, answers).status == 0
    (hook,) = (mine / "renewal-hooks/deploy").iterdir()
    assert hook.stat().st_mode & 0o777 == 0o755
    again = install(wizard, answers)
    assert "Nothing to do" in again.err

    def run(lineage: Path) -> None:
        paths = f"PYTHONPATH={REPOSITORY}"
        forge.run("env", paths, f"RENEWED_LINEAGE={lineage}", str(hook))

    forge.issue("renewed", "issuing")
    for stem, parts in {
        "cert": ("renewed",),
        "fullchain": ("renewed", "issuing"),
        "privkey": ("renewed.key",),
    }.items():
        (mine / f"archive/corp/{stem}1.pem").write_bytes(forge.pem(*parts))
    installed = wizard.folder / f"{STEM}.pem"
    run(mine / "live/another")
    assert installed.read_bytes() == forge.pem("site", "issuing")
    run(mine / "live/corp")
    assert installed.read_bytes() == forge.pem("renewed", "issuing")
    check_served(wizard, forge)
    certificates = {path: it for path, it in tree(mine).items() if "renewal-hooks" not in path}
    for _ in range(2):
        assert wizard("undo").status == 0
    assert not (mine / "renewal-hooks").exists()
    assert tree(mine) == certificates
    assert tree(mine).keys() == before.keys()
    assert not (wizard.folder / "tls").exists()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (acme_sh, "acme.sh --install-cert -d corp.example.com --ecc --reloadcmd '"),
        (lego_file, "--deploy-hook '"),
        (caddy, "from a timer"),
        (one_file("site", "issuing", "site.key"), "from a timer"),
    ],
)
def test_whoever_renews_it_is_told_how_to_hand_it_on(
    make: Make, line: str, forge: Forge, wizard: Wizard
) -> None:
    done = install(wizard, make(forge, wizard.folder / "mine"))
    assert line in done.err
    assert "renew --name" in done.err
    assert str(wizard.state) in done.err


def test_certificates_of_certbot_and_acme_sh_are_found(forge: Forge, wizard: Wizard) -> None:
    home = wizard.folder / "home"
    (home / ".acme.sh").mkdir(parents=True)
    (wizard.folder / "scratch").mkdir()
    acme_sh(forge, home / ".acme.sh")
    done = wizard("plan", "--json", *words({}))
    if Path("/etc/letsencrypt/live").exists():
        return
    (row,) = done.rows()
    assert row["answers"]["existing"]["certificate"].endswith(  # type: ignore[index]
        "home/.acme.sh/corp.example.com_ecc"
    )
    assert row["answers"]["names"] == [NAME, APEX]  # type: ignore[index]
