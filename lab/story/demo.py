"""The demo on the lab. For dev and prod, it previews, deploys, shows, changes and destroys the firewall."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import typer

from lab.enclosure.enclosure import enclosed, own_variables
from lab.night import alarm, verbs
from lab.running.aws_session import aws_client
from lab.running.engine import Engine, Result
from lab.running.lab import Lab
from lab.running.program import copy_program
from lab.story import opening, packets
from lab.story.packets import Packets

_REPOSITORY = Path(__file__).parents[2]
_NEEDED_FLOW = "  - {from: api, to: [pay, rabbitmq, redis, database]}"
_REMAINING_FLOW = "  - {from: api, to: [pay, rabbitmq, database]}"
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
    _say("An imitation of AWS judges them too, by the security groups that the account holds, and writes the flow log.")
    _say("In dev, alerts for a real Prometheus are declared too.")
    lacking = packets.left_out()
    if lacking:
        with Lab.start() as lab:
            show_environments(lab, Packets(lab, None, lacking))
    else:
        alarm.left_out()  # nothing can be fetched inside
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
    with seen:
        seen.before()
        for stack in ("dev", "prod"):
            _environment(lab, stack, seen)


def _environment(lab: Lab, stack: str, seen: Packets) -> None:
    watched = alarm.with_alerts(_REPOSITORY, stack) if stack == "dev" else {}
    program = copy_program(_REPOSITORY, lab.folder / "demo" / stack, watched)
    engine = Engine(lab, stack, program)
    _title(f"{stack}: pulumi preview, the dry run")
    _summary(engine.preview().checked())
    _title(f"{stack}: pulumi up")
    _summary(engine.up().checked())
    if stack == "dev":
        _title(f"{stack}: what stands now")
        _policies(lab, stack, engine)
        _rules(lab, engine)
        seen.with_firewall(engine)
    _title(f"{stack}: pulumi preview again, nothing to change")
    _summary(engine.preview("--expect-no-changes").checked())
    if stack == "dev":
        _night(engine, seen)
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


def _night(engine: Engine, seen: Packets) -> None:
    """Show a night: what goes wrong, how on-call staff sees it, and what repairs it."""
    _change(engine)
    _title(f"{engine.stack}: somebody changes policies by hand")
    verbs.change_by_hand(engine)
    seen.faults()
    _title(f"{engine.stack}: gateway cannot reach api, and nobody knows why: one policy opened for a while")
    verbs.suspend(engine)
    seen.opened()
    verbs.resume(engine)
    _title(f"{engine.stack}: what else differs from what is declared?")
    verbs.repair_drift(engine)
    seen.repaired()
    _title(f"{engine.stack}: api needed Redis after all")
    verbs.roll_back(engine)
    _say("traffic.yaml: the change of the evening is reverted")
    (engine.program / "traffic.yaml").write_text((_REPOSITORY / "traffic.yaml").read_text())
    verbs.show_verb(engine, "verify")
    seen.over()
    seen.end()


def _change(engine: Engine) -> None:
    _title(f"{engine.stack}: somebody thinks that api no longer needs Redis")
    _say(f"- {_NEEDED_FLOW.strip()}")
    _say(f"+ {_REMAINING_FLOW.strip()}")
    declared = (_REPOSITORY / "traffic.yaml").read_text()
    (engine.program / "traffic.yaml").write_text(declared.replace(_NEEDED_FLOW, _REMAINING_FLOW))
    _summary(engine.preview().checked())
    _changes(engine.up().checked())


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
