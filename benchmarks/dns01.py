"""Wildcard and apex by dns-01 and DNS updates, each run with a new account, beside others.

Pebble, without its sleeps, validates what one name server of the tests' lab serves.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.local_ca import WIZARD
from benchmarks.pairs import Case

HERE = Path(__file__).parent
CERTBOT = HERE.parent / ".tools/certbot/bin/certbot"
HOOK = """#!/bin/sh
printf 'server {server}\\nzone {zone}\\nupdate add _acme-challenge.{zone}. 60 TXT %s\\nsend\\n' \\
  "$CERTBOT_VALIDATION" | nsupdate -k {folder}/key
"""


class Cases(NamedTuple):
    """The commands: ours for two names and for a hundred, the bare library, certbot."""

    wildcard: Case
    hundred: Case
    bare: Case
    certbot: Case

    @property
    def compared(self) -> tuple[tuple[Case, Case, float], ...]:
        """Ours, theirs, and the most that our time may be of theirs."""
        pairs = ((self.wildcard, self.bare, 2.0), (self.hundred, self.wildcard, 3.0))
        return (*pairs, (self.wildcard, self.certbot, 0.25)) if CERTBOT.exists() else pairs


@contextmanager
def cases() -> Iterator[Cases]:
    """The commands, while the servers that they need are running."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import acme_lab  # noqa: PLC0415  beside the tests, which have it on their path
    import dns_lab  # noqa: PLC0415

    with (
        tempfile.TemporaryDirectory() as name,
        dns_lab.running() as lab,
        lab.inside(),
        # A resolver in between would remember the values of the run before.
        acme_lab.pebble(
            Path(name), f"{lab.primary.address}:53", env={"PEBBLE_WFE_NONCEREJECT": "0"}
        ) as authority,
    ):
        folder = Path(name)
        zone = lab.zone(nameservers={"ns1": (lab.primary.address,)})
        key, server = zone.tsig, lab.primary.address
        (folder / "secret").write_text(key.secret)
        (folder / "key").write_text(
            f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n'
        )
        hook = folder / "hook"
        hook.write_text(HOOK.format(server=server, zone=zone.name, folder=folder))
        hook.chmod(0o755)
        given = {
            "strategy": "dns-01",
            "dns_01.authority": "custom",
            "dns_01.directory_url": authority.directory,
            "dns_01.ca_bundle": str(authority.ca_bundle),
            "dns_01.accept_terms": "yes",
            "dns_01.provider.name": "rfc2136",
            "dns_01.provider.tsig_name": key.name,
            "dns_01.provider.tsig_algorithm": key.algorithm,
            "dns_01.provider.tsig_secret": f"file:{folder}/secret",
            "dns.resolvers": "127.0.0.53",
            "output.directory": "{dir}/tls",
            "output.config": "{dir}/config.yaml",
        }

        def ours(what: str, names: str) -> Case:
            sets = [f"{key}={value}" for key, value in {**given, "names": names}.items()]
            words = (word for one in sets for word in ("--set", one))
            return Case(f"pomcert-wizard: {what}", (WIZARD, "--state-dir", "{dir}/state", *words))

        bare = (authority.directory, str(authority.ca_bundle), zone.name, server)
        bare = (*bare, key.name, key.algorithm, key.secret, "{dir}/cert.pem")
        certbot = (
            *(str(CERTBOT), "certonly", "--manual", "--preferred-challenges", "dns", "-n"),
            *("--manual-auth-hook", str(hook), "--server", authority.directory, "--agree-tos"),
            *("--register-unsafely-without-email", "-d", zone.name, "-d", f"*.{zone.name}"),
            *("--config-dir", "{dir}/c", "--work-dir", "{dir}/w", "--logs-dir", "{dir}/l"),
        )
        yield Cases(
            ours("wildcard and apex by dns-01", f"*.{zone.name},{zone.name}"),
            ours("a hundred names", ",".join(f"h{n}.{zone.name}" for n in range(100))),
            Case("acme, the library alone", (sys.executable, str(HERE / "bare_acme.py"), *bare)),
            Case("certbot with a hook", certbot, {"REQUESTS_CA_BUNDLE": str(authority.ca_bundle)}),
        )
