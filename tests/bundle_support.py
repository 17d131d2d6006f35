"""Certificates as companies and tools hand them out, made by openssl, keytool and NSS."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conftest import Need

NAME = "*.corp.example.com"
APEX = "corp.example.com"
HOST = "verify.corp.example.com"
PASSWORD = "correct horse"
CA = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=critical,keyCertSign"
SITE = f"""\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:{NAME},DNS:{APEX}
authorityKeyIdentifier=keyid"""
RSA = ("RSA", "rsa_keygen_bits:2048")
P256 = ("EC", "ec_paramgen_curve:P-256")
CONFIG = """\
[ca]
default_ca = one
[one]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = optional
organizationName = optional
"""


@dataclass
class Forge:
    """A company's authority in one folder: a root, an issuer, and what they sign."""

    folder: Path

    @classmethod
    def opened(cls, folder: Path, need: Need) -> "Forge":
        """With a root, `issuing` below it, and the certificate `site` for our names."""
        need("openssl")
        forge = cls(folder)
        (folder / "ca.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "index").touch()
        (folder / "serial").write_text("1000\n")
        forge.issue("root", "", extensions=CA, subject="/O=Corp/CN=Corp Root")
        forge.issue("issuing", "root", extensions=CA, subject="/O=Corp/CN=Corp Issuing")
        forge.issue("site", "issuing")
        return forge

    def run(self, *argv: str, stdin: bytes = b"") -> bytes:
        """Runs a program in the folder; what it prints."""
        # NSS and Java look at HOME for settings of their own.
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PASSWORD": PASSWORD}
        done = subprocess.run(
            argv, cwd=self.folder, input=stdin, env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def openssl(self, words: str) -> bytes:
        return self.run("openssl", *words.split())

    def issue(
        self,
        name: str,
        issuer: str,
        *,
        extensions: str = SITE,
        subject: str = f"/CN={NAME}",
        key: tuple[str, str] | str = P256,
        since: str = "20200101000000Z",
        until: str = "20991231235959Z",
        digest: str = "sha256",
    ) -> None:
        """Signs NAME.pem for NAME.key, which is made unless another's is named by `key`."""
        if isinstance(key, str):
            shutil.copy(self.folder / f"{key}.key", self.folder / f"{name}.key")
        else:
            algorithm, option = key
            options = ["-pkeyopt", option] if option else []
            self.run(
                *("openssl", "genpkey", "-algorithm", algorithm, *options, "-out", f"{name}.key")
            )
        (self.folder / "extensions").write_text(extensions)
        self.run(
            *("openssl", "req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr"),
            *("-subj", subject),
        )
        signer = (
            ["-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key"]
            if issuer
            else ["-selfsign", "-keyfile", f"{name}.key"]
        )
        self.run(
            *("openssl", "ca", "-config", "ca.cnf", "-batch", "-notext", "-md", digest, *signer),
            *("-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "extensions"),
            *("-startdate", since, "-enddate", until),
        )

    def pem(self, *names: str) -> bytes:
        """Files one after the other; a name without an end is a certificate's."""
        return b"".join((self.folder / (n if "." in n else f"{n}.pem")).read_bytes() for n in names)

    def keystore(self, out: Path, kind: str) -> None:
        """A keystore as Java's keytool makes it: PKCS12, which it does today, or JKS."""
        self.pkcs12(self.folder / "in.p12")
        self.run(
            *("keytool", "-importkeystore", "-noprompt", "-srckeystore", "in.p12"),
            *("-srcstorepass:env", "PASSWORD", "-destkeystore", str(out)),
            *("-deststorepass:env", "PASSWORD", "-deststoretype", kind),
        )

    def pkcs12(self, out: Path, name: str = "site", words: str = "") -> None:
        """A PKCS #12 of a key, its certificate and the whole chain."""
        (self.folder / "chain").write_bytes(self.pem("issuing", "root"))
        self.openssl(
            f"pkcs12 -export -inkey {name}.key -in {name}.pem -certfile chain -out {out} "
            f"-passout env:PASSWORD {words}"
        )
