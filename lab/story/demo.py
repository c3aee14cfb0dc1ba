"""The demo on the lab. For dev and prod, it previews, deploys, shows, changes and destroys the firewall."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import typer

from lab.enclosure.enclosure import enclosed, own_variables
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from lab.story import night, opening, packets
from lab.story.incident import Incident
from lab.story.packets import Packets
from lab.surroundings import REGION, SURROUNDINGS

_REPOSITORY = Path(__file__).parents[2]
_REMOVED_FLOW = "  - {from: pay, to: [rabbitmq, redis, database]}"
_REMAINING_FLOW = "  - {from: pay, to: [rabbitmq, database]}"
_NEEDED_FLOW = "  - {from: api, to: [pay, rabbitmq, redis, database]}"
_PROPOSED_FLOW = "  - {from: api, to: [pay, rabbitmq, database]}"
_SOMETHING_FOUND = 1
_SIGNS = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "replace": "!",
    "create-replacement": "!",
    "delete-replaced": "!",
}
_COLOURS = {"+": typer.colors.GREEN, "~": typer.colors.YELLOW, "-": typer.colors.RED, "!": typer.colors.MAGENTA}


def run_demo() -> None:
    """Run the demo on a new lab, and remove the lab afterwards.

    Raises:
        EngineError: A step of the engine or a command failed.
        SystemExit: The download or the build of a tool of the lab failed.
    """
    opening.begin()
    _title("The lab")
    _say("A Kubernetes API server and AWS (moto) for each of dev and prod; the engine and the providers are real.")
    _say("In dev the shop's pods run on a real node, and the network policy agent that EKS runs judges their packets.")
    _say("The lab imitates security groups, but nothing stops packets for them.")
    lacking = packets.left_out()
    if lacking:
        with Lab.start() as lab:
            show_environments(lab, Packets(lab, None, lacking))
    else:
        with enclosed([sys.executable, "-m", "lab.story.enclosed"], own_variables()) as inside:
            if code := inside.wait():
                raise SystemExit(code)
    _title("Done: nothing of the lab is left")


def show_environments(lab: Lab, seen: Packets) -> None:
    """Show dev and prod on a lab.

    Args:
        lab: Where they are deployed.
        seen: Shows the packets of dev.

    Raises:
        EngineError: A step of the engine or a command failed.
    """
    seen.before()
    for stack in ("dev", "prod"):
        _environment(lab, stack, seen)


def _environment(lab: Lab, stack: str, seen: Packets) -> None:
    program = copy_program(_REPOSITORY, lab.folder / "demo" / stack)
    engine = Engine(lab, stack, program)
    _title(f"{stack}: pulumi preview, the dry run")
    _summary(engine.preview().checked())
    _title(f"{stack}: pulumi up")
    _summary(engine.up().checked())
    if stack == "dev":
        _title(f"{stack}: what stands now")
        _policies(lab, stack, engine)
        _rules(lab, engine)
        seen.with_firewall(engine, aws_client(lab.aws_endpoint, "ec2"))
    _title(f"{stack}: pulumi preview again, nothing to change")
    _summary(engine.preview("--expect-no-changes").checked())
    if stack == "dev":
        _change(lab, engine)
        _title(f"{stack}: pay needed Redis after all")
        night.roll_back(engine)
        _title(f"{stack}: orders fail at night, and nobody knows why: one policy opened for a while")
        night.suspend(engine)
        _title(f"{stack}: somebody changes policies by hand")
        night.drift(engine)
        seen.end()
    else:
        _incident(lab, engine)
    _title(f"{stack}: pulumi destroy")
    retained = engine.outputs()["retainedOnDestroy"]
    destroyed = engine.destroy().checked()
    policies = [step.name for step in destroyed.changes if step.type.endswith(":NetworkPolicy")]
    _say(f"first of the policies to go: {policies[0]}")
    _summary(destroyed)
    for arn in retained:
        _say(f"kept: {arn}")
    if stack == "dev":
        seen.after()


def _change(lab: Lab, engine: Engine) -> None:
    _title(f"{engine.stack}: pay no longer needs Redis")
    _say(f"- {_REMOVED_FLOW.strip()}")
    _say(f"+ {_REMAINING_FLOW.strip()}")
    declared = (_REPOSITORY / "traffic.yaml").read_text()
    changed = {"traffic.yaml": declared.replace(_REMOVED_FLOW, _REMAINING_FLOW)}
    program = copy_program(_REPOSITORY, lab.folder / "demo" / "changed", changed)
    changing = Engine(lab, engine.stack, program)
    _summary(changing.preview().checked())
    _changes(changing.up().checked())


def _incident(lab: Lab, engine: Engine) -> None:
    _title(f"{engine.stack}: an hour later, orders fail: what is denied?")
    outputs, name = engine.outputs(), f"flash-ticket-{engine.stack}"
    ec2 = aws_client(lab.aws_endpoint, "ec2")
    of_stack = [{"Name": "tag:Environment", "Values": [engine.stack]}]
    groups = {
        group["GroupName"].removeprefix(f"{name}-"): group["GroupId"]
        for group in ec2.describe_security_groups(Filters=of_stack)["SecurityGroups"]
    }
    subnets = ec2.describe_subnets(Filters=of_stack)["Subnets"]
    interfaces = Incident(
        next(each.network for each in SURROUNDINGS if each.stack == engine.stack),
        {**groups, **outputs["groupIds"]},
        {subnet["CidrBlock"].rpartition(".")[0]: subnet["SubnetId"] for subnet in subnets},
        outputs["flowLogLocation"].removeprefix("arn:aws:s3:::").partition("/")[0],
        REGION,
        name,
    ).happen(ec2, aws_client(lab.aws_endpoint, "s3"), aws_client(lab.aws_endpoint, "logs"), time.time())
    night.show_verb(engine, "denied", "--since", "2h", status=_SOMETHING_FOUND)
    _title(f"{engine.stack}: what would it cut if api no longer needed Redis?")
    _say(f"- {_NEEDED_FLOW.strip()}")
    _say(f"+ {_PROPOSED_FLOW.strip()}")
    declared = (_REPOSITORY / "traffic.yaml").read_text()
    (engine.program / "proposed.yaml").write_text(declared.replace(_NEEDED_FLOW, _PROPOSED_FLOW))
    asked = ("replay", "--since", "2h", "--matrix", "proposed.yaml")
    night.show_verb(engine, *asked, status=_SOMETHING_FOUND)
    for interface in interfaces:  # its pod ends; AWS does not delete a group that an interface uses
        ec2.delete_network_interface(NetworkInterfaceId=interface)


def _policies(lab: Lab, stack: str, engine: Engine) -> None:
    _say("kubectl get networkpolicies --namespace flash-ticket")
    _kubectl(lab, stack, "get", "networkpolicies")
    _say("kubectl describe networkpolicy 02-allow-api-from-gateway --namespace flash-ticket")
    _kubectl(lab, stack, "describe", "networkpolicy", "02-allow-api-from-gateway")
    _say(f"for the Ingress: alb.ingress.kubernetes.io/security-groups: {engine.outputs()['loadBalancerGroupId']}")


def _kubectl(lab: Lab, stack: str, *arguments: str) -> None:
    command = [str(lab.toolchain.path("kubectl")), "--namespace", "flash-ticket", *arguments]
    shown = subprocess.run(command, env=lab.env(stack), capture_output=True, text=True, check=True)  # noqa: S603 - the lab's kubectl
    for line in shown.stdout.splitlines():
        typer.echo(f"    {line}".rstrip())


def _rules(lab: Lab, engine: Engine) -> None:
    """Show the rules of the api service, as AWS returns them."""
    ec2 = aws_client(lab.aws_endpoint, "ec2")
    group = engine.outputs()["groupIds"]["api"]
    _say(f"aws ec2 describe-security-group-rules --filters Name=group-id,Values={group}")
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    names = [tag["Value"] for rule in found["SecurityGroupRules"] for tag in rule["Tags"] if tag["Key"] == "Name"]
    for name in sorted(names):
        typer.echo(f"    {name}")


def _summary(result: Result) -> None:
    """Show the proof, and how many resources of each type a step changes."""
    for line in result.diagnostics:
        if "proof" in line or "opens and closes" in line:
            for shown in line.removeprefix("info: ").splitlines():
                _say(shown)
    if not result.changes:
        _say(f"{len(result.having('same'))} resources unchanged.")
    for (sign, kind), count in sorted(Counter(_kinds(result)).items()):
        typer.secho(f"  {sign} {count:>3} {kind}", fg=_COLOURS.get(sign))
    _took(result)


def _changes(result: Result) -> None:
    """Show the name of every changed resource, and how it changed."""
    for step in sorted(result.changes, key=lambda step: (step.type, step.name)):
        if ":components:" not in step.type:
            sign = _SIGNS.get(step.operation, step.operation)
            changed = f" ({', '.join(step.changed)})" if step.changed else ""
            typer.secho(f"  {sign} {step.type.rpartition(':')[2]} {step.name}{changed}", fg=_COLOURS.get(sign))
    _took(result)


def _kinds(result: Result) -> Iterator[tuple[str, str]]:
    for step in result.changes:
        if ":components:" not in step.type:
            yield _SIGNS.get(step.operation, step.operation), step.type.rpartition(":")[2]


def _took(result: Result) -> None:
    typer.secho(f"  pulumi {result.command[0]}: {result.seconds:.0f} s", dim=True)


def _title(text: str) -> None:
    typer.echo("\n".join(opening.title(text)))


def _say(text: str) -> None:
    typer.echo(f"  {text}")
