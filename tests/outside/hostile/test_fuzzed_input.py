"""Any content anywhere in the input: a line is counted, a file is refused in one line, and nothing ends in a traceback.

FLASH_FIREWALL_FUZZ sets the number of examples for each property; for a manual run, use some ten thousand.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.cluster import cluster_from
from flash_ticket.firewall.analyse.manifests.directory import read_cluster
from flash_ticket.firewall.analyse.reachability import Reachability
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.connections import Format, written
from flash_ticket.traffic.attribution.inventory_file import inventory_json
from tests.support.command.flash_firewall import copy_project, run
from tests.support.declared.accounts import ROOT
from tests.support.declared.json_values import with_anything_anywhere
from tests.support.declared.kubernetes.objects import deployment, from_app, namespace, owned_pod, pod, policy, to_app
from tests.support.hostile.harmless import EVERYTHING, assert_harmless, refusal
from tests.support.hostile.recordings import AGENT_LINES, FLOW_LOG_TEXT, HUBBLE_LINES, LISTED
from tests.support.traffic.incident import INVENTORY

FUZZ = settings(
    max_examples=int(os.environ.get("FLASH_FIREWALL_FUZZ", "25")), derandomize="FLASH_FIREWALL_FUZZ" not in os.environ
)

OBJECTS: list[dict[str, Any]] = [
    namespace("shop", team="red"),
    pod("web", {"app": "web"}),
    owned_pod("api-1", "api", "ReplicaSet", {"app": "api"}),
    deployment("db", [{"name": "sql", "containerPort": 5432}]),
    policy("web-in", "web", ingress=[from_app("api", {"port": 80, "endPort": 90, "protocol": "TCP"})]),
    policy("db-in", "db", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]),
    policy("api-out", "api", egress=[to_app("db", {"port": "sql"})], policyTypes=["Egress"]),
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"selector": {"app": "db"}, "ports": [{"port": 80, "targetPort": "sql"}]},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "in", "namespace": "shop"},
        "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "db", "port": {"number": 80}}}}]}}]},
    },
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
]
SAVED = json.loads(inventory_json(INVENTORY))
JUNK = st.one_of(
    st.text(max_size=12), st.sampled_from([EVERYTHING, "\x00", "\n", "9" * 5000, "{", "\ud800", "-1", '"'])
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


NUMBERS: Iterator[int] = count()


def as_json(content: Any) -> str:  # noqa: ANN401 - parsed YAML has any shape
    """Return the content as JSON, with other types as text; NaN and Infinity are as Python writes them."""
    return json.dumps(_json_keys(content), default=str)


def _json_keys(content: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(content, dict):
        return {str(key): _json_keys(value) for key, value in content.items()}
    return [_json_keys(each) for each in content] if isinstance(content, list) else content


@st.composite
def with_junk(draw: st.DrawFn, text: str) -> bytes:
    """The text with parts removed, doubled or replaced, as bytes that may not be UTF-8."""
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = begin + draw(st.integers(0, 12))
        text = text[:begin] + draw(st.one_of(JUNK, st.just(text[begin:end] * 2))) + text[end:]
    return text.encode("utf-8", draw(st.sampled_from(["surrogatepass", "replace"])))


def denied(folder: Path, content: bytes, *, inventory: str | None = None) -> str:
    """Run denied on a file with these bytes."""
    source, known = folder / f"{next(NUMBERS)}.log", folder / "inventory.json"
    source.write_bytes(content)
    known.write_text(inventory or json.dumps(SAVED), encoding="utf-8")
    result = run("denied", source, "--stack", "dev", "--project", ROOT, "--inventory", known)
    source.unlink()
    return assert_harmless(result)


def listed(objects: Any) -> None:  # noqa: ANN401 - any shape
    """List objects in every format, or expect one line that says why not."""
    with suppress(InputError):
        try:
            connections = Reachability(cluster_from(objects)).connections()
            for form in set(Format) - {Format.HTML}:
                assert (
                    all(line.isprintable() for piece in written(connections, form) for line in piece.split("\n"))
                    or form is Format.DOT
                )
        except InputError as error:
            refusal(error)
            raise


@FUZZ
@given(with_anything_anywhere(OBJECTS))
def test_objects_of_any_shape_are_read_or_refused(objects: Any) -> None:  # noqa: ANN401 - any shape
    if isinstance(objects, list) and all(isinstance(each, dict) for each in objects):
        listed(objects)


@FUZZ
@given(content=with_junk("---\n".join(yaml.safe_dump(each) for each in OBJECTS)))
def test_manifests_with_junk_are_read_or_refused(folder: Path, content: bytes) -> None:
    path = folder / "all.yaml"
    path.write_bytes(content)
    try:
        Reachability(read_cluster(path)).connections()
    except InputError as error:
        refusal(error)


@FUZZ
@given(content=with_junk((ROOT / "traffic.yaml").read_text(encoding="utf-8")))
def test_a_matrix_with_junk_is_read_or_refused(folder: Path, content: bytes) -> None:
    project = folder / "project"
    if not project.exists():
        copy_project(project)
    (project / "traffic.yaml").write_bytes(content)

    assert_harmless(run("check", "--project", project, "--stack", "dev"))


@FUZZ
@given(content=with_junk((ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8")))
def test_a_binding_with_junk_is_read_or_refused(folder: Path, content: bytes) -> None:
    project = folder / "bound"
    if not project.exists():
        copy_project(project)
    (project / "Pulumi.prod.yaml").write_bytes(content)

    assert_harmless(run("check", "--project", project, "--stack", "prod"))


@FUZZ
@given(line=st.sampled_from(HUBBLE_LINES).flatmap(lambda line: with_anything_anywhere(json.loads(line))))
def test_hubble_lines_of_any_shape_are_recorded_or_counted(folder: Path, line: Any) -> None:  # noqa: ANN401 - any shape
    denied(folder, "\n".join([HUBBLE_LINES[0], as_json(line)]).encode())


@FUZZ
@given(content=with_junk("\n".join(HUBBLE_LINES)))
def test_hubble_lines_with_junk_are_recorded_or_counted(folder: Path, content: bytes) -> None:
    denied(folder, content)


@FUZZ
@given(content=with_junk("\n".join(AGENT_LINES)))
def test_agent_lines_with_junk_are_recorded_or_counted(folder: Path, content: bytes) -> None:
    denied(folder, content)


@FUZZ
@given(content=with_junk(FLOW_LOG_TEXT))
def test_flow_log_text_with_junk_is_recorded_or_counted(folder: Path, content: bytes) -> None:
    denied(folder, content)


@FUZZ
@given(content=with_anything_anywhere(LISTED))
def test_kubectl_output_of_any_shape_is_read_or_refused(folder: Path, content: Any) -> None:  # noqa: ANN401 - any shape
    path = folder / "listed.json"
    path.write_text(as_json(content), encoding="utf-8")
    known = folder / "known.json"
    known.write_text(json.dumps(SAVED), encoding="utf-8")
    (folder / "agent.log").write_text("\n".join(AGENT_LINES), encoding="utf-8")
    asked = ("denied", folder / "agent.log", "--stack", "dev", "--project", ROOT)

    assert_harmless(run(*asked, "--inventory", known, "--inventory", path))


@FUZZ
@given(content=with_anything_anywhere(SAVED))
def test_a_saved_inventory_of_any_shape_is_read_or_refused(folder: Path, content: Any) -> None:  # noqa: ANN401 - any shape
    if (
        isinstance(content, dict)
        and isinstance(content.get("inventory"), dict)
        and content["inventory"].get("environment")
    ):
        denied(folder, "\n".join(AGENT_LINES).encode(), inventory=as_json(content))
