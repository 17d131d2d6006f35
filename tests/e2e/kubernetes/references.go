package main

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// manifest is one object, as JSON has it.
type manifest map[string]any

func parse(text []byte) manifest {
	text, err := yaml.YAMLToJSON(text)
	must(err)
	var made manifest
	must(json.Unmarshal(text, (*map[string]any)(&made)))
	return made
}

// at is what lies below these keys, or nil.
func (m manifest) at(keys ...string) any {
	var value any = map[string]any(m)
	for _, key := range keys {
		below, _ := value.(map[string]any)
		value = below[key]
	}
	return value
}

func (m manifest) text(keys ...string) string {
	value, _ := m.at(keys...).(string)
	return value
}

func (m manifest) texts(keys ...string) (found []string) {
	values, _ := m.at(keys...).([]any)
	for _, value := range values {
		if value, ok := value.(string); ok {
			found = append(found, value)
		}
	}
	return found
}

func (m manifest) rows(keys ...string) (found []manifest) {
	values, _ := m.at(keys...).([]any)
	for _, value := range values {
		if value, ok := value.(map[string]any); ok {
			found = append(found, value)
		}
	}
	return found
}

func (m manifest) group() (group, version string) {
	group, version, found := strings.Cut(m.text("apiVersion"), "/")
	if !found {
		return "", group
	}
	return group, version
}

func (m manifest) namespace() string { return m.text("metadata", "namespace") }
func (m manifest) name() string      { return m.text("metadata", "name") }
func (m manifest) title() string     { return m.text("kind") + "/" + m.name() }

func (m manifest) object() object {
	return object{m.text("kind"), m.text("apiVersion"), m.namespace(), m.name()}
}

// annotations are those of an Ingress; other kinds have none that matter here.
func (m manifest) annotations() map[string]string {
	found := map[string]string{}
	values, _ := m.at("metadata", "annotations").(map[string]any)
	for key, value := range values {
		if text, ok := value.(string); ok && m.text("kind") == "Ingress" {
			found[key] = text
		}
	}
	return found
}

// want is an object, and where it is a Secret perhaps a key of it, that another object needs.
type want struct{ kind, place, key, path string }

func (w want) String() string {
	text := w.path + ": " + w.kind + " " + w.place
	if w.key != "" {
		text += " key " + w.key
	}
	return text
}

// Where a Pomerium names Secrets as namespace/name.
var named = [][]string{
	{"spec", "secrets"}, {"spec", "certificates"}, {"spec", "caSecrets"}, {"spec", "identityProvider", "secret"},
	{"spec", "identityProvider", "requestParamsSecret"}, {"spec", "storage", "postgres", "secret"},
	{"spec", "storage", "postgres", "caSecret"}, {"spec", "storage", "postgres", "tlsSecret"},
}

// missing lists what objects refer to and none of them is, nor makes.
func missing(manifests []manifest) []string {
	there := map[string]bool{}
	for _, made := range manifests {
		for _, has := range made.provides() {
			there[has] = true
		}
	}
	found := []string{}
	for _, made := range manifests {
		for _, want := range made.wants() {
			if !there[want.kind+" "+want.place] || want.key != "" && there["keys of "+want.place] && !there[want.place+" "+want.key] {
				found = append(found, made.title()+": "+want.String())
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// provides is what there is because of an object: itself, its keys, and the Secrets that cert-manager makes for it.
func (m manifest) provides() []string {
	place := strings.TrimPrefix(m.namespace()+"/"+m.name(), "/")
	found := []string{m.text("kind") + " " + place}
	switch m.text("kind") {
	case "Secret":
		found = append(found, "keys of "+place)
		for _, data := range []string{"data", "stringData"} {
			keys, _ := m.at(data).(map[string]any)
			for key := range keys {
				found = append(found, place+" "+key)
			}
		}
	case "Certificate":
		found = append(found, "Secret "+m.beside(m.text("spec", "secretName")))
	case "Ingress":
		if len(m.issuers()) > 0 {
			for _, tls := range m.rows("spec", "tls") {
				found = append(found, "Secret "+m.beside(tls.text("secretName")))
			}
		}
	}
	return found
}

// beside is the place of what an object names in its own namespace.
func (m manifest) beside(name string) string {
	return strings.TrimPrefix(m.namespace()+"/"+name, "/")
}

func (m manifest) wants() []want {
	var found []want
	switch m.text("kind") {
	case "Pomerium":
		for _, keys := range named {
			for _, place := range append(m.texts(keys...), m.text(keys...)) {
				if place != "" {
					found = append(found, want{"Secret", place, "", strings.Join(keys, ".")})
				}
			}
		}
		path := []string{"spec", "certificateAutoProvision", ""}
		for key, kind := range map[string]string{"clusterIssuer": "ClusterIssuer", "issuer": "Issuer"} {
			path[2] = key
			if place := m.text(path...); place != "" {
				found = append(found, want{kind, place, "", strings.Join(path, ".")})
			}
		}
	case "ClusterIssuer":
		found = secretRefs(m.at("spec"), "spec", func(name string) string { return "cert-manager/" + name })
	case "Issuer":
		found = secretRefs(m.at("spec"), "spec", m.beside)
	case "Certificate":
		kind, name := m.text("spec", "issuerRef", "kind"), m.text("spec", "issuerRef", "name")
		if kind == "ClusterIssuer" {
			found = append(found, want{kind, name, "", "spec.issuerRef"})
		} else {
			found = append(found, want{"Issuer", m.beside(name), "", "spec.issuerRef"})
		}
	case "Ingress":
		found = m.issuers()
		for _, tls := range m.rows("spec", "tls") {
			if name := tls.text("secretName"); name != "" {
				found = append(found, want{"Secret", m.beside(name), "", "spec.tls"})
			}
		}
		for key, name := range m.annotations() {
			if strings.HasPrefix(key, prefix) && strings.HasSuffix(key, "_secret") {
				found = append(found, want{"Secret", m.beside(name), held(key), "metadata.annotations." + key})
			}
		}
	}
	return found
}

// held is the key under which the controller looks into the Secret of an annotation.
func held(annotation string) string {
	if strings.HasSuffix(annotation, "_ca_secret") {
		return "ca.crt"
	}
	return "tls.crt"
}

// issuers are those that an Ingress asks for certificates.
func (m manifest) issuers() (found []want) {
	for key, kind := range map[string]string{"cert-manager.io/cluster-issuer": "ClusterIssuer", "cert-manager.io/issuer": "Issuer"} {
		name := m.annotations()[key]
		if name == "" {
			continue
		}
		if kind == "Issuer" {
			name = m.beside(name)
		}
		found = append(found, want{kind, name, "", "metadata.annotations." + key})
	}
	return found
}

// secretRefs are the Secrets that an issuer reads; the one for its own key cert-manager makes.
func secretRefs(value any, path string, place func(string) string) (found []want) {
	switch value := value.(type) {
	case []any:
		for _, below := range value {
			found = append(found, secretRefs(below, path, place)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			below, where := value[key], path+"."+key
			reference, _ := below.(map[string]any)
			name, _ := reference["name"].(string)
			if strings.HasSuffix(strings.ToLower(key), "secretref") && name != "" {
				if key != "privateKeySecretRef" {
					entry, _ := reference["key"].(string)
					found = append(found, want{"Secret", place(name), entry, where})
				}
				continue
			}
			found = append(found, secretRefs(below, where, place)...)
		}
	}
	return found
}
