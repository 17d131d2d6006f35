// Command envoy stands where Pomerium looks for its own build of Envoy, and runs $ENVOY instead.
//
// Pomerium's build has objects that no other has. The one filter that asks for them notes addresses
// for tunnels over SSH; it is taken out of each listener on its way from Pomerium's control plane.
// Everything else comes through as it is.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"syscall"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	absent  = "pomerium.extensions.ssh."    // what the keys of those objects begin with
	theirs  = "pomerium-control-plane-grpc" // Pomerium's cluster for xDS and more
	between = "between"                     // ours, for xDS
)

func main() {
	runtime.LockOSThread() // Pdeathsig: the end of the thread that starts the child, not of the process
	args := os.Args[1:]
	if at := slices.Index(args, "-c"); at >= 0 {
		args[at+1] = redirect(args[at+1])
	}
	envoy := exec.Command(os.Getenv("ENVOY"), args...)
	envoy.Stdout, envoy.Stderr = os.Stdout, os.Stderr
	envoy.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	must(envoy.Start())
	go func() {
		for each := range signals {
			_ = envoy.Process.Signal(each) // it may have ended
		}
	}()
	_ = envoy.Wait() // the code says it
	os.Exit(envoy.ProcessState.ExitCode())
}

// redirect starts serving xDS and returns a bootstrap file like this one that asks us.
func redirect(path string) string {
	data, err := os.ReadFile(path)
	must(err)
	var (
		bootstrap map[string]json.RawMessage
		static    struct {
			Clusters []json.RawMessage `json:"clusters"`
		}
	)
	must(json.Unmarshal(data, &bootstrap))
	must(json.Unmarshal(bootstrap["staticResources"], &static))
	found := regexp.MustCompile(`"address": ?"([^"]+)", ?"portValue": ?(\d+)`).FindSubmatch(static.Clusters[0])
	if found == nil {
		log.Fatalf("no address of Pomerium's control plane in %s", static.Clusters[0])
	}
	port := serve(net.JoinHostPort(string(found[1]), string(found[2])))

	ours := bytes.ReplaceAll(static.Clusters[0], []byte(theirs), []byte(between))
	ours = bytes.Replace(ours, found[0], fmt.Appendf(nil, `"address":"127.0.0.1","portValue":%d`, port), 1)
	static.Clusters = append(static.Clusters, ours)
	bootstrap["staticResources"], err = json.Marshal(static)
	must(err)
	bootstrap["dynamicResources"] = bytes.ReplaceAll(bootstrap["dynamicResources"], []byte(theirs), []byte(between))
	data, err = json.Marshal(bootstrap)
	must(err)
	path = "between-" + path
	must(os.WriteFile(path, data, 0o600))
	return path
}

// serve answers Envoy with what the control plane says, and returns the port.
func serve(controlPlane string) int {
	connection, err := grpc.NewClient(controlPlane, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	must(err)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(server, relay{
		pomerium: discovery.NewAggregatedDiscoveryServiceClient(connection),
	})
	go func() { log.Fatal(server.Serve(socket)) }()
	return socket.Addr().(*net.TCPAddr).Port
}

type relay struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	pomerium discovery.AggregatedDiscoveryServiceClient
}

func (r relay) DeltaAggregatedResources(envoy discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	pomerium, err := r.pomerium.DeltaAggregatedResources(envoy.Context())
	if err != nil {
		return err
	}
	go func() {
		for {
			asked, err := envoy.Recv()
			if err != nil || pomerium.Send(asked) != nil {
				return // the other direction says why
			}
		}
	}()
	for {
		answer, err := pomerium.Recv()
		if err != nil {
			return err
		}
		for _, resource := range answer.Resources {
			if found := new(listener.Listener); resource.Resource.MessageIs(found) {
				must(resource.Resource.UnmarshalTo(found))
				must(resource.Resource.MarshalFrom(without(found)))
			}
		}
		if err := envoy.Send(answer); err != nil {
			return err
		}
	}
}

// without takes from the listener the filters that Envoy would refuse all of it for.
func without(all *listener.Listener) *listener.Listener {
	for _, chain := range all.FilterChains {
		for _, filter := range chain.Filters {
			manager := new(hcm.HttpConnectionManager)
			if !filter.GetTypedConfig().MessageIs(manager) {
				continue
			}
			must(filter.GetTypedConfig().UnmarshalTo(manager))
			manager.HttpFilters = slices.DeleteFunc(manager.HttpFilters, func(each *hcm.HttpFilter) bool {
				return bytes.Contains(each.GetTypedConfig().GetValue(), []byte(absent))
			})
			config, err := anypb.New(manager)
			must(err)
			filter.ConfigType = &listener.Filter_TypedConfig{TypedConfig: config}
		}
	}
	return all
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
