"""Those who deploy with the rights that ``docs/deployer/`` documents, on the lab."""

import json
import subprocess
from typing import Any

import yaml

from lab.rights.deployer import ACCOUNT, Deployer
from lab.rights.policy import Policy, Statement
from lab.running.lab import Lab
from tests.support.engine.apis import REPOSITORY, Apis

FOLDER = REPOSITORY / "docs" / "deployer"
DEPLOYER = "documented-deployer"
"""The service account that has the documented roles."""

_DOCUMENTED = ("111122223333", "vpc-0a1b2c3d4e5f60718", "prod")
"""The account, the VPC and the stack of the files."""

_REWORDED = "ec2:ModifySecurityGroupRules"
"""The call for a rule whose description alone changes."""


def documented_policy(lab: Lab, stack: str, *parts: str) -> Policy:
    """Return what some files of the folder allow together, written for a stack of the lab."""
    ec2 = Apis(lab, stack).aws("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"flash-ticket-{stack}"]}])["Vpcs"]
    statements: list[Statement] = []
    for part in parts:
        text = (FOLDER / f"{part}.json").read_text(encoding="utf-8")
        for documented, here in zip(_DOCUMENTED, (ACCOUNT, vpc["VpcId"], stack), strict=True):
            text = text.replace(documented, here)
        statements += Policy.read(text).statements
    return Policy(tuple(statements))


def documented_token(lab: Lab, stack: str) -> str:
    """Give a service account of the cluster the documented roles, and return its token."""
    account: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": DEPLOYER, "namespace": "default"},
    }
    objects = [account, *yaml.safe_load_all((FOLDER / "rbac.yaml").read_text(encoding="utf-8"))]
    for each in objects:
        if "subjects" in each:
            each["subjects"] = [{"kind": "ServiceAccount", **account["metadata"]}]
    _kubectl(
        lab, stack, "apply", "--filename=-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )
    return _kubectl(lab, stack, "create", "token", DEPLOYER, "--namespace=default", "--duration=24h").strip()


def documented_deployer(lab: Lab, stack: str, *parts: str) -> Deployer:
    """Return a deployer of a stack with what some files of the folder and its roles allow."""
    return Deployer(documented_policy(lab, stack, *parts), lab.aws_endpoint, documented_token(lab, stack))


def left_over(deployer: Deployer, *elsewhere: str) -> list[tuple[str, str]]:
    """Return the statements with actions that no call so far needed, but for some statements that others need."""
    return [
        (statement.name, action)
        for statement in deployer.policy.without_statements(*elsewhere).statements
        for action in statement.actions - {_REWORDED}
        if not any(need.action == action and statement.allows(need) for need in deployer.needed)
    ]


def _kubectl(lab: Lab, stack: str, *arguments: str, given: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - the lab's kubectl
        [str(lab.toolchain.path("kubectl")), *arguments],
        env=lab.env(stack),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
