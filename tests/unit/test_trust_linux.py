"""Each layout of a Linux in a tree of its own; the update commands are the tests' own."""

import shutil
from pathlib import Path

import pytest
from trust_support import calls, machine, make_anchor, program

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.trust.action import TrustRoot
from wizard.trust.base import Place, Trust, holds
from wizard.trust.linux import LinuxStore

DEBIAN = "/usr/local/share/ca-certificates"
# sign, where the anchors go, their suffix, the update command, the bundle
LAYOUTS = {
    "fedora": (
        "/etc/pki/ca-trust/source/anchors/",
        "/etc/pki/ca-trust/source/anchors",
        ".pem",
        "update-ca-trust extract",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    "debian": (
        f"{DEBIAN}/",
        DEBIAN,
        ".crt",
        "update-ca-certificates",
        "/etc/ssl/certs/ca-certificates.crt",
    ),
    "gentoo": (
        "/etc/ca-certificates.conf",
        DEBIAN,
        ".crt",
        "update-ca-certificates",
        "/etc/ssl/certs/ca-certificates.crt",
    ),
    "arch": (
        "/etc/ca-certificates/trust-source/anchors/",
        "/etc/ca-certificates/trust-source/anchors",
        ".crt",
        "trust extract-compat",
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    ),
    "suse": (
        "/etc/pki/trust/anchors/",
        "/etc/pki/trust/anchors",
        ".pem",
        "update-ca-certificates",
        "/var/lib/ca-certificates/ca-bundle.pem",
    ),
    "old-suse": (
        "/usr/share/pki/trust/anchors/",
        "/usr/share/pki/trust/anchors",
        ".pem",
        "update-ca-certificates",
        "/var/lib/ca-certificates/ca-bundle.pem",
    ),
}


def place(system: System) -> Place:
    (found,) = LinuxStore().places(system)
    return found


def made(root: Path, path: str) -> Path:
    at = root / path.strip("/")
    if path.endswith("/"):
        at.mkdir(parents=True)
    else:
        at.parent.mkdir(parents=True, exist_ok=True)
        at.touch()
    return at


def distribution(tmp_path: Path, name: str) -> System:
    sign, anchors, suffix, update, bundle = LAYOUTS[name]
    root = tmp_path / "root"
    made(root, sign)
    made(root, bundle)
    script = f'cat "{root}{anchors}"/*{suffix} > "{root}{bundle}" 2>/dev/null; exit 0'
    program(tmp_path / "bin", update.split()[0], script)
    return machine(root, tmp_path / "bin")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognised_written_and_bundled(tmp_path: Path, name: str) -> None:
    _, anchors, suffix, update, bundle = LAYOUTS[name]
    system = distribution(tmp_path, name)
    anchor = make_anchor(tmp_path)
    commands = place(system).install_commands(anchor)
    assert all(command.as_root for command in commands)
    assert commands[-1].shell() == update
    assert place(system).install(anchor).trust is Trust.FULL
    file = system.at(anchors) / f"{anchor.stem}{suffix}"
    assert file.read_bytes() == anchor.path.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o644
    assert calls(tmp_path / "bin", update.split()[0]) == [update.partition(" ")[2]]
    assert place(system).uninstall(anchor).trust is Trust.NONE
    assert not file.exists()
    assert not holds(system.at(bundle).read_bytes(), anchor.der)


@pytest.mark.parametrize("other", ["debian", "arch", "suse"])
def test_fedora_comes_before_the_others(tmp_path: Path, other: str) -> None:
    system = distribution(tmp_path, "fedora")
    made(system.root, LAYOUTS[other][0])
    assert "Fedora" in place(system).title


def test_suse_writes_below_etc_when_it_can(tmp_path: Path) -> None:
    system = distribution(tmp_path, "suse")
    made(system.root, LAYOUTS["old-suse"][0])
    target = place(system).install_commands(make_anchor(tmp_path))[0].argv[-1]
    assert target.startswith(str(system.at("/etc/pki/trust/anchors")))


def test_gentoo_makes_the_directory_first(tmp_path: Path) -> None:
    system = distribution(tmp_path, "gentoo")
    first = place(system).install_commands(make_anchor(tmp_path))[0]
    assert first.argv == ("install", "-d", "-m", "0755", str(system.at(DEBIAN)))


def test_a_file_that_is_not_bundled_is_half_trusted(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    shutil.copy(anchor.path, system.at(DEBIAN) / f"{anchor.stem}.crt")
    status = place(system).check(anchor)
    assert status.trust is Trust.PARTIAL
    assert "`update-ca-certificates` has not run" in status.reason


def test_a_bundle_whose_file_is_gone_is_half_trusted(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    system.at("/etc/ssl/certs/ca-certificates.crt").write_bytes(anchor.path.read_bytes())
    status = place(system).check(anchor)
    assert status.trust is Trust.PARTIAL
    assert "no file" in status.reason
    assert place(system).ours() == [anchor.der]


def test_a_failing_update_is_told_in_its_own_words(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    program(tmp_path / "bin", "update-ca-certificates", "echo 'disk is full' >&2; exit 1")
    status = place(system).install(make_anchor(tmp_path))
    assert status.trust is Trust.PARTIAL
    assert status.reason == "update-ca-certificates: disk is full"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'The disk is full.' >&2; exit 1", "update-ca-certificates: The disk is full."),
        ("exit 0", "the file is there, `update-ca-certificates` has not run."),
    ],
)
def test_an_action_that_fails_ends_its_sentence_once(
    tmp_path: Path, script: str, told: str
) -> None:
    system = distribution(tmp_path, "debian")
    program(tmp_path / "bin", "update-ca-certificates", script)
    anchor = make_anchor(tmp_path)
    with pytest.raises(WizardError) as caught:
        TrustRoot(place(system), "linux", lambda: anchor, anchor, "").apply(system)
    title = place(system).title
    assert caught.value.summary == f"{title} does not trust the root: {told}"


def test_a_missing_update_command_is_told(tmp_path: Path) -> None:
    system = distribution(tmp_path, "fedora")
    (tmp_path / "bin/update-ca-trust").unlink()
    assert "update-ca-trust is missing" in place(system).check(make_anchor(tmp_path)).reason


def test_without_privilege_it_is_an_error_not_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = distribution(tmp_path, "debian")
    system.elevated = None
    monkeypatch.setattr(System, "uid", 1000)
    with pytest.raises(WizardError) as caught:
        place(system).install(make_anchor(tmp_path))
    assert caught.value.code == "privilege-needed"
    assert list(system.at(DEBIAN).iterdir()) == []


def test_a_file_that_holds_more_than_the_root_stays(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor, other = make_anchor(tmp_path), make_anchor(tmp_path)
    both = system.at(DEBIAN) / "team.crt"
    both.write_bytes(anchor.path.read_bytes() + other.path.read_bytes())
    place(system).install(anchor)
    status = place(system).uninstall(anchor)
    assert both.exists()
    assert status.trust is Trust.PARTIAL


def test_a_renamed_file_of_ours_is_found(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    place(system).install(anchor)
    file = system.at(DEBIAN) / f"{anchor.stem}.crt"
    file.rename(file.with_name("renamed.crt"))
    assert place(system).check(anchor).trust is Trust.FULL
    assert place(system).uninstall(anchor).trust is Trust.NONE


def test_nixos_is_told_what_to_paste(tmp_path: Path) -> None:
    made(tmp_path / "root", "/etc/NIXOS")
    made(tmp_path / "root", f"{DEBIAN}/")
    system = machine(tmp_path / "root")
    anchor = make_anchor(tmp_path)
    status = place(system).check(anchor)
    assert status.trust is Trust.NONE
    assert f'security.pki.certificateFiles = [ "{anchor.path}" ];' in status.reason
    assert place(system).install_commands(anchor) == ()
    assert place(system).install(anchor) == status
    assert place(system).uninstall(anchor) == status


def test_nixos_trusts_what_was_pasted(tmp_path: Path) -> None:
    made(tmp_path / "root", "/etc/NIXOS")
    anchor = make_anchor(tmp_path)
    made(tmp_path / "root", "/etc/ssl/certs/ca-certificates.crt").write_bytes(
        anchor.path.read_bytes()
    )
    found = place(machine(tmp_path / "root"))
    assert found.check(anchor).trust is Trust.FULL
    assert found.ours() == [anchor.der]
    status = found.uninstall(anchor)
    assert status.trust is Trust.FULL
    assert "take" in status.reason
    assert "security.pki.certificateFiles" in status.reason


def test_an_unknown_linux_is_told_so(tmp_path: Path) -> None:
    status = place(machine(tmp_path / "root")).check(make_anchor(tmp_path))
    assert status.trust is Trust.NONE
    assert "does not know" in status.reason
    # A slim image of Debian or Alpine looks like this too.
    assert "install the package ca-certificates" in status.reason


def test_debians_leftover_for_java_is_removed(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    found = place(system)
    found.install(anchor)
    keystore = made(system.root, "/etc/ssl/certs/java/cacerts")
    keystore.write_bytes(b"\xfe\xed\xfe\xed..." + anchor.der)
    program(tmp_path / "bin", "keytool", f"printf '\\376\\355\\376\\355' > '{keystore}'")
    assert found.uninstall(anchor).trust is Trust.NONE
    (call,) = calls(tmp_path / "bin", "keytool")
    target = f"-alias debian:{anchor.stem}.pem -keystore {keystore}"
    assert call == f"-delete -noprompt {target} -storepass changeit"


def test_debians_leftover_has_the_name_of_the_file_that_was_imported(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    found = place(system)
    shutil.copy(anchor.path, system.at(DEBIAN) / "team, root (new).crt")
    keystore = made(system.root, "/etc/ssl/certs/java/cacerts")
    keystore.write_bytes(b"\xfe\xed\xfe\xed..." + anchor.der)
    program(tmp_path / "bin", "keytool", "exit 0")
    command = found.uninstall_commands(anchor)[-1]
    # Root's PATH need not have it.
    assert command.argv[0] == str(tmp_path / "bin/keytool")
    assert command.argv[command.argv.index("-alias") + 1] == "debian:team__root_=new=.pem"


def test_a_keystore_without_the_leftover_is_left_alone(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    place(system).install(anchor)
    made(system.root, "/etc/ssl/certs/java/cacerts").write_bytes(b"\xfe\xed\xfe\xed")
    program(tmp_path / "bin", "keytool", "exit 0")
    commands = place(system).uninstall_commands(anchor)
    assert [command.argv[0] for command in commands] == ["rm", "update-ca-certificates"]


def test_the_same_name_with_other_bytes_is_not_the_root(tmp_path: Path) -> None:
    system = distribution(tmp_path, "debian")
    anchor = make_anchor(tmp_path)
    place(system).install(anchor)
    other = make_anchor(tmp_path)._replace(name=anchor.name)
    assert place(system).check(other).trust is Trust.NONE
