package main

import (
	"slices"
	"strings"
)

const prefix = "ingress.pomerium.io/"

// The annotations of an Ingress that Pomerium's ingress controller v0.33 knows, as far as the wizard may
// write them. It takes no Ingress with one that it does not know.
var (
	switches = []string{
		"allow_any_authenticated_user", "allow_public_unauthenticated_access", "allow_spdy", "allow_websockets",
		"cors_allow_preflight", "pass_identity_headers", "preserve_host_header", "secure_upstream",
		"service_proxy_upstream", "tls_skip_verify",
	}
	texts = []string{
		"policy", "tls_client_secret", "tls_custom_ca_secret", "tls_downstream_client_ca_secret", "tls_server_name",
	}
)

// annotationProblems is why the controller refuses the annotations of an Ingress, but for the policy.
func annotationProblems(made manifest) (found []string) {
	for key, value := range made.annotations() {
		name, ours := strings.CutPrefix(key, prefix)
		switch {
		case !ours || slices.Contains(texts, name):
		case !slices.Contains(switches, name):
			found = append(found, "metadata.annotations."+key+": unknown annotation")
		case value != "true" && value != "false":
			found = append(found, "metadata.annotations."+key+": neither true nor false")
		}
	}
	return found
}

// policies are the texts for Pomerium's own code to judge, which is another program.
func policies(made manifest) map[string]string {
	if text, ok := made.annotations()[prefix+"policy"]; ok {
		return map[string]string{made.title() + ": metadata.annotations." + prefix + "policy": text}
	}
	return nil
}
