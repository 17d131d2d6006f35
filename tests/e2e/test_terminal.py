"""Prompts on a terminal, and what becomes of a run when its streams are not what they should be."""

import os
import shutil
import signal
import subprocess

import pytest
from cli_support import ANSWERS, Terminal, Wizard, tree

pytestmark = pytest.mark.e2e


# ── plain prompts ──────────────────────────────────────────────────────────────────────────────


def test_a_person_answers_goes_back_and_applies(wizard: Wizard) -> None:
    with Terminal(wizard, "--plain") as terminal:
        assert "? explains" in terminal.until("[local-ca] ")
        terminal.type("?")
        assert "Nothing on this machine changes" in terminal.until("[local-ca] ")
        terminal.type("autocrt")
        assert "[not-a-choice]" in terminal.until("[local-ca] ")
        terminal.type("<")
        terminal.until("[local-ca] ")
        terminal.type("1")
        terminal.until("[*.localhost.pomerium.io, localhost.pomerium.io] ")
        terminal.type("*.co.uk")
        assert "[name-public-suffix]" in terminal.until("localhost.pomerium.io] ")
        terminal.type("*.first.example.com")
        assert "A systemd service" in terminal.until("[files] ")
        terminal.type("<")
        terminal.until("[*.first.example.com] ")
        terminal.type("*.second.example.com, second.example.com")
        terminal.until("[files] ")
        terminal.type("")
        terminal.until("[auto] ")
        terminal.type("1, jave")
        assert "[not-a-choice]" in terminal.until("[auto] ")
        terminal.type("-")
        terminal.until("Where should the certificate and its key go?")
        terminal.until("] ")
        terminal.type("tls")
        assert "/config.yaml" in terminal.until("] ")
        terminal.type("config.yaml")
        terminal.until("[https://verify.second.example.com] ")
        terminal.type("https://verify.first.example.com")
        assert "[route-not-covered]" in terminal.until("example.com] ")
        terminal.type("")
        terminal.until("[https://verify.pomerium.com] ")
        terminal.type("")
        terminal.until("Who may use it?")
        terminal.until("[] ")
        terminal.type("you at example")
        assert "[email]" in terminal.until("[] ")
        terminal.type("you@example.com")
        plan = terminal.until("Apply this plan? [y/N] ")
        assert "_wildcard.second.example.com.pem" in plan
        terminal.type("y")
        status, shown = terminal.end()
        assert (status, terminal.data) == (0, ""), shown
        assert "✓ handshake accepted" in shown
    assert "you@example.com" in (wizard.folder / "config.yaml").read_text()


def test_going_back_asks_again_what_an_answer_had_hidden(wizard: Wizard) -> None:
    """Without a configuration to make there is no route to ask for."""
    with Terminal(wizard, "--plain") as terminal:
        for prompt, answer in (
            ("[local-ca] ", ""),
            ("localhost.pomerium.io] ", ""),
            ("[files] ", ""),
            ("[auto] ", "-"),
            ("] ", "tls"),
            ("config.yaml] ", "-"),
        ):
            terminal.until(prompt)
            terminal.type(answer)
        assert "First route" not in terminal.until("Apply this plan? [y/N] ")
        terminal.type("n")
        status, shown = terminal.end()
        assert status == 0
        assert "Nothing was changed" in shown
    with Terminal(wizard, "--plain") as terminal:
        for prompt, answer in (
            ("[local-ca] ", ""),
            ("localhost.pomerium.io] ", ""),
            ("[files] ", ""),
            ("[auto] ", "-"),
            ("] ", "tls"),
            ("config.yaml] ", "pomerium.yaml"),
            ("[https://verify.localhost.pomerium.io] ", "<"),
            ("pomerium.yaml] ", "-"),
        ):
            terminal.until(prompt)
            terminal.type(answer)
        terminal.until("Apply this plan? [y/N] ")
        terminal.type("n")
        assert terminal.end()[0] == 0
    assert not wizard.state.exists()


def test_ctrl_c_at_a_prompt_stops_with_130(wizard: Wizard) -> None:
    before = tree(wizard.folder)
    with Terminal(wizard, "--plain") as terminal:
        terminal.until("[local-ca] ")
        terminal.keys("\x03")
        status, shown = terminal.end()
    assert status == 130
    assert "Stopped" in shown
    assert "Traceback" not in shown
    (wizard.folder / "stdout").unlink()
    assert tree(wizard.folder) == before


