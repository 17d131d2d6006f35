"""Settings join any configuration; what else it says stays, and once more changes nothing."""

from pathlib import Path

import pytest
from corpus_support import EDITED, UNREADABLE, Data, load, removed_lines

from wizard.core.errors import WizardError
from wizard.core.secrets import Secret
from wizard.pki.material import Settings
from wizard.pomerium.config import MASK, parse, redacted, with_settings

SETTINGS: Settings = {
    "http_redirect_addr": ":80",
    "autocert": True,
    "autocert_dir": "/var/lib/pomerium: yes # really",
    "autocert_ca": "",
    "autocert_use_staging": False,
    "downstream_mtls.enforcement": "policy",
}
VARIANTS = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no newline at the end": lambda text: text.rstrip("\n"),
}


def lower(text: bytes) -> Data:
    return {str(key).lower(): value for key, value in load(text).items()}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.stem)
def test_settings_touch_nothing_else(path: Path, variant: str) -> None:
    text = VARIANTS[variant](path.read_text("utf-8")).encode()
    edit = with_settings(parse(text, path.name), SETTINGS)
    assert edit.changed
    again = with_settings(parse(edit.text, path.name), SETTINGS)
    assert (again.text, again.changed) == (edit.text, False)
    if path.stem in UNREADABLE:
        return
    before, after = lower(text), lower(edit.text)
    assert after["autocert_dir"] == SETTINGS["autocert_dir"]
    assert str(after["autocert"]).lower() == "true"
    for name in ("autocert_ca", "autocert_use_staging"):
        assert (name in after) is (name in before)
    table = before.pop("downstream_mtls", None) or {}
    assert after.pop("downstream_mtls") == table | {"enforcement": "policy"}
    ours = SETTINGS.keys()
    assert {k: v for k, v in after.items() if k not in ours} == {
        k: v for k, v in before.items() if k not in ours
    }
    for line in removed_lines(text, edit.text):
        ours = any(
            name in line.lower() for name in ("autocert", "enforcement", "http_redirect_addr")
        )
        assert ours or line.rstrip(" }\r") in edit.text.decode(), line


def test_a_secret_is_written_and_not_shown() -> None:
    settings = {"autocert_eab_mac_key": Secret(b"c2VjcmV0LWtleQ")}
    edit = with_settings(parse(b"address: :443\n", "c"), settings)
    assert edit.text == b"address: :443\nautocert_eab_mac_key: c2VjcmV0LWtleQ\n"
    assert redacted(edit.text) == f"address: :443\nautocert_eab_mac_key: {MASK}\n"
    assert "c2VjcmV0" not in repr(edit)


def test_a_list_in_the_place_of_a_value_is_replaced() -> None:
    edit = with_settings(parse(b"autocert: [1, 2] # why\n", "c"), {"autocert": True})
    assert edit.text == b"autocert: true # why\n"


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("word", ["yes", "on", "off", "n", '"no"'])
def test_a_word_that_pomerium_does_not_start_with_is_replaced(word: str, value: bool) -> None:  # noqa: FBT001
    edit = with_settings(parse(f"autocert: {word} # why\n".encode(), "c"), {"autocert": value})
    assert edit.text == f"autocert: {str(value).lower()} # why\n".encode()


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_table_that_ends_the_file_gets_its_lines_before_what_follows_it(end: str) -> None:
    text = f"downstream_mtls:\n      enforcement: policy{end}"
    edit = with_settings(
        parse(text.encode(), "c"), {"autocert": True, "downstream_mtls.ca_file": "/ca.pem"}
    )
    assert edit.text.decode() == (
        f"downstream_mtls:\n      enforcement: policy\n      ca_file: /ca.pem\nautocert: true{end}"
    )


def test_a_value_that_somebody_else_uses_is_left_to_a_person() -> None:
    text = b"autocert: &all false\ninsecure_server: *all\n"
    with pytest.raises(WizardError) as caught:
        with_settings(parse(text, "c"), {"autocert": True})
    assert caught.value.code == "config-anchor-shared"
