"""Every mistake that traffic.yaml alone can show, and its one-line error."""

from pathlib import Path

import pytest

from flash_ticket.firewall.declare.traffic_file import parse_matrix, read_matrix
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.terms.input_error import InputError

VALID = """\
namespace: flash-ticket
services:
  gateway:
    pods: {app: flash-gateway}
    ports: [3000]
    policies: {ingress: 01-allow-gateway-from-alb, egress: 04-allow-egress-gateway}
  api:
    pods: {app: flash-api}
    ports: [4000]
    policies: {ingress: 02-allow-api-from-gateway, egress: 04-allow-egress-api}
externals:
  alb: {}
  redis: {ports: [6379]}
flows:
  - {from: alb, to: gateway}
  - {from: gateway, to: api}
  - {from: api, to: redis}
"""

NAMESPACE = "namespace: flash-ticket"
NAME = "  gateway:\n"
LABELS = "pods: {app: flash-gateway}"
PORTS = "ports: [3000]"
EXTERNAL = "alb: {}"
FLOW = "- {from: alb, to: gateway}"

# The mistake, the text of the valid file that it replaces, the new text, and the error line after "traffic.yaml: ".
# fmt: off
MISTAKES = [
    ("a misspelt key of the file", "services:", "servics:",
        "servics: this key is not known. Write 'services' instead, or remove it."),
    ("a misspelt key of a service", PORTS, "prots: [3000]",
        "services.gateway.prots: this key is not known. Write 'ports' instead, or remove it."),
    ("a misspelt key of the policies", "{ingress: 01-allow-gateway-from-alb", "{ingres: 01-allow-gateway-from-alb",
        "services.gateway.policies.ingres: this key is not known. Write 'ingress' instead, or remove it."),
    ("a key that looks like no other", PORTS, "ports: [3000]\n    zzz: 1",
        ("services.gateway.zzz: this key is not known. Remove it; known here: namespace, pods, policies, ports, "
         "stacks.")),
    ("a missing key", NAMESPACE, "",
        "namespace: this key is missing. Add it."),
    ("a policy for no ports", "ports: [3000]\n", "\n",
        ("services.gateway: an ingress policy has a name, but the service has no ports, so it gets no ingress policy. "
         "Add ports, or remove policies.ingress.")),
    ("an end that is no day", FLOW, "- {from: alb, to: gateway, until: soon}",
        "flows[0].until: 'soon' is not a day. Write one such as 2026-12-31."),
    ("an end with a time", FLOW, "- {from: alb, to: gateway, until: 2026-12-31T12:00:00Z}",
        "flows[0].until: '2026-12-31 12:00:00+00:00' is not a day. Write one such as 2026-12-31."),
    ("an end that no calendar has", FLOW, "- {from: alb, to: gateway, until: '2026-02-30'}",
        "flows[0].until: '2026-02-30' is not a day. Write one such as 2026-12-31."),
    ("a blank reason", FLOW, "- {from: alb, to: gateway, because: ' '}",
        "flows[0].because: ' ' is blank. Write some words, in quotes."),
    ("a reason that is no text", FLOW, "- {from: alb, to: gateway, because: 7}",
        "flows[0].because: 7 is not text. Write some words, in quotes."),
    ("no stack", FLOW, "- {from: alb, to: gateway, stacks: []}",
        "flows[0].stacks: it is empty. Add at least one entry."),
    ("a stack that no file can have", FLOW, "- {from: alb, to: gateway, stacks: [a/b]}",
        ("flows[0].stacks[0]: 'a/b' is not the name of a stack. Use the name in Pulumi.<stack>.yaml, such as dev.")),
    ("a missing end of a flow", FLOW, "- {from: alb}",
        "flows[0].to: this key is missing. Add it."),
    ("an unknown service in a flow", FLOW, "- {from: alb, to: gatway}",
        ("flows[0].to: gatway is neither a service nor an external. Declare it, or write one of: alb, api, "
        "gateway, redis.")),
    ("an unknown source of a flow", FLOW, "- {from: alp, to: gateway}",
        ("flows[0].from: alp is neither a service nor an external. Declare it, or write one of: alb, api, "
        "gateway, redis.")),
    ("a flow to nobody", FLOW, "- {from: alb, to: []}",
        "flows[0].to: the list is empty. Name at least one endpoint, or remove the flow."),
    ("a flow to nothing", FLOW, "- {from: alb, to: }",
        ("flows[0].to: nothing is written here. Use 1 to 63 lowercase letters, digits and dashes, such as "
        "pay-api.")),
    ("a flow to a number", FLOW, "- {from: alb, to: [gateway, 5]}",
        "flows[0].to: 5 is not text. Write text, in quotes if YAML would read it as something else."),
    ("an external to itself", FLOW, "- {from: alb, to: alb}",
        ("flows[0].to: the flow goes from the external alb to itself. Remove it: only the pods of a service may be "
        "both ends of a flow.")),
    ("a flow to something without ports", FLOW, "- {from: gateway, to: alb}",
        "flows[0].to: alb declares no ports. Add ports to alb."),
    ("a flow between two externals", FLOW, "- {from: alb, to: redis}",
        ("flows[0]: alb and redis are both externals, and this firewall does not control the traffic between them. "
        "Name a service at one end.")),
    ("a flow on a port of nobody", FLOW, "- {from: alb, to: gateway, ports: [3001]}",
        ("flows[0].ports[0]: gateway does not listen on TCP 3001. Write ports of gateway (TCP 3000), or add "
        "this one there.")),
    ("a flow on no ports", FLOW, "- {from: alb, to: gateway, ports: []}",
        "flows[0].ports: it is empty. Add at least one entry."),
    ("a flow that is a word", FLOW, "- alb",
        ("flows[0]: 'alb' is not a set of keys with values. Write keys with values here: from, to, ports, because, "
        "until, stacks.")),
    ("port 0", PORTS, "ports: [0]",
        "services.gateway.ports[0]: 0 is out of range. Use ports from 1 to 65535, the lower one first."),
    ("port 65536", PORTS, "ports: [65536]",
        "services.gateway.ports[0]: 65536 is out of range. Use ports from 1 to 65535, the lower one first."),
    ("a negative port", PORTS, "ports: [-1]",
        "services.gateway.ports[0]: -1 is out of range. Use ports from 1 to 65535, the lower one first."),
    ("a range from its end", PORTS, "ports: [8010-8000]",
        ("services.gateway.ports[0]: '8010-8000' is out of range. Use ports from 1 to 65535, the lower one "
        "first.")),
    ("a named port", PORTS, "ports: [http]",
        ("services.gateway.ports[0]: 'http' is not a port. Write a number such as 4000, or a range such as "
        "8000-8010.")),
    ("a port in quotes", PORTS, "ports: ['3000']",
        "services.gateway.ports[0]: '3000' is not a port. Remove the quotes: write 3000."),
    ("a truth value for a port", PORTS, "ports: [true]",
        ("services.gateway.ports[0]: true is not a port. Write a number such as 4000, or a range such as "
        "8000-8010.")),
    ("a fraction for a port", PORTS, "ports: [3.5]",
        ("services.gateway.ports[0]: 3.5 is not a port. Write a number such as 4000, or a range such as "
        "8000-8010.")),
    ("a port without a list", PORTS, "ports: 3000",
        "services.gateway.ports: 3000 is not a list. Write a list, in brackets."),
    ("an empty list of ports", PORTS, "ports: []",
        "services.gateway.ports: it is empty. Add at least one entry."),
    ("no ports", PORTS, "ports:",
        "services.gateway.ports: nothing is written here. Write a list, in brackets."),
    ("SCTP", PORTS, "ports: [{port: 53, protocol: SCTP}]",
        "services.gateway.ports[0]: a security group cannot limit SCTP to ports. Use TCP or UDP."),
    ("a protocol in small letters", PORTS, "ports: [{port: 53, protocol: udp}]",
        "services.gateway.ports[0]: 'udp' is not a protocol. Use TCP or UDP."),
    ("a list of protocols", PORTS, "ports: [{port: 53, protocol: [UDP]}]",
        "services.gateway.ports[0]: ['UDP'] is not a protocol. Use TCP or UDP."),
    ("a misspelt key of a port", PORTS, "ports: [{port: 53, proto: UDP}]",
        ("services.gateway.ports[0]: {'port': 53, 'proto': 'UDP'} is not a port: the key 'proto' is not "
        "known. Write {port: 53, protocol: UDP}.")),
    ("a port without its number", PORTS, "ports: [{protocol: UDP}]",
        ("services.gateway.ports[0]: {'protocol': 'UDP'} is not a port: the key port is missing. Write {port: "
        "53, protocol: UDP}.")),
    ("a label value with a space", LABELS, "pods: {app: flash gateway}",
        ("services.gateway.pods: the label app has the value 'flash gateway', which Kubernetes refuses. Use "
        "at most 63 letters, digits, dashes, underscores and dots, a letter or digit at each end.")),
    ("a label value that begins with a dash", LABELS, "pods: {app: -flash}",
        ("services.gateway.pods: the label app has the value '-flash', which Kubernetes refuses. Use at most "
        "63 letters, digits, dashes, underscores and dots, a letter or digit at each end.")),
    ("a label value of 64 characters", LABELS, f"pods: {{app: {'x' * 64}}}",
        ("services.gateway.pods: the label app has the value "
        "'xxxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxx', which Kubernetes refuses. Use at most "
        "63 letters, digits, dashes, underscores and dots, a letter or digit at each end.")),
    ("a label value that is a number", LABELS, "pods: {app: 5}",
        "services.gateway.pods: the label app has the value 5, which YAML does not read as text. Put it in quotes."),
    ("a label value that YAML reads as true", LABELS, "pods: {app: yes}",
        ("services.gateway.pods: the label app has the value true, which YAML does not read as text. Put it in "
        "quotes.")),
    ("a label key that is a number", LABELS, "pods: {5: x}",
        ("services.gateway.pods: 5 is not a label key that Kubernetes accepts. Use [dns-prefix/]name with at "
        "most 63 letters, digits, dashes, underscores and dots.")),
    ("a label key with two slashes", LABELS, "pods: {a/b/c: x}",
        ("services.gateway.pods: 'a/b/c' is not a label key that Kubernetes accepts. Use [dns-prefix/]name with "
        "at most 63 letters, digits, dashes, underscores and dots.")),
    ("no labels", LABELS, "pods: {}",
        "services.gateway.pods: {} is not a set of labels. Write labels, such as {app: flash-api}."),
    ("a word for labels", LABELS, "pods: flash-gateway",
        ("services.gateway.pods: 'flash-gateway' is not a set of labels. Write labels, such as {app: "
        "flash-api}.")),
    ("two services with the same labels", LABELS, "pods: {app: flash-api}",
        ("services.gateway.pods: a pod can match both api and gateway, and would get the permissions of both. "
        "Give both services one label key with different values.")),
    ("two services that one pod can match", LABELS, "pods: {tier: front}",
        ("services.api.pods: a pod can match both gateway and api, and would get the permissions of both. "
        "Give both services one label key with different values.")),
    ("a service's name in capitals", NAME, "  Gateway:\n",
        ("services.Gateway: 'Gateway' is not a name. Use 1 to 63 lowercase letters, digits and dashes, such "
        "as pay-api.")),
    ("a service's name that is a number", NAME, "  8080:\n",
        "services[8080]: 8080 is not text. Write text, in quotes if YAML would read it as something else."),
    ("a service's name that is a list", NAME, "  ? [a]\n  :\n",
        "line 3, column 5: a key is itself a mapping or a list. Use a plain word as the key."),
    ("a service's name of two lines", NAME, '  "a\\nb":\n',
        ("services.a\\nb: 'a\\nb' is not a name. Use 1 to 63 lowercase letters, digits and dashes, such as "
        "pay-api.")),
    ("an external named as a service", EXTERNAL, "api: {}",
        "externals.api: a service has the same name. Rename the external or the service."),
    ("an external with nothing", EXTERNAL, "alb:",
        ("externals.alb: nothing is written here. Write {} or keys with values here: ports, domains, namespace, pods, "
        "services, stacks.")),
    ("an external that is a list", EXTERNAL, "alb: []",
        ("externals.alb: [] is not a set of keys with values. Write {} or keys with values here: ports, domains, "
        "namespace, pods, services, stacks.")),
    ("pods of nowhere", EXTERNAL, "alb: {pods: {app: x}}",
        "externals.alb: pods are given without the namespace they run in. Add namespace, or remove pods."),
    ("an external in the namespace itself", EXTERNAL, "alb: {namespace: flash-ticket}",
        ("externals.alb.namespace: flash-ticket is the firewalled namespace itself. Declare alb under "
        "services instead.")),
    ("a policy's name used twice", "02-allow-api-from-gateway", "01-allow-gateway-from-alb",
        ("services.gateway.policies.ingress: 01-allow-gateway-from-alb is already the policy for ingress of api. Give "
        "each service and direction a policy name of its own.")),
    ("a policy's name that Kubernetes refuses", "02-allow-api-from-gateway", "allow_api",
        ("services.api.policies.ingress: 'allow_api' is not an object name that Kubernetes accepts. Use "
        "lowercase letters, digits, dashes and dots.")),
    ("the default-deny's name for another", "02-allow-api-from-gateway", "00-default-deny",
        ("services.api.policies.ingress: 00-default-deny is the name of the default-deny policy. Choose "
        "another name.")),
    ("the default-deny's name with a suffix", "02-allow-api-from-gateway", "00-default-deny-monitoring",
        ("services.api.policies.ingress: 00-default-deny-monitoring is the name of the default-deny policy. Choose "
        "another name.")),
    ("a namespace of Kubernetes itself", NAMESPACE, "namespace: kube-system",
        ("namespace: kube-system belongs to Kubernetes itself, and default-deny there would cut what the whole cluster "
        "needs. Name the namespace of your own pods; declare pods of this one under externals.")),
    ("a service in a namespace of Kubernetes itself", LABELS, f"namespace: kube-public\n    {LABELS}",
        ("services.gateway.namespace: kube-public belongs to Kubernetes itself, and default-deny there would cut what "
        "the whole cluster needs. Name the namespace of your own pods; declare pods of this one under externals.")),
    ("a service's namespace that Kubernetes refuses", LABELS, f"namespace: My_Tools\n    {LABELS}",
        ("services.gateway.namespace: 'My_Tools' is not a name. Use 1 to 63 lowercase letters, digits and dashes, "
        "such as pay-api.")),
    ("a namespace that Kubernetes refuses", NAMESPACE, "namespace: flash_ticket",
        ("namespace: 'flash_ticket' is not a name. Use 1 to 63 lowercase letters, digits and dashes, such as "
        "pay-api.")),
    ("no namespace", NAMESPACE, "namespace:",
        ("namespace: nothing is written here. Use 1 to 63 lowercase letters, digits and dashes, such as "
        "pay-api.")),
    ("a namespace that is a number", NAMESPACE, "namespace: 5",
        "namespace: 5 is not text. Write text, in quotes if YAML would read it as something else."),
    ("a key written twice", NAMESPACE, "namespace: flash-ticket\nnamespace: flash-ticket",
        "line 2, column 1: the key 'namespace' appears twice. Remove one of them."),
    ("an alias", "pods: {app: flash-api}", "pods: *shared",
        "line 8, column 11: an alias (*) is not allowed here. Write its value out."),
    ("services without names", "  alb: {}", "  - alb",
        "line 13, column 3: this is not YAML: did not find expected '-' indicator. Correct the YAML there."),
    ("a bracket left open", FLOW, "- {from: alb, to: gateway",
        "line 16, column 5: this is not YAML: did not find expected ',' or '}'. Correct the YAML there."),
    ("a second document", FLOW, "- {from: alb, to: gateway}\n---",
        "line 16: a second document begins here. Keep one document."),
    ("a tag of Python", PORTS, "ports: !!python/name:os.system",
        ("line 5, column 12: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed here. Remove it, and "
        "put text in quotes.")),
    ("a date that does not exist", PORTS, "ports: 2026-02-30",
        "services.gateway.ports: '2026-02-30' is not a list. Write a list, in brackets."),
    ("a last day that does not exist", FLOW, "- {from: alb, to: gateway, until: 2026-02-30}",
        "flows[0].until: '2026-02-30' is not a day. Write one such as 2026-12-31."),
    ("a key that YAML does not read as text", FLOW, "- {from: alb, to: gateway, on: 1}",
        "flows[0].true: YAML reads this key as true, not as text. Put it in quotes, or remove it."),
    ("a control character", NAMESPACE, "namespace: \x07",
        ('this is not YAML: unacceptable character #x0007: control characters are not allowed in "<unicode '
        'string>", position 11. Correct the YAML.')),
]
# fmt: on
KEYS = "Write keys with values here: namespace, services, externals, flows."
DEEP = "more than 50 levels of nesting are not allowed here. Write it with fewer brackets or less indentation."
WHOLE_FILES = [
    ("", f"nothing is written here. {KEYS}"),
    ("# a comment", f"nothing is written here. {KEYS}"),
    ("shop", f"'shop' is not a set of keys with values. {KEYS}"),
    ("- shop", f"['shop'] is not a set of keys with values. {KEYS}"),
    ("{}", "namespace: this key is missing. Add it."),
    ("{namespace: shop, services: {}}", "services: it is empty. Add at least one entry."),
    ("[" * 100_000, f"line 1, column 51: {DEEP}"),
    ("- " * 100_000, f"line 1, column 101: {DEEP}"),
    (
        f"0x{'f' * 5000}",
        (
            f"line 1, column 1: YAML reads 0x{'f' * 25}...{'f' * 27} as the number a value too long to show. "
            "Write the number in plain decimal, or put it in quotes if it is text."
        ),
    ),
    ("9" * 4000, f"{'9' * 28}...{'9' * 28} is not a set of keys with values. {KEYS}"),
]