def test_ctrl_d_at_a_prompt_says_how_to_go_on(wizard: Wizard) -> None:
    with Terminal(wizard, "--plain") as terminal:
        terminal.until("[local-ca] ")
        terminal.keys("\x04")
        status, shown = terminal.end()
    assert status == 2
    assert "[input-ended]" in shown
    assert not wizard.state.exists()


def test_answers_can_be_piped_into_plain_prompts(wizard: Wizard) -> None:
    lines = ["", "a.example.com", "", "-", "tls", "-", "y"]
    done = wizard("--plain", stdin="".join(f"{line}\n" for line in lines))
    assert done.status == 0, done.err
    assert done.out == ""
    assert (wizard.folder / "tls/a.example.com.pem").exists()


def test_a_dumb_terminal_gets_plain_prompts(wizard: Wizard) -> None:
    wizard.env["TERM"] = "dumb"
    with Terminal(wizard) as terminal:
        shown = terminal.until("[local-ca] ")
        assert "\x1b" not in shown
        terminal.keys("\x03")
        assert terminal.end()[0] == 130
    done = wizard()
    assert (done.status, "[no-terminal]" in done.err) == (2, True)


@pytest.mark.parametrize("words", [("--json",), ("--plain", "--json")], ids=" ".join)
def test_a_program_is_never_asked(wizard: Wizard, words: tuple[str, ...]) -> None:
    with Terminal(wizard, *words) as terminal:
        status, shown = terminal.end()
    assert status == 2
    assert "[usage]" in shown
    assert "--answers FILE" in shown


def test_no_line_has_colour(wizard: Wizard) -> None:
    wizard.env |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = wizard.install()
    assert "\x1b" not in done.err
    assert "\x1b" not in wizard("status").out


# ── streams and signals ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_written_over(wizard: Wizard, closed: str) -> None:
    """The next file opened would take a closed stream's number, and our words with it."""
    answers = wizard.answers()
    for words in (("--answers", answers), ("status",), ("list", "stores"), ("answers", "example")):
        argv = wizard.argv("--state-dir", str(wizard.state), *words)
        done = wizard.around(["/bin/sh", "-c", f'"$@" {closed}', "sh", *argv])
        assert done.status == 0, (words, done.err)
        if words[0] == "--answers":
            assert done.out == ""
    assert "drift        none" in wizard("status").out


def test_answers_can_come_from_a_pipe(wizard: Wizard) -> None:
    named = wizard("plan", "--json", "--answers", wizard.answers())
    assert wizard("plan", "--json", "--answers", "-", stdin=ANSWERS).out == named.out
    (wizard.folder / "answers.toml").unlink()
    os.mkfifo(wizard.folder / "answers.toml")
    with subprocess.Popen(
        ["tee", "answers.toml"], cwd=wizard.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as writer:
        assert writer.stdin is not None
        writer.stdin.write(ANSWERS.encode())
        writer.stdin.close()
        assert wizard("plan", "--json", "--answers", "answers.toml").out == named.out


def test_a_reader_that_goes_away_is_no_traceback(wizard: Wizard) -> None:
    argv = wizard.argv("--state-dir", str(wizard.state), "answers", "schema")
    assert wizard.around(["/bin/sh", "-c", '"$@" | true', "sh", *argv]).err == ""


def test_a_name_of_bytes_that_are_no_text_is_shown(wizard: Wizard) -> None:
    for json_flag in ((), ("--json",)):
        argv = [os.fsencode(word) for word in wizard.argv("plan", *json_flag, "--answers")]
        done = wizard.around([*argv, b"\xff.toml"])
        assert done.status == 2
        assert "[answers-missing]" in done.err
        if json_flag:
            assert done.error()["code"] == "answers-missing"


def test_a_locale_without_our_signs_does_not_stop_a_run(wizard: Wizard) -> None:
    wizard.env |= {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    wizard.install()
    assert wizard("status").status == 0


def test_a_run_that_is_interrupted_takes_everything_back(wizard: Wizard) -> None:
    """A certificate with a slow key, so that the signal meets the run at work."""
    answers = wizard.answers(ANSWERS.replace("stores = []", 'stores = []\nkey_type = "rsa-4096"'))
    before = tree(wizard.folder)
    with subprocess.Popen(
        wizard.argv("--state-dir", str(wizard.state), "--answers", answers, "-v"),
        stderr=subprocess.PIPE,
        env=wizard.environment(),
        cwd=wizard.folder,
        text=True,
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("… write"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        shown = process.stderr.read()
        assert process.wait(60) == 130, shown
    assert "Traceback" not in shown
    shutil.rmtree(wizard.state)
    assert tree(wizard.folder) == before
