"""A stack of the lab whose pods have their groups, manual changes to it, and what ``verify`` says of them."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lab.running.engine import Engine
from lab.running.firewall_command import Ran, flash_firewall
from lab.surroundings import SURROUNDINGS
from tests.support.engine.apis import NAMESPACE, Apis

HOSTS = {"alb": "0.8", "gateway": "10.21", "api": "10.22", "pay": "11.23"}
"""The load balancer and the pods that run before the firewall, with the last octets of their addresses."""

_DNS = "coredns-elsewhere"
_OF_ALL_PODS = "pods.flash-ticket"
REDIS_RULE = "api-egress-tcp-6379-to-flash-ticket-dev-redis"


@dataclass(frozen=True, slots=True)
class Behind:
    """A person with kubectl and the AWS CLI."""

    apis: Apis
    program: Path

    def command(self, *arguments: str, **variables: str) -> Ran:
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
            carried = [groups[name], *([] if name == "alb" else [groups[_OF_ALL_PODS]])]
            interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=carried)
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

    def run_dns_on_the_nodes(self, node_group: str) -> str:
        """Run a pod of kube-dns at an interface with the nodes' group, and return the interface's id."""
        address, ec2 = "10.10.10.98", self.apis.aws("ec2")
        metadata = {"name": _DNS, "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
        spec = {"containers": [{"name": "coredns", "image": "registry.example.com/coredns"}]}
        self.kubectl(
            *("create", "--namespace=kube-system", "--filename=-"),
            given={"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        )
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
        patch = f"--patch={json.dumps(status)}"
        self.kubectl("patch", "pod", _DNS, "--namespace=kube-system", "--subresource=status", "--type=merge", patch)
        of_pods = [{"Name": "cidr-block", "Values": ["10.10.10.0/24"]}]
        subnet = ec2.describe_subnets(Filters=of_pods)["Subnets"][0]["SubnetId"]
        made = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Groups=[node_group])
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

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

    def delete_the_flow_log(self, flow_log: str) -> None:
        """Delete the flow log."""
        self.apis.aws("ec2").delete_flow_logs(FlowLogIds=[flow_log])

    def bare_the_bucket(self, location: str) -> None:
        """Remove what protects the bucket of the records."""
        s3, bucket = self.apis.aws("s3"), location.removeprefix("arn:aws:s3:::").partition("/")[0]
        s3.delete_bucket_policy(Bucket=bucket)
        s3.delete_public_access_block(Bucket=bucket)
        s3.delete_bucket_encryption(Bucket=bucket)


@dataclass(frozen=True, slots=True)
class Drift:
    """What ``verify`` says of a stack: as deployed, with each manual change, and after they are undone.

    Attributes:
        fresh: Right after the deployment; ``fresh_json`` is the same as JSON.
        bare: Without the protections of the bucket; only a stack that records to one.
        absent: Without the flow log too.
        drifted: After manual changes of both layers; only a stack that records to a log group.
        mended: After an update with refresh; ``quiet`` is the same with --quiet.
    """

    fresh: Ran
    fresh_json: Ran
    bare: Ran | None
    absent: Ran | None
    drifted: Ran | None
    drifted_json: Ran | None
    mended: Ran
    quiet: Ran


@dataclass
class Drifting:
    """A deployed stack while people change it by hand; each step is to be taken in its order."""

    somebody: Behind
    engine: Engine
    said: dict[str, Ran] = field(default_factory=dict)
    interfaces: Mapping[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Give the pods their interfaces, and look; then change things by hand, and look again."""
        outputs, somebody = self.engine.outputs(), self.somebody
        self.interfaces = somebody.attach_groups(self.engine)
        self._verify("fresh")
        self._verify("fresh_json", "--output", "json")
        if outputs["flowLogLocation"].startswith("arn:aws:s3:::"):
            somebody.bare_the_bucket(outputs["flowLogLocation"])
            self._verify("bare", "--output", "json")
            somebody.delete_the_flow_log(outputs["flowLogId"])
            self._verify("absent", "--output", "json")
            somebody.apis.tamper()
        else:
            somebody.apis.tamper()
            self._change_all_else(outputs)

    def mended(self) -> Drift:
        """Look at the stack after an update with refresh, and remove the interfaces."""
        self._verify("mended")
        self._verify("quiet", "--quiet", "--output", "json")
        self.somebody.undo(self.interfaces)
        return Drift(**{each.name: self.said.get(each.name) for each in fields(Drift)})  # type: ignore[arg-type]  # of one kind of stack

    def _verify(self, name: str, *options: str) -> None:
        stack = self.somebody.apis.stack
        self.said[name] = self.somebody.command("verify", "--stack", stack, *options)

    def _change_all_else(self, outputs: Mapping[str, Any]) -> None:
        """Change what a refresh mends and what it leaves, look, and undo what it leaves."""
        somebody, groups, ec2 = self.somebody, outputs["groupIds"], self.somebody.apis.aws("ec2")
        somebody.open_a_policy()
        somebody.run_a_stray_pod()
        somebody.change_rules(groups["api"], REDIS_RULE)
        nodes = {"Name": "tag:Name", "Values": ["flash-ticket-dev-nodes"]}
        node_group = ec2.describe_security_groups(Filters=[nodes])["SecurityGroups"][0]
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=self.interfaces["pay"], Groups=[node_group["GroupId"]]
        )
        dns = somebody.run_dns_on_the_nodes(node_group["GroupId"])
        somebody.delete_the_log_group(outputs["flowLogLocation"])
        self._verify("drifted")
        self._verify("drifted_json", "--output", "json", "--quiet")

        somebody.kubectl("delete", "networkpolicy", "debug-pay")
        somebody.kubectl("delete", "pod", "debug-shell", "--grace-period=0", "--force")
        somebody.kubectl("delete", "pod", _DNS, "--namespace=kube-system", "--grace-period=0", "--force")
        somebody.undo({_DNS: dns})
        for finding in json.loads(self.said["drifted_json"].stdout)["findings"]:
            if finding["remedy"].startswith("aws ec2 revoke-security-group-ingress"):
                *_, group, _, rule = finding["remedy"].split()
                ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
        ec2.modify_network_interface_attribute(
            NetworkInterfaceId=self.interfaces["pay"], Groups=[groups["pay"], groups[_OF_ALL_PODS]]
        )
