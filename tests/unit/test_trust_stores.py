"""Which stores the words of an answer mean."""

from pathlib import Path

import pytest
from trust_support import fake, machine, program

from wizard.core.errors import UsageError
from wizard.core.system import System
from wizard.trust import choices, places, stores


def wsl(tmp_path: Path) -> System:
    for name in ("certutil.exe", "powershell.exe"):
        fake(tmp_path / "bin", name, tmp_path / "roots")
    program(tmp_path / "bin", "wslpath", 'echo "$2"')
    return machine(tmp_path / "root", tmp_path / "bin", WSL_INTEROP="/run/WSL/1_interop")


def names(system: System, *wanted: str) -> list[str]:
    return [store.info.id for store in stores(system, wanted)]


def test_words_become_stores(tmp_path: Path) -> None:
    system = machine(tmp_path)
    assert names(system) == []
    assert names(system, "system") == ["linux"]
    assert names(system, "auto") == ["linux", "nss", "java"]
    assert names(system, "java", "nss", "java") == ["nss", "java"]
    assert names(system, "auto", "system", "linux") == ["linux", "nss", "java"]


def test_a_store_of_another_system_is_left_out(tmp_path: Path) -> None:
    assert names(machine(tmp_path), "macos", "windows") == []
    assert names(machine(tmp_path, platform="darwin"), "auto") == ["macos", "java"]


def test_wsl_reaches_both_sides(tmp_path: Path) -> None:
    assert names(wsl(tmp_path), "system") == ["linux", "windows"]


def test_wsl_without_windows_programs_is_a_linux(tmp_path: Path) -> None:
    system = machine(tmp_path, WSL_INTEROP="/run/WSL/1_interop")
    assert names(system, "system") == ["linux"]


def test_an_unknown_word_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        stores(machine(tmp_path), ["jave"])
    assert caught.value.code == "unknown-store"
    assert "'java'" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        stores(machine(tmp_path), ["qqq"])
    assert "auto, system, linux" in caught.value.hint


def test_places_come_with_their_stores_name(tmp_path: Path) -> None:
    found = places(machine(tmp_path / "root"), ["system"])
    assert [(name, place.id) for name, place in found] == [("linux", "linux:system")]


def test_choices_say_what_this_machine_cannot_have(tmp_path: Path) -> None:
    by_name = {choice.value: choice.unavailable for choice in choices(machine(tmp_path))}
    assert list(by_name)[:2] == ["auto", "system"]
    assert by_name["macos"]
    assert not by_name["linux"]
