"""Pomerium's settings as data, and what is wrong with the names a file uses.

Source: Pomerium v0.33 config/options.go, policy.go, mtls.go, autocert.go, options_check.go.
"""

import difflib
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from wizard.pomerium.document import Document, elements, lookup

Kind = Literal["bool", "text", "path", "url", "base64", "list", "map", "number", "address"]


class Setting(NamedTuple):
    """A setting of the top level."""

    name: str
    kind: Kind
    secret: bool = False

    @property
    def environment(self) -> str | None:
        """The variable that overrides the file; None for what has none, whatever its name."""
        return _VARIABLES.get(self.name, self.name.upper())


_VARIABLES: Final = {
    "certificates": None,
    "downstream_mtls": None,
    "set_response_headers": "HEADERS",
}
"""Settings whose variable is not their name in capitals, as Pomerium's own loader showed."""


class Removed(NamedTuple):
    """A setting Pomerium no longer knows; `fatal` ones keep it from starting."""

    name: str
    advice: str
    fatal: bool = False


SETTINGS = (
    Setting("address", "address"),
    Setting("authenticate_internal_service_url", "url"),
    Setting("authenticate_service_url", "url"),
    Setting("authorize_service_url", "url"),
    Setting("authorize_service_urls", "list"),
    Setting("autocert", "bool"),
    Setting("autocert_ca", "url"),
    Setting("autocert_dir", "path"),
    Setting("autocert_eab_key_id", "text"),
    Setting("autocert_eab_mac_key", "base64", secret=True),
    Setting("autocert_email", "text"),
    Setting("autocert_must_staple", "bool"),
    Setting("autocert_trusted_ca", "base64"),
    Setting("autocert_trusted_ca_file", "path"),
    Setting("autocert_use_staging", "bool"),
    Setting("certificate", "base64"),
    Setting("certificate_authority", "base64"),
    Setting("certificate_authority_file", "path"),
    Setting("certificate_file", "path"),
    Setting("certificate_key", "base64", secret=True),
    Setting("certificate_key_file", "path"),
    Setting("certificates", "list"),
    Setting("cookie_secret", "base64", secret=True),
    Setting("cookie_secret_file", "path"),
    Setting("databroker_service_url", "url"),
    Setting("databroker_service_urls", "list"),
    Setting("databroker_storage_connection_string", "text", secret=True),
    Setting("databroker_storage_connection_string_file", "path"),
    Setting("databroker_storage_type", "text"),
    Setting("downstream_mtls", "map"),
    Setting("google_cloud_serverless_authentication_service_account", "base64", secret=True),
    Setting("grpc_address", "address"),
    Setting("grpc_insecure", "bool"),
    Setting("health_check_addr", "address"),
    Setting("http_redirect_addr", "address"),
    Setting("idp_client_id", "text"),
    Setting("idp_client_secret", "text", secret=True),
    Setting("idp_client_secret_file", "path"),
    Setting("idp_provider", "text"),
    Setting("idp_provider_url", "url"),
    Setting("idp_request_params", "map"),
    Setting("idp_scopes", "list"),
    Setting("insecure_server", "bool"),
    Setting("metrics_address", "address"),
    Setting("metrics_basic_auth", "base64", secret=True),
    Setting("metrics_certificate", "base64"),
    Setting("metrics_certificate_file", "path"),
    Setting("metrics_certificate_key", "base64", secret=True),
    Setting("metrics_certificate_key_file", "path"),
    Setting("metrics_client_ca", "base64"),
    Setting("metrics_client_ca_file", "path"),
    Setting("otel_exporter_otlp_headers", "list", secret=True),
    Setting("otel_exporter_otlp_traces_headers", "list", secret=True),
    Setting("override_certificate_name", "text"),
    Setting("policy", "list"),
    Setting("routes", "list"),
    Setting("services", "text"),
    Setting("set_response_headers", "map"),
    Setting("shared_secret", "base64", secret=True),
    Setting("shared_secret_file", "path"),
    Setting("signing_key", "base64", secret=True),
    Setting("signing_key_file", "path"),
    Setting("ssh_host_keys", "list", secret=True),
    Setting("ssh_user_ca_key", "text", secret=True),
    Setting("tls_derive", "text"),
    Setting("use_proxy_protocol", "bool"),
)

