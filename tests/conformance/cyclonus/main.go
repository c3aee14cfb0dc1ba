// Command oracle answers with cyclonus's matcher whether connections pass.
//
// Each line of its input is one question as JSON: NetworkPolicies, and connections in the terms of cyclonus's Traffic.
// Each line of its output is the answers in that order, as a JSON array of booleans.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	networkingv1 "k8s.io/api/networking/v1"
)

type question struct {
	Policies []*networkingv1.NetworkPolicy
	Traffic  []*matcher.Traffic
}

func main() {
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	encoder := json.NewEncoder(os.Stdout)
	for decoder.More() {
		var asked question
		if err := decoder.Decode(&asked); err != nil {
			log.Fatal(err)
		}
		policies := matcher.BuildNetworkPolicies(false, asked.Policies)
		answers := make([]bool, 0, len(asked.Traffic))
		for _, traffic := range asked.Traffic {
			answers = append(answers, policies.IsTrafficAllowed(traffic).IsAllowed())
		}
		if err := encoder.Encode(answers); err != nil {
			log.Fatal(err)
		}
	}
}
