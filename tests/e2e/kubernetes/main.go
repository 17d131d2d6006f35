// Command kubernetes-rules judges a folder of Kubernetes manifests as a cluster would:
//
//	kubernetes-rules [--crd FILE] DIRECTORY
//
// Kustomize's own code builds the folder. Then each object is held against the definition that its
// kind has in Kubernetes' own OpenAPI file, or in the CustomResourceDefinition of its operator, with
// the code that an API server runs. A field that the definition lacks is an error.
package main

import (
	"encoding/json"
	"flag"
	"log"
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
	Objects []object `json:"objects"`
	Errors  []string `json:"errors"`
	Missing []string `json:"missing"`
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
	found := check(flag.Arg(0), definitions(crds))
	must(json.NewEncoder(os.Stdout).Encode(found))
	if len(found.Errors) > 0 {
		os.Exit(1)
	}
}

// check says what kustomize makes of a folder and what a cluster would refuse of it.
func check(directory string, kinds kinds) verdict {
	found := verdict{Objects: []object{}, Errors: []string{}, Missing: []string{}}
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
		for _, problem := range kinds.problems(made) {
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
