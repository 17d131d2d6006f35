"""Nobody sees a secret, and every line stays where it is."""

import base64
import difflib
from pathlib import Path

import pytest

from wizard.core.errors import WizardError
from wizard.pomerium.config import MASK, parse, redacted, with_certificate

KEY_PEM = "-----BEGIN EC PRIVATE KEY-----\nS3CRET{n}\n-----END EC PRIVATE KEY-----"

SECRETS = f"""\
# shared_secret: S3CRET-old   (before March)
# note: cookie_secret = S3CRET-older
shared_secret: S3CRET-1   # a comment stays
"cookie_secret":   "S3CRET-2 \\
   S3CRET-2b"
idp_client_secret: &idp 'S3CRET-3'
address: :443
signing_key: |   # S3CRET-header
    S3CRET-4

    S3CRET-4b
certificate_key: >-
  S3CRET-5
certificate_key_file: /etc/tls/key.pem
databroker_storage_connection_string: postgres://u:S3CRET-6@db/p
autocert_eab_mac_key: S3CRET-7
metrics_certificate_key: S3CRET-8
metrics_basic_auth: S3CRET-9
google_cloud_serverless_authentication_service_account: S3CRET-10
otel_exporter_otlp_headers: [authorization=S3CRET-11]
Ssh_User_CA_Key: S3CRET-12
unknown_api_token: S3CRET-13
autocert_dir: s3://u:S3CRET-14@host/bucket/x
x-inline: {base64.b64encode(KEY_PEM.format(n=15).encode()).decode()}
x-pem: |
  {KEY_PEM.format(n=16).replace(chr(10), chr(10) + "  ")}
x-shared: &shared
  nested: S3CRET-17-in-an-anchor
routes:
  - from: https://a.example.com
    to: http://a
    tls_client_key: S3CRET-18
    kubernetes_service_account_token: S3CRET-19
    set_request_headers: {{Authorization: Bearer S3CRET-20, "X-Key": 'S3CRET-21'}}
    mcp: {{server: {{upstream_oauth2: {{client_id: app, client_secret: S3CRET-22}}}}}}
    # - tls_client_key: S3CRET-23
  - from: https://b.example.com
    idp_client_secret: *idp
    set_request_headers: *shared
    x-again: look, S3CRET-17-in-an-anchor was repeated   # S3CRET-17-in-an-anchor
shared_secret_file: /run/secrets/shared
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_no_secret_is_shown_and_no_line_moves(newline: str) -> None:
    text = SECRETS.replace("\n", newline)
    shown = redacted(text.encode())
    assert "S3CRET" not in shown.replace("# S3CRET-header", "")
    assert "RVQ" not in shown
    assert len(shown.splitlines()) == len(text.splitlines())
    assert shown.count(newline) == text.count(newline)


def test_everything_else_is_shown() -> None:
    shown = redacted(SECRETS.encode())
    for line in (
        f"shared_secret: {MASK}   # a comment stays",
        "address: :443",
        "certificate_key_file: /etc/tls/key.pem",
        "shared_secret_file: /run/secrets/shared",
        "  - from: https://a.example.com",
    ):
        assert line in shown.splitlines()
    assert "client_id: app" in shown


PACKED = base64.b64encode(f"\n{KEY_PEM.format(n=1)}\n".encode()).decode()


@pytest.mark.parametrize(
    "comment",
    [
        "signing_key: |\n  S3CRET\n\n  S3CRET",
        "set_request_headers:\n  Authorization: Bearer S3CRET\n  X-Key: S3CRET",
        "- from: https://a.example.com\n  tls_client_key: >-   # old\n    S3CRET",
        "ssh_host_keys:\n- S3CRET\n- S3CRET",
        "'ssh_host_keys':\n- S3CRET\n- S3CRET",
        "cookie_secret: 'S3CRET\n  S3CRET'",
        '"set_request_headers": {\n  A: S3CRET,\n  B: S3CRET }',
        "shared_secret:\nS3CRET-that-stands-where-it-must-not",
        "export SHARED_SECRET=S3CRET",
        "pomerium --shared-secret=S3CRET",
        "to: https://me:S3CRET@a.example.com",
        KEY_PEM.format(n=1),
        f"x: {PACKED}",
    ],
)
@pytest.mark.parametrize("mark", ["#", "# ", "  # ", "# # "])
def test_what_is_commented_out_shows_no_secret(mark: str, comment: str) -> None:
    lines = [f"{mark}{line}" for line in comment.split("\n")]
    text = "\n".join(["routes:", *lines, f"{mark}address: :443", "# no secret here: look", ""])
    shown = redacted(text.encode())
    assert "S3CRET" not in shown
    assert PACKED[20:60] not in shown
    assert shown.splitlines()[-2:] == [f"{mark}address: :443", "# no secret here: look"]
    assert len(shown.splitlines()) == len(text.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "set_request_headers:\n  # Before: S3CRET\n  Now: S3CRET\n",
        "shared_secret:\n  # S3CRET\n  S3CRET\n",
        "x: &name shared_secret\n*name : S3CRET\n",
        "sharedSecret: S3CRET\nx: {apiKey: S3CRET, Authorization: S3CRET}\n",
        "api_tokens: [S3CRET]\nx: {db_pass: S3CRET}\n",
        "x: host=db password=S3CRET\ny: https://a.example.com/?token=S3CRET\n",
        "x: |\n  set_request_headers:\n    A: S3CRET\n",
        "x: https://S3CRET-1234567890@a.example.com/\n",
        "x: postgres://me:S3/CRET@S3CRET/db\n",
        "shared_secret: &s 'S3CRET-1234567890'\nx: [S3CRET-1234567890, *s]\n",
        'shared_secret: "S3CRET-\\x31234567890"\nx: S3CRET-1234567890\n',
    ],
)
def test_a_secret_is_known_by_its_name_and_its_look(text: str) -> None:
    assert "S3CRET" not in redacted(text.encode())


@pytest.mark.parametrize("before", ["", "-----BEGIN CERTIFICATE-----\nQUJD\n", "\n"])
def test_a_packed_private_key_is_known_wherever_it_begins(before: str) -> None:
    packed = base64.b64encode((before + KEY_PEM.format(n=1)).encode()).decode()
    assert redacted(f"certificate: {packed}\n".encode()) == f"certificate: {MASK}\n"


def test_a_text_without_secrets_is_shown_as_it_is() -> None:
    text = (
        "# the key: see https://example.com/@me\na: 1 # by now\nset_response_headers: {X: y}\n"
        "routes:\n  - {from: https://a.b:8443, to: http://secret:80}\n"
        "  - from: https://me.b   # token\n    certificate_key_file: /etc/pomerium/tls/key.pem\n"
    )
    assert redacted(text.encode()) == text


def test_a_text_that_does_not_parse_is_not_shown() -> None:
    with pytest.raises(WizardError) as caught:
        redacted(b"shared_secret: 'S3CRET\n")
    assert "S3CRET" not in f"{caught.value.summary}{caught.value.hint}"


def test_a_diff_of_what_is_shown_is_the_diff_of_the_files() -> None:
    before = SECRETS.encode()
    document = parse(before, "config.yaml")
    after = with_certificate(
        document, Path("/new.pem"), Path("/new.key"), ("*.x.io",), lambda _path: None
    ).text

    def changes(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        return [code for code in matcher.get_opcodes() if code[0] != "equal"]

    real = changes(before.decode().splitlines(), after.decode().splitlines())
    assert real == changes(redacted(before).splitlines(), redacted(after).splitlines())
