"""Every command of the runbook runs as written, on a stack with an incident.

Those that run in a pod of Cilium are in ``tests/on_lab/packets/test_denials_cilium.py``.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from lab.running.lab import Lab
from lab.surroundings import REGION
from tests.support.docs.runbook import ENGLISH, Command, commands
from tests.support.docs.trouble import STACK, Trouble

pytestmark = pytest.mark.engine

_SECONDS = 120.0
_VIOLATED = 1

VARIABLES = {
    "PULUMI_STACK": STACK,
    "PULUMI_SKIP_CONFIRMATIONS": "true",  # the person on call answers the question of `pulumi up`
    "AWS_DEFAULT_REGION": REGION,  # version 1 of the CLI reads it
    "NO_COLOR": "1",
}
TRIED = list({each.text: each for each in commands(ENGLISH) if not each.lacks and not each.is_for_cilium}.values())

# The output that each step explains. All other commands must succeed and may print anything.
ANSWERS: dict[str, tuple[int, str]] = {
    "flash-firewall denied --since 1h": (_VIOLATED, "pay => redis : TCP 6379"),
    "flash-firewall denied --since 1h --service pay": (_VIOLATED, "Declared but denied: fix these"),
    "flash-firewall denied --since 15m --service pay": (_VIOLATED, "likely:"),
    "flash-firewall denied --since 15m --service gateway": (0, "Not declared, and denied"),
    "flash-firewall denied --since 1h --service gateway": (0, "stopped by the pod layer"),
    "flash-firewall explain pay redis 6379": (0, "04-allow-egress-pay"),
    "flash-firewall explain gateway redis 6379": (_VIOLATED, ""),
    "flash-firewall explain alb gateway 3000": (0, "01-allow-gateway-from-alb"),
    "flash-firewall diff --since HEAD~1": (_VIOLATED, "api => rabbitmq : TCP 5672"),
    "flash-firewall replay --since 3d": (_VIOLATED, "api => rabbitmq : TCP 5672"),
    "flash-firewall replay --since 3d --matrix <new-matrix>": (0, "would cut nothing"),
    "flash-firewall check": (0, "The proof holds"),
    "flash-firewall resume --all": (0, "Nothing is suspended."),
    'flash-firewall suspend 04-allow-egress-pay --for 30m --reason "orders fail, cause unknown"': (0, "~ 2 updated"),
    "flash-firewall resume 04-allow-egress-pay": (0, "04-allow-egress-pay: closed"),
    "pulumi stack output groupIds": (0, '"pay"'),
    "pulumi preview --refresh": (0, "added    pay => redis : TCP 6379"),
    "pulumi up --refresh": (0, "04-allow-egress-pay"),
    "flash-firewall verify": (_VIOLATED, "CUT OFF"),
    "flash-firewall rollback": (0, "removed  api => rabbitmq : TCP 5672"),
    "flash-firewall rollback --to <version> --yes": (0, "added    api => rabbitmq : TCP 5672"),
    "pulumi up": (0, "No connection is opened or closed."),
    "kubectl -n flash-ticket get prometheusrules": (0, "network-policy-alerts"),
    "kubectl -n flash-ticket get securitygrouppolicies -o wide": (0, "pay"),
    "kubectl -n flash-ticket describe networkpolicy 04-allow-egress-pay": (0, "53/UDP"),
    "kubectl -n flash-ticket describe networkpolicy 01-allow-gateway-from-alb": (0, "IPBlock"),
    "kubectl -n flash-ticket get pods --show-labels": (0, "app=flash-pay"),
    "kubectl -n flash-ticket get ingresses -o jsonpath='{.items[*].metadata.annotations}'": (0, "target-type"),
    "kubectl -n kube-system get endpointslices -l kubernetes.io/service-name=kube-dns": (0, "10.10.10.53"),
    "kubectl -n kube-system get configmap cilium-config -o jsonpath='{.data.hubble-metrics}'": (0, "drop"),
    "kubectl -n flash-ticket rollout restart deployment <deployment>": (0, "restarted"),
    "kubectl -n kube-system rollout restart daemonset cilium": (0, "restarted"),
}
LONG_ANSWERS = {
    "kubectl -n kube-system get daemonset aws-node": "--enable-cloudwatch-logs=false",
    "kubectl -n kube-system patch configmap cilium-config": "patched",
    "aws ec2 describe-network-interfaces --filters Name=addresses.private-ip-address,Values=<pod-ip>": "eni-",
    "aws ec2 describe-network-interfaces --filters Name=group-id,Values=<datastore-group>": "10.10.20.15",
    "aws ec2 describe-security-group-rules --filters Name=group-id,Values=<group>": "pay-egress-tcp-6379-to-",
    "aws ec2 describe-security-group-rules --filters Name=group-id,Values=<pods-group>": (
        "pods.flash-ticket-egress-udp-53-to-"
    ),
    "aws ec2 describe-flow-logs": "ACTIVE",
    "aws cloudwatch describe-alarms": "NetworkPolicyDeclaredFlowDenied-flash-ticket-dev-vpc",
    "aws logs describe-log-streams": "aws-network-policy-agent-audit-",
    "aws kms describe-key": "Enabled",
    "aws s3api get-bucket-encryption": ":key/",
    "aws elbv2 describe-target-health": "3000",
    "aws elbv2 describe-load-balancers": "subnet-",
}


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def answers(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer | None]:
    """The output of each command, in the order of the runbook; None if its program is not installed."""
    with Trouble.made(lab, tmp_path_factory.mktemp("runbook") / "program") as trouble:
        return {each.text: _answer(trouble, each, lab.env(STACK)) for each in TRIED}


def _answer(trouble: Trouble, command: Command, environment: Mapping[str, str]) -> Answer | None:
    text = command.text
    for place, value in trouble.places.items():
        text = text.replace(f"<{place}>", value)
    own = {**environment, **VARIABLES}
    if not shutil.which(text.split(maxsplit=1)[0], path=own["PATH"]) and not text.startswith("export "):
        return None
    ran = subprocess.run(  # noqa: S603 - commands of the runbook
        [shutil.which("bash") or os.devnull, "-euo", "pipefail", "-c", text],
        cwd=trouble.program,
        env=own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return Answer(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("command", TRIED, ids=lambda command: command.text)
def test_each_command_prints_what_its_step_explains(command: Command, answers: Mapping[str, Answer | None]) -> None:
    answer = answers[command.text]
    if answer is None:
        pytest.skip(f"{command.text.split(maxsplit=1)[0]} is not installed here")
    code, said = ANSWERS.get(command.text, (0, ""))
    said = said or next((word for head, word in LONG_ANSWERS.items() if command.text.startswith(head)), "")

    assert answer.code == code, f"{answer.stdout}\n{answer.stderr}"
    assert said in answer.stdout
    assert "Traceback" not in answer.stderr


def test_every_expectation_belongs_to_a_command_of_the_runbook() -> None:
    texts = [each.text for each in TRIED]

    assert set(ANSWERS) <= set(texts)
    assert all(any(text.startswith(head) for text in texts) for head in LONG_ANSWERS)
