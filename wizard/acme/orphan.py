"""An order that was made while a run was cut off, so that nobody wrote its URL down."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wizard.acme import shelf
from wizard.acme.session import Reply, Session


def find(session: Session, account_url: str, state: Path, names: Sequence[str]) -> Reply | None:
    """An open order of the account for these names that no shelf has (RFC 8555, 7.1.2.1).

    Where an authority lists none, it mostly gives the same order again when asked for the same.
    """
    known = shelf.known(state)
    page = str(session.post(account_url, None).json.get("orders", ""))
    while page:
        listed = session.post(page, None)
        for url in map(str, _list(listed.json.get("orders"))):
            if url in known:
                continue
            found = session.post(url, None)
            rows = _list(found.json.get("identifiers"))
            asked = {str(row.get("value")) for row in rows if isinstance(row, Mapping)}
            if asked == set(names) and found.json.get("status") in {"pending", "ready"}:
                return found._replace(location=url)
        page = listed.links.get("next", "")
    return None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
