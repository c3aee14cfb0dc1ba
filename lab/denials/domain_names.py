"""Domain names on the node with Cilium: what the gateway reaches by a declared name, and what by other names.

The policy is the one that the compiler makes, beside the gateway's NetworkPolicy. The names belong to hosts outside the
cluster: CoreDNS answers with the addresses in the EndpointSlices of headless Services.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

from flash_ticket.firewall.compile.names.domains_layer import DomainsKind, domains_policies
from flash_ticket.firewall.declare.matrix import External, Flow, Matrix
from flash_ticket.firewall.terms.ports import tcp
from lab.denials.attempts import calls
from lab.node.network import add_host
from lab.node.settings import OTHER_DOMAIN
from lab.packets.connections import Answer, Attempt, Listeners, attempt_all
from lab.shop.shop import Shop

_PAYMENTS = "payments"
_PROVIDER, _STRANGER = "198.51.100.77", "198.51.100.78"
_DECLARED, _SAME_ADDRESS, _OTHER = (f"{name}.{_PAYMENTS}.svc.{OTHER_DOMAIN}" for name in ("api", "mirror", "other"))
_OF_THE_CLUSTER = "kubernetes.default.svc.cluster.local"
_ADDRESSES = {"api": _PROVIDER, "mirror": _PROVIDER, "other": _STRANGER}
_POLICIES = "/apis/cilium.io/v2/namespaces/flash-ticket/ciliumnetworkpolicies"
_SERVED, _UNDECLARED = tcp(443), tcp(8443)
_LATE_SECONDS, _TRY_SECONDS = 15.0, 2.2


@dataclass(frozen=True, slots=True)
class NamesTried:
    """The results of the attempts of the gateway.

    Attributes:
        shop: With Cilium; the gateway has its own policies.
        shell: Runs a command.
    """

    shop: Shop
    shell: Callable[[str], Mapping[str, Any]]
    _listeners: Listeners = field(default_factory=Listeners)

    def results(self, denied: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Declare one name, resolve others first and then it, and return what was open each time.

        Args:
            denied: Asks the command what was denied.
        """
        self._represent_hosts()
        (policy,) = domains_policies(_with_a_name(self.shop.matrix), DomainsKind.CILIUM)
        self.shop.node.api.request("POST", _POLICIES, policy.manifest())
        others = {name: self._resolved(name) for name in (_SAME_ADDRESS, _OTHER, _OF_THE_CLUSTER)}
        before = self._tried()
        proposed = denied()
        declared = self._resolved(_DECLARED)
        end = time.monotonic() + _LATE_SECONDS
        while (after := self._tried())["provider"] == Answer.SILENT.value and time.monotonic() < end:
            declared = self._resolved(_DECLARED)
        self.shop.node.api.request("DELETE", f"{_POLICIES}/{policy.name}")
        return {
            "addresses": {"provider": _PROVIDER, "stranger": _STRANGER},
            "others": others,
            "before": before,
            "denied": proposed,
            "declared": declared,
            "after": after,
        }

    def _represent_hosts(self) -> None:
        """Make two hosts outside the VPC, and the three names that they have."""
        for number, address in enumerate((_PROVIDER, _STRANGER)):
            self._listeners.listen(add_host(f"outside-{number}", IPv4Address(address)), address, (_SERVED, _UNDECLARED))
        self.shop.node.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _PAYMENTS}})
        ports = [{"name": "tcp", "port": _SERVED.first, "protocol": "TCP"}]
        for name, address in _ADDRESSES.items():
            meta = {"name": name, "namespace": _PAYMENTS}
            spec = {"clusterIP": "None", "ports": ports}
            self.shop.node.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
            self.shop.node.api.apply(
                {
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {**meta, "labels": {"kubernetes.io/service-name": name}},
                    "addressType": "IPv4",
                    "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
                    "ports": ports,
                }
            )

    def _resolved(self, name: str) -> str:
        """Return what the gateway's resolver says, as soon as DNS knows the name and Cilium enforces the policy."""
        end, said = time.monotonic() + _LATE_SECONDS, ""
        while "Address" not in said.partition("Name:")[2] and time.monotonic() < end:
            asking = f"kubectl -n flash-ticket exec deploy/flash-gateway -- nslookup {name}. 2>&1 || true"
            said = str(self.shell(asking)["stdout"])
        return said

    def _tried(self) -> dict[str, str]:
        gateway = next(call.source for call in calls(self.shop) if call.source.name == "gateway")
        asked = {
            "provider": (_PROVIDER, _SERVED),
            "provider on another port": (_PROVIDER, _UNDECLARED),
            "stranger": (_STRANGER, _SERVED),
        }
        answers = attempt_all([Attempt(gateway.namespace, *each) for each in asked.values()], _TRY_SECONDS)
        return {name: answer.value for name, answer in zip(asked, answers, strict=True)}


def _with_a_name(matrix: Matrix) -> Matrix:
    """Return the matrix with a flow of the gateway to a name."""
    pay = External(_PAYMENTS, (_SERVED,), None, (), domains=(_DECLARED,))
    return replace(
        matrix, externals=(*matrix.externals, pay), flows=(*matrix.flows, Flow("gateway", _PAYMENTS, (_SERVED,)))
    )
