// pulumi-resource-aws for the lab: the AWS provider's own logic where the official plugin cannot be had.
//
// The official plugin is HashiCorp's Terraform provider behind Pulumi's bridge. This one starts Pulumi's dynamic bridge, lets it
// load the same Terraform provider from a local file, and gives its resources the names that pulumi-aws gives them.
//
// Beside this executable lie pulumi-terraform-bridge and terraform-provider-aws, which is a link to this executable: see launch.
package main

import (
	"context"
	"errors"
	"fmt"
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
	return serve(ctx, engine)
}

// serve runs until ctx is done or the bridge ends.
func serve(ctx context.Context, engine string) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	folder := filepath.Dir(executable)
	bridge, err := startBridge(filepath.Join(folder, "pulumi-terraform-bridge"), engine)
	if err != nil {
		return err
	}
	defer bridge.end()

	connection, err := dial(bridge.port)
	if err != nil {
		return err
	}
	defer connection.Close()
	parameters := []string{filepath.Join(folder, launcherName), "--include", strings.Join(terraformNames(), ",")}
	_, err = pulumirpc.NewResourceProviderClient(connection).Parameterize(ctx, &pulumirpc.ParameterizeRequest{
		Parameters: &pulumirpc.ParameterizeRequest_Args{Args: &pulumirpc.ParameterizeRequest_ParametersArgs{Args: parameters}},
	})
	if err != nil {
		return fmt.Errorf("the bridge cannot load %s: %w", os.Getenv(providerVariable), err)
	}
	announce(ctx, engine)

	handler := &proxy{bridge: connection}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Options: []grpc.ServerOption{grpc.UnknownServiceHandler(handler.handle)},
	})
	if err != nil {
		return err
	}
	// The engine reads the port off the first line.
	fmt.Println(handle.Port)
	select {
	case <-ctx.Done():
		return nil
	case <-bridge.ended:
		return errors.New("the bridge has ended")
	case err := <-handle.Done:
		return err
	}
}

func dial(port string) (*grpc.ClientConn, error) {
	return grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
}

// announce tells the engine's log what serves AWS here. It is a courtesy: an engine that does not listen is no error.
func announce(ctx context.Context, engine string) {
	_, port, found := strings.Cut(engine, ":")
	if !found {
		return
	}
	connection, err := dial(port)
	if err != nil {
		return
	}
	defer connection.Close()
	_, _ = pulumirpc.NewEngineClient(connection).Log(ctx, &pulumirpc.LogRequest{
		Severity: pulumirpc.LogSeverity_INFO,
		Message:  "lab: AWS resources are served by HashiCorp's provider behind Pulumi's dynamic bridge, not by the official pulumi-aws plugin",
	})
}
