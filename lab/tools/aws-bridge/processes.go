package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bridge is the running dynamic bridge.
type bridge struct {
	command *exec.Cmd
	port    string
	ended   <-chan error
}

// dieWithParent makes the kernel end this process with the one that started it, so that an engine which is killed leaves nothing behind.
func dieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	// A parent that died before the call sends no signal.
	if os.Getppid() == 1 && os.Getpid() != 1 {
		return errors.New("the process that started this plugin is gone")
	}
	return nil
}

// launch becomes HashiCorp's provider. The bridge knows a provider by its file's name and starts it without tying its life to its
// own; the parent's death signal set above survives the exec and does that.
func launch() error {
	path := os.Getenv(providerVariable)
	if path == "" {
		return fmt.Errorf("%s is not set", providerVariable)
	}
	return unix.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
}

// startBridge starts the bridge in a process group of its own and reads its port off the first line it prints.
func startBridge(path, engine string, environment []string) (*bridge, error) {
	command := exec.Command(path, engine)
	command.Env = environment
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// The death signal is sent when the thread that started the child ends: hold on to the thread.
		runtime.LockOSThread()
		started <- command.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("the bridge does not start: %w", err)
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the bridge ended before it served: %w", errors.Join(err, command.Wait()))
	}
	go func() {
		_, _ = io.Copy(io.Discard, reader)
		ended <- command.Wait()
	}()
	return &bridge{command: command, port: strings.TrimSpace(line), ended: ended}, nil
}

// end ends the bridge and the provider that it started: both are in the process group.
func (b *bridge) end() {
	_ = syscall.Kill(-b.command.Process.Pid, syscall.SIGKILL)
}
