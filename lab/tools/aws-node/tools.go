//go:build tools

// Package main names what is built from this module beside the stub, so that go.mod and go.sum pin all of it.
package main

import (
	_ "github.com/aws/amazon-vpc-cni-k8s/cmd/routed-eni-cni-plugin"
	_ "github.com/aws/aws-network-policy-agent"
)
