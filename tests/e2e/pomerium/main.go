// Command pomerium-rules lets Pomerium's own code read a configuration.
//
//	pomerium-rules check CONFIG         the last line on stdout is the verdict, those before are Pomerium's log
//	pomerium-rules listen CONFIG FILE   keeps in FILE, for Envoy, the HTTPS listener that CONFIG means
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	reply "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/direct_response/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/pomerium/pomerium/config"
	"github.com/pomerium/pomerium/config/envoyconfig"
	"github.com/pomerium/pomerium/config/envoyconfig/filemgr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

type verdict struct {
	Error        string          `json:"error"`
	Certificates [][]string      `json:"certificates"`
	Hosts        map[string]bool `json:"hosts"`
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "check":
		must(json.NewEncoder(os.Stdout).Encode(check(os.Args[2])))
	case len(os.Args) == 4 && os.Args[1] == "listen":
		listen(os.Args[2], os.Args[3])
	default:
		log.Fatal("usage: pomerium-rules check CONFIG | listen CONFIG FILE")
	}
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

// listen follows the configuration and the files it names, as Pomerium does while it runs.
func listen(path, out string) {
	ctx := context.Background()
	underlying, err := config.NewFileOrEnvironmentSource(ctx, path, "")
	must(err)
	source := config.NewFileWatcherSource(ctx, underlying)
	builder := envoyconfig.New("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", filemgr.NewManager(), nil, false)
	publish := func(ctx context.Context, cfg *config.Config) {
		listeners, err := builder.BuildListeners(ctx, cfg, false)
		if err != nil {
			log.Print(err) // as between two renames of a renewal; Pomerium, too, keeps what it has
			return
		}
		for _, one := range listeners {
			if one.Name == "https-ingress" {
				must(write(out, one))
			}
		}
	}
	publish(ctx, source.GetConfig())
	source.OnConfigChange(ctx, publish)
	select {}
}

// write replaces what comes after TLS by one line of text: Pomerium's HTTP filters exist in its own
// build of Envoy only. The address, the TLS inspector and the TLS context are left as they came.
func write(out string, ingress *listener.Listener) error {
	text := &core.DataSource{Specifier: &core.DataSource_InlineString{InlineString: "served\n"}}
	answer, err := anypb.New(&reply.Config{Response: text})
	must(err)
	for _, chain := range ingress.FilterChains {
		chain.Filters = []*listener.Filter{{
			Name:       "envoy.filters.network.direct_response",
			ConfigType: &listener.Filter_TypedConfig{TypedConfig: answer},
		}}
	}
	resource, err := anypb.New(ingress)
	must(err)
	data, err := protojson.Marshal(&discovery.DiscoveryResponse{Resources: []*anypb.Any{resource}})
	must(err)
	draft := fmt.Sprintf("%s.%d", out, os.Getpid())
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, out) // Envoy looks again when a file is moved here
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
