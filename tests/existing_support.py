"""What the tests of a certificate that is there already share: its forms, and how it is served."""

from collections.abc import Callable
from pathlib import Path

from bundle_support import APEX, HOST, NAME, PASSWORD, SITE, Forge
from cli_support import Outcome, Wizard
from conftest import Need
from e2e.pomerium import judge

from wizard.doctor.handshake import serve, shake_hands

STEM = "tls/_wildcard.corp.example.com"
BASE = ("strategy=existing", "output.directory=tls", "output.config=config.yaml", "output.owner=")
SECRET = {"existing.password": "env:PASSWORD"}
Answers = dict[str, str]
Make = Callable[[Forge, Path], Answers]


def company(folder: Path, need: Need) -> Wizard:
    """The wizard where a company keeps its certificates in `mine`."""
    for command in ("keytool", "certutil", "pk12util"):
        need(command)
    (folder / "mine").mkdir()
    return Wizard(folder, env={"PASSWORD": PASSWORD})


def words(answers: Answers, *more: str) -> list[str]:
    pairs = [*BASE, *(f"{key}={value}" for key, value in answers.items()), *more]
    return [word for pair in pairs for word in ("--set", pair)]


def install(wizard: Wizard, answers: Answers, *more: str) -> Outcome:
    return wizard(*words(answers, *more))


def check_served(wizard: Wizard, forge: Forge, *, root: str = "root") -> None:
    """A client that has nothing but the root accepts it, and so does Pomerium's own loader."""
    files = wizard.folder / f"{STEM}.pem", wizard.folder / f"{STEM}-key.pem"
    with serve(*files) as port:
        for host in (HOST, APEX):
            assert "TLSv1.3" in shake_hands(port, host, forge.folder / f"{root}.pem")
    assert files[1].stat().st_mode & 0o777 == 0o600
    verdict = judge(wizard.folder / "config.yaml")
    assert (verdict.error, verdict.unknown) == ("", frozenset())
    assert verdict.certificates == ((NAME, APEX),)
    assert verdict.hosts == {HOST: True}


def one_file(*parts: str, name: str = "all.pem") -> Make:
    """Parts of the forge in one file."""

    def make(forge: Forge, mine: Path) -> Answers:
        (mine / name).write_bytes(forge.pem(*parts))
        return {"existing.certificate": f"mine/{name}"}

    return make


def encrypted(command: str) -> Make:
    """The certificate with its chain, and beside it the key as openssl encrypts it."""

    def make(forge: Forge, mine: Path) -> Answers:
        (mine / "site.pem").write_bytes(forge.pem("site", "issuing"))
        forge.openssl(f"{command} -in site.key -out {mine}/site.key -passout env:PASSWORD")
        return {"existing.certificate": "mine/site.pem", **SECRET}

    return make


def pkcs12(options: str = "") -> Make:
    def make(forge: Forge, mine: Path) -> Answers:
        forge.pkcs12(mine / "site.pfx", words=options)
        return {"existing.certificate": "mine/site.pfx", **SECRET}

    return make


def certbot(forge: Forge, mine: Path) -> Answers:
    """Its directory, with links into the archive as certbot makes them."""
    archive, live = mine / "archive/corp", mine / "live/corp"
    for folder in (archive, live, mine / "renewal"):
        folder.mkdir(parents=True)
    parts = {
        "cert": ("site",),
        "chain": ("issuing",),
        "fullchain": ("site", "issuing"),
        "privkey": ("site.key",),
    }
    for stem, names in parts.items():
        (archive / f"{stem}1.pem").write_bytes(forge.pem(*names))
        (live / f"{stem}.pem").symlink_to(f"../../archive/corp/{stem}1.pem")
    (live / "README").write_text("This directory contains your keys and certificates.\n")
    (mine / "renewal/corp.conf").write_text("version = 5.8.0\n")
    return {"existing.certificate": "mine/live/corp"}


def acme_sh(forge: Forge, mine: Path) -> Answers:
    folder = mine / "corp.example.com_ecc"
    folder.mkdir()
    for name, parts in {
        "corp.example.com.cer": ("site",),
        "ca.cer": ("issuing",),
        "fullchain.cer": ("site", "issuing"),
        "corp.example.com.key": ("site.key",),
        "corp.example.com.csr": ("site.csr",),
    }.items():
        (folder / name).write_bytes(forge.pem(*parts))
    (folder / "corp.example.com.conf").write_text("Le_Domain='corp.example.com'\nLe_Alt='no'\n")
    return {"existing.certificate": "mine/corp.example.com_ecc"}


def lego(forge: Forge, mine: Path) -> Answers:
    """One directory for all domains, `_` for the star."""
    other = SITE.replace(APEX, "other.example.org")
    forge.issue("other", "issuing", extensions=other)
    for stem, name in (("_.corp.example.com", "site"), ("other.example.org", "other")):
        (mine / f"{stem}.crt").write_bytes(forge.pem(name, "issuing"))
        (mine / f"{stem}.issuer.crt").write_bytes(forge.pem("issuing"))
        (mine / f"{stem}.key").write_bytes(forge.pem(f"{name}.key"))
        (mine / f"{stem}.json").write_text('{"domain": "x", "certUrl": "https://x"}\n')
    return {"existing.certificate": "mine", "names": f"{NAME},{APEX}"}


def lego_file(forge: Forge, mine: Path) -> Answers:
    lego(forge, mine)
    return {"existing.certificate": "mine/_.corp.example.com.crt"}


def caddy(forge: Forge, mine: Path) -> Answers:
    folder = mine / "wildcard_.corp.example.com"
    folder.mkdir()
    stem = folder / folder.name
    stem.with_name(f"{stem.name}.crt").write_bytes(forge.pem("site", "issuing"))
    stem.with_name(f"{stem.name}.key").write_bytes(forge.pem("site.key"))
    stem.with_name(f"{stem.name}.json").write_text('{"sans": [], "issuer_data": {}}\n')
    return {"existing.certificate": f"mine/{folder.name}"}
