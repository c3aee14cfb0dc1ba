"""A night on the lab: policies changed by hand, one policy open for a while, drift, and an earlier declaration."""

import re
import subprocess
from collections.abc import Iterator

import typer

from lab.running.engine import Engine, EngineError, Result
from lab.running.firewall_command import flash_firewall

_CLOSED, _OPENED, _SERVICE = "02-allow-api-from-gateway", "04-allow-egress-gateway", "pay"
_GIT = {
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "On call",
    "GIT_CONFIG_KEY_1": "user.email",
    "GIT_CONFIG_VALUE_1": "on-call@example.com",
}
_ENGINE = re.compile(r"^Updating \(.*?^Resources:\n(.*?)\n\n?^Duration: .*?$\n*", re.MULTILINE | re.DOTALL)


def change_by_hand(engine: Engine) -> None:
    """Close a policy and open another, and delete the policy that gives the pods of a service their group."""
    # Without a node, the lab's pods are made up and have no interfaces, so verify would report each pod.
    _run(engine, "delete", "pods", "--field-selector=spec.nodeName=", "--force", "--grace-period=0")
    _kubectl(
        engine,
        "patch",
        "networkpolicy",
        _CLOSED,
        "--type=json",
        '--patch=[{"op": "remove", "path": "/spec/ingress/0"}]',
    )
    opening = '[{"op": "add", "path": "/spec/egress/-", "value": {}}]'
    _kubectl(engine, "patch", "networkpolicy", _OPENED, "--type=json", f"--patch={opening}")
    _kubectl(engine, "delete", "securitygrouppolicy", _SERVICE)


def suspend(engine: Engine) -> None:
    """Open the policy that was closed by hand.

    Raises:
        EngineError: A command failed.
    """
    show_verb(engine, "suspend", _CLOSED, "--for", "30m", "--reason", "orders fail, cause unknown")
    _say("pulumi preview")
    _warnings(engine.preview().checked())


def resume(engine: Engine) -> None:
    """Let the time of the suspension end, and let the next update close the policy.

    Raises:
        EngineError: A command failed.
    """
    _say("half an hour later (here its end in Pulumi.dev.yaml is set to the past): pulumi up")
    settings = engine.program / f"Pulumi.{engine.stack}.yaml"
    settings.write_text(
        re.sub(r'"until": "[^"]*"|until: "[^"]*"', 'until: "2026-01-01T00:00:00Z"', settings.read_text())
    )
    closed = engine.up().checked()
    _warnings(closed)
    for name in sorted(closed.having("update")):
        _say(f"~ {name}")
    show_verb(engine, "resume", _CLOSED)


def roll_back(engine: Engine) -> None:
    """List the declared versions, and go back to the first.

    Raises:
        EngineError: A command failed.
    """
    show_verb(engine, "rollback")
    show_verb(engine, "rollback", "--to", "1", "--yes")


def repair_drift(engine: Engine) -> None:
    """Find what still differs from the declaration, and repair it.

    Raises:
        EngineError: A command failed.
    """
    show_verb(engine, "verify", status=1)
    mended = engine.up("--refresh").checked()
    _say("pulumi up --refresh")
    for step in sorted(mended.changes, key=lambda step: step.name):
        typer.echo(f"    {step.operation} {step.name}")


def _kubectl(engine: Engine, *arguments: str) -> None:
    shown = " ".join(f"'{each}'" if " " in each else each for each in arguments)
    _say(f"kubectl -n flash-ticket {shown}")
    _run(engine, *arguments)


def _run(engine: Engine, *arguments: str) -> None:
    command = [str(engine.lab.toolchain.path("kubectl")), "--namespace", "flash-ticket", *arguments]
    subprocess.run(command, env=engine.lab.env(engine.stack), capture_output=True, check=True)  # noqa: S603 - the lab's


def show_verb(engine: Engine, *arguments: str, status: int = 0) -> None:
    """Show the output of the command for the engine's stack. One line replaces the engine's own output.

    Raises:
        EngineError: The command exits with an unexpected status.
    """
    shown = [f'"{each}"' if " " in each else each for each in arguments]
    _say(f"flash-firewall {' '.join(shown)}")
    variables = {"PULUMI_STACK": engine.stack, **_GIT}
    ran = flash_firewall(engine.lab, engine.stack, engine.program, *arguments, **variables)
    if ran.returncode != status:
        raise EngineError(f"flash-firewall {arguments[0]} exits with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}")
    for line in _ENGINE.sub(_shortened, ran.stdout).splitlines():
        typer.echo(f"    {line}".rstrip())


def _shortened(update: re.Match[str]) -> str:
    return f"(pulumi up: {', '.join(line.strip() for line in update[1].splitlines())})\n"


def _warnings(result: Result) -> None:
    for line in _shown(result):
        typer.echo(f"    {line}")


def _shown(result: Result) -> Iterator[str]:
    yield from (each for each in result.diagnostics if "SUSPENDED" in each or "suspension of" in each)


def _say(text: str) -> None:
    typer.echo(f"  {text}")
