package main

import (
	"context"
	"embed"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	crd "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	limits "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// What scripts/install-test-parts.sh takes from the modules of Kubernetes and cert-manager.
//
//go:embed schemas/swagger.json schemas/*.yaml
var schemas embed.FS

//go:embed pomerium.yaml
var pomerium []byte

// kinds knows the definition of each kind.
type kinds struct {
	own     swagger
	crds    map[string]crd.CustomResourceDefinition // by group/kind
	openapi map[string]string                       // the name of a definition in swagger.json, by apiVersion/kind
	scoped  map[string]bool                         // whether a namespace holds it, by apiVersion/kind
}

type swagger struct {
	Definitions map[string]map[string]any `json:"definitions"`
	Paths       map[string]map[string]any `json:"paths"`
}

type groupVersionKind struct{ Group, Version, Kind string }

func (g groupVersionKind) String() string { return path.Join(g.Group, g.Version, g.Kind) }

// definitions reads what is built in, and then the files, which take the place of what they define too.
func definitions(files []string) kinds {
	found := kinds{crds: map[string]crd.CustomResourceDefinition{}, openapi: map[string]string{}, scoped: map[string]bool{}}
	text, err := schemas.ReadFile("schemas/swagger.json")
	must(err)
	must(json.Unmarshal(text, &found.own))
	for name, definition := range found.own.Definitions {
		for _, gvk := range identities(definition["x-kubernetes-group-version-kind"]) {
			found.openapi[gvk.String()] = name
		}
	}
	for place, operations := range found.own.Paths {
		if create, ok := operations["post"].(map[string]any); ok {
			for _, gvk := range identities([]any{create["x-kubernetes-group-version-kind"]}) {
				found.scoped[gvk.String()] = found.scoped[gvk.String()] || strings.Contains(place, "/namespaces/{namespace}/")
			}
		}
	}
	entries, err := schemas.ReadDir("schemas")
	must(err)
	texts := [][]byte{pomerium}
	for _, entry := range entries {
		if path.Ext(entry.Name()) == ".yaml" {
			text, err := schemas.ReadFile("schemas/" + entry.Name())
			must(err)
			texts = append(texts, text)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		texts = append(texts, text)
	}
	for _, text := range texts {
		var definition crd.CustomResourceDefinition
		must(yaml.UnmarshalStrict(text, &definition))
		found.crds[path.Join(definition.Spec.Group, definition.Spec.Names.Kind)] = definition
	}
	return found
}

func identities(listed any) (found []groupVersionKind) {
	rows, _ := listed.([]any)
	for _, row := range rows {
		if row, ok := row.(map[string]any); ok {
			text := func(key string) string { value, _ := row[key].(string); return value }
			found = append(found, groupVersionKind{text("group"), text("version"), text("kind")})
		}
	}
	return found
}

// problems says why a cluster would refuse an object by its kind's definition, each line with the path in
// it. It also gives the object what a server fills in, for those who judge it after.
func (k kinds) problems(made manifest) []string {
	group, version := made.group()
	gvk := groupVersionKind{group, version, made.text("kind")}
	props, scoped, problem := k.definition(gvk)
	if problem != "" {
		return []string{problem}
	}
	if place, ok := made.at("metadata").(map[string]any); ok && scoped && made.namespace() == "" {
		place["namespace"] = metav1.NamespaceDefault // as kubectl does
	}
	props.Properties["metadata"] = k.expanded("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
	var internal apiextensions.JSONSchemaProps
	must(crd.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil))
	shape, err := structural.NewStructural(&internal)
	must(err)
	validator, _, err := validation.NewSchemaValidator(&internal)
	must(err)

	if gvk == (groupVersionKind{"", "v1", "Secret"}) {
		unwrap(made)
	}
	var found []string
	unknown := pruning.PruneWithOptions(runtime.DeepCopyJSON(made), shape, false, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, where := range unknown {
		found = append(found, where+": unknown field")
	}
	defaulting.Default(map[string]any(made), shape) // as a server does, before it asks any webhook
	refused := validation.ValidateCustomResource(nil, map[string]any(made), validator)
	refused = append(refused, listtype.ValidateListSetsAndMaps(nil, shape, made)...)
	refused = append(refused, metadata(made, scoped)...)
	if len(refused) == 0 { // a rule is for what has the right shape
		rules, _ := cel.NewValidator(shape, true, limits.PerCallLimit).
			Validate(context.Background(), nil, shape, map[string]any(made), nil, limits.RuntimeCELCostBudget)
		refused = append(refused, rules...)
	}
	for _, refusal := range refused {
		found = append(found, refusal.Error())
	}
	return found
}

// unwrap takes line ends out of base64, where kustomize puts them. Kubernetes reads its own kinds with
// Go's decoder, which skips them; only other kinds are held to the format.
func unwrap(secret manifest) {
	data, _ := secret["data"].(map[string]any)
	for key, value := range data {
		if text, ok := value.(string); ok {
			data[key] = strings.ReplaceAll(text, "\n", "")
		}
	}
}

// definition is the schema of a kind and whether a namespace holds it, or why there is none.
func (k kinds) definition(gvk groupVersionKind) (crd.JSONSchemaProps, bool, string) {
	if definition, ok := k.crds[path.Join(gvk.Group, gvk.Kind)]; ok {
		for _, version := range definition.Spec.Versions {
			if version.Name == gvk.Version && version.Served {
				props := *version.Schema.OpenAPIV3Schema.DeepCopy()
				return props, definition.Spec.Scope == crd.NamespaceScoped, ""
			}
		}
	}
	if name, ok := k.openapi[gvk.String()]; ok {
		return k.expanded(name), k.scoped[gvk.String()], ""
	}
	return crd.JSONSchemaProps{}, false, fmt.Sprintf("apiVersion: no kind %s is known", gvk)
}

func metadata(made manifest, scoped bool) field.ErrorList {
	var meta struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(made, &meta); err != nil {
		return nil // of a wrong type, which the schema says better
	}
	return apivalidation.ValidateObjectMeta(&meta.Metadata, scoped, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

// expanded is a definition of swagger.json as the schema of a custom resource would say it.
func (k kinds) expanded(name string) crd.JSONSchemaProps {
	text, err := json.Marshal(k.inline(map[string]any{"$ref": "#/definitions/" + name}, nil))
	must(err)
	var props crd.JSONSchemaProps
	must(json.Unmarshal(text, &props))
	return props
}

var anything = map[string]any{"x-kubernetes-preserve-unknown-fields": true}

func (k kinds) inline(node map[string]any, within []string) map[string]any {
	if reference, ok := node["$ref"].(string); ok {
		name := path.Base(reference)
		if slices.Contains(within, name) {
			return anything
		}
		if strings.HasSuffix(name, ".Quantity") {
			return map[string]any{"x-kubernetes-int-or-string": true}
		}
		return k.inline(k.own.Definitions[name], append(slices.Clone(within), name))
	}
	if node["format"] == "int-or-string" {
		return map[string]any{"x-kubernetes-int-or-string": true}
	}
	node = maps.Clone(node)
	for _, key := range []string{"items", "additionalProperties"} {
		if below, ok := node[key].(map[string]any); ok {
			node[key] = k.inline(below, within)
		}
	}
	properties, _ := node["properties"].(map[string]any)
	inlined := map[string]any{}
	for name, below := range properties {
		inlined[name] = k.inline(below.(map[string]any), within)
	}
	if len(properties) > 0 {
		node["properties"] = inlined
	} else if node["additionalProperties"] == nil && (node["type"] == nil || node["type"] == "object") {
		maps.Copy(node, anything)
	}
	return node
}