OTHER_NAMES = frozenset(
    {
        "access_log_fields",
        "authorize_internal_service_url",
        "authorize_log_fields",
        "bearer_token_format",
        "blob_storage",
        "circuit_breaker_thresholds",
        "codec_type",
        "cookie_domain",
        "cookie_expire",
        "cookie_http_only",
        "cookie_name",
        "cookie_same_site",
        "databroker_cluster_leader_id",
        "databroker_cluster_node_id",
        "databroker_cluster_nodes",
        "databroker_internal_service_url",
        "databroker_raft_bind_address",
        "debug_address",
        "default_upstream_timeout",
        "dns_failure_refresh_rate",
        "dns_lookup_family",
        "dns_query_timeout",
        "dns_query_tries",
        "dns_refresh_rate",
        "dns_resolvers",
        "dns_udp_max_queries",
        "dns_use_tcp",
        "envoy_admin_access_log_path",
        "envoy_admin_address",
        "envoy_admin_profile_path",
        "envoy_bind_config_freebind",
        "envoy_bind_config_source_address",
        "grpc_client_timeout",
        "health_check_systemd_disabled",
        "identity_providers",
        "idp_access_token_allowed_audiences",
        "installation_id",
        "jwt_claims_headers",
        "jwt_issuer_format",
        "log_level",
        "mcp_allowed_as_metadata_domains",
        "mcp_allowed_client_id_domains",
        "otel_attribute_value_length_limit",
        "otel_bsp_max_export_batch_size",
        "otel_bsp_schedule_delay",
        "otel_exporter_otlp_endpoint",
        "otel_exporter_otlp_protocol",
        "otel_exporter_otlp_timeout",
        "otel_exporter_otlp_traces_endpoint",
        "otel_exporter_otlp_traces_protocol",
        "otel_exporter_otlp_traces_timeout",
        "otel_log_level",
        "otel_resource_attributes",
        "otel_traces_exporter",
        "otel_traces_sampler_arg",
        "pass_identity_headers",
        "programmatic_redirect_domain_whitelist",
        "proxy_log_level",
        "runtime_flags",
        "signout_redirect_url",
        "skip_xff_append",
        "ssh_address",
        "ssh_host_key_files",
        "ssh_rls_additional_entries",
        "ssh_rls_enabled",
        "ssh_user_ca_key_file",
        "timeout_idle",
        "timeout_read",
        "timeout_write",
        "xff_num_trusted_hops",
    }
)
"""Known, and neither secret nor about TLS; here so that none is taken for a misspelt one above."""

OTHER_SECRETS = (
    "client_secret",
    "idp_client_secret",
    "idp_service_account",
    "kubernetes_service_account_token",
    "set_authorization_header",
    "set_request_headers",
    "tls_client_key",
)
"""Secrets of routes, where any header sent upstream may be one, and of removed settings."""

