"""Examples and the schema of answers: they fit each other and the wizard."""

import json
import shutil
import tomllib
from pathlib import Path

import jsonschema
import pytest
from bundle_support import PASSWORD, Forge
from cli_support import Wizard
from conftest import REPOSITORY, Need

from wizard import engine
from wizard.core import registry
from wizard.core.answers import Answers
from wizard.export import to_words

pytestmark = pytest.mark.e2e

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.toml"))


@pytest.fixture
def forge(wizard: Wizard, need: Need) -> Forge:
    """The certificates that examples name, in the wizard's folder."""
    forge = Forge.opened(wizard.folder, need)
    shutil.copy(wizard.folder / "site.pem", wizard.folder / "wildcard.crt")
    forge.openssl("ec -aes256 -in site.key -out wildcard.key -passout env:PASSWORD")
    forge.openssl("crl2pkcs7 -nocrl -certfile issuing.pem -out issuers.p7b")
    wizard.env["KEY_PASSWORD"] = PASSWORD
    return forge


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_schema_and_can_be_planned(
    wizard: Wizard, forge: Forge, example: Path
) -> None:
    schema = json.loads(wizard("answers", "schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(tomllib.loads(example.read_text()), schema)
    certbot = wizard.folder / "live"
    certbot.mkdir()
    (certbot / "fullchain.pem").write_bytes(forge.pem("site", "issuing", "site.key"))
    text = example.read_text().replace("/etc/letsencrypt/live/corp.example.com", str(certbot))
    (wizard.folder / "answers.toml").write_text(text)
    done = wizard("plan", "--answers", "answers.toml")
    assert done.status == 0, done.err


def test_the_printed_schema_knows_the_library_of_dns_providers(wizard: Wizard) -> None:
    schema = json.loads(wizard("answers", "schema").out)
    provider = {"name": "lexicon", "provider": "cloudflare", "auth_token": "env:TOKEN"}
    jsonschema.validate({"dns_01": {"provider": provider}}, schema)
    with pytest.raises(jsonschema.ValidationError, match="auth_tokn"):
        jsonschema.validate({"dns_01": {"provider": {"auth_tokn": "env:TOKEN"}}}, schema)


@pytest.mark.usefixtures("forge")
@pytest.mark.parametrize("strategy", registry.STRATEGIES)
def test_the_printed_example_can_be_used_as_it_is(wizard: Wizard, strategy: str) -> None:
    done = wizard("answers", "example", strategy)
    schema = json.loads(wizard("answers", "schema").out)
    jsonschema.validate(tomllib.loads(done.out), schema)
    wizard.answers(done.out)
    with_example = wizard("--answers", "answers.toml", "--dry-run", "--json")
    assert with_example.status == 0, with_example.err
    given = Answers({"strategy": strategy, **engine.strategy(strategy).example})
    without = wizard(*to_words(given, given.values), "--dry-run", "--json")
    assert with_example.out == without.out


@pytest.mark.parametrize(
    "wrong",
    [
        'names = "a.example.com"',
        '[local_ca]\nstores = "nss"',
        "schema_version = 2",
        "nonsense = 1",
        "[local_ca]\nstores = [1]",
        '[local_ca]\nstores = ["jave"]',
        '[local_ca]\nstores = ["auto", "nss"]',
        '[local_ca]\nkey_type = "rsa"',
        '[local_ca]\nconstrain_names = "yes"',
        "[output]\ndirectory = 1",
        "[output.route]\nform = 'x'",
    ],
)
def test_the_schema_and_the_wizard_refuse_the_same(wizard: Wizard, wrong: str) -> None:
    schema = json.loads(wizard("answers", "schema").out)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(wrong), schema)
    assert wizard("plan", "--answers", wizard.answers(wrong)).status == 2


@pytest.mark.parametrize(
    "right",
    [
        'names = ["a.example.com"]',
        '[local_ca]\nstores = "auto"',
        '[local_ca]\nstores = ["auto"]',
        '[local_ca]\nstores = ["nss", "java"]',
        "[local_ca]\nstores = []",
    ],
)
def test_the_schema_and_the_wizard_accept_the_same(wizard: Wizard, right: str) -> None:
    schema = json.loads(wizard("answers", "schema").out)
    jsonschema.validate(tomllib.loads(right), schema)
    assert wizard("plan", "--answers", wizard.answers(right)).status == 0
