"""Machines on which Pomerium's services run apart, each in one directory."""

from collections.abc import Mapping
from pathlib import Path

from wizard.core.answers import Answers
from wizard.core.events import Event, Finished
from wizard.core.plan import Plan, Renewal
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

SHARED = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COOKIE = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
RICH = f"""\
# Ours since 2021. Ask Kim.
address: :443   # everywhere
log_level: warn
shared_secret: {SHARED}   # of 2021
cookie_secret: '{COOKIE}'
Signing_Key: bm90IGEga2V5   # written with a capital
authenticate_service_url: https://authenticate.corp.example.com:8443
idp_provider: oidc
idp_provider_url: https://idp.corp.example.com
idp_client_id: "0123"
idp_client_secret: correct-horse-battery
databroker_storage_type: postgres
databroker_storage_connection_string: postgres://kim:hunter2hunter2@db/pomerium
timeout_read: 45s
downstream_mtls:
  ca_file: /etc/pomerium/clients.pem
  enforcement: policy
jwt_claims_headers: &claims {{X-Email: email}}
routes:
  - from: https://app.corp.example.com
    to: https://app.internal
    tls_custom_ca_file: /etc/pomerium/app-ca.pem   # theirs
    tls_client_cert_file: /etc/pomerium/app.pem
    tls_client_key_file: /etc/pomerium/app-key.pem
    policy: &staff
      - allow: {{or: [{{domain: {{is: corp.example.com}}}}]}}
  - from: https://wiki.corp.example.com
    to: http://wiki:8080
    timeout: 0s
    policy: *staff
"""
"""A configuration of somebody's own."""


class Place:
    """A machine whose services run apart."""

    def __init__(self, folder: Path, config: str = "", **answers: Value) -> None:
        self.folder, self.state = folder, folder / "state"
        self.config, self.directory = folder / "config.yaml", folder / "services"
        self.answers = answers
        if config:
            self.config.write_text(config)

    @property
    def system(self) -> System:
        return System(env={"HOME": str(self.folder)}, root=self.folder)

    def session(self, **more: Value) -> Session:
        values: Mapping[str, Value] = {
            "names": ("*.corp.example.com",),
            "local_ca.stores": (),
            "output.target": "files",
            "output.directory": str(self.folder / "tls"),
            "output.config": str(self.config),
            "output.owner": "",
            "mtls.services": True,
            **{key.replace("__", "."): value for key, value in {**self.answers, **more}.items()},
        }
        return Session(self.system, self.state, Answers(values))

    def plan(self, renewal: Renewal = Renewal.NO, **more: Value) -> Plan:
        return self.session(**more).plan(renewal)

    def install(self, **more: Value) -> list[Event]:
        session = self.session(**more)
        return list(session.apply(session.plan(), may_ask=False, with_clients=False))

    def files(self) -> dict[str, bytes]:
        """What the services have."""
        found = sorted(path for path in self.directory.rglob("*") if path.is_file())
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in found}

    def settings(self, service: str) -> str:
        """The configuration of a service."""
        return (self.directory / service / "config.yaml").read_text()


def outcome(events: list[Event]) -> str:
    """How a run ended."""
    (last,) = [event.outcome for event in events if isinstance(event, Finished)]
    return last
