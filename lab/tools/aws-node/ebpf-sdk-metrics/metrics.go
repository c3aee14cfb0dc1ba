// Package metrics stands in for one that aws-ebpf-sdk-go has after v1.0.15, the last release that can be fetched.
//
// The agent exports both numbers as metrics. Nothing counts them here.
package metrics

// ProgLoadEAGAINRetries returns how often the load of a program was tried again.
func ProgLoadEAGAINRetries() uint64 { return 0 }

// ProgLoadEAGAINExhausted returns how often the load of a program was given up.
func ProgLoadEAGAINExhausted() uint64 { return 0 }
