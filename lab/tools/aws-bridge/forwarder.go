package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

// forwarder takes connections at one address, and leads them to the one that is wanted now.
type forwarder struct {
	listener net.Listener
	lock     sync.Mutex
	target   string
	open     map[net.Conn]bool
}

func newForwarder() (*forwarder, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	created := &forwarder{listener: listener, open: map[net.Conn]bool{}}
	go created.accept()
	return created, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

// lead sends new connections to an address, and closes those to the address before it.
func (f *forwarder) lead(target string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.target = target
	for connection := range f.open {
		connection.Close()
	}
	clear(f.open)
}

func (f *forwarder) close() {
	f.listener.Close()
	f.lead("")
}

func (f *forwarder) accept() {
	for {
		connection, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go f.forward(connection)
		}
	}
}

func (f *forwarder) forward(near net.Conn) {
	defer near.Close()
	f.lock.Lock()
	target := f.target
	f.lock.Unlock()
	if target == "" {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	if !f.keep(target, near, far) {
		return
	}
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(near, far)
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.open, near)
	delete(f.open, far)
}

// keep remembers a pair of connections, unless another target is wanted by now.
func (f *forwarder) keep(target string, pair ...net.Conn) bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.target != target {
		return false
	}
	for _, connection := range pair {
		f.open[connection] = true
	}
	return true
}