def refusal_of(text: str) -> str:
    with pytest.raises(InputError) as refused:
        parse_matrix(parse_document(text, "traffic.yaml"), "traffic.yaml")
    return str(refused.value)


def test_an_external_in_the_namespace_of_a_service_is_refused() -> None:
    text = VALID.replace(LABELS, f"namespace: tools\n    {LABELS}").replace(EXTERNAL, "alb: {namespace: tools}")

    assert refusal_of(text) == (
        "traffic.yaml: externals.alb.namespace: tools is a firewalled namespace, because gateway runs there. Declare "
        "alb under services instead, with namespace: tools."
    )


def test_services_with_the_same_labels_are_distinguished_by_their_namespaces() -> None:
    alike = VALID.replace("app: flash-api", "app: flash-gateway")
    apart = alike.replace("  api:\n", "  api:\n    namespace: tools\n")

    assert "a pod can match both api and gateway" in refusal_of(alike)
    assert parse_matrix(parse_document(apart, "f"), "f").namespaces == ("flash-ticket", "tools")


def test_a_service_in_the_namespace_of_the_file_is_as_one_without_a_namespace() -> None:
    named = VALID.replace(LABELS, f"namespace: flash-ticket\n    {LABELS}")

    assert parse_matrix(parse_document(named, "f"), "f") == parse_matrix(parse_document(VALID, "f"), "f")


