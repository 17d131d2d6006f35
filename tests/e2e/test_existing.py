"""A certificate that is there already: every form of one is served."""

import shutil
from pathlib import Path

import pytest
from bundle_support import APEX, HOST, NAME, P256, PASSWORD, RSA, Forge
from cli_support import Wizard
from conftest import Need
from existing_support import (
    SECRET,
    STEM,
    Answers,
    Make,
    acme_sh,
    caddy,
    certbot,
    check_served,
    company,
    encrypted,
    install,
    lego,
    lego_file,
    one_file,
    pkcs12,
)

from wizard.pki import chain
from wizard.pki.fitness import subject

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rules")]


@pytest.fixture
def wizard(tmp_path: Path, need: Need) -> Wizard:
    return company(tmp_path, need)


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
    forge.keystore(mine / "java.keystore", "PKCS12")
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


def certbot_leaf(forge: Forge, mine: Path) -> Answers:
    certbot(forge, mine)
    return {"existing.certificate": "mine/live/corp/cert.pem"}


def acme_sh_file(forge: Forge, mine: Path) -> Answers:
    acme_sh(forge, mine)
    return {"existing.certificate": "mine/corp.example.com_ecc/corp.example.com.cer"}


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
