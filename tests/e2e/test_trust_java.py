"""Java keystores with the real keytool, on copies of a real cacerts."""

import shutil
import time
from pathlib import Path

import pytest
from conftest import Need
from trust_support import machine, make_anchor, output, program

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.trust.base import Anchor, Place, Trust
from wizard.trust.java import JavaStore

pytestmark = pytest.mark.e2e

KEYTOOL_RUNS = 0.15
"""Seconds that no start of a JVM beats, and that every look at bytes does."""


@pytest.fixture
def keytool(need: Need) -> Path:
    return need("keytool").resolve()


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return make_anchor(tmp_path)


def java_home(keytool: Path, at: Path) -> Path:
    """A Java home with the real keytool and a copy of the real cacerts; returns the copy."""
    (at / "bin").mkdir(parents=True)
    (at / "bin/keytool").symlink_to(keytool)
    cacerts = at / "lib/security/cacerts"
    cacerts.parent.mkdir(parents=True)
    shutil.copy(keytool.parent.parent / "lib/security/cacerts", cacerts)
    cacerts.chmod(0o644)
    return cacerts


def places(system: System) -> list[Place]:
    """Those below the tests' own tree: the machine's Java is found by PATH too."""
    return [one for one in JavaStore().places(system) if "/tmp" in one.id or "pytest" in one.id]


def converted(keytool: Path, cacerts: Path, *options: str) -> None:
    """The same keystore as PKCS #12."""
    target = cacerts.with_name("converted")
    ends = ("-srckeystore", cacerts, "-destkeystore", target, "-deststoretype", "pkcs12")
    words = ("-srcstorepass", "changeit", "-deststorepass", "changeit", "-noprompt")
    output(keytool, *options, "-importkeystore", *ends, *words)
    target.replace(cacerts)


