"""Pomerium's settings as data: every one about TLS, and each that was removed or replaced.

Sources: Pomerium v0.33 config/options.go, policy.go, mtls.go, autocert.go, options_check.go; the
versions are the first release whose sources have a name, and the first that has it no longer.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["bool", "text", "path", "url", "base64", "list", "map", "number", "address"]


class Setting(NamedTuple):
    """A setting. A dot stands before a key of `downstream_mtls`, or of each of a list.

    `since` is the release that brought it, of those since 0.0.5. `replaced` says what to use
    instead of one that still works, and since which release that exists.
    """

    name: str
    kind: Kind
    since: str
    secret: bool = False
    replaced: str = ""

    @property
    def environment(self) -> str | None:
        """The variable that overrides the file; None for what has none, whatever its name."""
        if self.name.startswith(("routes.", "certificates.")):
            return None
        return _VARIABLES.get(self.name, self.name.replace(".", "_").upper())


_VARIABLES: Final = {
    "certificates": None,
    "downstream_mtls": None,
    "set_response_headers": "HEADERS",
}
"""Settings whose variable is not their name in capitals, as Pomerium's own loader showed."""


class Removed(NamedTuple):
    """A setting Pomerium no longer knows since `gone`; `fatal` ones keep it from starting."""

    name: str
    gone: str
    advice: str
    fatal: bool = False


SETTINGS = (
    Setting("address", "address", "0.0.5"),
    Setting("authenticate_internal_service_url", "url", "0.16.0"),
    Setting("authenticate_service_url", "url", "0.0.5"),
    Setting("authorize_service_url", "url", "0.0.5"),
    Setting("authorize_service_urls", "list", "0.14.0"),
    Setting("autocert", "bool", "0.8.0"),
    Setting("autocert_ca", "url", "0.15.6"),
    Setting("autocert_dir", "path", "0.8.0"),
    Setting("autocert_eab_key_id", "text", "0.15.6"),
    Setting("autocert_eab_mac_key", "base64", "0.15.6", secret=True),
    Setting("autocert_email", "text", "0.15.6"),
    Setting("autocert_must_staple", "bool", "0.10.0"),
    Setting("autocert_trusted_ca", "base64", "0.15.6"),
    Setting("autocert_trusted_ca_file", "path", "0.15.6"),
    Setting("autocert_use_staging", "bool", "0.8.0"),
    Setting("certificate", "base64", "0.0.5"),
    Setting("certificate_authority", "base64", "0.0.5"),
    Setting("certificate_authority_file", "path", "0.0.5"),
    Setting("certificate_file", "path", "0.0.5"),
    Setting("certificate_key", "base64", "0.0.5", secret=True),
    Setting("certificate_key_file", "path", "0.0.5"),
    Setting("certificates", "list", "0.8.0"),
    Setting("cookie_secret", "base64", "0.0.5", secret=True),
    Setting("cookie_secret_file", "path", "0.18.0"),
    Setting("databroker_service_url", "url", "0.10.0"),
    Setting("databroker_service_urls", "list", "0.14.0"),
    Setting("databroker_storage_connection_string", "text", "0.10.0", secret=True),
    Setting("databroker_storage_connection_string_file", "path", "0.27.0"),
    Setting("databroker_storage_type", "text", "0.10.0"),
    Setting("downstream_mtls", "map", "0.23.0"),
    Setting(
        "google_cloud_serverless_authentication_service_account", "base64", "0.10.0", secret=True
    ),
    Setting("grpc_address", "address", "0.4.0"),
    Setting("grpc_insecure", "bool", "0.4.0"),
    Setting("health_check_addr", "address", "0.31.0"),
    Setting("http_redirect_addr", "address", "0.0.5"),
    Setting("idp_client_id", "text", "0.0.5"),
    Setting("idp_client_secret", "text", "0.0.5", secret=True),
    Setting("idp_client_secret_file", "path", "0.18.0"),
    Setting("idp_provider", "text", "0.0.5"),
    Setting("idp_provider_url", "url", "0.0.5"),
    Setting("idp_request_params", "map", "0.10.0"),
    Setting("idp_scopes", "list", "0.0.5"),
    Setting("insecure_server", "bool", "0.4.0"),
    Setting("metrics_address", "address", "0.1.0"),
    Setting("metrics_basic_auth", "base64", "0.14.0", secret=True),
    Setting("metrics_certificate", "base64", "0.14.0"),
    Setting("metrics_certificate_file", "path", "0.14.0"),
    Setting("metrics_certificate_key", "base64", "0.14.0", secret=True),
    Setting("metrics_certificate_key_file", "path", "0.14.0"),
    Setting("metrics_client_ca", "base64", "0.14.0"),
    Setting("metrics_client_ca_file", "path", "0.14.0"),
    Setting("otel_exporter_otlp_headers", "list", "0.29.0", secret=True),
    Setting("otel_exporter_otlp_traces_headers", "list", "0.29.0", secret=True),
    Setting("override_certificate_name", "text", "0.0.5"),
    Setting("policy", "list", "0.7.0"),
    Setting("routes", "list", "0.0.5"),
    Setting("services", "text", "0.0.5"),
    Setting("set_response_headers", "map", "0.14.0"),
    Setting("shared_secret", "base64", "0.0.5", secret=True),
    Setting("shared_secret_file", "path", "0.18.0"),
    Setting("signing_key", "base64", "0.0.5", secret=True),
    Setting("signing_key_file", "path", "0.18.0"),
    Setting("ssh_host_keys", "list", "0.30.0", secret=True),
    Setting("ssh_user_ca_key", "text", "0.30.0", secret=True),
    Setting("tls_derive", "text", "0.21.0"),
    Setting("use_proxy_protocol", "bool", "0.13.5"),
)

