package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// provider is a bridge with HashiCorp's provider loaded, and the server that an engine talks to.
type provider struct {
	bridge *bridge
	port   string
	end    func()
	// engine is the one that is served now: the bridge's calls are passed on to it.
	engine   atomic.Pointer[grpc.ClientConn]
	inFlight atomic.Int64
	spoiled  atomic.Bool
}

// startProvider starts a bridge with the given environment and loads HashiCorp's provider.
func startProvider(ctx context.Context, environment []string) (*provider, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(executable)
	started := &provider{}
	callbacks, callbackPort, err := listen(started.handleCallback)
	if err != nil {
		return nil, err
	}
	started.bridge, err = startBridge(filepath.Join(folder, "pulumi-terraform-bridge"), "127.0.0.1:"+callbackPort, environment)
	if err != nil {
		callbacks.Stop()
		return nil, err
	}
	started.end = func() {
		callbacks.Stop()
		started.bridge.end()
	}
	connection, err := dial(started.bridge.port)
	if err == nil {
		err = load(ctx, connection, folder)
	}
	if err != nil {
		started.end()
		return nil, err
	}
	handler := &proxy{bridge: connection}
	server, port, err := listen(func(service any, stream grpc.ServerStream) error {
		return started.handle(handler, service, stream)
	})
	if err != nil {
		started.end()
		return nil, err
	}
	started.port = port
	started.end = func() {
		server.Stop()
		connection.Close()
		callbacks.Stop()
		started.bridge.end()
	}
	return started, nil
}

// load makes the bridge start HashiCorp's provider.
func load(ctx context.Context, bridge *grpc.ClientConn, folder string) error {
	parameters := []string{filepath.Join(folder, launcherName), "--include", strings.Join(terraformNames(), ",")}
	_, err := pulumirpc.NewResourceProviderClient(bridge).Parameterize(ctx, &pulumirpc.ParameterizeRequest{
		Parameters: &pulumirpc.ParameterizeRequest_Args{Args: &pulumirpc.ParameterizeRequest_ParametersArgs{Args: parameters}},
	})
	if err != nil {
		return fmt.Errorf("the bridge cannot load %s: %w", os.Getenv(providerVariable), err)
	}
	return nil
}

// listen serves every method of every service on a port of its own.
func listen(handler grpc.StreamHandler) (*grpc.Server, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(handler), grpc.MaxRecvMsgSize(maximalMessage))
	go func() { _ = server.Serve(listener) }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return server, port, err
}

const maximalMessage = 400 << 20

// handle passes a call of the engine on. After a call that does not end in order nobody knows what the provider still
// does: it serves no other engine.
func (p *provider) handle(handler *proxy, service any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	isLast := p.inFlight.Add(1) == 1
	defer p.inFlight.Add(-1)
	if strings.HasSuffix(path, "/Cancel") {
		// Each engine cancels at its end. Without a call in flight there is nothing to cancel.
		if isLast {
			return pass(resourceProvider, stream, nil)
		}
		p.spoil()
	}
	err := handler.handle(service, stream)
	if stream.Context().Err() != nil {
		p.spoil()
	}
	return err
}

// handleCallback passes a call of the bridge on to the engine that it serves now.
func (p *provider) handleCallback(_ any, stream grpc.ServerStream) error {
	engine := p.engine.Load()
	if engine == nil {
		return status.Error(codes.Unavailable, "no engine is here")
	}
	return pass(engineService, stream, engine)
}

// begin serves an engine, which listens at a port of this machine.
func (p *provider) begin(ctx context.Context, engine string) {
	_, port, isAddress := strings.Cut(engine, ":")
	if !isAddress {
		return
	}
	if connection, err := dial(port); err == nil {
		p.engine.Store(connection)
		announce(ctx, connection)
	}
}

// finish ends the service of an engine.
func (p *provider) finish() {
	if p.inFlight.Load() > 0 {
		p.spoil()
	}
	if connection := p.engine.Swap(nil); connection != nil {
		connection.Close()
	}
}

// spoil says that this provider must not serve another engine.
func (p *provider) spoil() { p.spoiled.Store(true) }
