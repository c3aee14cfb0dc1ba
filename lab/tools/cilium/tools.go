//go:build tools

// Package tools pins the modules of Cilium's agent, of its network plugin and of Hubble's command.
package tools

import (
	_ "github.com/cilium/cilium/daemon"
	_ "github.com/cilium/cilium/hubble"
	_ "github.com/cilium/cilium/plugins/cilium-cni"
)
