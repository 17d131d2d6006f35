"""The judge of manifests takes what a cluster takes, and names what a cluster refuses."""

from pathlib import Path

import pytest
from conftest import Need
from kubernetes_support import judge

pytestmark = pytest.mark.e2e

GOOD = {
    "kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [namespace.yaml, pomerium.yaml, issuer.yaml, certificate.yaml, ingress.yaml]
generatorOptions:
  disableNameSuffixHash: true
secretGenerator:
  - name: cloudflare
    namespace: cert-manager
    envs: [cloudflare.env]
  - name: app-ca
    namespace: default
    literals: [ca.pem=secret]
  - name: bootstrap
    namespace: pomerium
    literals: [shared_secret=secret]
""",
    "cloudflare.env": "api-token=secret\n",
    "namespace.yaml": """\
apiVersion: v1
kind: Namespace
metadata:
  name: pomerium
""",
    "pomerium.yaml": """\
apiVersion: ingress.pomerium.io/v1
kind: Pomerium
metadata:
  name: global
spec:
  secrets: pomerium/bootstrap
  certificates: [pomerium/wildcard]
  downstreamMtls:
    ca: c2VjcmV0
    enforcement: policy
""",
    "issuer.yaml": """\
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata:
  name: letsencrypt
spec:
  acme:
    server: https://acme.example/directory
    email: you@example.com
    privateKeySecretRef:
      name: letsencrypt-account
    solvers:
      - dns01:
          cloudflare:
            apiTokenSecretRef:
              name: cloudflare
              key: api-token
""",
    "certificate.yaml": """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: wildcard
  namespace: pomerium
spec:
  secretName: wildcard
  dnsNames: ["*.example.com"]
  issuerRef:
    name: letsencrypt
    kind: ClusterIssuer
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
""",
    "ingress.yaml": """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: app
  namespace: default
  annotations:
    ingress.pomerium.io/pass_identity_headers: "true"
    ingress.pomerium.io/policy: |
      - allow: {or: [{email: {is: user@example.com}}]}
spec:
  ingressClassName: pomerium
  rules:
    - host: app.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: app
                port:
                  number: 80
""",
}
REFUSED = {
    "a field that a Pomerium lacks": (
        "pomerium.yaml",
        ("  certificates:", "  certificate:"),
        "Pomerium/global: spec.certificate: unknown field",
    ),
    "an enforcement that is none": (
        "pomerium.yaml",
        ("enforcement: policy", "enforcement: strict"),
        "Pomerium/global: spec.downstreamMtls.enforcement: Unsupported value",
    ),
    "a Pomerium without its secrets": (
        "pomerium.yaml",
        ("  secrets: pomerium/bootstrap\n", ""),
        "Pomerium/global: spec.secrets: Required value",
    ),
    "an authority that is not base64": (
        "pomerium.yaml",
        ("c2VjcmV0", "-----BEGIN"),
        "Pomerium/global: spec.downstreamMtls.ca: Invalid value",
    ),
    "an authenticate service without an identity provider": (
        "pomerium.yaml",
        ("spec:\n", "spec:\n  authenticate: {url: 'https://a.example.com'}\n"),
        "Pomerium/global: spec.identityProvider: Required value",
    ),
    "a provider that needs a secret": (
        "pomerium.yaml",
        (
            "spec:\n",
            (
                "spec:\n  authenticate: {url: 'https://a.example.com'}\n"
                "  identityProvider: {provider: google}\n"
            ),
        ),
        "Pomerium/global: spec.identityProvider.secret: Required value",
    ),
    "a Secret without its namespace": (
        "pomerium.yaml",
        ("[pomerium/wildcard]", "[wildcard]"),
        "Pomerium/global: spec.certificates[0]: Invalid value",
    ),
    "a Pomerium in a namespace": (
        "pomerium.yaml",
        ("name: global\n", "name: global\n  namespace: pomerium\n"),
        "Pomerium/global: metadata.namespace: Forbidden",
    ),
    "a solver that is none": (
        "issuer.yaml",
        ("cloudflare:\n            api", "cloudfare:\n            api"),
        "ClusterIssuer/letsencrypt: spec.acme.solvers[0].dns01.cloudfare: unknown field",
    ),
    "a solver of two kinds": (
        "issuer.yaml",
        ("dns01:\n", "http01: {ingress: {ingressClassName: pomerium}}\n        dns01:\n"),
        "ClusterIssuer/letsencrypt: spec.acme.solvers[0]: Forbidden",
    ),
    "an issuer without a server": (
        "issuer.yaml",
        ("    server: https://acme.example/directory\n", ""),
        "ClusterIssuer/letsencrypt: spec.acme.server: Required value",
    ),
    "a field that a certificate lacks": (
        "certificate.yaml",
        ("dnsNames", "dnsName"),
        "Certificate/wildcard: spec.dnsName: unknown field",
    ),
    "a size in quotes": (
        "certificate.yaml",
        ("size: 256", "size: '256'"),
        "Certificate/wildcard: spec.privateKey.size: Invalid value",
    ),
    "an algorithm that is none": (
        "certificate.yaml",
        ("ECDSA", "DSA"),
        "Certificate/wildcard: spec.privateKey.algorithm: Unsupported value",
    ),
    "a certificate without names": (
        "certificate.yaml",
        ('  dnsNames: ["*.example.com"]\n', ""),
        "Certificate/wildcard: spec: Invalid value",
    ),
    "a size that no curve has": (
        "certificate.yaml",
        ("size: 256", "size: 255"),
        "Certificate/wildcard: spec.privateKey.size: Unsupported value",
    ),
    "an issuer of a kind that is none": (
        "certificate.yaml",
        ("kind: ClusterIssuer", "kind: Cluster"),
        "Certificate/wildcard: spec.issuerRef.kind: Invalid value",
    ),
    "a field that an Ingress lacks": (
        "ingress.yaml",
        ("ingressClassName", "ingressClass"),
        "Ingress/app: spec.ingressClass: unknown field",
    ),
    "a path without a type": (
        "ingress.yaml",
        ("            pathType: Prefix\n", ""),
        "Ingress/app: spec.rules[0].http.paths[0].pathType: Required value",
    ),
    "a port that is no number": (
        "ingress.yaml",
        ("number: 80", "number: http"),
        "Ingress/app: spec.rules[0].http.paths[0].backend.service.port.number: Invalid value",
    ),
    "a path type that is none": (
        "ingress.yaml",
        ("pathType: Prefix", "pathType: prefix"),
        "Ingress/app: spec.rules[0].http.paths[0].pathType: Unsupported value",
    ),
    "a host that is none": (
        "ingress.yaml",
        ("host: app", "host: _app"),
        "Ingress/app: spec.rules[0].host: Invalid value",
    ),
    "an annotation that Pomerium does not know": (
        "ingress.yaml",
        ("pass_identity_headers", "pass_identity_header"),
        "Ingress/app: metadata.annotations.ingress.pomerium.io/pass_identity_header: unknown",
    ),
    "a switch that is neither on nor off": (
        "ingress.yaml",
        ('"true"', '"yes"'),
        "Ingress/app: metadata.annotations.ingress.pomerium.io/pass_identity_headers: neither",
    ),
    "a policy that is not YAML": (
        "ingress.yaml",
        ("{or: [", "{or: "),
        "Ingress/app: metadata.annotations.ingress.pomerium.io/policy: yaml",
    ),
    "a policy for what Pomerium cannot ask": (
        "ingress.yaml",
        ("email: {", "mail: {"),
        "Ingress/app: metadata.annotations.ingress.pomerium.io/policy: unknown policy criterion",
    ),
    "a certificate's Secret without a certificate": (
        "kustomization.yaml",
        ("    envs:", "    type: kubernetes.io/tls\n    envs:"),
        "Secret/cloudflare: data[tls.crt]: Required value",
    ),
    "a field that a Namespace lacks": (
        "namespace.yaml",
        ("metadata:\n", "data: {}\nmetadata:\n"),
        "Namespace/pomerium: data: unknown field",
    ),
    "a label that is no text": (
        "namespace.yaml",
        ("name: pomerium", "name: pomerium\n  labels: {on: 1}"),
        "Namespace/pomerium: metadata.labels.on: Invalid value",
    ),
    "a name that is none": (
        "certificate.yaml",
        ("name: wildcard\n  name", "name: '*.example.com'\n  name"),
        "Certificate/*.example.com: metadata.name: Invalid value",
    ),
    "a kind that nobody knows": (
        "issuer.yaml",
        ("cert-manager.io/v1", "cert-manager.io/v2"),
        "ClusterIssuer/letsencrypt: apiVersion: no kind",
    ),
    "a file that kustomize does not find": (
        "kustomization.yaml",
        ("ingress.yaml", "gone.yaml"),
        "kustomize: accumulating resources",
    ),
    "a field that a kustomization lacks": (
        "kustomization.yaml",
        ("resources:", "resource: []\nresources:"),
        "kustomize: ",
    ),
}
LACKING = {
    "a Secret that nothing makes": (
        "pomerium.yaml",
        ("[pomerium/wildcard]", "[pomerium/wildcard, pomerium/other]"),
        "Pomerium/global: spec.certificates: Secret pomerium/other",
    ),
    "a certificate in another namespace": (
        "certificate.yaml",
        ("namespace: pomerium", "namespace: default"),
        "Pomerium/global: spec.certificates: Secret pomerium/wildcard",
    ),
    "a key under another name": (
        "cloudflare.env",
        ("api-token", "token"),
        (
            "ClusterIssuer/letsencrypt: spec.acme.solvers.dns01.cloudflare.apiTokenSecretRef: "
            "Secret cert-manager/cloudflare key api-token"
        ),
    ),
    "an issuer of another name": (
        "certificate.yaml",
        ("name: letsencrypt", "name: encrypt"),
        "Certificate/wildcard: spec.issuerRef: ClusterIssuer encrypt",
    ),
    "an authority under another key": (
        "ingress.yaml",
        (
            "  annotations:\n",
            "  annotations:\n    ingress.pomerium.io/tls_custom_ca_secret: app-ca\n",
        ),
        (
            "Ingress/app: metadata.annotations.ingress.pomerium.io/tls_custom_ca_secret: "
            "Secret default/app-ca key ca.crt"
        ),
    ),
    "a certificate for an Ingress that no issuer makes": (
        "ingress.yaml",
        ("spec:\n", "spec:\n  tls: [{hosts: [app.example.com], secretName: app-tls}]\n"),
        "Ingress/app: spec.tls: Secret default/app-tls",
    ),
}


def written(folder: Path, name: str = "", change: tuple[str, str] = ("", "")) -> Path:
    """The good set in a folder, with something else for one text in one file."""
    for file, text in GOOD.items():
        if file == name:
            assert text.count(change[0]) == 1, "the change must be one"
            text = text.replace(*change)  # noqa: PLW2901  this file only
        (folder / file).write_text(text)
    return folder


def test_a_good_set_is_taken(tmp_path: Path, need: Need) -> None:
    found = judge(written(tmp_path), need)
    assert not found.errors
    assert not found.missing
    assert set(found.objects) == {
        "Namespace/pomerium",
        "Pomerium/global",
        "ClusterIssuer/letsencrypt",
        "Certificate/pomerium/wildcard",
        "Ingress/default/app",
        "Secret/cert-manager/cloudflare",
        "Secret/default/app-ca",
        "Secret/pomerium/bootstrap",
    }


@pytest.mark.parametrize(("name", "change", "error"), REFUSED.values(), ids=REFUSED)
def test_what_a_cluster_refuses(
    name: str, change: tuple[str, str], error: str, tmp_path: Path, need: Need
) -> None:
    found = judge(written(tmp_path, name, change), need)
    assert any(line.startswith(error) for line in found.errors), found.errors


@pytest.mark.parametrize(("name", "change", "missing"), LACKING.values(), ids=LACKING)
def test_what_a_set_refers_to_but_lacks(
    name: str, change: tuple[str, str], missing: str, tmp_path: Path, need: Need
) -> None:
    found = judge(written(tmp_path, name, change), need)
    assert not found.errors
    assert found.missing == (missing,)
