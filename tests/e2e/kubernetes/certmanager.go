package main

import (
	"context"
	"os"
	"strings"
	"testing"

	hooks "github.com/cert-manager/cert-manager/pkg/webhook/admission"
	"github.com/cert-manager/cert-manager/pkg/webhook/server"
	webhook "github.com/cert-manager/cert-manager/test/webhook"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// certManager is the webhook that a cluster with cert-manager asks before it takes one of its objects.
type certManager struct{ hook *admission.Webhook }

// withCertManager gives its webhook to what is to be done, and ends the program with the code of that.
//
// The only public way to the webhook's rules is what cert-manager's own tests start it with. They hand over
// the server before it listens, which is soon enough: it is stopped there.
func withCertManager(do func(certManager) int) {
	// Files that nobody reads, so that no key is made; a cluster that nobody asks.
	arguments := []string{"--tls-cert-file=-", "--tls-private-key-file=-", "--api-server-host=http://127.0.0.1:1"}
	code := 2
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "webhook",
		F: func(t *testing.T) {
			t.Cleanup(func() { os.Exit(code) })
			webhook.StartWebhookServer(t, arguments, func(made *server.Server) {
				code = do(certManager{hooks.NewCustomValidationWebhook(made.ResourceScheme, made.ValidationWebhook)})
				t.SkipNow()
			})
		},
	}}, nil, nil)
}

// problems is why the webhook refuses an object, if it is of cert-manager's kinds.
func (c certManager) problems(made manifest) []string {
	group, version := made.group()
	if group != "cert-manager.io" && group != "acme.cert-manager.io" {
		return nil
	}
	text, err := json.Marshal(made)
	must(err)
	kind := made.text("kind")
	answer := c.hook.Handle(context.Background(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind:            metav1.GroupVersionKind{Group: group, Version: version, Kind: kind},
		RequestKind:     &metav1.GroupVersionKind{Group: group, Version: version, Kind: kind},
		Resource:        metav1.GroupVersionResource{Group: group, Version: version, Resource: strings.ToLower(kind) + "s"},
		RequestResource: &metav1.GroupVersionResource{Group: group, Version: version, Resource: strings.ToLower(kind) + "s"},
		Name:            made.name(),
		Namespace:       made.namespace(),
		Operation:       admissionv1.Create,
		Object:          runtime.RawExtension{Raw: text},
	}})
	if answer.Allowed {
		return nil
	}
	return []string{answer.Result.Message}
}
