"""A suspension on the real engine, from start to end: deployed alone, visible in every preview, closed again."""

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import NAMESPACE, REPOSITORY, Apis, changed_matrix
from tests.support.engine.intermediate_states import Gap, Run, Transition
from tests.support.engine.judgement import judged

pytestmark = pytest.mark.engine

POLICY = "04-allow-egress-api"
REASON = "the partner's <b>new</b> address {{ x }}"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A suspension that somebody interrupts while the engine works.

    Attributes:
        listed: Whether the settings file lists the policy afterwards.
        open: Whether the policy is open afterwards.
        resumed: The command that closes it.
        closed: The policy's rules after that command.
    """

    suspend: Ran
    listed: bool
    open: bool
    resumed: Ran
    closed: Any


@dataclass(frozen=True, slots=True)
class Night:
    """One night with a suspension.

    Attributes:
        pending: A preview of a change of traffic.yaml that is not deployed yet.
        gaps: Connections that a write opened or cut wrongly.
    """

    failed: Ran
    unwritten: bool
    suspend: Ran
    suspended: Mapping[str, Any]
    settings: str
    pending: Result
    preview: Result
    check: Ran
    closing: Result
    closed: Mapping[str, Any]
    resume: Ran
    removed: bool
    interrupted: Interrupted
    gaps: list[Gap]


@pytest.fixture(scope="module")
def night(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("night")
    program = copy_program(REPOSITORY, folder / "shop")
    engine, apis = Engine(lab, "dev", program), Apis(lab, "dev")
    file = program / "Pulumi.dev.yaml"
    asked = ("suspend", POLICY, "--for", "30m", "--reason", REASON, "--stack", "dev")

    def command(*arguments: str, **variables: str) -> Ran:
        return flash_firewall(lab, "dev", program, *arguments, **variables)

    engine.up().checked()
    declared = Surveyor.of(lab, "dev").declared(program)
    before = file.read_text()
    failed = command(*asked, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    unwritten = file.read_text() == before
    (program / "traffic.yaml").write_text(
        changed_matrix(("{from: pay, to: [rabbitmq, redis, database]}", "{from: pay, to: [rabbitmq]}"))["traffic.yaml"]
    )
    with recorded(lab, "dev", NAMESPACE) as recording:
        suspend = command(*asked, **recording.variables)
        suspended = apis.look().policies[POLICY]
        run = Run(recording.journal.before, recording.journal.writes)
        # The only expected opening: the policy's own pods in its own direction.
        gaps = [
            gap for gap in judged(Transition(declared, declared), run) if gap.pair[0] != "api" or "cut" in gap.claim
        ]
    pending = engine.preview().checked()
    (program / "traffic.yaml").write_text((REPOSITORY / "traffic.yaml").read_text())
    settings, preview, check = file.read_text(), engine.preview().checked(), command("check", "--stack", "dev")
    file.write_text(re.sub(r'until: "[^"]*"', 'until: "2026-01-01T00:00:00Z"', settings))
    closing = engine.up().checked()
    closed = apis.look().policies[POLICY]
    (program / "traffic.yaml").write_text("services: [half a sen")
    resume = command("resume", POLICY, "--stack", "dev")
    removed = file.read_text() == before
    ran = _interrupted(lab, program, *asked)
    listed, is_open = POLICY in file.read_text(), apis.look().policies[POLICY]["spec"]["egress"] == [{}]
    if "Run pulumi cancel --yes --stack dev" in ran.stderr:
        engine.run("cancel", "--yes", "--stack", "dev").checked()
    resumed = command("resume", "--all", "--stack", "dev")
    closed_again = apis.look().policies[POLICY]["spec"]["egress"]
    interrupted = Interrupted(ran, listed, is_open, resumed, closed_again)
    if resumed.returncode:
        engine.run("cancel", "--yes", "--stack", "dev")  # so that the lab can be used again, and the tests say why
    engine.destroy().checked()
    return Night(
        failed,
        unwritten,
        suspend,
        suspended,
        settings,
        pending,
        preview,
        check,
        closing,
        closed,
        resume,
        removed,
        interrupted,
        gaps,
    )


def _interrupted(lab: Lab, program: Path, *arguments: str) -> Ran:
    """Run the command, and interrupt it alone as soon as the engine says that it works."""
    with subprocess.Popen(  # noqa: S603 - this project's own command
        [sys.executable, "-m", "flash_ticket.cli.main", *arguments],
        cwd=program,
        env=lab.env("dev"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = ""
        while "Updating" not in said and (line := process.stdout.readline()):
            said += line
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, said + output, errors)


def test_a_failed_update_leaves_the_stack_file_unchanged(night: Night) -> None:
    assert night.failed.returncode == 2
    assert "Pulumi.dev.yaml is as it was before" in night.failed.stderr
    assert "Traceback" not in night.failed.stderr + night.failed.stdout
    assert night.unwritten


def test_suspend_shows_what_it_opens_and_opens_it(night: Night) -> None:
    assert night.suspend.returncode == 0, night.suspend.stdout + night.suspend.stderr
    assert "added    api => the internet : All Connections" in night.suspend.stdout
    assert night.suspended["spec"]["egress"] == [{}]


def test_the_policy_object_holds_end_author_and_reason(night: Night) -> None:
    annotations = night.suspended["metadata"]["annotations"]

    assert annotations["flash-firewall/suspended-because"] == REASON
    assert set(annotations) >= {"flash-firewall/suspended-until", "flash-firewall/suspended-by"}


def test_suspend_deploys_no_other_change_of_the_files(night: Night) -> None:
    assert "~ kubernetes:networking.k8s.io/v1:NetworkPolicy firewall-policies-04-allow-egress-api" in " ".join(
        night.suspend.stdout.split()
    )
    assert [step.name for step in night.pending.changes if "04-allow-egress-pay" in step.name]


def test_suspend_opens_nothing_else_and_cuts_no_declared_flow_on_the_way(night: Night) -> None:
    assert night.gaps == []


def test_every_preview_and_check_warns_until_its_end(night: Night) -> None:
    warnings = [each for each in night.preview.diagnostics if each.startswith("warning: SUSPENDED until")]

    assert len(warnings) == 1
    assert POLICY in warnings[0]
    assert REASON in warnings[0]
    assert night.preview.changes == ()
    assert f"dev: warning: SUSPENDED until {warnings[0].split()[3]}" in night.check.stdout
    assert night.check.returncode == 0


def test_the_first_update_after_its_end_closes_the_policy_and_says_so(night: Night) -> None:
    assert [step.name for step in night.closing.changes] == [f"firewall-policies-{POLICY}"]
    assert [each for each in night.closing.diagnostics if f"suspension of {POLICY}: it ended" in each]
    assert night.closed["spec"]["egress"] != [{}]
    assert not [key for key in night.closed["metadata"]["annotations"] if "suspended" in key]


def test_resume_restores_the_stack_file_even_during_an_edit_of_the_matrix(night: Night) -> None:
    assert night.resume.returncode == 0, night.resume.stdout + night.resume.stderr
    assert night.removed


def test_an_interrupt_waits_for_the_engine_and_the_settings_file_tells_what_is_true(night: Night) -> None:
    found = night.interrupted

    assert found.suspend.returncode in {0, 2}, found.suspend.stderr
    assert "interrupted: waiting for the engine" in found.suspend.stderr
    assert "Traceback" not in found.suspend.stdout + found.suspend.stderr
    assert found.listed
    assert found.open or "may be open" in found.suspend.stderr


def test_the_command_that_an_interrupted_suspension_shows_closes_the_policy(night: Night) -> None:
    if night.interrupted.suspend.returncode:
        assert f"flash-firewall resume {POLICY} --stack dev closes" in night.interrupted.suspend.stderr
    assert night.interrupted.resumed.returncode == 0, (
        night.interrupted.resumed.stdout + night.interrupted.resumed.stderr
    )
    assert night.interrupted.closed != [{}]
