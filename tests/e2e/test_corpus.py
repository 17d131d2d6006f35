"""Pomerium's own code takes what people publish the same after the wizard's edits as before."""

import base64
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import Need
from corpus_support import CORPUS, EDITED, FOLDER

from wizard.core.secrets import Secret
from wizard.pki.material import Settings
from wizard.pomerium.config import Covered, parse, with_certificate, with_settings

from .pomerium import RULES, Verdict, put_pair, verdict

pytestmark = pytest.mark.e2e

NAMES, OTHERS = ("*.localhost.pomerium.io", "localhost.pomerium.io"), ("*.example.com",)
FILE = re.compile(
    r"""(?<![\w.}/:-])(?:/[^\s"'/:,}]+)+\.(?:pem|crt|cer|key|crl)\b"""
    r"""|(?:/var)?/run/secrets/[\w./]+"""
)
"""A file that a configuration names, on a machine of somebody else."""
PARSE_BOOL, GONE, NO_FILE = "cannot parse value as 'bool'", "no longer supported", "no such file"
REFUSED = {
    "21-header-footer": "incompatible YAML document",  # it says YAML 1.2
    "43-env-mix": "invalid shared secret",  # Pomerium fills in no variables
    "52-tabs-as-space": "cannot start any token",  # a line of nothing but a tab
    "065-k8s-token-inline": PARSE_BOOL,
    "066-policy-v06": "does not contain a valid scheme",
    "069-policy-v013-mtls": GONE,
    "071-policy-at-end-no-certs": GONE,
    "092-tracing-removed": GONE,
    "110-windows-paths": NO_FILE,
    "137-inline-certificate": "bad cert base64",  # made up
    "155-json-one-line-open": "unknown escape character",
    "156-json-escapes": "unknown escape character",
    "165-booleans": PARSE_BOOL,
    "167-yaml11-directive": PARSE_BOOL,
    "175-quoted-multiline-items": NO_FILE,  # the path goes over two lines, and stays as it is here
    "181-half-a-pair": NO_FILE,
    "182-misspelt": NO_FILE,
    "188-env-placeholders": "invalid map key",  # a template
    "189-jinja-quoted": "invalid character",  # as above
    "190-dollar-env": NO_FILE,
}
"""What Pomerium does not start with as it is published, and what it says."""
TAKEN = [path.stem for path in EDITED if path.stem not in REFUSED]
COVERED: dict[str, Covered] = {
    "added": lambda _path: None,
    "replaced": lambda path: NAMES if path.stem == "a" else None,
}


@pytest.fixture(autouse=True)
def rules(need: Need) -> None:
    need.that(RULES.exists(), "Pomerium's configuration code is not built", "`make test` builds it")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With our certificate, and one that stands for all of other people."""
    made = tmp_path_factory.mktemp("tls")
    put_pair(OTHERS, made / "others.pem", made / "others-key.pem")
    put_pair(NAMES, made / "new.pem", made / "new-key.pem")
    return made


def published(stem: str, folder: Path) -> str:
    """A configuration, every file that it names below our folder and there."""

    def put(found: re.Match[str]) -> str:
        path = folder / found[0].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if "key" in path.name:
            path.write_bytes((folder / "others-key.pem").read_bytes())
        elif path.suffix:
            path.write_bytes((folder / "others.pem").read_bytes())
        else:
            path.write_bytes(base64.b64encode(bytes(32)))
        return str(path)

    return FILE.sub(put, (FOLDER / f"{stem}.yaml").read_bytes().decode())


def settings(folder: Path) -> Settings:
    return {
        "http_redirect_addr": ":80",
        "autocert": True,
        "autocert_dir": str(folder),
        "autocert_ca": "https://ca.example.com/directory",
        "autocert_eab_key_id": "kid-1",
        "autocert_eab_mac_key": Secret(b"c2VjcmV0LWtleQ"),
        "autocert_trusted_ca": "",
        "autocert_trusted_ca_file": str(folder / "others.pem"),
    }


def edited(text: str, how: str, folder: Path) -> bytes:
    new = (folder / "new.pem", folder / "new-key.pem")
    return with_certificate(parse(text.encode(), "c"), *new, NAMES, COVERED[how]).text


def check_edit(text: str, before: Verdict, how: str, folder: Path) -> None:
    """Edits `text`: Pomerium takes both, and the one thing changed is a certificate."""
    after = verdict(edited(text, how, folder), folder)
    assert (before.error, after.error) == ("", "")
    assert after.unknown == before.unknown
    assert after.hosts.keys() == before.hosts.keys()
    assert Counter(after.certificates) - Counter(before.certificates) == Counter([NAMES])
    gone = Counter(before.certificates) - Counter(after.certificates)
    assert gone in ([Counter()] if how == "added" else [Counter(), Counter([OTHERS])])


@pytest.mark.parametrize("stem", TAKEN)
def test_an_edited_configuration_is_taken_like_the_one_before(stem: str, folder: Path) -> None:
    text = published(stem, folder)
    before = verdict(text.encode(), folder)
    check_edit(text, before, "added", folder)
    if "/a.pem" in text:
        check_edit(text, before, "replaced", folder)
    new = with_settings(parse(text.encode(), stem), settings(folder)).text
    assert verdict(new, folder) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("\n", "\r\n", id="CRLF"),
        pytest.param(r"\A", "\ufeff", id="a byte order mark"),
        pytest.param(r"\n\Z", "", id="no newline at the end"),
    ],
)
@pytest.mark.parametrize("stem", ["05-flow-items", "22-anchors", "29-block-scalars"])
def test_so_it_is_with_other_ends_of_lines(stem: str, old: str, new: str, folder: Path) -> None:
    text = published(stem, folder)
    changed = re.sub(old, new, text)
    assert changed != text
    check_edit(changed, verdict(changed.encode(), folder), "added", folder)


@pytest.mark.parametrize("stem", REFUSED)
def test_an_edit_hides_no_older_mistake(stem: str, folder: Path) -> None:
    text = published(stem, folder)
    assert REFUSED[stem] in verdict(text.encode(), folder).error
    assert verdict(edited(text, "added", folder), folder).error


def test_almost_everything_is_taken() -> None:
    assert len(TAKEN) > 0.85 * len(CORPUS)
