"""A stack of the lab whose pods have their groups, and manual changes to it behind the program's back."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.running.engine import Engine
from lab.running.firewall_command import Told, flash_firewall
from lab.surroundings import SURROUNDINGS
from tests.support.engine.life import NAMESPACE, Apis

HOSTS = {"alb": "0.8", "gateway": "10.21", "api": "10.22", "pay": "11.23"}
"""The load balancer and the pods that run before the firewall, with the last octets of their addresses."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A person with kubectl and the AWS CLI."""

    apis: Apis
    program: Path

    def command(self, *arguments: str, **variables: str) -> Told:
        """Run this project's own command in the program's folder."""
        return flash_firewall(self.apis.lab, self.apis.stack, self.program, *arguments, **variables)

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """Run kubectl in the namespace, and return what it prints."""
        return subprocess.run(  # noqa: S603 - the kubectl of the lab's toolchain
            [str(self.apis.lab.toolchain.path("kubectl")), "--namespace", NAMESPACE, *arguments],
            env=self.apis.lab.env(self.apis.stack),
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def attach_groups(self, engine: Engine) -> dict[str, str]:
        """Give the load balancer and each pod an interface with its own group, and return the interfaces' ids."""
        ec2, groups = self.apis.aws("ec2"), engine.outputs()["groupIds"]
        network = next(each.network for each in SURROUNDINGS if each.stack == self.apis.stack)
        subnets = {each["CidrBlock"]: each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]}
        made = {}
        for name, host in HOSTS.items():
            address = f"{network}.{host}"
            subnet = subnets[f"{address.rpartition('.')[0]}.0/24"]
            interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=[groups[name]])
            made[name] = interface["NetworkInterface"]["NetworkInterfaceId"]
        return made

    def undo(self, interfaces: Mapping[str, str]) -> None:
        """Remove the interfaces, as at the end of the pods."""
        for interface in interfaces.values():
            self.apis.aws("ec2").delete_network_interface(NetworkInterfaceId=interface)

    def open_a_policy(self) -> None:
        """Create a policy beside ours that opens pay to everybody."""
        spec = {"podSelector": {"matchLabels": {"app": "flash-pay"}}, "policyTypes": ["Ingress"], "ingress": [{}]}
        metadata = {"name": "debug-pay"}
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
        self.kubectl("create", "--filename=-", given=policy)

    def run_a_stray_pod(self) -> None:
        """Run a pod without labels."""
        spec = {"containers": [{"name": "shell", "image": "registry.example.com/shell"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug-shell"}, "spec": spec}
        self.kubectl("create", "--filename=-", given=pod)
        address = "10.10.10.99"
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
        patch = f"--patch={json.dumps(status)}"
        self.kubectl("patch", "pod", "debug-shell", "--subresource=status", "--type=merge", patch)

    def rule(self, name: str) -> dict[str, Any]:
        """Return the rule of this name."""
        chosen = [{"Name": "tag:Name", "Values": [name]}]
        (found,) = self.apis.aws("ec2").describe_security_group_rules(Filters=chosen)["SecurityGroupRules"]
        return dict(found)

    def change_rules(self, group: str, removed: str) -> None:
        """Remove a rule of ours from a group, and add a foreign one: SSH from anywhere."""
        ec2 = self.apis.aws("ec2")
        rule = self.rule(removed)["SecurityGroupRuleId"]
        ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=[rule])
        ranges = [{"CidrIp": "0.0.0.0/0"}]
        permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def delete_the_log_group(self, name: str) -> None:
        """Delete the destination of the flow log."""
        self.apis.aws("logs").delete_log_group(logGroupName=name)
