"""Every mistake that a stack's binding alone can show, and its one-line error."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.declare.binding import Binding, parse_binding
from flash_ticket.firewall.declare.choices import CniName, DnsMode, KubeProxyMode, PodEniMode
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import STACKS, binding_content
from tests.support.declared.json_values import put, with_anything_anywhere, without

# The mistake, the key of the binding, its value (... for no such key), and the error line after the file and the
# binding's own key.
# fmt: off
MISTAKES: list[tuple[str, str, Any, str]] = [
    ("a misspelt key", "vcp", 1,
        ".vcp: this key is not known. Write 'vpc' instead, or remove it."),
    ("a missing key", "vpc", ...,
        ".vpc: this key is missing. Add it, with one or more of: tags, name, id."),
    ("nothing", "vpc", None,
        ".vpc: nothing is written here. Write keys with values here: tags, name, id."),
    ("a selection of nothing", "vpc", {},
        ".vpc: it names nothing. Give exactly one of tags, name, id."),
    ("a selection by two ways", "vpc", {"name": "a", "id": "b"},
        ".vpc: name and id are given together. Give exactly one of tags, name, id."),
    ("no tags", "vpc.tags", {},
        ".vpc.tags: {} is not a set of tags. Write tags, such as {Name: flash-ticket-dev}."),
    ("a tag that is a number", "vpc.tags", {"Name": 5},
        ".vpc.tags: the tag 'Name' has the value 5, which YAML does not read as text. Quote it."),
    ("an id alone", "vpc", "vpc-1",
        ".vpc: 'vpc-1' is not a set of keys with values. Write keys with values here: tags, name, id."),
    ("an empty name", "vpc", {"name": ""},
        ".vpc.name: it is empty. Write text, in quotes if YAML would read it as something else."),
    ("an id that is a number", "vpc", {"id": 7},
        ".vpc.id: 7 is not text. Write text, in quotes if YAML would read it as something else."),
    ("an unknown attachment", "cluster.attachment", "pod",
        ".cluster.attachment: 'pod' is not known here. Write 'pods' or 'nodes'."),
    ("an unknown owner of the pod layer", "cluster.podLayer", "argocd",
        ".cluster.podLayer: 'argocd' is not known here. Write 'pulumi' or 'rendered'."),
    ("an unknown kind of nodes", "cluster.compute", "auto",
        ".cluster.compute: 'auto' is not known here. Write 'ec2', 'auto-mode' or 'fargate'."),
    ("an unknown plug-in", "cluster.cni.name", "flannel",
        ".cluster.cni.name: 'flannel' is not known here. Write 'vpc-cni', 'cilium' or 'calico'."),
    ("a plug-in that is a word", "cluster.cni", "vpc-cni",
        (".cluster.cni: 'vpc-cni' is not a set of keys with values. Write keys with values here: name, "
        "podEniMode, kubeProxy, enforcingMode, ipv4Egress, cilium.")),
    ("a mode in capitals", "cluster.cni.podEniMode", "Strict",
        ".cluster.cni.podEniMode: 'Strict' is not known here. Write 'standard' or 'strict'."),
    ("an unknown enforcing mode", "cluster.cni.enforcingMode", "off",
        ".cluster.cni.enforcingMode: 'off' is not known here. Write 'standard' or 'strict'."),
    ("a Cilium that enforces nothing", "cluster.cni", {"name": "cilium", "cilium": {"policyEnforcement": "never"}},
        (".cluster.cni.cilium.policyEnforcement: Cilium then enforces no policy, so the pod layer of this firewall "
        "decides nothing. Write default or always, and set enable-policy in Cilium to the same.")),
    ("unknown verdicts", "cluster.cni", {"name": "cilium", "cilium": {"policyVerdicts": "audit"}},
        ".cluster.cni.cilium.policyVerdicts: 'audit' is not known here. Write 'enforced' or 'audited'."),
    ("an end that no ipBlock matches", "cluster.cni", {"name": "cilium", "cilium": {"ipBlocksMatch": ["services"]}},
        ".cluster.cni.cilium.ipBlocksMatch[0]: 'services' is not known here. Write 'nodes' or 'pods'."),
    ("DNS on the node, which no ipBlock of Cilium matches", "cluster",
        {**binding_content("dev")["cluster"], "cni": {"name": "cilium"}, "dns": {"mode": "node-local"}},
        (".cluster.dns: Cilium knows the node as itself and not by an address, so no ipBlock allows DNS on the node, "
        "and NodeLocal DNSCache answers no pod. Choose dns.mode cluster; a CiliumLocalRedirectPolicy then leads "
        "queries for kube-dns to the cache. Or set policy-cidr-match-mode to nodes in Cilium, and "
        "cni.cilium.ipBlocksMatch: [nodes] here.")),
    ("settings of another plug-in", "cluster.cni.cilium", {"policyVerdicts": "audited"},
        (".cluster.cni: the plug-in is vpc-cni, and cilium has settings of Cilium. Remove one.")),
    ("the address of a cache that is not there", "cluster.dns", {"mode": "cluster", "address": "169.254.20.10"},
        (".cluster.dns: the mode is cluster, and address is that of NodeLocal DNSCache. Remove address, or write mode: "
        "node-local.")),
    ("an enforcing mode, which only the VPC CNI has", "cluster.cni", {"name": "cilium", "enforcingMode": "strict"},
        (".cluster.cni: the plug-in is cilium, and only the VPC CNI has enforcingMode. Remove enforcingMode, or write "
        "name: vpc-cni.")),
    ("a way to IPv4, which only the VPC CNI has", "cluster.cni", {"name": "calico", "ipv4Egress": "none"},
        (".cluster.cni: the plug-in is calico, and only the VPC CNI has ipv4Egress. Remove ipv4Egress, or write "
        "name: vpc-cni.")),
    ("a plug-in that replaces no kube-proxy", "cluster.cni.kubeProxy", "cilium",
        (".cluster.cni: the plug-in is vpc-cni, and only Cilium replaces kube-proxy. Write the mode of kube-proxy, "
        "such as kubeProxy: iptables, or name: cilium.")),
    ("a key as Python writes it", "cluster.cni.pod_eni_mode", "strict",
        ".cluster.cni.pod_eni_mode: this key is not known. Write 'podEniMode' instead, or remove it."),
    ("a load balancer that listens on UDP", "loadBalancer.listeners", [443, {"port": 53, "protocol": "UDP"}],
        (".loadBalancer.listeners: an application load balancer cannot listen on UDP 53. Write its TCP ports.")),
    ("an unknown DNS mode", "cluster.dns.mode", "nodelocal",
        ".cluster.dns.mode: 'nodelocal' is not known here. Write 'cluster' or 'node-local'."),
    ("a resolver that is a word", "cluster.dns.address", "x",
        ".cluster.dns.address: 'x' is not an address. Write one such as 169.254.20.10 or fd00::10, without a zone."),
    ("a resolver that is a number", "cluster.dns.address", 5,
        ".cluster.dns.address: 5 is not an address. Write one such as 169.254.20.10 or fd00::10, without a zone."),
    ("a resolver of one link alone", "cluster.dns.address", "fe80::10%eth0",
        (".cluster.dns.address: 'fe80::10%eth0' is not an address. Write one such as 169.254.20.10 or fd00::10, "
        "without a zone.")),
    ("a group of DNS that is a word", "cluster.dns.groups", ["coredns"],
        (".cluster.dns.groups[0]: 'coredns' is not a group of the cluster. Write cluster, nodes, or tags, a name or an "
        "id in braces, such as {name: dns}.")),
    ("a group of DNS with an unknown key", "cluster.dns.groups", ["cluster", {"ids": ["sg-1"]}],
        ".cluster.dns.groups[1].ids: this key is not known. Write 'id' instead, or remove it."),
    ("a group of DNS that is a number", "cluster.dns.groups", [5],
        (".cluster.dns.groups[0]: 5 is not a set of keys with values. Write keys with values here: tags, name, id.")),
    ("no groups of DNS", "cluster.dns.groups", [],
        ".cluster.dns.groups: it is empty. Add at least one entry."),
    ("no clients", "loadBalancer.clients", {},
        ".loadBalancer.clients: it names nothing. Give exactly one of cidrs, prefixList."),
    ("clients in two ways", "loadBalancer.clients", {"cidrs": ["0.0.0.0/0"], "prefixList": {"name": "x"}},
        (".loadBalancer.clients: cidrs and prefixList are given together. Give exactly one of cidrs, "
        "prefixList.")),
    ("a CIDR with host bits", "loadBalancer.clients.cidrs", ["10.0.0.1/8"],
        ".loadBalancer.clients.cidrs[0]: '10.0.0.1/8' has host bits set. Write 10.0.0.0/8."),
    ("a CIDR that is a number", "loadBalancer.clients.cidrs", [5],
        ".loadBalancer.clients.cidrs[0]: 5 is not a CIDR. Write one such as 10.20.0.0/16."),
    ("a CIDR that is a word", "loadBalancer.clients.cidrs", ["office"],
        ".loadBalancer.clients.cidrs[0]: 'office' is not a CIDR. Write one such as 10.20.0.0/16."),
    ("a CIDR of 33 bits", "loadBalancer.clients.cidrs", ["10.0.0.0/33"],
        ".loadBalancer.clients.cidrs[0]: '10.0.0.0/33' is not a CIDR. Write one such as 10.20.0.0/16."),
    ("no CIDRs", "loadBalancer.clients.cidrs", [],
        ".loadBalancer.clients.cidrs: it is empty. Add at least one entry."),
    ("no listeners", "loadBalancer.listeners", [],
        ".loadBalancer.listeners: it is empty. Add at least one entry."),
    ("listener 0", "loadBalancer.listeners", [0],
        ".loadBalancer.listeners[0]: 0 is out of range. Use ports from 1 to 65535, the lower one first."),
    ("groups without addresses", "places.redis", {"groups": [{"name": "x"}]},
        (".places.redis: only groups are given, and a NetworkPolicy matches only addresses. Add subnets, cidrs "
        "or prefixList: the addresses of the interfaces with these groups.")),
    ("a place nowhere", "places.redis", {},
        ".places.redis: it names nothing. Give subnets, cidrs, both, or prefixList."),
    ("a place twice", "places.redis.prefixList", {"name": "office"},
        (".places.redis: prefixList and subnets or cidrs are given together, and the VPC layer follows the list as a "
        "whole. Give prefixList without subnets, cidrs and except.")),
    ("a list without a part", "places.alb", {"prefixList": {"name": "office"}, "except": ["10.0.0.0/8"]},
        (".places.alb: prefixList and except are given together, and the VPC layer follows the list as a whole. "
        "Give prefixList without subnets, cidrs and except.")),
    ("nothing without a part", "places.alb", {"except": ["10.0.0.0/8"]},
        ".places.alb: except takes addresses from nothing. Give subnets, cidrs, both, or prefixList."),
    ("an empty list of groups", "places.redis.groups", [],
        ".places.redis.groups: it is empty. Add at least one entry."),
    ("no names", "places.alb", {"subnets": {"names": []}},
        ".places.alb.subnets.names: it is empty. Add at least one entry."),
    ("a place of nothing", "places.redis", None,
        (".places.redis: nothing is written here. Write keys with values here: subnets, cidrs, prefixList, "
        "except, groups, namespace, pods.")),
    ("places in a list", "places", [],
        ".places: [] is not a set of keys with values. Write names with values."),
    ("a place with a name of two words", "places.a b", {},
        (".places.a b: 'a b' is not a name. Use 1 to 63 lowercase letters, digits and dashes, such as "
        "pay-api.")),
    ("days that CloudWatch does not know", "flowLogs.retentionDays", 15,
        (".flowLogs: CloudWatch Logs cannot keep events for 15 days. Write one of 1, 3, 5, 7, 14, 30, 60, 90, "
        "120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653.")),
    ("days in quotes", "flowLogs.retentionDays", "14",
        ".flowLogs.retentionDays: '14' is not a whole number. Write a whole number, without quotes."),
    ("no days", "flowLogs.retentionDays", 0,
        ".flowLogs.retentionDays: 0 is too small. Write 1 or more."),
    ("too many days", "flowLogs.retentionDays", 3654,
        ".flowLogs.retentionDays: 3654 is too large. Write 3653 or less."),
    ("a truth value for days", "flowLogs.retentionDays", True,
        ".flowLogs.retentionDays: true is not a whole number. Write a whole number, without quotes."),
    ("a scan limit where nothing is scanned", "flowLogs.scanLimitGibibytes", 5,
        (".flowLogs: scanLimitGibibytes limits Athena's queries, and Athena reads only the destination s3. "
        "Remove it.")),
    ("a scan limit of nothing", "flowLogs.scanLimitGibibytes", 0,
        ".flowLogs.scanLimitGibibytes: 0 is too small. Write 1 or more."),
    ("an unknown destination", "flowLogs.destination", "kinesis",
        ".flowLogs.destination: 'kinesis' is not known here. Write 's3' or 'cloudwatch'."),
    ("an unknown end", "flowLogs.onDestroy", "keep",
        ".flowLogs.onDestroy: 'keep' is not known here. Write 'retain' or 'delete'."),
    ("a quota of nothing", "quotas", {"rulesPerGroup": 0},
        ".quotas.rulesPerGroup: 0 is too small. Write 1 or more."),
    ("a quota that AWS never grants", "quotas", {"rulesPerGroup": 1001},
        ".quotas.rulesPerGroup: 1001 is too large. Write 1000 or less."),
    ("quotas whose product AWS never grants", "quotas", {"rulesPerGroup": 250},
        (".quotas: 250 rules a group times 5 groups an interface is more than the 1000 that AWS allows. Write "
        "what AWS has granted.")),
    ("too many groups", "quotas", {"groupsPerInterface": 17},
        ".quotas.groupsPerInterface: 17 is too large. Write 16 or less."),
    ("a policy without its kind", "acceptedPolicies", ["quarantine"],
        (".acceptedPolicies[0]: 'quarantine' is not the kind and name of a policy of an administrator. "
        "Write both as in 'AdminNetworkPolicy quarantine'.")),
    ("a policy of a plug-in", "acceptedPolicies", ["CiliumNetworkPolicy debug"],
        (".acceptedPolicies[0]: 'CiliumNetworkPolicy debug' is not the kind and name of a policy of an administrator. "
        "Write both as in 'AdminNetworkPolicy quarantine'.")),
    ("an empty binding", "", None,
        (": nothing is written here. Write keys with values here: vpc, cluster, loadBalancer, loadBalancers, "
        "places, flowLogs, quotas, alerts, guardRails, acceptedPolicies, adopt, protect.")),
    ("a list", "", [],
        (": [] is not a set of keys with values. Write keys with values here: vpc, cluster, loadBalancer, "
        "loadBalancers, places, flowLogs, quotas, alerts, guardRails, acceptedPolicies, adopt, protect.")),
    ("a word", "", "dev",
        (": 'dev' is not a set of keys with values. Write keys with values here: vpc, cluster, loadBalancer, "
        "loadBalancers, places, flowLogs, quotas, alerts, guardRails, acceptedPolicies, adopt, protect.")),
]
# fmt: on


def mistaken(key: str, value: Any) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    path = tuple(key.split(".")) if key else ()
    content = binding_content("dev")
    return without(content, path) if value is ... else put(content, path, value)


@pytest.mark.parametrize(("key", "value", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_reported_with_file_key_problem_and_remedy(key: str, value: Any, line: str) -> None:  # noqa: ANN401 - parsed YAML has any shape
    with pytest.raises(InputError) as refused:
        parse_binding(mistaken(key, value), "dev")
    assert str(refused.value) == f"Pulumi.dev.yaml: flash-ticket-firewall:binding{line}"


@pytest.mark.parametrize("stack", STACKS)
@settings(max_examples=100)
@given(data=st.data())
def test_any_value_anywhere_gives_a_binding_or_a_one_line_error(stack: str, data: st.DataObject) -> None:
    content = data.draw(with_anything_anywhere(binding_content(stack)))
    try:
        found = parse_binding(content, stack)
    except InputError as refused:
        line = str(refused)
        assert line.startswith(f"Pulumi.{stack}.yaml: flash-ticket-firewall:binding")
        assert line.isprintable()
    else:
        assert isinstance(found, Binding)


def test_common_cluster_settings_have_defaults() -> None:
    content = put(binding_content("dev"), ("cluster", "cni"), {"name": "calico"})
    content = put(content, ("cluster", "dns"), {"mode": "node-local"})
    found = parse_binding(content, "dev")

    assert found.cluster.cni.name is CniName.CALICO
    assert found.cluster.cni.pod_eni_mode is PodEniMode.STANDARD
    assert found.cluster.cni.kube_proxy is KubeProxyMode.IPTABLES
    assert found.cluster.dns.mode is DnsMode.NODE_LOCAL
    assert str(found.cluster.dns.address) == "169.254.20.10"
    assert (found.quotas.rules_per_group, found.quotas.groups_per_interface) == (60, 5)


def test_s3_keeps_records_for_any_number_of_days_and_cloudwatch_for_those_it_knows() -> None:
    content = put(binding_content("dev"), ("flowLogs", "retentionDays"), 15)

    found = parse_binding(put(content, ("flowLogs", "destination"), "s3"), "dev").flow_logs
    assert found
    assert found.retention_days == 15
    with pytest.raises(InputError, match="cannot keep events for 15 days"):
        parse_binding(content, "dev")


def test_a_query_over_records_in_s3_reads_a_hundred_gibibytes_unless_another_limit_is_written() -> None:
    content = binding_content("prod")
    own = put(content, ("flowLogs", "scanLimitGibibytes"), 5)

    found = [parse_binding(each, "prod").flow_logs for each in (content, own)]
    assert [each and each.scan_limit_gibibytes for each in found] == [100, 5]
