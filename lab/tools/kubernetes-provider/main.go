// The Kubernetes provider of Pulumi, served as the plugin that the engine starts.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

const version = "4.25.0"

func main() {
	// The engine reads only these two keys; resource schemas travel with the SDK.
	schema := []byte(`{"name":"kubernetes","version":"` + version + `"}`)
	provider.Serve("kubernetes", version, schema, []byte("{}"))
}
