"""Pomerium's services apart: what is asked, what is refused, and how each target starts them."""

import os
from pathlib import Path

import pytest
from conftest import REPOSITORY
from services_support import RICH, Place

from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.questions import Value
from wizard.mtls import services
from wizard.mtls.services import AUTHENTICATE, AUTHORIZE, DATABROKER, DIRECTORY, QUESTIONS

GOLDEN = REPOSITORY / "tests/golden/services"
ELSEWHERE = {
    "mtls__authorize_service_url": "https://authorize.corp.example.com:5443",
    "mtls__databroker_service_url": "https://10.20.30.40",
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(place: Place, **more: Value) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        place.plan(**more)
    return caught.value.code, f"{caught.value.summary} {caught.value.hint}"


def test_nobody_is_asked_unless_it_is_wanted(place: Place) -> None:
    answers = place.session(mtls__services=False).answers()
    asked = [key for key in answers.values if key in {one.key for one in QUESTIONS}]
    assert asked == [services.WANTED]
    assert all(question.advanced for question in QUESTIONS)
    assert "best for almost everybody" in QUESTIONS[0].why


def test_defaults_fit_one_machine(place: Place) -> None:
    answers = place.session().answers()
    assert {key: answers.text(key) for key in (AUTHORIZE, DATABROKER, AUTHENTICATE)} == {
        AUTHORIZE: "https://localhost:5443",
        DATABROKER: "https://localhost:5444",
        AUTHENTICATE: "",
    }
    assert answers.text(DIRECTORY) == str(place.directory)


def test_signing_in_stays_where_the_configuration_has_it(tmp_path: Path) -> None:
    own = Place(tmp_path, RICH).session().answers()
    assert own.text(AUTHENTICATE) == "https://authenticate.corp.example.com:8443"
    hosted = RICH.replace("authenticate.corp.example.com", "authenticate.pomerium.app")
    assert Place(tmp_path, hosted).session().answers().text(AUTHENTICATE) == ""


def test_addresses_that_the_configuration_has_are_proposed(tmp_path: Path) -> None:
    said = "authorize_service_url: https://authz.internal\ndatabroker_service_url: http://plain\n"
    answers = Place(tmp_path, said).session().answers()
    assert answers.text(AUTHORIZE) == "https://authz.internal"
    assert answers.text(DATABROKER) == "https://localhost:5444"


@pytest.mark.parametrize(
    "url",
    [
        "http://authorize:5443",
        "authorize:5443",
        "https://authorize/grpc",
        "https://authorize:0",
        "https://authorize:99999",
        "https://me:pw@authorize",
        "https://*.example.com",
        "https://:5443",
        "https://0.0.0.0:5443",
        "https://[::]:5443",
        "https://[fe80::1%eth0]:5443",
        "https://127.1:5443",
    ],
)
@pytest.mark.parametrize("key", [AUTHORIZE, DATABROKER])
def test_what_is_no_address_of_a_service_is_refused(place: Place, key: str, url: str) -> None:
    code, said = refused(place, **{key: url})
    assert code == "service-url"
    assert url in said


def test_two_services_need_two_addresses(place: Place) -> None:
    url = "https://pomerium.corp.example.com:5443"
    code, said = refused(place, **{AUTHORIZE: f"{url}/", DATABROKER: url})
    assert code == "service-url"
    assert "authorize's already" in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://LOCALHOST:5443", "https://localhost:5443"),
        ("https://pomerium.corp.example.com", "https://pomerium.corp.example.com:443/"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://[::1]:5443", "https://[0:0:0:0:0:0:0:1]:5443"),
    ],
)
def test_one_address_in_two_ways_is_one_address(place: Place, one: str, other: str) -> None:
    assert refused(place, **{AUTHORIZE: one, DATABROKER: other})[0] == "service-url"


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("https://127.0.0.1:6000", "https://localhost:6000", "databroker and authorize"),
        ("https://localhost", "https://localhost:6000", "authorize and the proxy"),
        ("https://localhost:28082", "https://localhost:6000", "databroker's health check"),
        ("https://127.0.0.2:28080", "https://localhost:6000", ""),
        ("https://127.0.0.2:6000", "https://127.0.0.1:6000", ""),
    ],
)
def test_what_listens_on_one_machine_has_ports_of_its_own(
    tmp_path: Path, one: str, other: str, said: str
) -> None:
    place = Place(tmp_path, "# nothing\n")
    urls: dict[str, Value] = {AUTHORIZE: one, DATABROKER: other}
    if said:
        code, text = refused(place, **urls)
        assert code == "service-port"
        assert said in text
    else:
        assert place.plan(**urls).actions
    # In containers and on machines of their own each has all ports for itself.
    far = {key: str(url).replace("localhost", "here.example.com") for key, url in urls.items()}
    if "here" in "".join(far.values()):
        assert place.plan(**far).actions


