"""A certificate that is there already, afterwards: found, renewed by others, handed on."""

import shutil
from pathlib import Path

import pytest
from bundle_support import APEX, NAME, SITE, Forge
from cli_support import Wizard, tree
from conftest import REPOSITORY, Need
from existing_support import (
    STEM,
    Make,
    acme_sh,
    caddy,
    certbot,
    check_served,
    company,
    install,
    lego_file,
    one_file,
    words,
)

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rules")]


@pytest.fixture
def wizard(tmp_path: Path, need: Need) -> Wizard:
    return company(tmp_path, need)


def test_a_new_file_in_the_old_place_is_installed_by_renew_and_by_the_same_answers(
    forge: Forge, wizard: Wizard
) -> None:
    answers = certbot(forge, wizard.folder / "mine")
    assert install(wizard, answers).status == 0
    archive = wizard.folder / "mine/archive/corp"
    for number, how in ((1, ("renew",)), (2, words(answers)), (3, ("renew", "--name", APEX))):
        quiet = wizard("renew")
        assert (quiet.status, "Nothing to do" in quiet.err) == (0, True)
        forge.issue(f"again{number}", "issuing")
        (archive / "cert1.pem").write_bytes(forge.pem(f"again{number}"))
        (archive / "fullchain1.pem").write_bytes(forge.pem(f"again{number}", "issuing"))
        (archive / "privkey1.pem").write_bytes(forge.pem(f"again{number}.key"))
        assert "_wildcard.corp.example.com.pem" in wizard("status").out
        drift = wizard("status", "--json").rows()[0]["drift"]
        assert len(drift) == 2, drift  # type: ignore[arg-type]
        done = wizard(*how)
        assert done.status == 0, done.err
        installed = (wizard.folder / f"{STEM}.pem").read_bytes()
        assert installed == forge.pem(f"again{number}", "issuing")
        check_served(wizard, forge)


def test_a_renewal_that_lost_a_name_is_refused_and_the_old_one_stays(
    forge: Forge, wizard: Wizard
) -> None:
    answers = one_file("site", "issuing", "site.key")(forge, wizard.folder / "mine")
    assert install(wizard, answers).status == 0
    forge.issue("less", "issuing", extensions=SITE.replace(f",DNS:{APEX}", ""))
    one_file("less", "issuing", "less.key")(forge, wizard.folder / "mine")
    done = wizard("renew")
    assert done.status == 2
    assert f"not for {APEX}" in done.err
    check_served(wizard, forge)


def test_a_source_that_is_gone_is_told_by_status_and_keeps_no_other_from_renewing(
    forge: Forge, wizard: Wizard
) -> None:
    one_file("site", "issuing", "site.key")(forge, wizard.folder / "mine")
    moved = wizard.folder / "mine/moved.pem"
    shutil.copy(wizard.folder / "mine/all.pem", moved)
    assert install(wizard, {"existing.certificate": str(moved)}).status == 0
    wizard.install("--set", "output.directory=other", "--set", "output.config=other.yaml")
    moved.unlink()
    rows = wizard("status", "--json").rows()
    drifts = [str(row["drift"]) for row in rows if row["event"] == "certificate"]
    assert sum("There is no" in drift for drift in drifts) == 1, rows
    before = tree(wizard.folder / "other")
    done = wizard("renew", "--force")
    assert done.status == 2
    assert "[file-missing]" in done.err
    assert tree(wizard.folder / "other") != before
    check_served(wizard, forge)


def test_certbots_hook_is_written_runs_and_is_taken_back(forge: Forge, wizard: Wizard) -> None:
    mine = wizard.folder / "mine"
    answers = certbot(forge, mine)
    before = tree(mine)
    assert install(wizard, answers).status == 0
    (hook,) = (mine / "renewal-hooks/deploy").iterdir()
    assert hook.stat().st_mode & 0o777 == 0o755
    again = install(wizard, answers)
    assert "Nothing to do" in again.err

    def run(lineage: Path) -> None:
        paths = f"PYTHONPATH={REPOSITORY}"
        forge.run("env", paths, f"RENEWED_LINEAGE={lineage}", str(hook))

    forge.issue("renewed", "issuing")
    for stem, parts in {
        "cert": ("renewed",),
        "fullchain": ("renewed", "issuing"),
        "privkey": ("renewed.key",),
    }.items():
        (mine / f"archive/corp/{stem}1.pem").write_bytes(forge.pem(*parts))
    installed = wizard.folder / f"{STEM}.pem"
    run(mine / "live/another")
    assert installed.read_bytes() == forge.pem("site", "issuing")
    run(mine / "live/corp")
    assert installed.read_bytes() == forge.pem("renewed", "issuing")
    check_served(wizard, forge)
    certificates = {path: it for path, it in tree(mine).items() if "renewal-hooks" not in path}
    for _ in range(2):
        assert wizard("undo").status == 0
    assert not (mine / "renewal-hooks").exists()
    assert tree(mine) == certificates
    assert tree(mine).keys() == before.keys()
    assert not (wizard.folder / "tls").exists()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (acme_sh, "acme.sh --install-cert -d corp.example.com --ecc --reloadcmd '"),
        (lego_file, "--deploy-hook '"),
        (caddy, "from a timer"),
        (one_file("site", "issuing", "site.key"), "from a timer"),
    ],
)
def test_whoever_renews_it_is_told_how_to_hand_it_on(
    make: Make, line: str, forge: Forge, wizard: Wizard
) -> None:
    done = install(wizard, make(forge, wizard.folder / "mine"))
    assert line in done.err
    assert "renew --name" in done.err
    assert str(wizard.state) in done.err


def test_certificates_of_certbot_and_acme_sh_are_found(forge: Forge, wizard: Wizard) -> None:
    home = wizard.folder / "home"
    (home / ".acme.sh").mkdir(parents=True)
    (wizard.folder / "scratch").mkdir()
    acme_sh(forge, home / ".acme.sh")
    done = wizard("plan", "--json", *words({}))
    if Path("/etc/letsencrypt/live").exists():
        return
    (row,) = done.rows()
    assert row["answers"]["existing"]["certificate"].endswith(  # type: ignore[index]
        "home/.acme.sh/corp.example.com_ecc"
    )
    assert row["answers"]["names"] == [NAME, APEX]  # type: ignore[index]
