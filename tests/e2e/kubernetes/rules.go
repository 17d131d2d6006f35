package main

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corerules "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkrules "k8s.io/kubernetes/pkg/apis/networking/validation"
)

var decoder = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()

// serverProblems is why an API server refuses an object of these of Kubernetes' own kinds, beyond the schema.
func serverProblems(made manifest) (found []string) {
	text, err := json.Marshal(made)
	must(err)
	decoded, _, err := decoder.Decode(text, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	var refused field.ErrorList
	switch object := decoded.(type) {
	case *core.ConfigMap:
		refused = corerules.ValidateConfigMap(object)
	case *core.Namespace:
		refused = corerules.ValidateNamespace(object)
	case *core.Secret:
		refused = corerules.ValidateSecret(object)
	case *core.Service:
		refused = corerules.ValidateServiceCreate(object)
	case *core.ServiceAccount:
		refused = corerules.ValidateServiceAccount(object)
	case *networking.Ingress:
		refused = networkrules.ValidateIngressCreate(object)
	case *networking.IngressClass:
		refused = networkrules.ValidateIngressClass(object)
	}
	for _, refusal := range refused {
		found = append(found, refusal.Error())
	}
	return found
}