REMOVED = (
    Removed("client_ca", "use `ca` under `downstream_mtls:`", fatal=True),
    Removed("client_ca_file", "use `ca_file` under `downstream_mtls:`", fatal=True),
    Removed("idp_qps", "delete it", fatal=True),
    Removed("idp_refresh_directory_interval", "delete it", fatal=True),
    Removed("idp_refresh_directory_timeout", "delete it", fatal=True),
    Removed("idp_service_account", "delete it", fatal=True),
    Removed("policy_file", "move its routes under `routes:`", fatal=True),
    Removed("tracing_datadog_address", "use the `otel_` settings", fatal=True),
    Removed("tracing_jaeger_agent_endpoint", "use the `otel_` settings", fatal=True),
    Removed("tracing_jaeger_collector_endpoint", "use the `otel_` settings", fatal=True),
    Removed("tracing_provider", "use the `otel_` settings", fatal=True),
    Removed("tracing_sample_rate", "use the `otel_` settings", fatal=True),
    Removed("tracing_zipkin_endpoint", "use the `otel_` settings", fatal=True),
    Removed("administrators", "delete it"),
    Removed("authenticate_callback_path", "delete it; the path is /oauth2/callback"),
    Removed("cache_service_url", "use `databroker_service_url`"),
    Removed("cache_store", "use `databroker_storage_type`"),
    Removed("cache_store_address", "use `databroker_storage_connection_string`"),
    Removed("cache_store_password", "use `databroker_storage_connection_string`"),
    Removed("cache_store_path", "use `databroker_storage_connection_string`"),
    Removed("cookie_secure", "delete it; cookies are always secure"),
    Removed("databroker_storage_ca_file", "put it into the connection string"),
    Removed("databroker_storage_cert_file", "put it into the connection string"),
    Removed("databroker_storage_key_file", "put it into the connection string"),
    Removed("enable_user_impersonation", "delete it"),
    Removed("forward_auth_url", "let Pomerium proxy the requests itself"),
    Removed("grpc_client_dns_roundrobin", "delete it"),
    Removed("grpc_server_max_connection_age", "delete it"),
    Removed("grpc_server_max_connection_age_grace", "delete it"),
    Removed("pomerium_debug", "use `log_level: debug`"),
    Removed("refresh_cooldown", "delete it"),
    Removed("signing_key_algorithm", "delete it; the key tells"),
    Removed("timeout_read_header", "use `timeout_read`"),
)

REMOVED_FROM_ROUTES = (
    Removed("allowed_groups", "use a `policy:` with the claim that holds the groups", fatal=True),
    Removed("set_authorization_header", "use `set_request_headers` with a token", fatal=True),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that does not do what its author meant; an `error` keeps Pomerium from starting."""

    level: Literal["error", "notice"]
    key: str
    line: int
    text: str


_NAMES = {setting.name for setting in SETTINGS}
_REMOVED = {removed.name: removed for removed in REMOVED}
_REMOVED_FROM_ROUTES = {removed.name: removed for removed in REMOVED_FROM_ROUTES}
_LIKE_ENOUGH = 0.85
"""`certificate_keyfile` is like a name; `idp_access_token_allowed_audiences` is like none."""


def problems(document: Document) -> tuple[Problem, ...]:
    """Removed settings, and unknown ones that look like a known one misspelt, in the file's order.

    Other unknown names pass: the whole list moves with Pomerium's versions.
    """
    root = document.root
    found: list[Problem] = []
    for key, _ in root.pairs if root is not None else ():
        name = key.value.lower()
        if name in _REMOVED:
            found.append(_removed(_REMOVED[name], key.line, name))
        elif name not in _NAMES | OTHER_NAMES and (near := _nearest(name)):
            text = (
                f"Pomerium does not know `{key.value}` (line {key.line}) and ignores it; "
                f"`{near}` is meant, it seems."
            )
            found.append(Problem("notice", key.value, key.line, text))
    for route in elements(lookup(root, "routes")):
        for key, _ in route.pairs:
            name = key.value.lower()
            if name in _REMOVED_FROM_ROUTES:
                found.append(_removed(_REMOVED_FROM_ROUTES[name], key.line, f"routes.{name}"))
    return tuple(sorted(found, key=lambda problem: problem.line))


def _removed(removed: Removed, line: int, name: str) -> Problem:
    effect = "Pomerium does not start with it" if removed.fatal else "Pomerium ignores it"
    text = f"`{name}` (line {line}) was removed and {effect}: {removed.advice}."
    return Problem("error" if removed.fatal else "notice", name, line, text)


def _nearest(name: str) -> str | None:
    near = difflib.get_close_matches(name.replace("-", "_"), _NAMES, n=1, cutoff=_LIKE_ENOUGH)
    return near[0] if near else None
