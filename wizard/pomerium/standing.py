"""What is told of a configuration only where somebody asks how it stands."""

from collections.abc import Iterator

from wizard.pomerium import trap_files
from wizard.pomerium.document import Document, lookup, string
from wizard.pomerium.lint import Problem
from wizard.pomerium.routes import covers, hosts
from wizard.pomerium.store import LETSENCRYPT
from wizard.pomerium.trap_files import Read, nothing
from wizard.pomerium.traps import FORGETS, KEEP, ROUTE_LISTS, is_on, problem


def standing_traps(document: Document, read: Read = nothing) -> tuple[Problem, ...]:
    """What is told of a configuration only where somebody asks how it stands.

    Whoever plans autocert has looked for its traps with more at hand, and most people keep their
    sessions in memory without a choice.
    """
    return (*_autocert(document, read), *_forgotten(document))


def _autocert(document: Document, read: Read) -> Iterator[Problem]:
    switch = lookup(document.root, "autocert")
    if switch is None or not is_on(switch):
        return
    starred = [host for host in hosts(document) if "*" in host]
    if starred:
        text = f"autocert gets no certificate for {starred[0]}: it cannot do DNS-01."
        yield problem(
            "autocert-wildcard-route",
            "autocert",
            switch,
            text,
            "A route with a star needs a wildcard certificate of its own.",
        )
    redirect = string(lookup(document.root, "http_redirect_addr")) or ""
    if not redirect.strip("\"'").endswith(":80"):
        text = (
            "Pomerium answers HTTP-01 only where `http_redirect_addr` has port 80; without it "
            "port 443 must be open to the authority."
        )
        yield problem(
            "autocert-port-80", "autocert", switch, text, "Set `http_redirect_addr: :80`."
        )
    staple = lookup(document.root, "autocert_must_staple")
    authority = string(lookup(document.root, "autocert_ca")) or LETSENCRYPT
    if staple is not None and is_on(staple) and "letsencrypt.org" in authority:
        text = (
            f"`autocert_must_staple` (line {staple.line}) brings no certificate: Let's Encrypt "
            "refuses such orders since 2025."
        )
        yield problem("autocert-must-staple", "autocert_must_staple", staple, text, "Delete it.")
    for where, listed in trap_files.listed(document, read):
        covered = [h for h in hosts(document) if h not in listed and covers(listed, h)]
        if covered and "*" not in covered[0]:
            text = (
                f"{where} covers {covered[0]}, but autocert gets a certificate for that name all "
                "the same, and it is served instead."
            )
            yield problem(
                "autocert-manual-wildcard", "autocert", switch, text, "Keep one of the two."
            )


def _forgotten(document: Document) -> Iterator[Problem]:
    routes = next(filter(None, (lookup(document.root, key) for key in ROUTE_LISTS)), None)
    kind = lookup(document.root, "databroker_storage_type")
    if routes is not None and routes.items and string(kind) is None:
        text = f"Without `databroker_storage_type` sessions are kept in memory: {FORGETS}"
        yield problem("sessions-in-memory", "databroker_storage_type", routes, text, KEEP)