def test_addresses_are_written_as_certificates_have_them(place: Place) -> None:
    urls: dict[str, Value] = {
        AUTHORIZE: "HTTPS://Authorize.Corp.Example.com.:5443/",
        DATABROKER: "https://b\u00fccher.example",
    }
    place.install(**urls)
    said = place.settings("proxy")
    assert "authorize_service_url: https://authorize.corp.example.com:5443\n" in said
    assert "databroker_service_url: https://xn--bcher-kva.example\n" in said


def test_the_configuration_that_all_are_made_from_is_none_of_theirs(tmp_path: Path) -> None:
    (tmp_path / "services/proxy").mkdir(parents=True)
    place = Place(tmp_path)
    place.config = tmp_path / "services/proxy/config.yaml"
    place.config.write_text(RICH)
    code, said = refused(place, **{DIRECTORY: str(tmp_path / "services")})
    assert code == "same-file"
    assert str(place.config) in said


def test_signing_in_needs_a_host_that_the_certificate_covers(place: Place) -> None:
    code, said = refused(place, **{AUTHENTICATE: "https://authenticate.example.org"})
    assert code == "service-without-certificate"
    assert "only for *.corp.example.com" in said
    assert refused(place, **{AUTHENTICATE: "https://127.0.0.1"})[0] == "service-url"


def test_autocert_has_no_certificate_for_signing_in(tmp_path: Path) -> None:
    route = "routes:\n  - from: https://app.corp.example.com\n    to: http://app\n"
    place = Place(tmp_path, route, strategy="autocert", names=("app.corp.example.com",))
    url: dict[str, Value] = {AUTHENTICATE: "https://app.corp.example.com"}
    known = {"autocert.directory": str(tmp_path / "kept"), "dns.resolvers": ("127.0.0.1:9",)}
    assert refused(place, **known, **url)[0] == "service-without-certificate"


def test_signing_in_needs_an_identity_provider(place: Place) -> None:
    code, said = refused(place, **{AUTHENTICATE: "https://authenticate.corp.example.com"})
    assert code == "service-without-idp"
    assert f"{place.config} names no identity provider" in said


def test_two_services_of_one_machine_cannot_have_one_port(tmp_path: Path) -> None:
    place = Place(tmp_path, RICH)
    code, said = refused(place, **{AUTHENTICATE: "https://authenticate.corp.example.com"})
    assert code == "service-port"
    assert "port 443" in said
    assert place.plan(
        **ELSEWHERE, **{AUTHENTICATE: "https://authenticate.corp.example.com"}
    ).actions


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"output.form": "env"}, "services-form"),
        ({"output.config": ""}, "services-config"),
    ],
)
def test_services_are_made_from_a_configuration_in_yaml(
    place: Place, more: dict[str, Value], code: str
) -> None:
    assert refused(place, **more)[0] == code


def test_in_kubernetes_there_is_no_split_mode(place: Place) -> None:
    code, said = refused(place, **{"output.target": "kubernetes"})
    assert code == "services-kubernetes"
    assert "Leave mtls.services off" in said
    wanted, nobody = Answers({"output.target": "kubernetes"}), Answers()
    (asked, *_) = QUESTIONS
    values: tuple[Value, Value] = (True, False)
    found = [asked.check(value, where) for value in values for where in (wanted, nobody)]
    assert [one and one.code for one in found] == ["services-kubernetes", None, None, None]


# ── golden ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["here", "elsewhere", "docker"])
def test_the_configurations_are_the_golden_ones(where: str, tmp_path: Path) -> None:
    """`UPDATE_GOLDEN=1` writes them."""
    more: dict[str, Value] = {}
    if where == "elsewhere":
        more = {**ELSEWHERE}
    if where == "docker":
        more = {"output.target": "docker", "docker.compose": str(tmp_path / "compose.yaml")}
    place = Place(tmp_path, RICH)
    place.install(**more)
    lines = []
    for service in ("databroker", "authorize", "authenticate", "proxy"):
        lines += [f"── {service}", place.settings(service)]
    steps = place.plan(**more).next_steps
    for step in (one for one in steps if str(place.state) not in one.line):
        lines += [f"── {step.what}", step.line]
    text = "\n".join(lines).replace(str(tmp_path), "").replace(f"{os.getuid()}:{os.getgid()}", "ME")
    golden = GOLDEN / f"{where}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()
