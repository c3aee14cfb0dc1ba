package main

import (
	"io"
	"net"
	"slices"
	"testing"
)

// speaker answers each connection with its name.
func speaker(t *testing.T, name string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(connection, name)
		}
	}()
	return listener.Addr().String()
}

func hear(t *testing.T, address string, length int) (net.Conn, string) {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, length)
	count, _ := io.ReadFull(connection, heard)
	return connection, string(heard[:count])
}

func TestAConnectionLeadsToTheEndpointOfTheEngineThatIsServed(t *testing.T) {
	forwarder, err := newForwarder()
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.close()
	for _, name := range []string{"one", "two"} {
		forwarder.lead(speaker(t, name))
		if _, heard := hear(t, forwarder.address(), len(name)); heard != name {
			t.Errorf("heard %q from %q", heard, name)
		}
	}
}

func TestNoConnectionOutlastsItsEngine(t *testing.T) {
	forwarder, err := newForwarder()
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.close()
	forwarder.lead(speaker(t, "one"))
	kept, _ := hear(t, forwarder.address(), len("one"))
	forwarder.lead("")
	if count, err := kept.Read(make([]byte, 1)); err == nil {
		t.Errorf("an old connection still gives %d bytes", count)
	}
	if _, heard := hear(t, forwarder.address(), 1); heard != "" {
		t.Errorf("a connection without an engine hears %q", heard)
	}
}

func TestAProviderThatStillWorksServesNoOtherEngine(t *testing.T) {
	busy, idle := &provider{}, &provider{}
	busy.inFlight.Add(1)
	busy.finish()
	idle.finish()
	if !busy.spoiled.Load() || idle.spoiled.Load() {
		t.Errorf("busy is spoiled: %v; idle is spoiled: %v", busy.spoiled.Load(), idle.spoiled.Load())
	}
}

func TestOnlyProvidersWithTheSameVariablesAreShared(t *testing.T) {
	own, others := divided([]string{"AWS_MAX_ATTEMPTS=2", "AWS_ENDPOINT_URL=http://127.0.0.1:1", "HOME=/", "GOGC=400"})
	if !slices.Equal(own, []string{"AWS_MAX_ATTEMPTS=2", "GOGC=400"}) || !slices.Equal(others, []string{"HOME=/"}) {
		t.Errorf("got %v and %v", own, others)
	}
}
