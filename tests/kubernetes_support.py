"""Kubernetes' own code, judging folders of manifests; tests/e2e/kubernetes is the program."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conftest import REPOSITORY, Need

RULES = REPOSITORY / ".tools/bin/kubernetes-rules"
POLICY = REPOSITORY / ".tools/bin/pomerium-policy"


@dataclass(frozen=True)
class Judgement:
    """What a cluster says of what kustomize makes of a folder.

    `objects` are Kind/namespace/name, or Kind/name where there is no namespace. `errors` are what
    it refuses, each as Kind/name: path: why. `missing` are Secrets, keys of Secrets and issuers
    that the objects name but do not bring, each as Kind/name: path: what.
    """

    objects: tuple[str, ...]
    errors: tuple[str, ...]
    missing: tuple[str, ...]


def judge(directory: Path, need: Need) -> Judgement:
    """The judgement on a folder with a kustomization.yaml."""
    need.that(RULES.exists(), "Kubernetes' own code is not built", "`make test` builds it")
    need.that(POLICY.exists(), "Pomerium's policy code is not built", "`make test` builds it")
    done = subprocess.run([RULES, directory], capture_output=True, check=False, timeout=60)
    assert done.returncode in (0, 1), done.stderr.decode()
    told = json.loads(done.stdout)
    assert done.returncode == bool(told["errors"])
    objects = tuple(
        "/".join(filter(None, (row["kind"], row["namespace"], row["name"])))
        for row in told["objects"]
    )
    policies = [
        f"{where}: {why}" for where, text in told["policies"].items() if (why := _refused(text))
    ]
    return Judgement(objects, (*told["errors"], *policies), tuple(told["missing"]))


def _refused(policy: str) -> str:
    """Why Pomerium refuses the policy of a route, or nothing."""
    argv = [POLICY]
    done = subprocess.run(
        argv, input=policy, capture_output=True, check=True, text=True, timeout=60
    )
    return done.stdout.strip()