KINDS = {
    "as shipped": None,
    "PKCS #12, encrypted": ("-J-Dfile.encoding=UTF-8",),
    "PKCS #12 without password": (
        "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
        "-J-Dkeystore.pkcs12.macAlgorithm=NONE",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_keystore(keytool: Path, tmp_path: Path, anchor: Anchor, kind: str) -> None:
    cacerts = java_home(keytool, tmp_path / "root/opt/jdk")
    options = KINDS[kind]
    if options:
        converted(keytool, cacerts, *options)
    (place,) = places(machine(tmp_path / "root"))
    assert place.check(anchor).trust is Trust.NONE
    assert place.install(anchor).trust is Trust.FULL
    listed = output(keytool, "-list", "-keystore", cacerts, "-storepass", "changeit")
    assert anchor.name in listed
    assert place.ours() == [anchor.der]
    assert place.uninstall(anchor).trust is Trust.NONE
    assert place.ours() == []


@pytest.mark.parametrize("kind", ["as shipped", "PKCS #12 without password"])
def test_a_legible_keystore_is_looked_at_without_keytool(
    keytool: Path, tmp_path: Path, anchor: Anchor, kind: str
) -> None:
    cacerts = java_home(keytool, tmp_path / "root/opt/jdk")
    if options := KINDS[kind]:
        converted(keytool, cacerts, *options)
    (place,) = places(machine(tmp_path / "root"))
    start = time.perf_counter()
    assert place.check(anchor).trust is Trust.NONE
    assert place.ours() == []
    assert place.uninstall_commands(anchor) == []
    assert time.perf_counter() - start < KEYTOOL_RUNS


def test_every_alias_of_the_certificate_goes(keytool: Path, tmp_path: Path, anchor: Anchor) -> None:
    cacerts = java_home(keytool, tmp_path / "root/opt/jdk")
    for alias in (f"debian:{anchor.stem}.pem", "by hand äöü"):
        where = ("-keystore", cacerts, "-storepass", "changeit", "-alias", alias)
        output(keytool, "-importcert", "-noprompt", *where, "-file", anchor.path)
    (place,) = places(machine(tmp_path / "root"))
    assert place.check(anchor).trust is Trust.FULL
    assert len(place.uninstall_commands(anchor)) == 2
    assert place.uninstall(anchor).trust is Trust.NONE


def test_keytool_in_another_language_is_understood(
    keytool: Path, tmp_path: Path, anchor: Anchor
) -> None:
    java_home(keytool, tmp_path / "root/opt/jdk")
    system = machine(tmp_path / "root", JAVA_TOOL_OPTIONS="-Duser.language=de")
    (place,) = places(system)
    place.install(anchor)
    assert place.ours() == [anchor.der]
    assert place.uninstall(anchor).trust is Trust.NONE


def test_a_changed_password_is_told_in_keytools_words(
    keytool: Path, tmp_path: Path, anchor: Anchor
) -> None:
    cacerts = java_home(keytool, tmp_path / "root/opt/jdk")
    words = ("-storepass", "changeit", "-new", "not the default")
    output(keytool, "-storepasswd", "-keystore", cacerts, *words)
    (place,) = places(machine(tmp_path / "root"))
    status = place.install(anchor)
    assert status.trust is Trust.NONE
    assert "password was incorrect" in status.reason


def test_a_changed_password_of_an_illegible_keystore_is_an_error(
    keytool: Path, tmp_path: Path, anchor: Anchor
) -> None:
    cacerts = java_home(keytool, tmp_path / "root/opt/jdk")
    cacerts.write_bytes(b"\x30\x82\x00\x00")
    (place,) = places(machine(tmp_path / "root"))
    with pytest.raises(WizardError) as caught:
        place.check(anchor)
    assert caught.value.code == "keystore-unreadable"
    assert str(cacerts) in caught.value.summary


def test_javas_that_share_a_keystore_are_one_place(keytool: Path, tmp_path: Path) -> None:
    shared = java_home(keytool, tmp_path / "root/usr/lib/jvm/java-17")
    second = java_home(keytool, tmp_path / "root/usr/lib/jvm/java-21")
    second.unlink()
    second.symlink_to(shared)
    (tmp_path / "root/usr/lib/jvm/default").symlink_to("java-17")
    (place,) = places(machine(tmp_path / "root"))
    assert place.title == "Java (java-17, java-21)"
    assert place.id == f"java:{shared}"


@pytest.mark.parametrize(
    "at", [".sdkman/candidates/java/21", ".jdks/temurin", ".local/share/mise/installs/java/21"]
)
def test_a_persons_own_javas_are_found_and_need_no_root(
    keytool: Path, tmp_path: Path, home: Path, anchor: Anchor, at: str
) -> None:
    java_home(keytool, home / at)
    (place,) = places(machine(tmp_path / "root"))
    assert [one.as_root for one in place.install_commands(anchor)] == [False]


def test_a_keystore_that_the_person_cannot_write_needs_root(
    keytool: Path, tmp_path: Path, anchor: Anchor
) -> None:
    java_home(keytool, tmp_path / "root/opt/jdk").chmod(0o444)
    (place,) = places(machine(tmp_path / "root"))
    assert [one.as_root for one in place.install_commands(anchor)] == [True]


def test_java_8_keeps_its_own_one_level_down(
    keytool: Path, tmp_path: Path, home: Path, anchor: Anchor
) -> None:
    del home
    jdk = tmp_path / "jdk8"
    cacerts = java_home(keytool, jdk)
    (jdk / "jre/lib").mkdir(parents=True)
    cacerts.parent.rename(jdk / "jre/lib/security")
    (place,) = places(machine(tmp_path / "root", JAVA_HOME=str(jdk)))
    assert place.id == f"java:{jdk}/jre/lib/security/cacerts"
    assert place.install(anchor).trust is Trust.FULL


@pytest.mark.parametrize("named", ["/nowhere", "/usr", "relative", ""])
def test_a_wrong_java_home_is_no_place_and_no_failure(
    keytool: Path, tmp_path: Path, named: str
) -> None:
    java_home(keytool, tmp_path / "root/opt/jdk")
    assert len(places(machine(tmp_path / "root", JAVA_HOME=named))) == 1


def test_a_shim_on_the_path_is_no_java_home(keytool: Path, tmp_path: Path) -> None:
    java_home(keytool, tmp_path / "root/opt/jdk")
    program(tmp_path / "bin", "java", "exit 1")
    assert len(JavaStore().places(machine(tmp_path / "root", tmp_path / "bin"))) == 1