CERTIFICATES = (
    Setting("certificates.cert", "path", "0.8.0"),
    Setting("certificates.key", "path", "0.8.0"),
)
"""Each entry of the list: paths; base64 is no longer taken since 0.25.0."""

MTLS = (
    Setting("downstream_mtls.ca", "base64", "0.23.0"),
    Setting("downstream_mtls.ca_file", "path", "0.23.0"),
    Setting("downstream_mtls.crl", "base64", "0.23.0"),
    Setting("downstream_mtls.crl_file", "path", "0.23.0"),
    Setting("downstream_mtls.enforcement", "text", "0.23.0"),
    Setting("downstream_mtls.match_subject_alt_names", "list", "0.23.0"),
    Setting("downstream_mtls.max_verify_depth", "number", "0.23.0"),
)
"""Who may connect: certificates of end users."""

_MTLS = "`downstream_mtls:`, which is for all routes (0.23.0)"
ROUTES = (
    Setting("routes.tls_client_cert", "base64", "0.3.0"),
    Setting("routes.tls_client_cert_file", "path", "0.3.0"),
    Setting("routes.tls_client_key", "base64", "0.3.0", secret=True),
    Setting("routes.tls_client_key_file", "path", "0.3.0"),
    Setting("routes.tls_custom_ca", "base64", "0.1.0"),
    Setting("routes.tls_custom_ca_file", "path", "0.3.0"),
    Setting("routes.tls_downstream_client_ca", "base64", "0.13.0", replaced=_MTLS),
    Setting("routes.tls_downstream_client_ca_file", "path", "0.13.0", replaced=_MTLS),
    Setting("routes.tls_downstream_server_name", "text", "0.18.0"),
    Setting(
        "routes.tls_server_name", "text", "0.4.0", replaced="`tls_upstream_server_name` (0.18.0)"
    ),
    Setting("routes.tls_skip_verify", "bool", "0.1.0"),
    Setting("routes.tls_upstream_allow_renegotiation", "bool", "0.21.0"),
    Setting("routes.tls_upstream_server_name", "text", "0.18.0"),
)
"""TLS towards the application behind a route."""

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
    Removed("client_ca", "0.26.0", "use `ca` under `downstream_mtls:`", fatal=True),
    Removed("client_ca_file", "0.26.0", "use `ca_file` under `downstream_mtls:`", fatal=True),
    Removed("idp_qps", "0.20.0", "delete it", fatal=True),
    Removed("idp_refresh_directory_interval", "0.20.0", "delete it", fatal=True),
    Removed("idp_refresh_directory_timeout", "0.20.0", "delete it", fatal=True),
    Removed("idp_service_account", "0.20.0", "delete it", fatal=True),
    Removed("policy_file", "0.1.0", "move its routes under `routes:`", fatal=True),
    Removed("tracing_datadog_address", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("tracing_jaeger_agent_endpoint", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("tracing_jaeger_collector_endpoint", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("tracing_provider", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("tracing_sample_rate", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("tracing_zipkin_endpoint", "0.29.0", "use the `otel_` settings", fatal=True),
    Removed("client_crl", "0.23.0", "use `crl` under `downstream_mtls:`"),
    Removed("client_crl_file", "0.23.0", "use `crl_file` under `downstream_mtls:`"),
    Removed("databroker_storage_tls_skip_verify", "0.27.2", "put it into the connection string"),
    Removed("administrators", "0.13.0", "delete it"),
    Removed("authenticate_callback_path", "0.31.0", "delete it; the path is /oauth2/callback"),
    Removed("cache_service_url", "0.11.0", "use `databroker_service_url`"),
    Removed("cache_store", "0.10.0", "use `databroker_storage_type`"),
    Removed("cache_store_address", "0.10.0", "use `databroker_storage_connection_string`"),
    Removed("cache_store_password", "0.10.0", "use `databroker_storage_connection_string`"),
    Removed("cache_store_path", "0.10.0", "use `databroker_storage_connection_string`"),
    Removed("cookie_secure", "0.26.0", "delete it; cookies are always secure"),
    Removed("databroker_storage_ca_file", "0.27.2", "put it into the connection string"),
    Removed("databroker_storage_cert_file", "0.27.2", "put it into the connection string"),
    Removed("databroker_storage_key_file", "0.27.2", "put it into the connection string"),
    Removed("enable_user_impersonation", "0.13.0", "delete it"),
    Removed("forward_auth_url", "0.21.0", "let Pomerium proxy the requests itself"),
    Removed("grpc_client_dns_roundrobin", "0.27.2", "delete it"),
    Removed("grpc_server_max_connection_age", "0.15.0", "delete it"),
    Removed("grpc_server_max_connection_age_grace", "0.15.0", "delete it"),
    Removed("pomerium_debug", "0.32.0", "use `log_level: debug`"),
    Removed("refresh_cooldown", "0.15.1", "delete it"),
    Removed("signing_key_algorithm", "0.16.0", "delete it; the key tells"),
    Removed("timeout_read_header", "0.9.0", "use `timeout_read`"),
)

REMOVED_FROM_ROUTES = (
    Removed(
        "allowed_groups",
        "0.20.0",
        "use a `policy:` with the claim that holds the groups",
        fatal=True,
    ),
    Removed(
        "set_authorization_header", "0.24.0", "use `set_request_headers` with a token", fatal=True
    ),
)
