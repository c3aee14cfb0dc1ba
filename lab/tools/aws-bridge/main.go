// pulumi-resource-aws for the lab: the AWS provider's own logic where the official plugin cannot be had.
//
// The official plugin is HashiCorp's Terraform provider behind Pulumi's bridge. This one starts Pulumi's dynamic bridge, lets it
// load the same Terraform provider from a local file, and gives its resources the names that pulumi-aws gives them.
//
// In the lab most engines do the same: a process of this plugin that is named "pool:SOCKET" keeps loaded providers for them, see pool.go.
//
// Beside this executable lie pulumi-terraform-bridge and terraform-provider-aws, which is a link to this executable: see launch.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// providerVariable names the environment variable that holds the path of HashiCorp's provider.
const providerVariable = "FLASH_FIREWALL_TERRAFORM_PROVIDER_AWS"

const launcherName = "terraform-provider-aws"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws (lab):", err)
		os.Exit(1)
	}
}

func run() error {
	if err := dieWithParent(); err != nil {
		return err
	}
	if filepath.Base(os.Args[0]) == launcherName {
		return launch()
	}
	engine := ""
	for _, argument := range os.Args[1:] {
		if !strings.HasPrefix(argument, "-") {
			engine = argument
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if socket, isPool := strings.CutPrefix(engine, "pool:"); isPool {
		return servePool(ctx, socket)
	}
	// Without a pool each engine has a provider of its own, as with the official plugin.
	if pool, err := net.Dial("unix", os.Getenv(poolVariable)); err == nil {
		if wanted, canBorrow := newLease(engine); canBorrow {
			return borrow(ctx, pool, wanted)
		}
		pool.Close()
	}
	return serve(ctx, engine)
}

// serve serves one engine with a provider of its own, until ctx is done or the bridge ends.
func serve(ctx context.Context, engine string) error {
	own, err := startProvider(ctx, os.Environ())
	if err != nil {
		return err
	}
	defer own.end()
	own.begin(ctx, engine)
	// The engine reads the port off the first line.
	fmt.Println(own.port)
	select {
	case <-ctx.Done():
		return nil
	case <-own.bridge.ended:
		return errors.New("the bridge has ended")
	}
}

func dial(port string) (*grpc.ClientConn, error) {
	return grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
}

// announce tells the engine's log what serves AWS here. It is a courtesy: an engine that does not listen is no error.
func announce(ctx context.Context, engine *grpc.ClientConn) {
	_, _ = pulumirpc.NewEngineClient(engine).Log(ctx, &pulumirpc.LogRequest{
		Severity: pulumirpc.LogSeverity_INFO,
		Message:  "lab: AWS resources are served by HashiCorp's provider behind Pulumi's dynamic bridge, not by the official pulumi-aws plugin",
	})
}
