"""PKCS #12 and Java trust stores, read by the programs they are made for."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Need

PASSWORD = "correct horse"
STEM = "verify.localhost.pomerium.io"


def wizard(tmp_path: Path, *sets: str, **env: str) -> subprocess.CompletedProcess[str]:
    answers = {
        "strategy": "local-ca",
        "names": STEM,
        "local_ca.stores": "",
        "output.directory": str(tmp_path / "tls"),
        "output.config": "",
    }
    words = [*(f"{key}={value}" for key, value in answers.items()), *sets]
    return subprocess.run(
        [
            *(sys.executable, "-m", "wizard", "--state-dir", str(tmp_path / "state")),
            *(part for word in words for part in ("--set", word)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=60,
    )


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The directory of an install with both forms under a password of its own."""
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    done = wizard(
        tmp_path,
        "local_ca.export=pkcs12,java-truststore",
        f"local_ca.export_password=file:{secret}",
    )
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return tmp_path / "tls"


def test_openssl_opens_the_bundle_and_finds_key_leaf_and_chain(exported: Path, need: Need) -> None:
    command = [str(need("openssl")), "pkcs12", "-in", str(exported / f"{STEM}.p12"), "-nodes"]
    opened = subprocess.run(
        [*command, "-passin", f"pass:{PASSWORD}"], capture_output=True, text=True, check=True
    ).stdout
    assert opened.count("BEGIN CERTIFICATE") == 3
    assert opened.count("BEGIN PRIVATE KEY") == 1
    key = (exported / f"{STEM}-key.pem").read_text()
    assert key.strip() in opened


def test_java_lists_the_root_as_trusted(exported: Path, need: Need) -> None:
    listed = subprocess.run(
        [
            *(str(need("keytool")), "-list", "-keystore", str(exported / "truststore.p12")),
            *("-storepass", PASSWORD),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "trustedCertEntry" in listed
    assert "PrivateKeyEntry" not in listed


KEY_TYPES = ("ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096")


@pytest.mark.parametrize("constrained", ["true", "false"])
@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_every_kind_of_key_is_taken_by_openssl_java_and_nss(
    tmp_path: Path, need: Need, key_type: str, constrained: str
) -> None:
    done = wizard(
        tmp_path,
        "local_ca.export=pkcs12,java-truststore",
        f"local_ca.key_type={key_type}",
        f"local_ca.constrain_names={constrained}",
    )
    assert done.returncode == 0, done.stderr
    tls, database = tmp_path / "tls", tmp_path / "nss"
    database.mkdir()
    bundle, chain = str(tls / f"{STEM}.p12"), str(tls / f"{STEM}.pem")
    keystore = (str(need("keytool")), "-list", "-v", "-storepass", "changeit", "-keystore")
    nss = (f"sql:{database}", "-W", "changeit", "-K", "", "-i", bundle)

    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "Certificate chain length: 3" in said(*keystore, bundle)
    assert "trustedCertEntry" in said(*keystore, str(tls / "truststore.p12"))
    openssl = str(need("openssl"))
    assert said(openssl, "pkcs12", "-in", bundle, "-noout", "-passin", "pass:changeit") == ""
    trusting = ("-x509_strict", "-verify_hostname", STEM, "-CAfile", str(tls / "ca.pem"))
    assert said(openssl, "verify", *trusting, "-untrusted", chain, chain) == f"{chain}: OK\n"
    said(str(need("certutil")), "-N", "-d", f"sql:{database}", "--empty-password")
    assert "SUCCESSFUL" in said(str(need("pk12util")), "-d", *nss)


def test_auto_stands_for_every_form_there_is(tmp_path: Path) -> None:
    assert wizard(tmp_path, "local_ca.export=auto").returncode == 0
    made = {path.name for path in (tmp_path / "tls").glob("*.p12")}
    assert made == {f"{STEM}.p12", "truststore.p12"}


def test_nobody_else_can_read_the_exports(exported: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in exported.glob("*.p12")}
    assert modes == {f"{STEM}.p12": 0o600, "truststore.p12": 0o600}


def test_the_same_answers_again_leave_the_exports_as_they_are(exported: Path) -> None:
    before = {path: path.read_bytes() for path in exported.iterdir()}
    again = wizard(
        exported.parent,
        "local_ca.export=pkcs12,java-truststore",
        f"local_ca.export_password=file:{exported.parent / 'password'}",
    )
    assert "Nothing to do" in again.stderr
    assert {path: path.read_bytes() for path in exported.iterdir()} == before


def test_another_password_makes_only_the_exports_anew(exported: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    done = wizard(
        exported.parent,
        "local_ca.export=pkcs12,java-truststore",
        "local_ca.export_password=env:NEW",
        NEW="another",
    )
    assert done.returncode == 0, done.stderr
    after = {path.name: path.read_bytes() for path in exported.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"{STEM}.p12", "truststore.p12"}


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("hunter2", "secret-reference"),
        ("env:NOBODY_SET_THIS", "secret-missing"),
        ("file:/nowhere/at/all", "secret-missing"),
        ("file:latin-1", "export-password"),
        ("file:utf-8", "export-password"),
        ("file:two-lines", "export-password"),
        ("file:nul", "export-password"),
    ],
)
def test_a_password_that_cannot_be_looked_up_changes_nothing(
    tmp_path: Path, reference: str, code: str
) -> None:
    """Nor does one that Java would never open the file with: it takes printable ASCII only."""
    odd = {"latin-1": b"p\xe4ss\n", "utf-8": "pä\n".encode(), "two-lines": b"a\nb", "nul": b"a\0b"}
    for name, content in odd.items():
        (tmp_path / name).write_bytes(content)
        reference = reference.replace(f"file:{name}", f"file:{tmp_path / name}")
    done = wizard(tmp_path, "local_ca.export=pkcs12", f"local_ca.export_password={reference}")
    assert done.returncode == 2
    assert f"[{code}]" in done.stderr
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "tls").exists()
