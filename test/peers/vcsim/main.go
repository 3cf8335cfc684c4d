// A vCenter of govmomi's simulator, as tests want it: told what to be by one line of JSON on standard input, it says its URL
// on standard output and ends when its standard input does. Built twice (build.ts): from Debian's govmomi 0.24.2, which
// makes 10,000 VMs in half a minute, and from 0.55.0, which pages and truncates.
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

type wanted struct {
	// True for an ESXi host instead of a vCenter.
	Host        bool
	Datacenters int
	// Per datacenter.
	Clusters, StandaloneHosts, PortGroups, Datastores int
	// Per cluster.
	Hosts int
	// Per resource pool.
	Vms                int
	Username, Password string
	// PEM; both empty: the simulator's own.
	Certificate, Key string
	// 0: sessions live for ever.
	SessionIdleSeconds int
	Listen             string
}

func main() {
	log.SetOutput(io.Discard)
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	fail(err)
	var want wanted
	fail(json.Unmarshal(line, &want))

	model := simulator.VPX()
	if want.Host {
		model = simulator.ESX()
	} else {
		model.Datacenter, model.Cluster, model.Host = want.Datacenters, want.Clusters, want.StandaloneHosts
		model.ClusterHost, model.Portgroup, model.Datastore = want.Hosts, want.PortGroups, want.Datastores
	}
	model.Machine = want.Vms
	defer model.Remove()
	fail(model.Create())
	expireAfter(model, want.SessionIdleSeconds)
	model.Service.TLS = new(tls.Config)
	if want.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(want.Certificate), []byte(want.Key))
		fail(err)
		model.Service.TLS.Certificates = []tls.Certificate{pair}
	}
	model.Service.Listen = &url.URL{Host: want.Listen, User: url.UserPassword(want.Username, want.Password)}
	model.Service.RegisterEndpoints = true
	server := model.Service.NewServer()
	fmt.Printf("https://%s\n", server.URL.Host)
	_, _ = io.Copy(io.Discard, input)
	server.Close()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
