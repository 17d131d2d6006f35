"""macOS and Windows, which no test here runs: every call the wizard makes, against a golden file.

Set `UPDATE_GOLDEN=1` to write the files anew; read the difference before you commit it.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from trust_support import calls, fake, machine, make_anchor, program

from wizard.core.errors import WizardError
from wizard.core.system import Command, Result, System
from wizard.trust.base import Anchor, Place, Trust
from wizard.trust.macos import MacosStore
from wizard.trust.windows import WindowsStore

GOLDEN = Path(__file__).parent.parent / "golden" / "trust"


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return make_anchor(tmp_path)


def mac(tmp_path: Path) -> System:
    fake(tmp_path / "bin", "security", tmp_path / "keychain")
    return machine(tmp_path / "root", tmp_path / "bin", "darwin")


def windows(tmp_path: Path) -> System:
    for name in ("certutil.exe", "powershell.exe"):
        fake(tmp_path / "bin", name, tmp_path / "roots")
    return machine(tmp_path / "root", tmp_path / "bin", "win32")


def windows_elevated(tmp_path: Path) -> System:
    program(tmp_path / "bin", "fltmc.exe", "exit 0")
    return windows(tmp_path)


def windows_not_elevated(tmp_path: Path) -> System:
    program(tmp_path / "bin", "fltmc.exe", "echo 'Access is denied.'; exit 5")
    return windows(tmp_path)


def wsl(tmp_path: Path) -> System:
    """Windows' programs where WSL mounts them, not on PATH; /tmp seen as a network share."""
    system32 = tmp_path / "root/mnt/c/Windows/System32"
    fake(system32, "certutil.exe", tmp_path / "roots")
    fake(system32 / "WindowsPowerShell/v1.0", "powershell.exe", tmp_path / "roots")
    program(tmp_path / "bin", "wslpath", 'echo "$2"')
    return machine(tmp_path / "root", tmp_path / "bin", WSL_INTEROP="/run/WSL/1_interop")


MACHINES = {
    "macos": (mac, MacosStore),
    "windows": (windows, WindowsStore),
    "windows-elevated": (windows_elevated, WindowsStore),
    "windows-not-elevated": (windows_not_elevated, WindowsStore),
    "wsl": (wsl, WindowsStore),
}


def place(system: System, store: type[MacosStore | WindowsStore]) -> Place:
    (found,) = store().places(system)
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_every_call_of_a_life(
    tmp_path: Path, home: Path, anchor: Anchor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, store = MACHINES[name]
    system = build(tmp_path)
    ran: list[str] = []
    run = System.run

    def recorded(self: System, command: Command, timeout: float = 120.0) -> Result:
        note = f"   # {command.note}" if command.note else ""
        ran.append(f"{'root ' if command.as_root else ''}{command.shell()}{note}")
        return run(self, command, timeout)

    monkeypatch.setattr(System, "run", recorded)
    found = place(system, store)
    told = []
    steps: dict[str, Callable[[], object]] = {
        "check": lambda: found.check(anchor).trust.value,
        "install": lambda: found.install(anchor).trust.value,
        "ours": lambda: len(found.ours()),
        "uninstall": lambda: found.uninstall(anchor).trust.value,
    }
    for step, act in steps.items():
        ran.clear()
        answer = act()
        told += [f"{step}: {answer}", *(f"    {line}" for line in ran)]
    text = "\n".join(told) + "\n"
    thumbprint = hashlib.sha1(anchor.der).hexdigest()
    for value, placeholder in {
        str(anchor.path): "ROOT.pem",
        anchor.name: "pomcert NAME",
        thumbprint: "sha1",
        thumbprint.upper(): "SHA1",
        str(home): "~",
        str(tmp_path / "bin"): "PATH",
        str(tmp_path / "root"): "",
    }.items():
        text = text.replace(value, placeholder)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize(
    "told",
    [
        "CertUtil: -addstore command FAILED: 0x800704c7 (WIN32: 1223 ERROR_CANCELLED)",
        "CertUtil: -addstore-Befehl ist fehlgeschlagen: 0x800704c7 (WIN32: 1223 ERROR_CANCELLED)",
    ],
)
def test_a_no_in_windows_own_window_is_understood(
    tmp_path: Path, anchor: Anchor, told: str
) -> None:
    system = windows(tmp_path)
    program(tmp_path / "bin", "certutil.exe", f"echo '{told}'; exit 199")
    status = place(system, WindowsStore).install(anchor)
    assert status.trust is Trust.NONE
    assert status.reason == "cancelled in the window that Windows showed"


def test_another_refusal_of_windows_is_told_in_its_words(tmp_path: Path, anchor: Anchor) -> None:
    system = windows(tmp_path)
    program(tmp_path / "bin", "certutil.exe", "echo '0x80070005 ACCESS_DENIED'; exit 5")
    assert place(system, WindowsStore).install(anchor).reason == "0x80070005 ACCESS_DENIED"


def test_a_refusal_of_macos_is_told_in_its_words(tmp_path: Path, anchor: Anchor) -> None:
    system = mac(tmp_path)
    program(
        tmp_path / "bin",
        "security",
        "echo 'SecTrustSettingsSetTrustSettings: The authorization was canceled.'; exit 1",
    )
    status = place(system, MacosStore).install(anchor)
    assert status.trust is Trust.NONE
    assert "The authorization was canceled." in status.reason


def test_a_certificate_in_the_keychain_without_trust_is_half(
    tmp_path: Path, anchor: Anchor
) -> None:
    system = mac(tmp_path)
    found = place(system, MacosStore)
    found.install(anchor)
    for path in (tmp_path / "keychain").glob("*.trusted"):
        path.unlink()
    assert found.check(anchor).trust is Trust.PARTIAL
    assert found.uninstall(anchor).trust is Trust.NONE


def test_a_path_that_windows_cannot_see_is_an_error(tmp_path: Path, anchor: Anchor) -> None:
    system = wsl(tmp_path)
    program(tmp_path / "bin", "wslpath", "echo 'wslpath: Invalid argument'; exit 1")
    with pytest.raises(WizardError) as caught:
        place(system, WindowsStore).install(anchor)
    assert caught.value.code == "wsl-path"


def test_wsl_translates_the_path_it_gives_to_windows(tmp_path: Path, anchor: Anchor) -> None:
    system = wsl(tmp_path)
    share = "\\\\wsl.localhost\\Debian\\root.pem"
    program(tmp_path / "bin", "wslpath", f"printf '%s\\n' '{share}'")
    (command,) = place(system, WindowsStore).install_commands(anchor)
    assert command.argv[-1] == share
    assert calls(tmp_path / "bin", "wslpath") == [f"-w {anchor.path}"]
