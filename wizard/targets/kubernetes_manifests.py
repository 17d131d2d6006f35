"""What a cluster is given, as resources: plain values that become YAML when they are written."""

import re
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from wizard.pomerium.emitter import Quotes, flow_text

Resource: TypeAlias = dict[str, object]

CERT_MANAGER: Final = "cert-manager"
"""The namespace in which cert-manager looks for the Secrets of a ClusterIssuer."""
INGRESS_CLASS: Final = "pomerium"
ANNOTATION: Final = "ingress.pomerium.io/"
WILDCARD: Final = "wildcard"
LONGEST_NAME: Final = 63
"""Names of resources end up in labels, which take no more."""
KEYS: Final[Mapping[str, tuple[str, int]]] = {
    "ecdsa-p256": ("ECDSA", 256),
    "ecdsa-p384": ("ECDSA", 384),
    "rsa-2048": ("RSA", 2048),
    "rsa-3072": ("RSA", 3072),
    "rsa-4096": ("RSA", 4096),
}


class SecretFile(NamedTuple):
    """A key of a Secret: in the cluster already, or made from a file of the directory."""

    name: str
    key: str
    namespace: str
    file: str = ""

    def reference(self) -> Resource:
        """How a resource refers to it."""
        return {"name": self.name, "key": self.key}


class Issuer(NamedTuple):
    """An ACME account in a cluster, and how it proves names."""

    name: str
    server: str
    solver: Resource
    email: str = ""
    profile: str = ""
    ca_bundle: bytes = b""
    key_id: str = ""
    hmac_key: SecretFile | None = None

    def resource(self) -> Resource:
        """The ClusterIssuer."""
        acme: Resource = {"server": self.server}
        if self.email:
            acme["email"] = self.email
        if self.profile:
            acme["profile"] = self.profile
        if self.ca_bundle:
            acme["caBundle"] = base64(self.ca_bundle)
        acme["privateKeySecretRef"] = {"name": f"{self.name}-account"}
        if self.hmac_key is not None:
            acme["externalAccountBinding"] = {
                "keyID": self.key_id,
                "keySecretRef": self.hmac_key.reference(),
            }
        acme["solvers"] = [self.solver]
        return _resource("cert-manager.io/v1", "ClusterIssuer", self.name, {"acme": acme})


HTTP_01: Final[Resource] = {"http01": {"ingress": {"ingressClassName": INGRESS_CLASS}}}


def certificate(
    name: str, namespace: str, names: Sequence[str], issuer: str, key_type: str
) -> Resource:
    """A Certificate that cert-manager keeps in a Secret of the same name, with a new key each."""
    algorithm, size = KEYS[key_type]
    spec: Resource = {
        "secretName": name,
        "dnsNames": list(names),
        "issuerRef": {"name": issuer, "kind": "ClusterIssuer"},
        "privateKey": {"algorithm": algorithm, "size": size, "rotationPolicy": "Always"},
    }
    return _resource("cert-manager.io/v1", "Certificate", name, spec, namespace)


def pomerium(namespace: str, settings: Resource) -> Resource:
    """Pomerium's settings; its own secrets are those that its installation has made."""
    spec: Resource = {"secrets": f"{namespace}/bootstrap", **settings}
    return _resource("ingress.pomerium.io/v1", "Pomerium", "global", spec)


class Backend(NamedTuple):
    """The Service that a route leads to; `external` is the host of one that is outside."""

    namespace: str
    name: str
    port: int
    external: str = ""

    def service(self) -> Resource:
        """The Service for a host outside of the cluster."""
        spec: Resource = {
            "type": "ExternalName",
            "externalName": self.external,
            "ports": [{"name": "https", "port": self.port}],
        }
        return _resource("v1", "Service", self.name, spec, self.namespace)


