"""The wizard's screens in a real terminal: tmux types the keys and reads what is shown."""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from cli_support import KEY, SECONDS, Wizard, tree
from conftest import Need

pytestmark = pytest.mark.e2e

POLL_SECONDS = 0.05
REST_SECONDS = 0.4
NUMBERS = count()


class Tmux:
    """A person in front of the wizard, in a tmux of its own."""

    def __init__(self, tmux: Path, wizard: Wizard, width: int, height: int) -> None:
        # A server that was told to end may still hold its socket.
        self._tmux, self._socket = tmux, wizard.folder / f"tmux{next(NUMBERS)}"
        words = wizard.argv("--state-dir", str(wizard.state))
        # What the command leaves on the terminal is read after it has ended.
        line = f'{shlex.join(words)}; echo "exit $?"; exec cat'
        env = {**wizard.environment(), "LANG": "C.UTF-8"}
        given = shlex.join(["env", "-i", *(f"{name}={value}" for name, value in env.items())])
        command = f'{given} TERM="$TERM" /bin/sh -c {shlex.quote(line)}'
        size = ("-x", str(width), "-y", str(height))
        self("-f", "/dev/null", "new-session", "-d", *size, "-c", str(wizard.folder), command)

    def __call__(self, *words: str) -> str:
        argv = [self._tmux, "-S", self._socket, *words]
        env = {**os.environ, "LANG": "C.UTF-8"}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
        return done.stdout

    def screen(self) -> str:
        """What is shown, line by line."""
        return self("capture-pane", "-p")

    def sees(self, *texts: str) -> str:
        """Waits until these texts are shown, wherever their lines were wrapped."""
        deadline = time.monotonic() + SECONDS
        while True:
            screen = self.screen()
            words = " ".join(screen.split())
            if all(text in words for text in texts):
                return screen
            assert time.monotonic() < deadline, f"never saw {texts}:\n{screen}"
            time.sleep(POLL_SECONDS)

    def rest(self) -> None:
        """Waits until nothing moves any more, the cursor and colours included."""
        before = ""
        while before != (now := self("capture-pane", "-pe")):
            before = now
            time.sleep(REST_SECONDS)

    def press(self, *keys: str) -> None:
        """Presses keys by tmux's names for them."""
        self("send-keys", *keys)

    def write(self, text: str) -> None:
        """Replaces what stands in the field."""
        self.press("C-u")
        self("send-keys", "-l", text)


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    (tmp_path / "home").mkdir()
    # No store stands chosen: no key that comes too early can change the machine's own.
    return Wizard(tmp_path, env={"POMCERT_LOCAL_CA_STORES": "[]"})


@pytest.fixture
def tmux(wizard: Wizard, need: Need, request: pytest.FixtureRequest) -> Iterator[Tmux]:
    size: tuple[int, int] = getattr(request, "param", (80, 24))
    terminal = Tmux(need("tmux"), wizard, *size)
    yield terminal
    terminal("kill-server")


def to_names(tmux: Tmux) -> None:
    """From the welcome to the names."""
    tmux.sees("Nothing on this machine changes before", "Start")
    tmux.press("Enter")
    tmux.sees("How should Pomerium get its certificate?")
    tmux.press("Enter")
    tmux.sees("Which names should the certificate be for?")


@pytest.mark.parametrize(
    "tmux", [(80, 24), (120, 36)], indirect=True, ids=lambda size: "x".join(map(str, size))
)
def test_the_whole_path(tmux: Tmux, wizard: Wizard) -> None:
    to_names(tmux)
    tmux.write("*.*.example.com")
    tmux.press("Enter")
    tmux.sees("*.*.example.com", "One star")
    tmux.write("*.corp.example.com, corp.example.com")
    tmux.press("Enter")
    tmux.sees("Where does Pomerium run?", "A systemd service")
    tmux.press("Enter")
    tmux.sees("Which trust stores should get the root?", "Everything found here")
    tmux.press("Enter")
    tmux.sees("Where should the certificate and its key go?")
    tmux.write(str(wizard.folder / "tls"))
    tmux.press("Enter")
    tmux.write(str(wizard.folder / "config.yaml"))
    tmux.press("Enter")
    tmux.sees("Which address should the first route have?", "https://verify.corp.example.com")
    tmux.press("Enter", "Enter")
    tmux.write("you@example.com")
    tmux.press("Enter")
    tmux.sees("Review", "Nothing has been changed yet", "Apply")
    assert not (wizard.folder / "tls").exists()
    for _ in range(2):
        tmux.rest()
        tmux.press("Enter")
    tmux.sees("✓ handshake accepted", "Finish")
    assert (wizard.folder / "config.yaml").stat().st_mode & 0o777 == 0o600
    tmux.press("Enter")
    tmux.sees("exit 0")
    left = tmux("capture-pane", "-pJ", "-S", "-")
    assert "The certificate is in place" in left
    assert f"pomerium -config {wizard.folder}/config.yaml" in left
    key = wizard.folder / "tls/_wildcard.corp.example.com-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert wizard("undo").status == 0
    assert not key.exists()


def test_back_and_another_size_lose_nothing_and_leaving_changes_nothing(
    tmux: Tmux, wizard: Wizard
) -> None:
    before = tree(wizard.folder / "home")
    to_names(tmux)
    tmux.write("*.back.example.com")
    tmux.press("Escape")
    tmux.sees("How should Pomerium get its certificate?")
    tmux("resize-window", "-x", "60", "-y", "18")
    tmux.press("Enter")
    tmux.sees("*.back.example.com", "Continue")
    tmux.press("C-c")
    tmux.sees("Quit")
    tmux.press("C-c")
    tmux.sees("Nothing was changed.", "exit 130")
    assert tree(wizard.folder / "home") == before
    assert not (wizard.folder / KEY).exists()
    assert not wizard.state.exists()
