"""What there is to choose from. Tables of strings, so that naming a part imports none of it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final, NamedTuple


class Info(NamedTuple):
    """A part in words: its name in answers, a title, and one line for someone who must choose."""

    id: str
    title: str
    summary: str


STRATEGIES: Final = {
    "local-ca": "wizard.strategies.local_ca:LocalCa",
    "dns-01": "wizard.strategies.dns01:Dns01",
    "autocert": "wizard.strategies.autocert:Autocert",
    "existing": "wizard.strategies.existing:Existing",
}
STORES: Final = {
    "linux": "wizard.trust.linux:LinuxStore",
    "macos": "wizard.trust.macos:MacosStore",
    "windows": "wizard.trust.windows:WindowsStore",
    "nss": "wizard.trust.nss:NssStore",
    "java": "wizard.trust.java:JavaStore",
}
TARGETS: Final = {
    "files": "wizard.targets.files:Files",
    "systemd": "wizard.targets.systemd:Systemd",
    "docker": "wizard.targets.docker:Docker",
    "kubernetes": "wizard.targets.kubernetes:Kubernetes",
}
HOPS: Final = {
    "downstream": "wizard.mtls.downstream:Downstream",
    "upstream": "wizard.mtls.upstream:Upstream",
    "services": "wizard.mtls.services:Services",
}
PROVIDERS: Final = {
    "manual": "wizard.dns.providers.manual:Manual",
    "rfc2136": "wizard.dns.providers.rfc2136:Rfc2136",
    "command": "wizard.dns.providers.command:Command",
    "lexicon": "wizard.dns.providers.lexicon:Lexicon",
}
UNDO: Final = {
    "file": "wizard.core.actions:RestoreFile",
    "trust": "wizard.trust.action:RestoreTrust",
    "unit": "wizard.targets.systemd:RestoreDropIn",
}


def load(table: Mapping[str, str], name: str) -> object:
    """Imports and returns what a table names; the caller knows what it is.

    Raises:
        KeyError: the table does not know the name.
    """
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
