"""Python requests, the library."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from . import Client, Target, Verdict
from .process import PAGE


class _Named(HTTPAdapter):
    """Connects to the address in the URL, and holds the certificate against another name."""

    def __init__(self, host_name: str) -> None:
        self._host_name = host_name
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **settings: Any) -> None:
        names = {"server_hostname": self._host_name, "assert_hostname": self._host_name}
        super().init_poolmanager(*sizes, **settings, **names)


def load(target: Target) -> Verdict:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", _Named(target.host_name))
        try:
            answer = session.get(
                f"https://127.0.0.1:{target.port}/",
                headers={"Host": target.host_name},
                verify=str(target.root_pem),
                timeout=10,
            )
        except requests.RequestException as error:
            return Verdict(accepted=False, detail=str(error))
    return Verdict(answer.text == PAGE, f"{answer.status_code} {answer.text}")


CLIENT = Client("python-requests", (), load, "permitted subtree violation")
