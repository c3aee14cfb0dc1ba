"""Whether policies or a declaration let a service reach a domain name, in the words of each kind's documentation.

It reads the objects as dictionaries and the names as text, and uses neither the compilers nor the analyzer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flash_ticket.firewall.declare.matrix import External, Matrix, Service

_CHARACTERS = "[-a-zA-Z0-9_]"


def declared(matrix: Matrix, service: Service, name: str, protocol: str, port: int) -> bool:
    """Return whether a flow leads from a service to a name."""
    for flow in matrix.flows:
        target = matrix.endpoints[flow.target]
        if flow.source != service.name or not isinstance(target, External):
            continue
        opened = any(each.protocol == protocol and each.first <= port <= each.last for each in flow.ports)
        if opened and any(_is_below(domain, name) for domain in target.domains):
            return True
    return False


def _is_below(domain: str, name: str) -> bool:
    """A name is exact; ``*.`` stands for one or more labels."""
    labels, wanted = name.split("."), domain.split(".")
    if wanted[0] != "*":
        return labels == wanted
    rest = wanted[1:]
    return len(labels) > len(rest) and labels[-len(rest) :] == rest


def opened(objects: Iterable[Mapping[str, Any]], service: Service, name: str, protocol: str, port: int) -> bool:
    """Return whether a policy of domain names that selects a service's pods opens a name."""
    pods = dict(service.pods)
    return any(
        _opens_port(written, protocol, port) and any(re.fullmatch(pattern, name) for pattern in patterns)
        for each in objects
        for written, patterns in _rules(each, pods)
    )


def _rules(body: Mapping[str, Any], pods: Mapping[str, str]) -> Iterator[tuple[list[Mapping[str, Any]], list[str]]]:
    """Yield the ports of each rule, and its names as regular expressions."""
    spec = body["spec"]
    if body["kind"] == "CiliumNetworkPolicy":
        wanted = {key.removeprefix("k8s:"): value for key, value in spec["endpointSelector"]["matchLabels"].items()}
        if wanted.items() <= pods.items():
            for rule in spec["egress"]:
                ports = [port for entry in rule["toPorts"] for port in entry["ports"]]
                yield ports, [_of_cilium(each) for each in rule.get("toFQDNs", ())]
    elif body["kind"] == "ApplicationNetworkPolicy" and spec["podSelector"]["matchLabels"].items() <= pods.items():
        for rule in spec["egress"]:
            names = [each for peer in rule["to"] for each in peer.get("domainNames", ())]
            yield rule["ports"], [_of_auto_mode(each) for each in names]


def _of_cilium(selector: Mapping[str, str]) -> str:
    """Cilium 1.20, pkg/fqdn/matchpattern: ``**.`` at the start is one or more labels, ``*`` characters of one."""
    if "matchName" in selector:
        return re.escape(selector["matchName"])
    pattern = selector["matchPattern"].replace(".", "[.]")
    pattern = re.sub(r"^\*{2,}\[\.\]", rf"({_CHARACTERS}+([.]{_CHARACTERS}+)<0,>)[.]", pattern)
    return pattern.replace("*", f"{_CHARACTERS}*").replace("<0,>", "*")


def _of_auto_mode(domain: str) -> str:
    """``*`` as a prefix matches one or more entire labels (amazon-network-policy-controller-k8s, DomainName)."""
    below = domain.removeprefix("*.")
    return re.escape(domain) if below == domain else rf"([^.]+\.)+{re.escape(below)}"


def _opens_port(ports: Iterable[Mapping[str, Any]], protocol: str, port: int) -> bool:
    for each in ports:
        first = int(each["port"])
        if each["protocol"] == protocol and first <= port <= each.get("endPort", first):
            return True
    return False
