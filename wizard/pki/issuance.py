"""Issuing: what a certificate is to be, whether what stands will do, and what is made if not."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from wizard.core.errors import WizardError
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki import chain, keys
from wizard.pki.authority import Authority, create
from wizard.pki.leaf import Leaf, granted, issue
from wizard.pki.material import Installed


class Terms(NamedTuple):
    """What was asked for: of a certificate and of the authority that issues it."""

    names: tuple[str, ...]
    key_type: str
    lifetime: timedelta
    constrain: bool


def misfit(authority: Authority, terms: Terms, now: datetime, *, is_renewal: bool) -> str:
    """Why an authority cannot go on, in words, or nothing.

    A renewal takes one of another kind: two certificates that asked for different kinds would else
    replace each other's root for ever.
    """
    ends = authority.issuer.not_valid_after_utc
    is_constrained = authority.permitted is not None
    if not authority.permits(terms.names):
        return "it is limited to other names"
    if ends <= now + terms.lifetime:
        return f"it ends on {ends:%Y-%m-%d}, before a new certificate would"
    if not is_renewal and is_constrained != terms.constrain:
        return f"it is {'limited' if is_constrained else 'not limited'} to its names"
    if not is_renewal and keys.type_of(authority.issuer_key) != terms.key_type:
        return "it has another kind of key"
    return ""


class Issuance:
    """What is made at apply, each once: the authority, unless there is one, and the leaf."""

    def __init__(
        self,
        terms: Terms,
        system: System,
        standing: Authority | None,
        covered: tuple[str, ...],
        installed: Installed,
    ) -> None:
        """`covered` is what a new root would be for; `standing` is the one that fits already."""
        self.terms = terms
        self.system = system
        self.standing = standing
        self.covered = covered
        self.installed = installed

    @cached_property
    def authority(self) -> Authority:
        """The authority that stands, or a new one for all names it must cover."""
        return self.standing or create(
            self.covered,
            now=self.system.now(),
            key_type=self.terms.key_type,
            constrain=self.terms.constrain,
        )

    @cached_property
    def current(self) -> Leaf | None:
        """The installed leaf: this authority's, made for these terms, with life left."""
        chain_file, key_file = self.installed.chain, self.installed.key
        if chain_file is None or key_file is None or self.standing is None:
            return None
        certificate, *issuers = chain.read(chain_file.content, str(self.installed.chain_path))
        key = keys.from_pem(key_file.content, str(self.installed.key_path))
        names, now = self.terms.names, self.system.now()
        if not (
            chain.belongs(certificate, key)
            and set(chain.names_of(certificate)) == set(names)
            and keys.type_of(key) == self.terms.key_type
            and chain.lifetime(certificate) == granted(self.terms.lifetime)
            and not chain.is_due(certificate, now)
        ):
            return None
        try:
            chain.verify(certificate, issuers, self.standing.root, names, now)
        except WizardError:
            return None
        return Leaf(certificate, key, tuple(issuers))

    @cached_property
    def leaf(self) -> Leaf:
        """The installed certificate where it is good, else a new one."""
        return self.current or issue(
            self.authority,
            self.terms.names,
            now=self.system.now(),
            lifetime=self.terms.lifetime,
            key_type=self.terms.key_type,
        )

    def root_pem(self) -> bytes:
        """The root."""
        return chain.to_pem([self.authority.root])

    def issuer_pem(self) -> bytes:
        """The issuer."""
        return chain.to_pem([self.authority.issuer])

    def issuer_key(self) -> bytes:
        """The issuer's key, for its own file."""
        return keys.to_pem(self.authority.issuer_key).reveal()

    def chain_pem(self) -> bytes:
        """The leaf and what issued it."""
        return chain.to_pem([self.leaf.certificate, *self.leaf.issuers])

    def key(self) -> Secret:
        """The leaf's key."""
        return keys.to_pem(self.leaf.key)
