// Command pomerium-rules lets Pomerium's own code read a configuration:
//
//	pomerium-rules CONFIG
//
// The last line on stdout is the verdict, those before are Pomerium's log.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/url"
	"os"

	"github.com/pomerium/pomerium/config"
)

type verdict struct {
	Error        string          `json:"error"`
	Certificates [][]string      `json:"certificates"`
	Hosts        map[string]bool `json:"hosts"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: pomerium-rules CONFIG")
	}
	must(json.NewEncoder(os.Stdout).Encode(check(os.Args[1])))
}

// check says why Pomerium refuses the configuration, or which names its certificates are for, and
// for the host of each route whether one of them covers it.
func check(path string) verdict {
	source, err := config.NewFileOrEnvironmentSource(context.Background(), path, "")
	if err != nil {
		return verdict{Error: err.Error()}
	}
	found := verdict{Hosts: map[string]bool{}}
	for _, certificate := range source.GetConfig().Options.GetX509Certificates() {
		found.Certificates = append(found.Certificates, certificate.DNSNames)
	}
	for route := range source.GetConfig().Options.GetAllPolicies() {
		from, err := url.Parse(route.From)
		must(err)
		covered, err := source.GetConfig().WillHaveCertificateForServerName(from.Hostname())
		must(err)
		found.Hosts[from.Hostname()] = covered
	}
	return found
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
