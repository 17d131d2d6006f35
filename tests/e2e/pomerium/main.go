// Command pomerium-rules lets Pomerium's own code read a configuration:
//
//	pomerium-rules CONFIG
//	pomerium-rules -settings
//
// The last line on stdout is the verdict, those before are Pomerium's log. With -settings it is every
// setting of Pomerium's, those of routes below "routes", each with the kind of its value.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/pomerium/pomerium/config"
)

type verdict struct {
	Error        string          `json:"error"`
	Certificates [][]string      `json:"certificates"`
	Hosts        map[string]bool `json:"hosts"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: pomerium-rules CONFIG|-settings")
	}
	if os.Args[1] == "-settings" {
		found := map[string]string{}
		settings(reflect.TypeFor[config.Options](), "", found)
		settings(reflect.TypeFor[config.Policy](), "routes.", found)
		must(json.NewEncoder(os.Stdout).Encode(found))
		return
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

// settings notes the fields of a struct under the names that Pomerium reads them by, and those of
// each table and list of tables in it.
func settings(of reflect.Type, prefix string, found map[string]string) {
	for i := range of.NumField() {
		tag, tagged := of.Field(i).Tag.Lookup("mapstructure")
		name, _, _ := strings.Cut(tag, ",")
		kind := of.Field(i).Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch {
		case !tagged || name == "-" || strings.HasPrefix(name, "_"):
			continue
		case name == "":
			settings(kind, prefix, found)
			continue
		}
		found[prefix+name] = kind.Kind().String()
		switch {
		case prefix != "":
		case kind.Kind() == reflect.Slice && kind.Elem() == reflect.TypeFor[config.Policy]():
		case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct:
			settings(kind.Elem(), name+".", found)
		case kind.Kind() == reflect.Struct:
			settings(kind, name+".", found)
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
