"""``list``, ``diff`` and ``explain`` of this project: both layers of a stack, from its files only."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from flash_ticket.cli.main import app
from tests.support.command.flash_firewall import copy_project, edit, run
from tests.support.command.recorded_stack import declared_now, record_stack
from tests.support.declared.accounts import ROOT

FLOW_REMOVED = ("{from: pay, to: [rabbitmq, redis, database]}", "{from: pay, to: [rabbitmq, database]}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


@pytest.fixture
def repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in git with one commit, tagged ``first``."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "The shop")
    git(project, "tag", "first")
    return project


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)  # noqa: S603, S607 - the system's git


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def test_list_shows_both_layers_in_the_words_of_the_matrix(project: Path) -> None:
    result = run("list", "--project", project, "--stack", "dev")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "gateway => api : TCP 4000" in lines
    assert "pay => redis : TCP 6379" in lines
    assert not any(line.startswith(("the internet", "another")) for line in lines)


def test_check_list_explain_and_suspend_know_a_stack_of_both_families(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project / "Pulumi.dev.yaml", "cidrs: [203.0.113.0/24]", 'cidrs: ["0.0.0.0/0", "::/0"]')
    edit(
        project / "Pulumi.dev.yaml",
        "alb: {subnets: {tags: {Environment: dev, Tier: public}}}",
        'alb: {cidrs: ["2001:db8::/64"]}',
    )
    where = ("--project", project, "--stack", "dev")
    monkeypatch.setenv("PATH", str(tmp_path))
    record_stack(tmp_path, declared_now(project, "dev"))

    checked, listed = run("check", *where), run("list", *where)
    explained = run("explain", "alb", "gateway", "3000", *where)
    opened = run("suspend", "01-allow-gateway-from-alb", "--for", "30m", "--reason", "x", *where)

    assert (checked.exit_code, listed.exit_code) == (0, 0), checked.stderr + listed.stderr
    assert "alb => gateway : TCP 3000" in listed.stdout.splitlines()
    assert explained.exit_code == 0, explained.stderr
    assert opened.exit_code == 0, opened.stderr


def test_check_list_and_explain_say_one_thing_of_a_load_balancer_among_pods(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "Tier: public", "Tier: private")
    where = ("--project", project, "--stack", "dev")
    pair, named = "a pod elsewhere in the cluster => gateway : TCP 3000", "places.alb: it has addresses that pods can"

    checked, listed = run("check", *where), run("list", *where)
    assert f"  {pair}, like alb" in checked.stdout.splitlines()
    assert f"dev: warning: {named}" in checked.stdout
    assert pair in listed.stdout.splitlines()
    assert f"note: {named}" in listed.stderr

    explained = run("explain", "a pod elsewhere in the cluster", "gateway", "3000", *where)
    assert explained.exit_code == 0
    assert explained.stdout.startswith(f"{pair} passes\n  pod layer: passes\n")
    assert f"note: {named}" in explained.stderr


def test_without_the_account_a_private_cidr_may_be_among_pods(project: Path) -> None:
    edit(
        project / "Pulumi.dev.yaml",
        "alb: {subnets: {tags: {Environment: dev, Tier: public}}}",
        "alb: {cidrs: [10.10.0.0/16]}",
    )
    named = (
        "places.alb: only the account knows whether pods can have its addresses (10.10.0.0/16), and with vpc-cni an "
        "ipBlock matches pods, so for any pod there: it may reach gateway on TCP 3000. Compare them with the subnets "
        "of pods; a preview does.\n"
    )

    assert f"dev: warning: {named}" in run("check", "--project", project, "--stack", "dev").stdout
    for verb in (("list",), ("explain", "a pod elsewhere in the cluster", "gateway", "3000")):
        assert f"note: {named}" in run(*verb, "--project", project, "--stack", "dev").stderr


@pytest.mark.parametrize("form", ["txt", "json", "csv", "md", "dot", "svg"])
def test_list_writes_the_project_in_every_format(project: Path, form: str) -> None:
    result = run("list", "--project", project, "--stack", "dev", "--output", form)

    assert result.exit_code == 0
    assert "gateway" in result.stdout


def test_list_is_the_same_for_stacks_that_differ_only_in_places(project: Path) -> None:
    dev, prod = (run("list", "--project", project, "--stack", stack).stdout for stack in ("dev", "prod"))

    assert dev == prod != ""


def test_explain_gives_the_verdict_of_each_layer(project: Path) -> None:
    passing = run("explain", "gateway", "api", "4000", "--project", project, "--stack", "dev")
    stopped = run("explain", "the internet", "pay", "3100", "--project", project, "--stack", "dev")

    assert passing.exit_code == 0
    assert passing.stdout.splitlines()[0] == "gateway => api : TCP 4000 passes"
    assert "  pod layer: passes" in passing.stdout
    assert "  vpc layer: passes" in passing.stdout
    assert stopped.exit_code == 1
    assert stopped.stdout.splitlines()[0] == "the internet => pay : TCP 3100 is stopped"


def test_explain_writes_each_layer_as_json(project: Path) -> None:
    result = run("explain", "api", "redis", "6379", "--project", project, "--stack", "dev", "--output", "json")

    found = json.loads(result.stdout)
    assert found["passes"]
    assert [layer["layer"] for layer in found["layers"]] == ["pod", "vpc"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (("gatway", "api", "80"), "error: dev: gatway: it is not an endpoint. Name one such as gateway"),
        (("redis", "redis", "80"), "error: dev: redis: both ends are the same endpoint."),
        (("gateway", "api", "http"), "error: PORT: http: "),
        (("gateway", "api", "99999"), "error: PORT: 99999: not a port or a range of ports."),
        (("gateway", "api", "icmp/1"), "error: PORT: icmp/1: unknown protocol 'ICMP'."),
    ],
)
def test_a_question_without_an_answer_fails_with_one_line(
    project: Path, question: tuple[str, ...], message: str
) -> None:
    result = run("explain", *question, "--project", project, "--stack", "dev")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", [("list",), ("diff",), ("explain", "api", "pay", "80")])
def test_without_a_stack_name_several_stacks_are_refused(project: Path, verb: tuple[str, ...]) -> None:
    result = run(*verb, "--project", project)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: --stack: no environment is named. Name one of: dev, prod.\n"


def test_the_only_stack_is_the_default(tmp_path: Path) -> None:
    lone = copy_project(tmp_path / "lone", "prod")

    assert run("list", "--project", lone).stdout == run("list", "--project", ROOT, "--stack", "prod").stdout


@pytest.mark.parametrize("name", ["prod", "acme/flash-ticket-firewall/prod"])
def test_the_current_pulumi_stack_is_the_default(project: Path, name: str) -> None:
    chosen = CliRunner(env={"PULUMI_STACK": name})
    edit(project / "Pulumi.prod.yaml", "attachment: pods", "attachment: nodes")

    result = chosen.invoke(app, ["explain", "api", "pay", "3100", "--project", str(project)])

    assert result.exit_code == 0
    assert "flash-ticket-prod-nodes" in result.stdout
    beside = chosen.invoke(app, ["explain", "api", "pay", "3100", "--project", str(project), "--stack", "dev"])
    assert "-nodes" not in beside.stdout


def test_explain_does_not_say_that_a_group_of_others_stops_what_only_the_account_knows(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "attachment: pods", "attachment: nodes")
    shut = run("explain", "api", "the internet", "443", "--project", project, "--stack", "dev")
    perhaps = run("explain", "api", "another host of the VPC", "6379", "--project", project, "--stack", "dev")

    assert (shut.exit_code, perhaps.exit_code) == (1, 0)
    assert shut.stdout.startswith("api => the internet : TCP 443 is stopped\n")
    assert "\n  vpc layer: not known without the account\n" in shut.stdout
    answer = "may pass: only the account knows the rules of others in these groups"
    assert perhaps.stdout.startswith(f"api => another host of the VPC : TCP 6379 {answer}\n")


def test_list_says_which_connections_only_the_account_knows_about(project: Path) -> None:
    edit(project / "Pulumi.dev.yaml", "attachment: pods", "attachment: nodes")
    listed = run("list", "--project", project, "--stack", "dev")

    assert "api => another host of the VPC : TCP 3306,5432,5672,6379\n" in listed.stdout
    assert (
        "note: security groups of others: 9 listed connections may be stopped in the VPC layer, such as "
        in listed.stderr
    )


@pytest.mark.parametrize("verb", [("list",), ("diff",), ("explain", "api", "pay", "80")])
@pytest.mark.parametrize("stack", ["staging", "../dev", "", "*", "dev\n", "a" * 300])
def test_a_missing_stack_is_bad_input(project: Path, verb: tuple[str, ...], stack: str) -> None:
    result = run(*verb, "--project", project / "nowhere", "--stack", stack)

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_diff_reports_nothing_if_nothing_has_changed(repository: Path) -> None:
    result = run("diff", "--project", repository, "--stack", "dev")

    assert (result.exit_code, result.stdout) == (0, "No connection is opened or closed.\n")


def test_diff_compares_the_files_with_the_last_commit(repository: Path) -> None:
    edit(repository / "traffic.yaml", *FLOW_REMOVED)

    result = run("diff", "--project", repository, "--stack", "dev")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[:3] == [
        "What this opens and closes:",
        "  through both layers:",
        "    removed  pay => redis : TCP 6379",
    ]


@pytest.mark.parametrize("since", ["first", "HEAD~1", "main^", "HEAD^{/The shop}"])
def test_diff_compares_with_any_commit_tag_or_branch(repository: Path, since: str) -> None:
    edit(repository / "traffic.yaml", *FLOW_REMOVED)
    commit(repository, "Cut pay off from the cache")

    assert run("diff", "--project", repository, "--stack", "dev").exit_code == 0
    result = run("diff", "--project", repository, "--stack", "dev", "--since", since)

    assert result.exit_code == 1
    assert "    removed  pay => redis : TCP 6379" in result.stdout


def test_diff_writes_the_changes_through_both_layers_as_json(repository: Path) -> None:
    edit(repository / "traffic.yaml", *FLOW_REMOVED)

    result = run("diff", "--project", repository, "--stack", "dev", "--output", "json")

    assert [(each["change"], each["src"], each["dst"]) for each in json.loads(result.stdout)] == [
        ("removed", "pay", "redis")
    ]


def test_diff_sees_a_changed_binding_too(repository: Path) -> None:
    edit(repository / "Pulumi.dev.yaml", "listeners: [443]", "listeners: [443, 8443]")

    result = run("diff", "--project", repository, "--stack", "dev")

    assert result.exit_code == 1
    assert "    changed  clients of alb => alb : TCP 443 -> TCP 443,8443" in result.stdout.splitlines()
    assert run("diff", "--project", repository, "--stack", "prod").exit_code == 0


@pytest.mark.parametrize(
    "since", ["nonsense", "--output=x", "-p", "HEAD~9", "HEAD:traffic.yaml", "first..main", "a b", "@{1", "main:"]
)
def test_an_unknown_revision_fails_with_one_line_and_writes_nothing(repository: Path, since: str) -> None:
    result = run("diff", "--project", repository, "--stack", "dev", f"--since={since}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --since: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (repository / "x").exists()


def test_a_file_missing_in_a_revision_fails_with_one_line(repository: Path) -> None:
    (repository / "Pulumi.dev.yaml").rename(repository / "Pulumi.qa.yaml")

    result = run("diff", "--project", repository, "--stack", "qa")

    assert result.exit_code == 2
    assert "Pulumi.qa.yaml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_mistake_in_an_older_revision_is_reported_with_the_revision(repository: Path) -> None:
    edit(repository / "traffic.yaml", "services:", "servces:")
    commit(repository, "Slip")
    edit(repository / "traffic.yaml", "servces:", "services:")

    result = run("diff", "--project", repository, "--stack", "dev")

    assert result.exit_code == 2
    assert result.stderr == (
        "error: traffic.yaml at HEAD: servces: this key is not known. Write 'services' instead, or remove it. "
        "See line 5.\n"
    )


def test_a_project_without_git_fails_with_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))

    result = run("diff", "--project", project, "--stack", "dev")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "not a git repository" in result.stderr


def test_a_machine_without_git_fails_with_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = run("diff", "--project", project, "--stack", "dev")

    assert result.exit_code == 2
    assert result.stderr == "error: --since: git is not installed. Install it, or compare with --dir.\n"


# No process can get these as an argument: a zero byte, and half of a surrogate pair that stands for no byte.
_words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_options = st.sampled_from(
    ["--stack", "--project", "--output", "--since", "--dir", "--help", "dev", "api", "json", str(ROOT)]
)


@given(st.sampled_from(["check", "list", "diff", "explain", ""]), st.lists(st.one_of(_words, _options), max_size=6))
def test_no_arguments_end_in_a_traceback(verb: str, arguments: list[str]) -> None:
    result = run(*([verb] if verb else []), *arguments)

    assert result.exit_code in {0, 1, 2}
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output


def test_a_focus_on_this_project_lists_only_the_connections_asked_for(project: Path) -> None:
    result = run("list", "--project", project, "--stack", "dev", "--from", "gateway", "--to", "api")
    page = run("list", "--project", project, "--stack", "dev", "--from", "gateway", "--output", "html")

    assert (result.exit_code, result.stdout) == (0, "gateway => api : TCP 4000\n")
    assert page.exit_code == 2
    assert "the page always shows the whole project" in page.stderr
