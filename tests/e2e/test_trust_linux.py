"""The Linux store with the real tools: Debian's update-ca-certificates and p11-kit's trust.

Both run in a mount namespace with copies of what they write, as an ordinary user where the kernel
allows it; the host is hashed before and after.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Need
from trust_support import make_anchor

from wizard.trust.base import Anchor

pytestmark = pytest.mark.e2e

WRITTEN = (
    "/etc/ssl",
    "/etc/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates-java",
)
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
JAVA = Path("/etc/ssl/certs/java/cacerts")
# Runs inside the namespace: the wizard's own code, the machine's own tools, one line of JSON.
DRIVER = """
import json, os, ssl, subprocess, sys
from pathlib import Path
from wizard.core.system import System
from wizard.trust.base import Anchor
from wizard.trust.linux import LinuxStore

path, name, layout = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
anchor = Anchor(name, ssl.PEM_cert_to_DER_cert(path.read_text()), path)
(place,) = LinuxStore().places(System(root=Path(layout)))
os.umask(0o077)

def look(status):
    verify = ["openssl", "verify", "-CAfile", sys.argv[4], str(path)]
    java = Path("/etc/ssl/certs/java/cacerts")
    return {
        "trust": status.trust.value,
        "reason": status.reason,
        "openssl": subprocess.run(verify, capture_output=True).returncode == 0,
        "java": java.is_file() and anchor.der in java.read_bytes(),
        "ours": [one == anchor.der for one in place.ours()],
        "links": sorted(
            f"{path.name} -> {path.readlink()}"
            for path in Path("/etc/ssl/certs").iterdir()
            if path.is_symlink()
        ),
    }

steps = {"before": look(place.check(anchor)), "install": look(place.install(anchor))}
steps["again"] = look(place.install(anchor))
steps["uninstall"] = look(place.uninstall(anchor))
steps["gone"] = look(place.uninstall(anchor))
print(json.dumps(steps))
"""


def host() -> dict[str, str]:
    """What the machine itself trusts."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in WRITTEN
        for path in sorted(Path(root).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(autouse=True)
def _host_unchanged() -> object:
    before = host()
    yield
    assert host() == before


def in_namespace(need: Need, setup: str, *argv: str | Path) -> dict[str, dict[str, Any]]:
    """Runs the driver where `setup` has put copies over what it would write."""
    unshare = need("unshare")
    flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    probe = subprocess.run([unshare, *flags, "true"], capture_output=True, check=False)
    need.that(probe.returncode == 0, "no mount namespace", "allow user namespaces, or run as root")
    script = f'set -e\n{setup}\nexec "$@"'
    done = subprocess.run(
        [unshare, *flags, "/bin/sh", "-c", script, "sh", sys.executable, "-c", DRIVER, *argv],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def expect(answer: dict[str, dict[str, Any]]) -> None:
    told = {
        step: (seen["trust"], seen["openssl"], bool(seen["ours"])) for step, seen in answer.items()
    }
    assert told == {
        "before": ("none", False, False),
        "install": ("full", True, True),
        "again": ("full", True, True),
        "uninstall": ("none", False, False),
        "gone": ("none", False, False),
    }, answer


def copies(scratch: Path, paths: tuple[str, ...]) -> str:
    return "\n".join(
        f'if [ -d {path} ]; then mkdir -p "{scratch}{path}"; '
        f'cp -a {path}/. "{scratch}{path}/" 2>/dev/null || true; '
        f'mount --bind "{scratch}{path}" {path}; fi'
        for path in paths
    )


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return make_anchor(tmp_path)


def test_debian_with_its_own_update_ca_certificates(
    need: Need, tmp_path: Path, anchor: Anchor
) -> None:
    need("update-ca-certificates")
    need("openssl")
    answer = in_namespace(
        need, copies(tmp_path, WRITTEN), anchor.path, anchor.name, "/", str(BUNDLE)
    )
    expect(answer)


def test_debian_keeps_no_link_to_what_is_gone(need: Need, tmp_path: Path, anchor: Anchor) -> None:
    """Its update-ca-certificates looks for orphans only where it added or removed something."""
    need("update-ca-certificates")
    need("openssl")
    answer = in_namespace(
        need, copies(tmp_path, WRITTEN), anchor.path, anchor.name, "/", str(BUNDLE)
    )
    links = {step: one["links"] for step, one in answer.items()}
    assert len(links["install"]) == len(links["before"]) + 2
    assert links["uninstall"] == links["gone"] == links["before"]


def test_debian_leaves_nothing_in_the_java_keystore_its_hook_writes(
    need: Need, tmp_path: Path, anchor: Anchor
) -> None:
    need("update-ca-certificates")
    need("keytool")
    hook = Path("/etc/ca-certificates/update.d/jks-keystore")
    need.that(hook.is_file() and JAVA.is_file(), "no Java hook", "apt install ca-certificates-java")
    answer = in_namespace(
        need, copies(tmp_path, WRITTEN), anchor.path, anchor.name, "/", str(BUNDLE)
    )
    seen = {step: one["java"] for step, one in answer.items()}
    assert seen == {
        "before": False,
        "install": True,
        "again": True,
        "uninstall": False,
        "gone": False,
    }


P11_KIT = {
    # layout: the token p11-kit reads, the wrapper's name, the bundle it writes
    "fedora": (
        "/etc/pki/ca-trust/source",
        "update-ca-trust",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
    "arch": (
        "/etc/ca-certificates/trust-source",
        "trust",
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    ),
    "suse": (
        "/etc/pki/trust",
        "update-ca-certificates",
        "/var/lib/ca-certificates/ca-bundle.pem",
    ),
}


@pytest.mark.parametrize("layout", P11_KIT)
def test_real_p11_kit_in_a_layout_whose_wrapper_script_is_ours(
    need: Need, tmp_path: Path, anchor: Anchor, layout: str
) -> None:
    """The engine that reads anchors and writes the bundle is real; 3 lines around it are not."""
    trust = need("trust")
    need("openssl")
    shipped = Path("/usr/share/p11-kit/modules/p11-kit-trust.module")
    need.that(shipped.is_file(), "p11-kit has no trust module", "apt install p11-kit-modules")
    source, wrapper, bundle = P11_KIT[layout]
    root = tmp_path / "root"
    (root / source.strip("/") / "anchors").mkdir(parents=True)
    (root / bundle.strip("/")).parent.mkdir(parents=True)
    module = tmp_path / "modules/p11-kit-trust.module"
    module.parent.mkdir()
    module.write_text(f"{shipped.read_text()}\nx-init-reserved: paths='{root}{source}'\n")
    shim = tmp_path / "bin" / wrapper
    shim.parent.mkdir()
    shim.write_text(
        "#!/bin/sh\n"
        f"exec {trust} extract --overwrite --format=pem-bundle --filter=ca-anchors "
        f"--purpose server-auth {root}{bundle}\n"
    )
    shim.chmod(0o755)
    setup = f'mount --bind "{module.parent}" {shipped.parent}\nexport PATH="{shim.parent}:$PATH"'
    answer = in_namespace(need, setup, anchor.path, anchor.name, str(root), f"{root}{bundle}")
    expect(answer)
