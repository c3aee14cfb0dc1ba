"""Every verb in every format, on files where every text from others is an attack, shows it and escapes it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.fields import LONGEST_REASON
from flash_ticket.firewall.declare.suspensions import SUSPENSIONS_KEY
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, run
from tests.support.command.recorded_stack import declared_now, record_stack
from tests.support.declared.accounts import ROOT
from tests.support.declared.json_values import Path as Place
from tests.support.declared.json_values import paths, put
from tests.support.declared.kubernetes.objects import deployment, from_app, namespace, pod, policy
from tests.support.hostile.forms import assert_harmless_in, verbs
from tests.support.hostile.harmless import ATTACKS, EVERYTHING, assert_harmless, written
from tests.support.hostile.recordings import AGENT_LINES, FLOW_LOG_TEXT, HUBBLE_LINES
from tests.support.traffic.incident import INVENTORY

SAVED = json.loads(inventory_json(INVENTORY))


def file_name(text: str) -> str:
    """Return a text as the name of a file, without slashes and zeros."""
    return text.translate({ord("/"): "_", 0: "_"})[:60].encode("utf-8", "replace").decode()


@pytest.fixture
def ground(tmp_path: Path) -> Callable[[str], Path]:
    """Write a project, manifests, logs and an inventory with a text wherever others can write one."""

    def lay(text: str) -> Path:
        project = copy_project(tmp_path / "project", "dev")
        record_stack(tmp_path, declared_now(project, "dev"))
        _suspend(project / "Pulumi.dev.yaml", text)
        strange = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": text, "namespace": text}}
        unknown = {"apiVersion": "cilium.io/v2", "kind": f"{text}Policy", "metadata": {"name": text}}
        objects = [
            namespace("shop", **{text: text}),
            pod("web", {"app": text}),
            deployment("db", [{"name": text, "containerPort": 5432}]),
            policy("in", text, ingress=[from_app(text, {"port": text})]),
            strange,
            unknown,
        ]
        for number in (1, 2):
            listed = {"kind": "List", "apiVersion": "v1", "items": objects[: number + 3] + objects[-2:]}
            written(tmp_path / f"manifests{number}", f"{file_name(text)}.json", json.dumps(listed))
        hubble = json.loads(HUBBLE_LINES[0])
        hubble["flow"]["source"] |= {"pod_name": text, "labels": [f"k8s:{text}={text}"]}
        hubble["flow"]["drop_reason_desc"] = hubble["node_name"] = text
        logs = tmp_path / "logs"
        written(logs, f"hubble {file_name(text)}", "\n".join([*HUBBLE_LINES, json.dumps(hubble), text]))
        written(logs, f"agent {file_name(text)}", "\n".join([*AGENT_LINES, AGENT_LINES[0].replace("TCP", text), text]))
        written(logs, f"flows {file_name(text)}", FLOW_LOG_TEXT.replace("eni-1", file_name(text)) + text)
        known = json.loads(json.dumps(SAVED))
        for each in known["inventory"]["pods"]:
            each["name"] = each["node"] = text
            each["labels"].append([text, text])
        for each in known["inventory"]["interfaces"]:
            each["id"] = text
        written(tmp_path, "inventory.json", json.dumps(known))
        return tmp_path

    return lay


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401 - parsed YAML has any shape
    return yaml.safe_load(text)


def _suspend(path: Path, text: str) -> None:
    content = deepcopy(_parsed(path.read_text(encoding="utf-8")))
    entry = {"policy": "04-allow-egress-api", "until": "2999-01-01T00:00:00Z"}
    said = text.encode("utf-8", "replace").decode()[:LONGEST_REASON]
    content["config"][SUSPENSIONS_KEY] = [{**entry, "reason": said, "author": said}]
    lines = [f"  {key}: {json.dumps(value)}\n" for key, value in content["config"].items()]  # JSON is YAML, and quick
    path.write_text("".join(["config:\n", *lines]), encoding="utf-8")


def _recorded(verb: str) -> Callable[[Path, str], list[str | Path]]:
    return lambda ground, _: [verb, ground / "logs", *_stack(ground), "--inventory", ground / "inventory.json"]


def _stack(ground: Path) -> list[str | Path]:
    return ["--project", ground / "project", "--stack", "dev"]


ASKED: Mapping[str, Callable[[Path, str], list[str | Path]]] = {
    "check": lambda ground, _: ["check", *_stack(ground)],
    "list": lambda ground, _: ["list", "--dir", ground / "manifests1"],
    "diff": lambda ground, _: ["diff", "--dir", ground / "manifests1", "--dir", ground / "manifests2"],
    "explain": lambda ground, text: ["explain", "shop/web", "shop/db", text[:99], "--dir", ground / "manifests1"],
    "denied": _recorded("denied"),
    "replay": _recorded("replay"),
    "learn": _recorded("learn"),
    "render": lambda ground, text: [
        "render",
        *_stack(ground),
        "--inventory",
        ground / "inventory.json",
        f"--out={ground / file_name(text)}",
    ],
    "inventory": lambda ground, _: ["inventory", *_stack(ground)],
    "verify": lambda ground, _: ["verify", *_stack(ground), "--inventory", ground / "inventory.json"],
    "report": _recorded("report"),
    "suspend": lambda ground, text: [
        "suspend",
        "04-allow-egress-pay",
        "--for",
        "30m",
        f"--reason={text[:LONGEST_REASON]}",
        *_stack(ground),
    ],
    "resume": lambda ground, _: ["resume", "--all", *_stack(ground)],
    "rollback": lambda ground, _: ["rollback", *_stack(ground)],
}
"""The arguments of each verb for those files."""


def test_every_verb_is_tried() -> None:
    assert set(verbs()) == set(ASKED)


@pytest.mark.parametrize(
    ("verb", "form", "text"),
    [
        *((verb, forms[0], text) for verb, forms in verbs().items() for text in ATTACKS.values()),
        *((verb, form, EVERYTHING) for verb, forms in verbs().items() for form in forms),
    ],
)
def test_a_verb_escapes_text_from_others(
    verb: str, form: str, text: str, ground: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ground(text)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("KUBECONFIG", str(written(folder, "kubeconfig", text)))
    result = run(*ASKED[verb](folder, text), *(["--output", form] if form else []))

    assert_harmless(result)
    if result.exit_code != 2:
        assert_harmless_in(form, result.stdout)


@pytest.mark.parametrize("text", [*ATTACKS.values(), EVERYTHING])
def test_a_draft_of_policies_escapes_text_from_others(text: str, tmp_path: Path) -> None:
    port = {"port": 80}
    hostile = policy("in", text, ingress=[from_app(text, port), from_app("api", {"port": text})])
    plain = policy("allow-web-from-lb", "web", ingress=[from_app("api", port), from_app("api", {"port": "a-name"})])
    labelled = deepcopy(plain)
    labelled["metadata"]["name"] = "odd"
    labelled["spec"]["podSelector"] = {"matchExpressions": [{"key": text, "operator": "NotIn", "values": [text]}]}
    strange = {"apiVersion": "v1", "kind": text, "metadata": {"name": text, "namespace": text}}
    for objects in ([hostile], [plain, labelled, strange]):
        listed = json.dumps({"kind": "List", "apiVersion": "v1", "items": objects})
        folder = tmp_path / str(len(objects))
        written(folder, f"{file_name(text)}.json", listed)

        assert_harmless(run("learn", "--dir", folder))


def kinds_of_places(content: Any) -> list[Place]:  # noqa: ANN401 - parsed JSON has any shape
    """Return one place of each kind that contains a text; places that differ only in numbers are of one kind."""
    found: dict[tuple[object, ...], Place] = {}
    for place in paths(content):
        inner = content
        for part in place:
            inner = inner[part]
        if isinstance(inner, str):
            found.setdefault(tuple(part for part in place if isinstance(part, str)), place)
    return list(found.values())


PLACES = [place for place in kinds_of_places(SAVED) if place[0] == "inventory"]


OF_TRAFFIC = ("denied", "replay", "learn")


@pytest.mark.parametrize(
    ("verb", "place"),
    [(verb, place) for number, place in enumerate(PLACES) for verb in ("verify", OF_TRAFFIC[number % len(OF_TRAFFIC)])],
    ids=lambda each: each if isinstance(each, str) else ".".join(map(str, each)),
)
def test_an_inventory_with_an_attack_in_any_text_is_shown_or_refused(
    verb: str, place: Place, ground: Callable[[str], Path]
) -> None:
    folder = ground("harmless")
    written(folder, "inventory.json", json.dumps(put(SAVED, place, EVERYTHING)))

    assert_harmless(run(*ASKED[verb](folder, "")))


def test_a_stack_file_with_an_attack_as_its_name_is_shown_or_refused(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", "dev")
    for text in ATTACKS.values():
        (project / "Pulumi.dev.yaml").rename(project / f"Pulumi.{file_name(text)}.yaml")
        assert_harmless(run("check", "--project", project))
        (project / f"Pulumi.{file_name(text)}.yaml").rename(project / "Pulumi.dev.yaml")


@pytest.mark.parametrize("name", ["traffic.yaml", "Pulumi.dev.yaml"])
def test_an_attack_in_any_text_of_the_projects_files_is_shown_or_refused(name: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", "dev")
    content = yaml.safe_load((project / name).read_text(encoding="utf-8"))
    for place in kinds_of_places(content):
        (project / name).write_text(yaml.safe_dump(put(content, place, EVERYTHING)), encoding="utf-8")
        for verb in ("check", "list"):
            assert_harmless(run(verb, "--project", project, "--stack", "dev"))


def test_a_terminal_with_only_ascii_gets_the_whole_page() -> None:
    command = [
        sys.executable,
        "-m",
        "flash_ticket.cli.main",
        "list",
        "--output",
        "html",
        "--project",
        ".",
        "--stack",
        "dev",
    ]
    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.rstrip().endswith(b"</html>")
