"""A machine whose Pomerium leads to applications with TLS of their own, and their files."""

from pathlib import Path

from bundle_support import CA, Forge

from wizard.core.answers import Answers
from wizard.core.events import Event
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

FROM = "https://app.localhost.pomerium.io"
CLIENT = """\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth"""
CONFIG = f"""\
# Ours since 2021.
address: :443   # everywhere
routes:
  - from: {FROM}   # the app
    to: https://127.0.0.1:9
    prefix: /one
  - from: https://other.localhost.pomerium.io
    to: http://other

  # the rest of the app
  - {{from: "{FROM}", to: [https://127.0.0.1:9]}}
"""


def forge_clients(forge: Forge) -> None:
    """Adds what an application of the company and Pomerium have: `app`, `pomerium`."""
    site = "subjectAltName=DNS:app.internal,DNS:localhost\nextendedKeyUsage=serverAuth"
    forge.issue("app", "issuing", extensions=site, subject="/CN=app")
    forge.issue("pomerium", "issuing", extensions=CLIENT, subject="/CN=pomerium")
    forge.issue("others", "", extensions=CA, subject="/CN=Other Root")
    (forge.folder / "pomerium-chain.pem").write_bytes(forge.pem("issuing", "pomerium"))
    (forge.folder / "app-chain.pem").write_bytes(forge.pem("app", "issuing"))
    (forge.folder / "shown.pem").write_bytes(forge.pem("pomerium", "issuing"))


def line(forge: Forge, origin: str = FROM, **more: str) -> str:
    """A table for the application, with its files."""
    fields = {
        "ca": "root.pem",
        "certificate": "pomerium-chain.pem",
        "key": "pomerium.key",
        "server_name": "",
        **more,
    }
    paths = {name: forge.folder / text for name, text in fields.items() if text}
    if fields["server_name"]:
        paths["server_name"] = Path(fields["server_name"])
    return " ".join([origin, *(f"{name}={text}" for name, text in paths.items())])


class Place:
    """A machine with a configuration of somebody's own."""

    def __init__(self, folder: Path, text: str = CONFIG) -> None:
        self.system = System(env={"HOME": str(folder)}, root=folder)
        self.folder, self.state = folder, folder / "state"
        self.config = folder / "config.yaml"
        self.config.write_text(text)

    def session(self, *lines: str, **more: Value) -> Session:
        values: dict[str, Value] = {
            "names": ("*.localhost.pomerium.io",),
            "local_ca.stores": (),
            "output.directory": str(self.folder / "tls"),
            "output.config": str(self.config),
            "output.owner": "",
            "output.target": "files",
            "mtls.upstream": lines,
            **{key.replace("__", "."): value for key, value in more.items()},
        }
        return Session(self.system, self.state, Answers(values))

    def install(self, *lines: str, **more: Value) -> list[Event]:
        session = self.session(*lines, **more)
        return list(session.apply(session.plan(), may_ask=False, with_clients=False))

    def files(self) -> dict[str, tuple[int, bytes]]:
        """The copies, with their modes."""
        return {
            path.name: (path.stat().st_mode & 0o777, path.read_bytes())
            for path in sorted((self.folder / "tls/upstream").glob("*"))
        }