class Upstream(NamedTuple):
    """TLS to an application: its authority, what Pomerium shows it, the name it is known by."""

    ca: tuple[SecretFile, ...] = ()
    client: tuple[SecretFile, ...] = ()
    server_name: str = ""

    def annotations(self) -> Resource:
        """What an Ingress says of it; the Secrets are in the namespace of that."""
        if not any(self):
            return {}
        found: Resource = {f"{ANNOTATION}secure_upstream": "true"}
        if self.ca:
            found[f"{ANNOTATION}tls_custom_ca_secret"] = self.ca[0].name
        if self.client:
            found[f"{ANNOTATION}tls_client_secret"] = self.client[0].name
        if self.server_name:
            found[f"{ANNOTATION}tls_server_name"] = self.server_name
        return found


NO_UPSTREAM: Final = Upstream()


def ingress(
    host: str, backend: Backend, email: str, issuer: str = "", upstream: Upstream = NO_UPSTREAM
) -> Resource:
    """A route; `issuer` names who issues a certificate for it, where none covers it."""
    annotations: Resource = {}
    if issuer:
        annotations["cert-manager.io/cluster-issuer"] = issuer
    annotations[f"{ANNOTATION}pass_identity_headers"] = "true"
    if backend.external:
        annotations[f"{ANNOTATION}secure_upstream"] = "true"
    annotations |= upstream.annotations()
    if email:
        annotations[f"{ANNOTATION}policy"] = flow_text(
            [{"allow": {"or": [{"email": {"is": email}}]}}], Quotes()
        )
    name = resource_name(host)
    service: Resource = {"name": backend.name, "port": {"number": backend.port}}
    path: Resource = {"path": "/", "pathType": "Prefix", "backend": {"service": service}}
    spec: Resource = {"ingressClassName": INGRESS_CLASS}
    if issuer:
        spec["tls"] = [{"hosts": [host], "secretName": resource_name(host)}]
    spec["rules"] = [{"host": host, "http": {"paths": [path]}}]
    made = _resource("networking.k8s.io/v1", "Ingress", name, spec, backend.namespace)
    made["metadata"] = {"name": name, "namespace": backend.namespace, "annotations": annotations}
    return made


def kustomization(
    files: Sequence[str], secrets: Sequence[SecretFile], tls: Collection[str] = ()
) -> Resource:
    """What `kubectl apply -k` reads. Secrets keep their names: nothing else would follow a new one.

    `tls` are the names of the Secrets that hold a certificate and its key.
    """
    generators: dict[tuple[str, str], Resource] = {}
    for one in secrets:
        made = generators.setdefault(
            (one.namespace, one.name),
            {
                "name": one.name,
                "namespace": one.namespace,
                **({"type": "kubernetes.io/tls"} if one.name in tls else {}),
                "files": [],
            },
        )
        listed = made["files"]
        if isinstance(listed, list):
            listed.append(f"{one.key}={one.file}")
    found: Resource = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(files),
    }
    if generators:
        found["secretGenerator"] = list(generators.values())
        found["generatorOptions"] = {"disableNameSuffixHash": True}
    return found


def resource_name(name: str) -> str:
    """A name of a certificate as the name of a resource (RFC 1123), no two names as the same."""
    stem = name.replace("-", "--").replace(".", "-").replace("*", WILDCARD)
    is_plain = re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", stem)
    if is_plain and len(stem) <= LONGEST_NAME and not name.startswith(f"{WILDCARD}."):
        return stem
    mark = sha256(name.encode()).hexdigest()[:8]
    plain = re.sub(r"[^-a-z0-9]", "-", stem)[: LONGEST_NAME - len(mark) - 1]
    return f"{plain.strip('-')}-{mark}"


def base64(content: bytes) -> str:
    """Bytes as a resource has them: on one line, for its format knows no other."""
    return b64encode(content).decode()


def _resource(version: str, kind: str, name: str, spec: Resource, namespace: str = "") -> Resource:
    metadata: Resource = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
