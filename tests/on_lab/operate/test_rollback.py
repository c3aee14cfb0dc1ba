"""Rollback on the real engine: twice, past a failed update, past another attachment, with uncommitted files."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from lab.recording.recording import recorded
from lab.recording.surveyor import Surveyor
from lab.running.engine import Engine, Result
from lab.running.firewall_command import Ran, flash_firewall
from lab.running.lab import Lab
from lab.running.program import copy_program
from tests.support.engine.apis import FLOW_REMOVED, NAMESPACE, PORT_CHANGED, REPOSITORY, Apis, Sight, changed_matrix
from tests.support.engine.intermediate_states import Gap, Run, Transition
from tests.support.engine.judgement import judged

pytestmark = pytest.mark.engine

BAD_INPUT = 2
NOWHERE = "http://127.0.0.1:9"  # port 9, where nothing listens


@dataclass(frozen=True, slots=True)
class Story:
    """A stack that is rolled back and forth.

    Attributes:
        sights: What was deployed after the first, the second and the third version, and after each rollback.
        gaps: Connections that a write of the second rollback opened or cut wrongly.
    """

    sights: Mapping[str, Sight]
    failed: Result
    listed: Ran
    unknown: Ran
    unasked: Ran
    back: Ran
    preview: Result
    twice: Ran
    nothing: Ran
    gaps: list[Gap]
    files: Mapping[str, str]


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    program = copy_program(REPOSITORY, tmp_path_factory.mktemp("story") / "shop")
    engine, apis, sights = Engine(lab, "dev", program), Apis(lab, "dev"), {}
    matrix, settings = program / "traffic.yaml", program / "Pulumi.dev.yaml"
    surveyor = Surveyor.of(lab, "dev")

    def rollback(*arguments: str, **variables: str) -> Ran:
        return flash_firewall(lab, "dev", program, "rollback", "--stack", "dev", *arguments, **variables)

    engine.up().checked()
    sights["1"], first = apis.look(), surveyor.declared(program)
    matrix.write_text(changed_matrix(FLOW_REMOVED)["traffic.yaml"])
    engine.up().checked()
    sights["2"], second = apis.look(), surveyor.declared(program)
    matrix.write_text(changed_matrix(PORT_CHANGED)["traffic.yaml"])
    failed = Engine(lab, "dev", program, {"AWS_ENDPOINT_URL": NOWHERE}).up()
    matrix.write_text(changed_matrix(FLOW_REMOVED)["traffic.yaml"])
    settings.write_text(settings.read_text().replace("attachment: pods", "attachment: nodes"))
    engine.up("--refresh").checked()
    sights["3"] = apis.look()
    matrix.write_text(matrix.read_text() + "# somebody's unfinished work\n")
    files = {path.name: path.read_text() for path in (matrix, settings)}
    listed, unknown, unasked = rollback(), rollback("--to", "9"), rollback("--to", "1")
    back = rollback("--to", "1", "--yes")
    sights["back to 1"] = apis.look()
    preview = engine.preview().checked()
    with recorded(lab, "dev", NAMESPACE) as recording:
        twice = rollback("--to", "2", "--yes", **recording.variables)
        run = Run(recording.journal.before, recording.journal.writes)
    sights["back to 2"] = apis.look()
    nothing = rollback("--to", "5", "--yes")
    same = {path.name: path.read_text() for path in (matrix, settings)}
    assert same == files
    engine.destroy().checked()
    gaps = judged(Transition(first, second), run)
    assert run.writes
    return Story(sights, failed, listed, unknown, unasked, back, preview, twice, nothing, gaps, files)


def firewall(sight: Sight) -> tuple[object, ...]:
    """Return the deployed firewall by names and rules, without what differs in every new object."""
    return (
        {name: each["spec"] for name, each in sight.policies.items()},
        set(sight.attachments),
        sight.rules,
    )


def test_the_list_shows_each_version_with_its_changes_and_the_failed_update(story: Story) -> None:
    lines = [line.split() for line in story.listed.stdout.splitlines()]

    assert story.failed.code != 0
    assert story.listed.returncode == 0, story.listed.stderr
    assert [line[0] for line in lines if len(line[0]) == 1] == ["3", "2", "1"]
    assert "removed  pay => redis : TCP 6379" in story.listed.stdout
    kinds = [line[-1] for line in lines if line[-1] in {"failed", "runs"}]
    assert kinds == ["runs", "failed"]


def test_an_unknown_version_is_refused_in_one_line(story: Story) -> None:
    assert story.unknown.returncode == BAD_INPUT
    assert story.unknown.stderr == "error: --to: dev has no version 9. Name one of: 1, 2, 3.\n"


def test_without_consent_nothing_is_deployed(story: Story) -> None:
    assert story.unasked.returncode == BAD_INPUT
    assert "--yes: there is no terminal, so nobody can be asked" in story.unasked.stderr
    assert "The proof holds" in story.unasked.stdout


def test_the_preview_before_the_question_shows_what_the_rollback_interrupts(story: Story) -> None:
    shown, _, previewed = story.unasked.stdout.partition("Previewing update (dev)")

    assert "added    pay => redis : TCP 6379" in shown
    assert "Interrupting step: cluster.attachment changes from nodes to pods" in " ".join(previewed.split())


def test_a_rollback_past_a_failed_update_and_another_attachment_restores_the_version(story: Story) -> None:
    assert story.back.returncode == 0, story.back.stdout + story.back.stderr
    assert firewall(story.sights["back to 1"]) == firewall(story.sights["1"])
    assert firewall(story.sights["3"]) != firewall(story.sights["1"])


def test_a_rollback_does_what_it_showed(story: Story) -> None:
    shown, _, updated = story.back.stdout.partition("Updating (dev)")

    assert "added    pay => redis : TCP 6379" in shown
    assert "added    pay => redis : TCP 6379" in updated


def test_a_rollback_keeps_the_files_and_shows_where_they_differ(story: Story) -> None:
    assert "The files now differ from what is deployed" in story.back.stdout
    assert "attachment: nodes" in story.back.stdout
    assert [each for each in story.preview.diagnostics if "removed  pay => redis : TCP 6379" in each]


def test_two_rollbacks_work_and_no_write_on_the_way_opens_or_cuts(story: Story) -> None:
    assert story.twice.returncode == 0, story.twice.stdout + story.twice.stderr
    assert firewall(story.sights["back to 2"]) == firewall(story.sights["2"])
    assert story.gaps == []


def test_a_rollback_to_the_running_version_does_nothing(story: Story) -> None:
    assert story.nothing.returncode == 0
    assert story.nothing.stdout == "Version 5, which runs, declares the same: nothing to do.\n"
