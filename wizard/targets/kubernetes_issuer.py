"""Who issues in a cluster: the ACME account that the answers ask for, and what it is given."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wizard.acme.authorities import AUTHORITIES, Authority, custom
from wizard.acme.eab import unpadded
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.secrets import Secret, resolve
from wizard.core.system import System
from wizard.pki import chain
from wizard.pki.names import never_public
from wizard.targets import kubernetes_solvers as solvers
from wizard.targets.kubernetes_manifests import (
    CERT_MANAGER,
    HTTP_01,
    Issuer,
    Resource,
    SecretFile,
    resource_name,
)


class Account(NamedTuple):
    """The ACME account that answers ask for, whatever strategy asked."""

    authority: Authority
    email: str
    profile: str
    ca_bundle: str
    eab: tuple[str, str]
    key_type: str


def _account(answers: Answers) -> Account:
    text = answers.text
    if text("strategy") == "autocert":
        usual = "letsencrypt-staging" if answers.flag("autocert.staging") else "letsencrypt"
        url = text("autocert.authority_url")
        known = (one for one in AUTHORITIES.values() if one.directory_url == url)
        return Account(
            next(known, custom(url)) if url else AUTHORITIES[usual],
            text("autocert.email"),
            "",
            text("autocert.trusted_ca"),
            (text("autocert.eab_key_id"), text("autocert.eab_hmac_key")),
            "ecdsa-p256",
        )
    url = text("dns_01.directory_url")
    return Account(
        custom(url) if url else AUTHORITIES[text("dns_01.authority")],
        text("dns_01.email"),
        text("dns_01.profile"),
        text("dns_01.ca_bundle"),
        (text("dns_01.eab_key_id"), text("dns_01.eab_hmac_key")),
        text("dns_01.key_type"),
    )


class Given(NamedTuple):
    """A key of a Secret, and its value for a file."""

    file: SecretFile
    value: Secret


class Wanted(NamedTuple):
    """The issuer, the key of what it issues, and the Secrets that it needs from here."""

    issuer: Issuer
    account: Account
    secrets: tuple[Given, ...]


def issuer_of(answers: Answers, system: System) -> Wanted:
    """Who issues in the cluster, and what it has to be given.

    Raises:
        UsageError: `eab-missing`, `solver-incomplete`, `secret-missing`.
    """
    account = _account(answers)
    problem = never_public(answers.texts("names"))
    if problem is not None and account.authority.id in AUTHORITIES:
        raise UsageError(*problem)
    # Another installation in the cluster has an issuer, a token and an account of its own.
    own = resource_name(answers.texts("names")[0])
    name = f"{own}-{account.authority.id}"
    secrets: list[Given] = []
    binding = _binding(system, account, name)
    secrets += [binding[1]] if binding else []
    solver = HTTP_01
    if answers.text("strategy") == "dns-01":
        solver, needed = _solver(answers, system, own)
        secrets += needed
    issuer = Issuer(
        name,
        account.authority.directory_url,
        solver,
        account.email,
        account.profile,
        _bundle(Path(account.ca_bundle), system) if account.ca_bundle else b"",
        binding[0] if binding else "",
        binding[1].file if binding else None,
    )
    return Wanted(issuer, account, tuple(secrets))


def _bundle(path: Path, system: System) -> bytes:
    """The root that vouches for the directory; without a certificate cert-manager refuses it.

    Raises:
        UsageError: `file-missing`.
        WizardError: it holds no certificate.
    """
    kept = system.keep(path)
    if kept is None:
        raise UsageError("file-missing", f"There is no file {path}.", "Name the root's PEM file.")
    return chain.to_pem(chain.read(kept.content, str(path)))


def _binding(system: System, account: Account, name: str) -> tuple[str, Given] | None:
    """The key id of an external account and the Secret with its HMAC key."""
    if not any(account.eab) and not account.authority.needs_eab:
        return None
    if not all(account.eab):
        raise UsageError(
            "eab-missing",
            f"{account.authority.title} ties accounts to one that you have there (EAB).",
            "Give both the key id and the HMAC key: env:NAME, file:/PATH.",
        )
    key_id, key = (resolve(one, system) for one in account.eab)
    file = SecretFile(f"{name}-eab", "hmac-key", CERT_MANAGER, "secrets/eab-hmac-key")
    return key_id.reveal().strip().decode(errors="replace"), Given(file, unpadded(key))


def _solver(answers: Answers, system: System, own: str) -> tuple[Resource, list[Given]]:
    """How the chosen provider is reached, and the Secrets with what is to be kept to oneself."""
    solvers.check(answers)
    chosen = solvers.SOLVERS[answers.text(solvers.SOLVER)]
    fields: Resource = {}
    secrets: list[Given] = []
    for option in chosen.options:
        said = answers.text(solvers.key_of(chosen, option.name))
        if not said:
            continue
        if not option.is_secret:
            fields[option.field] = said
            continue
        there = solvers.IN_CLUSTER.fullmatch(said)
        if there is not None:
            fields[option.field] = {"name": there["name"], "key": there["key"]}
            continue
        stem = option.name.replace("_", "-")
        file = SecretFile(
            f"{own}-{chosen.name}", stem, CERT_MANAGER, f"secrets/{chosen.name}-{stem}"
        )
        value = resolve(said, system)
        _refuse_other(option, f"{solvers.key_of(chosen, option.name)}: {said}", value)
        secrets.append(Given(file, value))
        fields[option.field] = file.reference()
    follow = {"cnameStrategy": "Follow"} if answers.flag(solvers.FOLLOW) else {}
    return {"dns01": {**follow, chosen.field: fields}}, secrets


def _refuse_other(option: solvers.Option, where: str, value: Secret) -> None:
    """Refuses what can be no such secret: another file, or quotes and blanks around it.

    Raises:
        UsageError: `secret-not-json`, `secret-not-one-word`.
    """
    if not option.is_json:
        if not re.fullmatch(rb"[^\s'\"](\S*[^\s'\"])?", value.reveal()):
            raise UsageError(
                "secret-not-one-word",
                f"{where} holds more than the secret.",
                "It must hold the secret alone, without quotes, blanks or other lines.",
            )
        return
    with suppress(ValueError):
        if isinstance(json.loads(value.reveal()), dict):
            return
    raise UsageError("secret-not-json", f"{where} holds no JSON.", option.why)
