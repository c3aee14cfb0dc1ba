// Command oracle answers with cyclonus's matcher whether connections pass.
//
// Each line of its input is one question as JSON: NetworkPolicies, and either connections in the terms of cyclonus's
// Traffic, or Peers each of which is to call each other one on one TCP port. Each line of its output is the answers in
// that order (source by source), as a JSON array of booleans.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type question struct {
	Policies []*networkingv1.NetworkPolicy
	Traffic  []*matcher.Traffic
	Peers    []*matcher.TrafficPeer
	Port     int
}

func (q *question) connections() []*matcher.Traffic {
	all := q.Traffic
	for _, source := range q.Peers {
		for _, destination := range q.Peers {
			if source != destination {
				all = append(all, &matcher.Traffic{
					Source: source, Destination: destination, ResolvedPort: q.Port, Protocol: v1.ProtocolTCP,
				})
			}
		}
	}
	return all
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
		connections := asked.connections()
		answers := make([]bool, 0, len(connections))
		for _, traffic := range connections {
			answers = append(answers, policies.IsTrafficAllowed(traffic).IsAllowed())
		}
		if err := encoder.Encode(answers); err != nil {
			log.Fatal(err)
		}
	}
}
