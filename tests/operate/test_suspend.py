"""What a suspension does to the settings file while others edit it, while the engine fails, and when it is interrupted.

Here the engine is a script.
"""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flash_ticket.operate import pulumi
from flash_ticket.operate.one_at_a_time import one_at_a_time
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.command.recorded_stack import declared_now, record_stack

POLICY, OTHER = "04-allow-egress-api", "04-allow-egress-pay"
FOR = ("--for", "30m", "--reason", "x", "--stack", "dev")
ENTRY = f"""
    - {{policy: {OTHER}, until: '2099-01-01T00:00:00Z', reason: 'by hand', author: me}}  # theirs"""
KEY = "  flash-ticket-firewall:suspensions:"

Engine = Callable[[str], None]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The committed project."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def engine(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Make an update a shell script, which finds the settings file in $file."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(pulumi, "_SECONDS_TO_END", 0.1)
    asked = record_stack(tmp_path, declared_now(project, "dev"))
    recorded = (tmp_path / "pulumi").read_text()

    def make(script: str) -> None:
        update = f"*) file='{project / 'Pulumi.dev.yaml'}'; echo \"$@\" >>'{asked}'; {script} ;;"
        (tmp_path / "pulumi").write_text(recorded.replace(f"*) echo \"$@\" >>'{asked}' ;;", update))

    make("true")
    return make


def settings(project: Path) -> str:
    return (project / "Pulumi.dev.yaml").read_text(encoding="utf-8")


def listed(project: Path) -> list[str]:
    """Return the policies in the settings file."""
    return [each for each in (POLICY, OTHER) if f"policy: {each}" in settings(project).replace('"', "")]


def add_by_hand(project: Path) -> None:
    """Add a suspension and a note, as somebody with an editor does."""
    text = settings(project)
    if KEY in text:
        edit(project / "Pulumi.dev.yaml", KEY, KEY + ENTRY)
    else:
        (project / "Pulumi.dev.yaml").write_text(f"{text}{KEY}{ENTRY}\n", encoding="utf-8")


def test_a_failed_update_takes_back_its_own_suspension_and_a_hand_edit_survives(project: Path, engine: Engine) -> None:
    (project / "edits.sed").write_text(f"s/suspensions:/&{ENTRY}/".replace("\n", "\\n"), encoding="utf-8")
    engine(f"sed -i -f '{project / 'edits.sed'}' $file; echo '# a note' >>$file; exit 1")
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert result.exit_code == 2
    assert "its suspension is out of Pulumi.dev.yaml again, and what others changed there stays" in result.stderr
    assert "as it was before" not in result.stderr
    assert listed(project) == [OTHER]
    assert settings(project).endswith("# a note\n")


def test_a_failed_update_without_other_edits_leaves_the_file_as_it_was(project: Path, engine: Engine) -> None:
    add_by_hand(project)
    before = settings(project)
    engine("exit 1")
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert "Pulumi.dev.yaml is as it was before" in result.stderr
    assert settings(project) == before


def test_a_failed_update_keeps_the_suspension_of_a_policy_that_stays_open(project: Path, engine: Engine) -> None:
    assert run("suspend", POLICY, *FOR, "--project", project).exit_code == 0
    first = settings(project)
    engine("echo '# a note' >>$file; exit 1")
    result = run("suspend", POLICY, "--for", "2h", "--reason", "longer", "--stack", "dev", "--project", project)

    assert result.exit_code == 2
    assert settings(project) == f"{first}# a note\n"


def test_a_failed_update_leaves_what_somebody_else_entered_for_the_same_policy(project: Path, engine: Engine) -> None:
    engine("sed -i 's/reason: .x./reason: theirs/' $file; exit 1")
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert result.exit_code == 2
    assert "reason: theirs" in settings(project)


def test_a_file_in_the_middle_of_an_edit_is_left_alone_and_the_error_says_what_to_remove(
    project: Path, engine: Engine
) -> None:
    engine("echo 'half a: [sentence' >>$file; exit 1")
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert f"meanwhile: remove the suspension of {POLICY} from it" in result.stderr
    assert settings(project).endswith("half a: [sentence\n")