def test_the_file_without_a_mistake_is_accepted() -> None:
    assert [service.name for service in parse_matrix(parse_document(VALID, "f"), "f").services] == ["api", "gateway"]


@pytest.mark.parametrize(
    ("replaced", "mistake", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_reported_with_file_key_problem_and_remedy(replaced: str, mistake: str, line: str) -> None:
    assert VALID.count(replaced) == 1
    assert refusal_of(VALID.replace(replaced, mistake)) == f"traffic.yaml: {line}"


@pytest.mark.parametrize(("text", "line"), WHOLE_FILES, ids=[text[:10] for text, _ in WHOLE_FILES])
def test_a_file_that_is_not_a_declaration_is_reported_the_same_way(text: str, line: str) -> None:
    assert refusal_of(text) == f"traffic.yaml: {line}"


MANY = """\
namespace: flash-ticket
services:
  gateway:
    pods: {app: flash-gateway}
    ports: [0443]
  api:
    pods: {app: flash-api}
    ports: ["4000", 22:22]
    prots: [1]
  pay:
    pods: {app: flash-pay}
    ports: [3100]
  same:
    pods: {app: flash-pay}
    ports: [1]
externals:
  alb: {}
  redis: {ports: [6379]}
  pay: {}
flows:
  - {from: alb, to: gateway, ports: [443]}
  - {from: gateway, to: [apj, pay]}
  - {from: redis, to: redis}
  - from: pay
    to: redis
    ports: [6380]
  - {to: redis}
"""

EXPECTED = """\
line 5, column 13: YAML reads 0443 as the number 291. Write 443, or put it in quotes if it is text.
line 8, column 21: YAML reads 22:22 as the number 1342. Write the number in plain decimal, or put it in quotes \
if it is text.
services.api.ports[0]: '4000' is not a port. Remove the quotes: write 4000. See line 8.
services.api.prots: this key is not known. Write 'ports' instead, or remove it. See line 9.
services.same.pods: a pod can match both pay and same, and would get the permissions of both. Give both services one \
label key with different values. See line 14.
externals.pay: a service has the same name. Rename the external or the service. See line 19.
flows[1].to: apj is neither a service nor an external. Declare it, or write one of: alb, api, gateway, pay, redis, \
same. See line 22.
flows[2].to: the flow goes from the external redis to itself. Remove it: only the pods of a service may be both ends \
of a flow. See line 23.
flows[3].ports[0]: redis does not listen on TCP 6380. Write ports of redis (TCP 6379), or add this one there. \
See line 26.
flows[4].from: this key is missing. Add it. See line 27.
"""


def test_all_mistakes_of_a_file_are_reported_at_once_each_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "traffic.yaml").write_text(MANY)

    with pytest.raises(InputError) as refused:
        read_matrix(tmp_path / "traffic.yaml")

    assert "".join(f"{each}\n" for each in refused.value.each) == "".join(
        f"traffic.yaml: {line}\n" for line in EXPECTED.splitlines()
    )


@pytest.mark.parametrize("port", ['"4000"', '{port: "4000"}', '{port: "4000", protocol: UDP}'])
def test_a_port_in_quotes_is_refused_and_the_remedy_is_to_remove_them(port: str) -> None:
    assert "'4000' is not a port. Remove the quotes: write 4000." in refusal_of(VALID.replace("4000", port))


def test_one_misspelt_key_is_one_mistake_and_not_also_a_missing_key() -> None:
    with pytest.raises(InputError) as refused:
        parse_matrix(parse_document(VALID.replace("services:", "servics:"), "f"), "f")

    assert [each.key for each in refused.value.each] == ["servics"]
