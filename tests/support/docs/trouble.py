"""A stack on the lab with an incident: traffic is denied, a policy is missing, and a commit has cut a flow."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from flash_ticket.firewall.compile.flow_log import RECORD_FIELDS
from flash_ticket.firewall.declare.binding import BINDING_KEY
from lab.running.engine import Engine
from lab.running.lab import Lab
from lab.running.program import copy_program
from lab.surroundings import REGION
from lab.vpc.flow_logs.delivery import Delivery
from lab.vpc.flow_logs.flow_log import LogGroup, flow_logs
from tests.support.docs.incident import Incident
from tests.support.engine.apis import NAMESPACE, REPOSITORY, Apis

STACK = "dev"
_NAME = f"flash-ticket-{STACK}"
_NETWORK = "10.10"
_BUCKET = "runbook-records"
_AGENT_GROUP = f"/aws/eks/{_NAME}/cluster"
_ALERTS = {
    "runbook": "https://wiki.example.com/runbook",
    "prometheus": {},
    "cloudwatch": {"topic": "on-call"},
}
_DECLARED = "{from: api, to: [pay, rabbitmq, redis, database]}"
_CUT = "{from: api, to: [pay, redis, database]}"
_NEW_MATRIX = "new-traffic.yaml"
_OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: pay, namespace: flash-ticket}
spec:
  selector: {matchLabels: {app: flash-pay}}
  template:
    metadata: {labels: {app: flash-pay}}
    spec: {containers: [{name: pay, image: registry.example.com/flash/pay}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: gateway
  namespace: flash-ticket
  annotations: {alb.ingress.kubernetes.io/target-type: ip}
spec: {defaultBackend: {service: {name: gateway, port: {name: http}}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [10.10.10.53]}]
ports: [{name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {hubble-metrics: "drop tcp"}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cilium, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: cilium}}
  template:
    metadata: {labels: {k8s-app: cilium}}
    spec:
      containers:
        - {name: cilium-agent, image: registry.example.com/cilium}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: aws-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: aws-node}}
  template:
    metadata: {labels: {k8s-app: aws-node}}
    spec:
      containers:
        - {name: aws-node, image: registry.example.com/aws-node}
        - name: aws-eks-nodeagent
          image: registry.example.com/aws-network-policy-agent
          args: ["--enable-network-policy=true", "--enable-policy-event-logs=true", "--enable-cloudwatch-logs=false"]
"""
"""Objects that controllers or people would create."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The stack, and the values for the placeholders of the runbook.

    Attributes:
        program: The project's folder, in a git repository whose last commit removed a flow that api needs.
        places: The values of ``<pod>`` and the like, by name.
    """

    program: Path
    places: Mapping[str, str]

    @classmethod
    @contextmanager
    def made(cls, lab: Lab, program: Path) -> Iterator["Trouble"]:
        """Deploy the stack from a new folder, cause the incident, and leave nothing behind."""
        engine, apis = Engine(lab, STACK, _program(program)), Apis(lab, STACK)
        engine.up().checked()
        _cut(program)
        engine.up().checked()
        outputs, ec2 = engine.outputs(), apis.aws("ec2")
        here = [{"Name": "tag:Environment", "Values": [STACK]}]
        subnets = {each["CidrBlock"].rpartition(".")[0]: each for each in ec2.describe_subnets(Filters=here)["Subnets"]}
        groups = {
            each["GroupName"].removeprefix(f"{_NAME}-"): each["GroupId"]
            for each in ec2.describe_security_groups(Filters=here)["SecurityGroups"]
        } | outputs["groupIds"]
        group = outputs["flowLogLocation"]
        (described,) = apis.aws("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        key = described["kmsKeyId"]
        _record(apis, groups, {network: each["SubnetId"] for network, each in subnets.items()}, group, key)
        apis.aws("cloudwatch").set_alarm_state(
            AlarmName=f"NetworkPolicyDeclaredFlowDenied-{_NAME}-vpc",
            StateValue="ALARM",
            StateReason="Threshold crossed",
        )
        with _balancer(apis, groups, subnets) as target_group:
            _kubectl(lab, "apply", "-f", "-", given=_OBJECTS)
            _kubectl(lab, "--namespace", NAMESPACE, "delete", "networkpolicy", "04-allow-egress-pay")
            places = {
                "pod": "pay-0",
                "pod-ip": f"{_NETWORK}.11.23",
                "node": "ip-10-10-11-5.ap-northeast-2.compute.internal",
                "deployment": "pay",
                "group": groups["pay"],
                "pods-group": groups["pods.flash-ticket"],
                "datastore-group": groups["redis"],
                "target-group-arn": target_group,
                "bucket": _BUCKET,
                "key": key,
                "new-matrix": _NEW_MATRIX,
                "version": "1",
            }
            try:
                yield cls(program, places)
            finally:
                _kubectl(lab, "delete", "-f", "-", given=_OBJECTS)
                _end_recording(apis, subnets)
                engine.destroy().checked()


@contextmanager
def _balancer(apis: Apis, groups: Mapping[str, str], subnets: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Put a load balancer in front of the gateway, and return the ARN of its target group."""
    elb, public = apis.aws("elbv2"), [subnets[f"{_NETWORK}.{octet}"] for octet in (0, 1)]
    target_group = elb.create_target_group(
        Name="gateway", Protocol="HTTP", Port=3000, VpcId=public[0]["VpcId"], TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=target_group, Targets=[{"Id": f"{_NETWORK}.10.21", "Port": 3000}])
    balancer = elb.create_load_balancer(
        Name="shop", Subnets=[each["SubnetId"] for each in public], SecurityGroups=[groups["alb"]]
    )["LoadBalancers"][0]["LoadBalancerArn"]
    try:
        yield str(target_group)
    finally:
        elb.delete_load_balancer(LoadBalancerArn=balancer)
        elb.delete_target_group(TargetGroupArn=target_group)


def _program(folder: Path) -> Path:
    settings = yaml.safe_load((REPOSITORY / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))
    settings["config"][BINDING_KEY]["alerts"] = _ALERTS
    program = copy_program(REPOSITORY, folder, {f"Pulumi.{STACK}.yaml": yaml.safe_dump(settings)})
    declared = (program / "traffic.yaml").read_text(encoding="utf-8")
    assert _DECLARED in declared
    (program / _NEW_MATRIX).write_text(declared, encoding="utf-8")
    _git(program, "init", "--quiet")
    _git(program, "config", "user.name", "On call")
    _git(program, "config", "user.email", "on-call@example.com")
    _git(program, "add", "traffic.yaml", "Pulumi.yaml", *(each.name for each in program.glob("Pulumi.*.yaml")))
    _git(program, "commit", "--quiet", "-m", "The shop")
    return program


def _cut(program: Path) -> None:
    matrix = program / "traffic.yaml"
    matrix.write_text(matrix.read_text(encoding="utf-8").replace(_DECLARED, _CUT), encoding="utf-8")
    _git(program, "commit", "--quiet", "traffic.yaml", "-m", "Cut api off from RabbitMQ")


def _record(apis: Apis, groups: Mapping[str, str], subnets: Mapping[str, str], group: str, key: str) -> None:
    """Stage the incident, and deliver its records to where this stack's own flow log says: a log group."""
    s3, logs = apis.aws("s3"), apis.aws("logs")
    s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=_BUCKET,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]},
    )
    incident = Incident(_NETWORK, dict(groups), dict(subnets), _BUCKET, REGION, _NAME)
    incident.happen(apis.aws("ec2"), s3, logs, time.time())
    (listed,) = s3.list_objects_v2(Bucket=_BUCKET)["Contents"]
    file = BytesIO(s3.get_object(Bucket=_BUCKET, Key=listed["Key"])["Body"].read())
    records = [
        {field: row[field.replace("-", "_")] for field in RECORD_FIELDS} for row in pq.read_table(file).to_pylist()
    ]
    (own,) = (each for each in flow_logs(apis.aws("ec2")) if each.destination == LogGroup(group))
    Delivery(s3, logs).deliver(own, records)


def _end_recording(apis: Apis, subnets: Mapping[str, Mapping[str, str]]) -> None:
    """Remove what the incident created outside the stack."""
    ec2, s3 = apis.aws("ec2"), apis.aws("s3")
    here = [{"Name": "vpc-id", "Values": list({each["VpcId"] for each in subnets.values()})}]
    for each in ec2.describe_network_interfaces(Filters=here)["NetworkInterfaces"]:
        if not each.get("Attachment"):
            ec2.delete_network_interface(NetworkInterfaceId=each["NetworkInterfaceId"])
    apis.aws("logs").delete_log_group(logGroupName=_AGENT_GROUP)
    for each in s3.list_objects_v2(Bucket=_BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=_BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=_BUCKET)


def _kubectl(lab: Lab, *arguments: str, given: str = "") -> None:
    command = [str(lab.toolchain.path("kubectl")), *arguments]
    subprocess.run(command, env=lab.env(STACK), input=given, text=True, check=True, capture_output=True)  # noqa: S603 - the lab's


def _git(program: Path, *arguments: str) -> None:
    command = [shutil.which("git") or "git", *arguments]
    subprocess.run(command, cwd=program, check=True, capture_output=True)  # noqa: S603 - the arguments come from this file
