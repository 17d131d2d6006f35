// Command kubernetes-rules judges a folder of Kubernetes manifests as a cluster would:
//
//	kubernetes-rules [--crd FILE] DIRECTORY
//
// Kustomize's own code builds the folder. Each object is then held against the definition of its kind,
// in Kubernetes' own OpenAPI file or in the CustomResourceDefinition of its operator, with the code that an
// API server runs; a field that the definition lacks is an error. What passes, the rules of the API server
// judge, or those of cert-manager's webhook. Which Secrets and issuers are named but not there is listed
// apart: a cluster takes that too.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"maps"
	"os"
	"slices"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

type object struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

type verdict struct {
	Objects  []object          `json:"objects"`
	Errors   []string          `json:"errors"`
	Missing  []string          `json:"missing"`
	Policies map[string]string `json:"policies"` // for Pomerium to judge, by where they are
}

func main() {
	log.SetFlags(0)
	var crds []string
	flag.Func("crd", "a CustomResourceDefinition, in place of the one for its kind", func(path string) error {
		crds = append(crds, path)
		return nil
	})
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: kubernetes-rules [--crd FILE] DIRECTORY")
	}
	withCertManager(func(webhook certManager) int {
		found := check(flag.Arg(0), definitions(crds), webhook)
		must(json.NewEncoder(os.Stdout).Encode(found))
		return min(len(found.Errors), 1)
	})
}

// check says what kustomize makes of a folder and what a cluster would refuse of it.
func check(directory string, kinds kinds, webhook certManager) verdict {
	found := verdict{Objects: []object{}, Errors: []string{}, Missing: []string{}, Policies: map[string]string{}}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		found.Errors = append(found.Errors, "kustomize: "+err.Error())
		return found
	}
	var manifests []manifest
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		must(err)
		made := parse(text)
		manifests = append(manifests, made)
		found.Objects = append(found.Objects, made.object())
		maps.Copy(found.Policies, policies(made))
		problems := kinds.problems(made)
		if len(problems) == 0 { // the rules are for what has the right shape
			problems = slices.Concat(serverProblems(made), webhook.problems(made), annotationProblems(made))
		}
		for _, problem := range problems {
			found.Errors = append(found.Errors, made.title()+": "+problem)
		}
	}
	found.Missing = missing(manifests)
	slices.Sort(found.Errors)
	return found
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
