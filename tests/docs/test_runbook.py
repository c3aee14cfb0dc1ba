"""The runbook has an answer to every alert in both languages, and none of its links is broken."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from flash_ticket.cli.main import app
from flash_ticket.firewall.compile.alerts.alert import Alert
from tests.support.docs.runbook import DOCS, ENGLISH, KOREAN, anchors, commands, headings, links

BOTH = pytest.mark.parametrize("runbook", [ENGLISH, KOREAN], ids=lambda path: path.name)

UNTRIED = {
    "kubectl debug node/<node> -it --image=busybox --"
    " tail -n 50 /host/var/log/aws-routed-eni/network-policy-agent.log": "a kubelet",
    "kubectl -n flash-ticket exec <pod> -- nc -vz -w 3 <address> 6379": "a kubelet",
    "kubectl -n flash-ticket exec <pod> -- nslookup kubernetes.default.svc.cluster.local": "a kubelet",
}
"""Commands that the lab does not try: there it runs no kubelet. Those for Cilium are tried on a node with Cilium."""


@BOTH
def test_each_alert_has_one_heading_with_its_name(runbook: Path) -> None:
    assert [heading for heading in headings(runbook) if heading.startswith("NetworkPolicy")] == [*Alert]


@BOTH
@pytest.mark.parametrize("alert", Alert)
def test_the_link_in_an_alert_leads_to_its_heading(runbook: Path, alert: Alert) -> None:
    assert alert.runbook_url("https://wiki.example.com/runbook").partition("#")[2] in anchors(runbook)


@BOTH
def test_the_list_at_the_top_leads_to_each_alert(runbook: Path) -> None:
    top = runbook.read_text(encoding="utf-8").partition("\n## ")[0]
    assert [each for each in Alert if f"](#{each.lower()})" not in top] == []


@BOTH
def test_each_link_leads_to_a_heading_or_a_file(runbook: Path) -> None:
    for link in links(runbook):
        file, _, anchor = link.partition("#")
        assert (DOCS / file).exists()
        assert not anchor or anchor in anchors(DOCS / file if file else runbook), link


@BOTH
def test_each_procedure_has_numbered_steps_with_one_command_each(runbook: Path) -> None:
    for section in re.split(r"^## ", runbook.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        steps = re.split(r"^\d+\. ", section, flags=re.MULTILINE)[1:]
        assert [step.count("```sh\n") for step in steps] == [1] * len(steps), section.splitlines()[0]


def test_both_languages_hold_the_same_commands_in_the_same_order() -> None:
    assert [each.text for each in commands(KOREAN)] == [each.text for each in commands(ENGLISH)]
    assert [bool(each.lacks) for each in commands(KOREAN)] == [bool(each.lacks) for each in commands(ENGLISH)]
    assert len(headings(KOREAN)) == len(headings(ENGLISH))


def test_commands_that_the_lab_cannot_try_are_marked_with_the_reason() -> None:
    assert {each.text: each.lacks for each in commands(ENGLISH) if each.lacks} == UNTRIED


@BOTH
def test_every_verb_and_option_of_this_project_exists(runbook: Path) -> None:
    """This includes the commands in the prose, outside code blocks."""
    command: Any = typer.main.get_command(app)
    for verb, options in re.findall(r"flash-firewall ([a-z]+)([^`\n]*)", runbook.read_text(encoding="utf-8")):
        known = {option for parameter in command.get_command(None, verb).params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known
