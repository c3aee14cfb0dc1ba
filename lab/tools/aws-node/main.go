// The lab's stand-in for ipamd, the daemon that gives a node's pods their addresses on EKS, and for the instance
// metadata of that node. The VPC CNI's plugin and the network policy agent, both unmodified, ask nothing else of AWS.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/amazon-vpc-cni-k8s/rpc"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	pluginAddress   = "127.0.0.1:50051" // compiled into the plugin
	agentSocket     = "/run/aws-node/ipamd.sock"
	metadataAddress = "127.0.0.1:50052"
	// The node's own instance: an agent that ships its log asks EC2 for the cluster's name by it.
	identity = `{"instanceId": "i-0a1b2c3d4e5f60718", "region": "ap-northeast-2"}`
)

// pool gives each pod the next free address after first, and takes it back.
type pool struct {
	rpc.UnimplementedCNIBackendServer
	rpc.UnimplementedConfigServerBackendServer
	mutex   sync.Mutex
	next    netip.Addr
	free    []netip.Addr
	held    map[string]netip.Addr // by the pod's sandbox
	network string
	mode    string
}

func (p *pool) AddNetwork(_ context.Context, request *rpc.AddNetworkRequest) (*rpc.AddNetworkReply, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	address, ok := p.held[request.ContainerID]
	if !ok {
		// An address waits at the end of the line before another pod gets it, as on a real node.
		if len(p.free) > 32 {
			address, p.free = p.free[0], p.free[1:]
		} else {
			address, p.next = p.next, p.next.Next()
		}
		p.held[request.ContainerID] = address
	}
	return &rpc.AddNetworkReply{
		Success:              true,
		IPAllocationMetadata: []*rpc.IPAllocationMetadata{{IPv4Addr: address.String()}},
		UseExternalSNAT:      true,
		VPCv4CIDRs:           []string{p.network},
		NetworkPolicyMode:    p.mode,
	}, nil
}

func (p *pool) DelNetwork(_ context.Context, request *rpc.DelNetworkRequest) (*rpc.DelNetworkReply, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	reply := &rpc.DelNetworkReply{Success: true, NetworkPolicyMode: p.mode}
	if address, ok := p.held[request.ContainerID]; ok {
		reply.IPAllocationMetadata = []*rpc.IPAllocationMetadata{{IPv4Addr: address.String()}}
		delete(p.held, request.ContainerID)
		p.free = append(p.free, address)
	}
	return reply, nil
}

func (p *pool) GetNetworkPolicyConfigs(context.Context, *emptypb.Empty) (*rpc.NetworkPolicyAgentConfigReply, error) {
	return &rpc.NetworkPolicyAgentConfigReply{NetworkPolicyMode: p.mode}, nil
}

func serve(network, address string, server *grpc.Server) {
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(server.Serve(listener)) }()
}

func main() {
	node := flag.String("node", "", "the node's address")
	first := flag.String("first", "", "the first pod's address")
	network := flag.String("network", "", "the VPC's addresses")
	mode := flag.String("mode", "standard", "NETWORK_POLICY_ENFORCING_MODE: standard or strict")
	flag.Parse()
	addresses := &pool{next: netip.MustParseAddr(*first), held: map[string]netip.Addr{}, network: *network, mode: *mode}
	plugin, agent := grpc.NewServer(), grpc.NewServer()
	rpc.RegisterCNIBackendServer(plugin, addresses)
	rpc.RegisterConfigServerBackendServer(agent, addresses)
	if err := os.MkdirAll(filepath.Dir(agentSocket), 0o755); err != nil {
		log.Fatal(err)
	}
	serve("tcp", pluginAddress, plugin)
	serve("unix", agentSocket, agent)
	http.HandleFunc("PUT /latest/api/token", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		fmt.Fprint(answer, "lab")
	})
	http.HandleFunc("GET /latest/meta-data/local-ipv4", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, *node)
	})
	http.HandleFunc("GET /latest/dynamic/instance-identity/document", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, identity)
	})
	log.Fatal(http.ListenAndServe(metadataAddress, nil))
}
