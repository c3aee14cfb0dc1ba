package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
)

// poolVariable names the environment variable that holds the socket of the lab's pool.
const poolVariable = "FLASH_FIREWALL_PROVIDER_POOL"

const endpointVariable = "AWS_ENDPOINT_URL"

// maximalLeases is after how many engines a provider is replaced, so that nothing that it keeps grows for ever.
const maximalLeases = 50

// lease is what a plugin asks the pool for: a provider for one engine.
type lease struct {
	Engine      string
	Endpoint    string
	Environment []string
}

// newLease describes the provider that this process would start, and says whether a pool may lend it.
func newLease(engine string) (lease, bool) {
	endpoint, err := url.Parse(os.Getenv(endpointVariable))
	if err != nil || endpoint.Scheme != "http" || endpoint.Port() == "" {
		return lease{}, false
	}
	own, _ := divided(os.Environ())
	slices.Sort(own)
	return lease{engine, endpoint.Host, own}, true
}

// divided separates the variables that a provider reads from all others. The endpoint is in neither part: it differs
// from engine to engine.
func divided(environment []string) (providers, others []string) {
	prefixes := []string{"AWS_", "TF_", "GO", "HTTP", "NO_PROXY", "no_proxy"}
	for _, variable := range environment {
		isProviders := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
		switch {
		case strings.HasPrefix(variable, endpointVariable+"="):
		case isProviders:
			providers = append(providers, variable)
		default:
			others = append(others, variable)
		}
	}
	return providers, others
}

// borrow serves an engine with a provider of the pool until ctx is done or the provider ends.
func borrow(ctx context.Context, pool net.Conn, wanted lease) error {
	defer pool.Close()
	if err := json.NewEncoder(pool).Encode(wanted); err != nil {
		return err
	}
	reader := bufio.NewReader(pool)
	answer, err := reader.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the pool of providers has ended: %w", err)
	}
	port, problem, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if problem != "" {
		return errors.New(problem)
	}
	// The engine reads the port off the first line.
	fmt.Println(port)
	ended := make(chan error, 1)
	go func() {
		_, err := reader.ReadByte()
		ended <- err
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		return errors.New("the bridge has ended")
	}
}

// pool keeps providers that have started, because starting one takes longer than all that most engines ask of it.
// An engine has a provider for itself. When it ends in order, the provider serves the next engine.
type pool struct {
	lock sync.Mutex
	idle map[string][]*lent
}

// lent is a provider of the pool, and the way from it to the endpoint that its engine wants.
type lent struct {
	*provider
	endpoint *forwarder
	leases   int
}

// servePool answers at a socket until ctx is done.
func servePool(ctx context.Context, socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	served := &pool{idle: map[string][]*lent{}}
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go served.serve(ctx, connection)
	}
}

// serve lends a provider for as long as the plugin's connection lasts.
func (p *pool) serve(ctx context.Context, connection net.Conn) {
	defer connection.Close()
	var wanted lease
	if err := json.NewDecoder(connection).Decode(&wanted); err != nil {
		return
	}
	taken, err := p.take(ctx, wanted)
	if err != nil {
		fmt.Fprintf(connection, "0 %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	taken.endpoint.lead(wanted.Endpoint)
	taken.begin(ctx, wanted.Engine)
	fmt.Fprintln(connection, taken.port)
	isOver := make(chan struct{})
	go func() {
		select {
		case <-taken.bridge.ended:
			taken.spoil()
			connection.Close()
		case <-isOver:
		}
	}()
	_, _ = io.Copy(io.Discard, connection)
	close(isOver)
	p.giveBack(wanted.key(), taken)
}

// take gives an idle provider with the environment that is wanted, or starts one.
func (p *pool) take(ctx context.Context, wanted lease) (*lent, error) {
	p.lock.Lock()
	idle := p.idle[wanted.key()]
	if last := len(idle) - 1; last >= 0 {
		defer p.lock.Unlock()
		p.idle[wanted.key()] = idle[:last]
		return idle[last], nil
	}
	p.lock.Unlock()
	endpoint, err := newForwarder()
	if err != nil {
		return nil, err
	}
	_, environment := divided(os.Environ())
	environment = append(environment, wanted.Environment...)
	environment = append(environment, endpointVariable+"=http://"+endpoint.address())
	started, err := startProvider(ctx, environment)
	if err != nil {
		endpoint.close()
		return nil, err
	}
	return &lent{provider: started, endpoint: endpoint}, nil
}

// giveBack keeps a provider for the next engine, or ends it.
func (p *pool) giveBack(key string, taken *lent) {
	taken.finish()
	taken.leases++
	taken.endpoint.lead("")
	if taken.spoiled.Load() || taken.leases >= maximalLeases {
		taken.end()
		taken.endpoint.close()
		return
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.idle[key] = append(p.idle[key], taken)
}

func (l lease) key() string {
	return strings.Join(l.Environment, "\x00")
}