def test_what_others_enter_while_the_question_waits_is_kept(
    project: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("true")
    monkeypatch.setattr(
        "flash_ticket.cli.verbs.changing.suspend.require_consent", lambda *_, **__: add_by_hand(project)
    )
    result = run("suspend", "00-default-deny", *FOR, "--project", project)

    assert result.exit_code == 0, result.stderr
    assert listed(project) == [OTHER]
    assert "00-default-deny" in settings(project)
    assert "# theirs" in settings(project) or "by hand" in settings(project)


def test_another_declaration_that_is_deployed_while_the_question_waits_is_not_undone(
    project: Path, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("true")
    before = settings(project)

    def somebody_deploys(*_: object, **__: object) -> None:
        edit(project / "traffic.yaml", "[rabbitmq, redis, database]", "[rabbitmq, redis]")
        record_stack(tmp_path, declared_now(project, "dev"))

    monkeypatch.setattr("flash_ticket.cli.verbs.changing.suspend.require_consent", somebody_deploys)
    result = run("suspend", "00-default-deny", *FOR, "--project", project)

    assert result.exit_code == 2
    assert "somebody has deployed another declaration since this command began. Run it again" in result.stderr
    assert settings(project) == before
    assert not (tmp_path / "asked").exists()


def test_resume_keeps_what_others_enter_meanwhile(project: Path, engine: Engine) -> None:
    assert run("suspend", POLICY, *FOR, "--project", project).exit_code == 0
    add_by_hand(project)
    engine("echo '# a note' >>$file")
    result = run("resume", POLICY, "--stack", "dev", "--project", project)

    assert result.exit_code == 0, result.stderr
    assert listed(project) == [OTHER]
    assert settings(project).endswith("# a note\n")


ASKED_ONCE = "trap 'exit 1' INT; kill -INT $PPID; while :; do sleep 0.1; done"
ASKED_TWICE = (
    "trap 'asked=1' INT; kill -INT $PPID; while [ -z \"$asked\" ]; do sleep 0.1; done; "
    "kill -INT $PPID; while :; do sleep 0.1; done"
)


def test_an_interrupted_suspension_stays_in_the_file_and_the_command_that_closes_it_is_shown(
    project: Path, engine: Engine
) -> None:
    engine(ASKED_ONCE)
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert result.exit_code == 2
    assert listed(project) == [POLICY]
    assert f"it was interrupted, and {POLICY} may be open; Pulumi.dev.yaml still says so" in result.stderr
    assert f"flash-firewall resume {POLICY} --stack dev closes what may be open." in result.stderr
    assert "pulumi cancel" not in result.stderr


def test_a_killed_suspension_also_says_how_to_release_the_stack(project: Path, engine: Engine) -> None:
    engine(ASKED_TWICE)
    result = run("suspend", "--all", "--yes", *FOR, "--project", project)

    assert result.exit_code == 2
    assert "Run pulumi cancel --yes --stack dev; then flash-firewall resume --all --stack dev closes" in result.stderr
    assert "pulumi up --refresh --stack dev closes what the engine could not record" in result.stderr
    assert POLICY in listed(project)


def test_an_interrupt_that_comes_after_the_work_is_done_changes_nothing(project: Path, engine: Engine) -> None:
    engine(ASKED_ONCE.replace("exit 1", "exit 0"))
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert result.exit_code == 0
    assert listed(project) == [POLICY]


def test_an_interrupted_resume_says_what_closes_the_policy(project: Path, engine: Engine) -> None:
    assert run("suspend", POLICY, *FOR, "--project", project).exit_code == 0
    engine(ASKED_TWICE)
    result = run("resume", POLICY, "--stack", "dev", "--project", project)

    assert result.exit_code == 2
    assert "run pulumi cancel --yes --stack dev, then pulumi up --refresh" in result.stderr
    assert listed(project) == []


def test_only_one_command_at_a_time_changes_a_project(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    order = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with one_at_a_time(project):
            order.append("second")

    other = threading.Thread(target=second)
    with one_at_a_time(project):
        other.start()
        waiting.wait()
        while "waiting: another flash-firewall is changing this project" not in capfd.readouterr().err:
            pass
        order.append("first")
    other.join()

    assert order == ["first", "second"]


def test_a_folder_that_cannot_be_written_is_one_line(
    project: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("true")

    def refuse(path: Path, _: bytes) -> int:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    result = run("suspend", POLICY, *FOR, "--project", project)

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "Pulumi.dev.yaml: it cannot be written: Read-only file system" in result.stderr
    assert listed(project) == []


@pytest.fixture
def crowded(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with everything in it that is no ordinary file."""
    (project / ".#traffic.yaml").symlink_to("me@host.1234:1700000000")
    (project / "loop").symlink_to("loop")
    (project / "zero").symlink_to("/dev/zero")
    os.mkfifo(project / "pipe")
    monkeypatch.chdir(project)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    for name in ("traffic.yaml", "Pulumi.dev.yaml"):
        (project / name).chmod(0o444)
    return project


def test_suspend_works_beside_an_editors_lock_a_pipe_and_a_socket(crowded: Path, engine: Engine) -> None:
    engine("test -f traffic.yaml && test -f Pulumi.dev.yaml && ! test -e pipe && ! test -e socket || exit 1")
    result = run("suspend", POLICY, *FOR, "--project", crowded)

    assert result.exit_code == 0, result.stderr
    assert listed(crowded) == [POLICY]


def test_rollback_works_beside_an_editors_lock_a_pipe_and_a_socket(
    crowded: Path, engine: Engine, tmp_path: Path
) -> None:
    engine("true")
    first = declared_now(crowded, "dev")
    (crowded / "traffic.yaml").chmod(0o644)
    edit(crowded / "traffic.yaml", "[rabbitmq, redis, database]", "[rabbitmq, redis]")
    asked = record_stack(tmp_path, first, declared_now(crowded, "dev"))
    result = run("rollback", "--to", "1", "--yes", "--stack", "dev", "--project", crowded)

    assert result.exit_code == 0, result.stderr
    assert asked.read_text() == "up --yes --skip-preview --stack dev\n"


@pytest.mark.parametrize(("script", "first"), [(ASKED_ONCE, "flash-firewall"), (ASKED_TWICE, "Run pulumi cancel")])
def test_an_interrupted_rollback_says_what_goes_on_and_what_goes_back(
    script: str, first: str, project: Path, engine: Engine, tmp_path: Path
) -> None:
    engine(script)
    edited = (tmp_path / "pulumi").read_text()
    before = declared_now(project, "dev")
    edit(project / "traffic.yaml", "[rabbitmq, redis, database]", "[rabbitmq, redis]")
    record_stack(tmp_path, before, declared_now(project, "dev"))
    update = edited[edited.index("    *)") :]
    recorded = (tmp_path / "pulumi").read_text()
    (tmp_path / "pulumi").write_text(recorded[: recorded.index("    *)")] + update)
    result = run("rollback", "--to", "1", "--yes", "--stack", "dev", "--project", project)

    assert result.exit_code == 2
    assert f"it was interrupted, and a part of version 1 may be deployed. {first}" in result.stderr
    assert "flash-firewall rollback --to 1 --stack dev goes on, and pulumi up --refresh --stack dev" in result.stderr
