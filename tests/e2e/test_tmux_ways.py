"""Each strategy and target chosen, reviewed, applied and taken back in a real terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle_support import NAME, Forge
from cli_support import Wizard, tree
from conftest import Need

from wizard.core import registry

from .test_terminal import Terminal
from .test_tmux import Tmux

pytestmark = pytest.mark.e2e

CONFIG = "# Ours.\naddress: :443\nroutes:\n  - from: https://app.example.com\n    to: http://a\n"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    return Forge.opened(tmp_path_factory.mktemp("forge"), need)


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    """Asks no name server of the world, and offers no store of this machine."""
    (tmp_path / "home").mkdir()
    given = {
        "LOCAL_CA_STORES": "[]",
        "DNS_RESOLVERS": "127.0.0.1:9",
        "DNS_01_ACCEPT_TERMS": "yes",
        "OUTPUT_ROUTE_EMAIL": "you@example.com",
    }
    return Wizard(tmp_path, env={f"POMCERT_{name}": value for name, value in given.items()})


@pytest.fixture
def tmux(wizard: Wizard, need: Need) -> Iterator[Tmux]:
    terminal = Tmux(need("tmux"), wizard, 80, 24)
    yield terminal
    terminal("kill-server")


def choose(tmux: Tmux, question: str, table: dict[str, str], name: str) -> None:
    """Goes down to a choice and takes it."""
    tmux.sees(question)
    tmux.rest()
    tmux.press(*["Down"] * list(table).index(name), "Enter")


def begin(tmux: Tmux, strategy: str) -> None:
    tmux.sees("Nothing on this machine changes before", "Start")
    tmux.press("Enter")
    choose(tmux, "How should Pomerium get its certificate?", registry.STRATEGIES, strategy)


def answer(tmux: Tmux, question: str, text: str = "") -> None:
    """Takes what stands there, or types something else."""
    tmux.sees(question)
    tmux.rest()
    if text:
        tmux.write(text)
    tmux.press("Enter")


def until(tmux: Tmux, question: str) -> None:
    """Takes everything that stands there, up to a question."""
    for _ in range(40):
        tmux.rest()
        if question in " ".join(tmux.screen().split()):
            return
        tmux.press("Enter")
    raise AssertionError(tmux.screen())


def apply(tmux: Tmux) -> None:
    tmux.sees("Nothing has been changed yet", "Apply")
    for _ in range(2):
        tmux.rest()
        tmux.press("Enter")


def undone(wizard: Wizard, before: dict[str, object]) -> None:
    """Takes the run back, and looks whether all is as it was."""
    done = wizard("undo")
    assert done.status == 0, done.err
    assert {k: v for k, v in tree(wizard.folder).items() if k in before} == before
    assert not list(wizard.folder.glob("tls/*.pem"))


def test_a_certificate_that_is_there(tmux: Tmux, wizard: Wizard, forge: Forge) -> None:
    given, config = wizard.folder / "all.pem", wizard.folder / "config.yaml"
    given.write_bytes(forge.pem("root", "issuing", "site", "site.key"))
    config.write_text(CONFIG)
    before = {str(path): tree(wizard.folder)[str(path)] for path in (given, config)}
    begin(tmux, "existing")
    answer(tmux, "Where is the certificate?", "nothing.pem")
    tmux.sees("✗", "nothing.pem")
    answer(tmux, "Where is the certificate?", str(given))
    answer(tmux, NAME)
    answer(tmux, "Where does Pomerium run?")
    answer(tmux, "Where should the certificate and its key go?", str(wizard.folder / "tls"))
    answer(tmux, "Which is Pomerium's configuration?", str(config))
    apply(tmux)
    tmux.sees("✓ handshake accepted", "Finish")
    key = wizard.folder / "tls/_wildcard.corp.example.com-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert str(key) in config.read_text()
    tmux.press("Enter")
    tmux.sees("exit 0")
    undone(wizard, before)


def test_pomeriums_own_autocert(tmux: Tmux, wizard: Wizard) -> None:
    config = wizard.folder / "config.yaml"
    config.write_text(CONFIG)
    before = {str(config): tree(wizard.folder)[str(config)]}
    begin(tmux, "autocert")
    answer(tmux, "Which names", "app.example.com")
    answer(tmux, "Where does Pomerium run?")
    for _ in range(20):
        tmux.rest()
        screen = tmux.screen()
        if "Nothing has been changed yet" in screen:
            break
        if "Which is Pomerium's configuration?" in screen:
            tmux.write(str(config))
        tmux.press("Enter")
    apply(tmux)
    tmux.sees("what it brought is still to be seen", "Finish")
    assert "autocert: true\n" in config.read_text()
    tmux.press("Enter")
    tmux.sees("exit 0")
    undone(wizard, before)


def test_a_container(tmux: Tmux, wizard: Wizard) -> None:
    folder = wizard.folder / "pomerium"
    begin(tmux, "local-ca")
    answer(tmux, "Which names")
    choose(tmux, "Where does Pomerium run?", registry.TARGETS, "docker")
    answer(tmux, "Which trust stores")
    answer(tmux, "Where should the certificate and its key go?", str(folder / "tls"))
    answer(tmux, "Which is Pomerium's configuration?", str(folder / "config.yaml"))
    answer(tmux, "Which Compose file starts Pomerium?", str(wizard.folder / "compose.yaml"))
    answer(tmux, "Which address should the first route have?")
    answer(tmux, "Where should it lead?")
    answer(tmux, "Who may use it?", "you@example.com")
    apply(tmux)
    tmux.sees("✓ handshake accepted", "Finish")
    assert "pomerium/pomerium:" in (wizard.folder / "compose.yaml").read_text()
    tmux.press("Enter")
    tmux.sees("exit 0")
    assert wizard("undo").status == 0
    assert not (wizard.folder / "compose.yaml").exists()
    assert not folder.exists()


def test_a_cluster(tmux: Tmux, wizard: Wizard) -> None:
    token, folder = wizard.folder / "token", wizard.folder / "cluster"
    token.write_text("cloudflares-own")
    token.chmod(0o600)
    begin(tmux, "dns-01")
    answer(tmux, "Which names", "*.corp.example.com")
    choose(tmux, "Where does Pomerium run?", registry.TARGETS, "kubernetes")
    until(tmux, "Where should the manifests go?")
    answer(tmux, "Where should the manifests go?", str(folder))
    answer(tmux, "Which DNS provider has the zone?")
    answer(tmux, "Where is the API token?", f"file:{token}")
    until(tmux, "Nothing has been changed yet")
    assert "cloudflares-own" not in tmux.screen()
    assert not folder.exists()
    apply(tmux)
    tmux.sees("kubectl get certificates", "Finish")
    assert "cloudflares-own" not in tmux.screen()
    secret = folder / "secrets/cloudflare-token"
    assert secret.read_text() == "cloudflares-own"
    assert secret.stat().st_mode & 0o777 == 0o600
    tmux.press("Enter")
    tmux.sees("exit 0")
    assert wizard("undo").status == 0
    assert not folder.exists()


def test_browsers_that_must_show_a_certificate(tmux: Tmux, wizard: Wizard) -> None:
    config = wizard.folder / "config.yaml"
    begin(tmux, "local-ca")
    answer(tmux, "Which names")
    answer(tmux, "Where does Pomerium run?")
    answer(tmux, "Which trust stores")
    answer(tmux, "Where should the certificate and its key go?", str(wizard.folder / "tls"))
    answer(tmux, "Which is Pomerium's configuration?", str(config))
    tmux.sees("Which address should the first route have?")
    tmux.press("F3")
    until(tmux, "Must browsers show a certificate of their own?")
    tmux.press("Up", "Enter")
    until(tmux, "Nothing has been changed yet")
    apply(tmux)
    tmux.sees("✓ handshake accepted", "Finish")
    assert "downstream_mtls:" in config.read_text()
    tmux.press("Enter")
    tmux.sees("exit 0")
    assert "client issue NAME" in tmux("capture-pane", "-pJ", "-S", "-")
    assert wizard("undo").status == 0
    assert not config.exists()
    assert not (wizard.folder / "tls").exists()


def test_a_certificate_that_is_there_at_plain_prompts(wizard: Wizard, forge: Forge) -> None:
    (wizard.folder / "all.pem").write_bytes(forge.pem("root", "issuing", "site", "site.key"))
    (wizard.folder / "config.yaml").write_text(CONFIG)
    with Terminal(wizard, "--plain") as terminal:
        for prompt, line in (
            ("[local-ca] ", "existing"),
            ("Where is the certificate?", "nothing.pem"),
            ("✗ ", "all.pem"),
            (NAME, ""),
            ("[files] ", ""),
            ("Where should the certificate and its key go?", "tls"),
            ("Which is Pomerium's configuration?", "config.yaml"),
        ):
            terminal.until(prompt)
            terminal.type(line)
        terminal.until("Apply this plan? [y/N] ")
        terminal.type("y")
        status, shown = terminal.end()
    assert status == 0, shown
    assert "✓ handshake accepted" in shown
    assert "_wildcard.corp.example.com.pem" in (wizard.folder / "config.yaml").read_text()
