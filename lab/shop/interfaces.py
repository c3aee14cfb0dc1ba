"""The network interfaces of the shop in the account, as the VPC resource controller makes them for pods."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.node.enforcers.aws.policy_endpoints import selects
from lab.shop.shop import Shop

_POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/{}/securitygrouppolicies"


@dataclass(slots=True)
class Interfaces:
    """The interfaces of the shop's pods and hosts.

    A pod's interface has the groups that its SecurityGroupPolicy gives, or those of the nodes. AWS does not delete a
    group while an interface has it.

    Attributes:
        shop: Which runs.
        ec2: A client of EC2.
        eks: A client of EKS.
        stack: The environment. Its subnets and groups are found by this name.
        front: The group of the load balancer.
    """

    shop: Shop
    ec2: Any
    eks: Any
    stack: str
    front: str
    _made: dict[str, str] = field(default_factory=dict)
    _pods: set[str] = field(default_factory=set)

    def make(self) -> None:
        """Create them; those of pods have the groups of now."""
        for address, groups in self._of_hosts():
            self._make(address, groups)
        self.follow()

    def follow(self) -> None:
        """Create those of new pods with the groups of now, and delete those of pods that are gone.

        As on AWS, a pod keeps the groups that it got at its start.
        """
        running = dict(self._of_pods())
        for address in self._pods - set(running):
            self._delete(address)
        for address in set(running) - self._pods:
            self._make(address, running[address])
        self._pods = set(running)

    def make_node(self) -> None:
        """Create that of the node, with the groups that EKS gives a node: its own one and the cluster's."""
        cluster = self.eks.describe_cluster(name=f"flash-ticket-{self.stack}")["cluster"]
        own = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
        self._make(str(self.shop.node.addresses.node), [self._group("nodes"), own])

    def make_one(self, address: str) -> None:
        """Create the interface of another host of the VPC."""
        self._make(address, [self._group("nodes")])

    def remove(self) -> None:
        """Delete them."""
        for address in tuple(self._made):
            self._delete(address)
        self._pods = set()

    def _delete(self, address: str) -> None:
        self.ec2.delete_network_interface(NetworkInterfaceId=self._made.pop(address))

    def _make(self, address: str, groups: list[str]) -> None:
        made = self.ec2.create_network_interface(
            SubnetId=self._subnet(address), PrivateIpAddress=address, Groups=groups
        )
        self._made[address] = made["NetworkInterface"]["NetworkInterfaceId"]

    def _of_pods(self) -> Iterator[tuple[str, list[str]]]:
        api = self.shop.node.api
        policies = api.items(_POLICIES.format(self.shop.matrix.namespace))
        for pod in self.shop.pods():
            if "deletionTimestamp" in pod["metadata"] or not pod["status"].get("podIP"):
                continue
            labels = pod["metadata"].get("labels") or {}
            groups = [
                group
                for policy in policies
                if selects(policy["spec"].get("podSelector"), labels)
                for group in policy["spec"]["securityGroups"]["groupIds"]
            ]
            yield pod["status"]["podIP"], groups or [self._group("nodes")]

    def _of_hosts(self) -> Iterator[tuple[str, list[str]]]:
        for name, address in self.shop.hosts.items():
            if name == "alb":
                yield address, [self.front]
            elif name in self.shop.matrix.endpoints:
                yield address, [self._group(name)]

    def _group(self, name: str) -> str:
        wanted = [{"Name": "tag:Name", "Values": [f"flash-ticket-{self.stack}-{name}"]}]
        return str(self.ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"])

    def _subnet(self, address: str) -> str:
        network = f"{address.rpartition('.')[0]}.0/24"
        wanted = [{"Name": "cidr-block", "Values": [network]}]
        return str(self.ec2.describe_subnets(Filters=wanted)["Subnets"][0]["SubnetId"])
