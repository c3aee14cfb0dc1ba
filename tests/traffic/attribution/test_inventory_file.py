"""Saved inventories and the output of kubectl are read completely, and anything else is one clear error."""

import json
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.prove.compiled_firewall import compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.traffic.attribution.attributed_traffic import attribute_logs
from flash_ticket.traffic.attribution.inventory import Interface, Inventory
from flash_ticket.traffic.attribution.inventory_file import inventory_json, read_inventory
from flash_ticket.traffic.denials.denied import denied
from flash_ticket.traffic.records.record import Evidence
from tests.support.declared.accounts import shop_matrix
from tests.support.declared.described import deployed
from tests.support.declared.json_values import paths, put
from tests.support.declared.stacks import CASES, as_eks_makes_groups
from tests.support.traffic.incident import INTERFACES, INVENTORY, PODS, SERVICES, TAKEN, Heard, line


@pytest.mark.parametrize("case", CASES)
def test_a_saved_inventory_is_read_back_completely(case: str, tmp_path: Path) -> None:
    matrix, environment = CASES[case]()
    sixth = Interface("eni-6", ("2001:db8::9",), ("sg-dev-nodes",), (ip_network("2001:db8:0:0:a::/80"),))
    interfaces = (*INTERFACES, sixth)
    inventory = Inventory(
        TAKEN, environment, deployed(compile_firewall(matrix, environment)), PODS, interfaces, SERVICES, TAKEN - 60
    )
    path = tmp_path / "inventory.json"
    path.write_text(inventory_json(inventory), encoding="utf-8")

    found = read_inventory(path)

    assert found == inventory
    assert compile_firewall(matrix, environment) == compile_firewall(matrix, found.environment or environment)


def test_a_saved_inventory_keeps_the_rules_of_others_and_which_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "inventory.json"
    for matrix, environment in (as_eks_makes_groups("dev"), CASES["dev"]()):
        stands = deployed(compile_firewall(matrix, environment))
        path.write_text(inventory_json(Inventory(TAKEN, environment, stands, PODS, INTERFACES)), encoding="utf-8")
        found = read_inventory(path).environment

        assert found
        assert found.cluster.nodes[0].rules_of_others == environment.cluster.nodes[0].rules_of_others


def listed(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any manifest
    metadata = {"namespace": "flash-ticket", "name": "api-1", "labels": {"b": "2", "app": "flash-api"}}
    status = {
        "phase": "Running",
        "podIPs": [{"ip": "10.10.10.21"}, {"ip": "FD00::1"}],
        "hostIP": "10.10.10.2",
        "startTime": "2026-11-24T03:00:00Z",
        **fields,
    }
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": status}


SERVICE = {
    "kind": "Service",
    "metadata": {"namespace": "flash-ticket", "name": "api"},
    "spec": {
        "clusterIP": "172.20.5.5",
        "selector": {"app": "flash-api"},
        "ports": [{"port": 80, "targetPort": 4000}, {"port": 81, "targetPort": "http"}],
    },
}


def kubectl(path: Path, *items: object, modified: float = TAKEN) -> Path:
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8")
    os.utime(path, (modified, modified))
    return path


def test_the_output_of_kubectl_is_an_inventory_of_pods_and_services(tmp_path: Path) -> None:
    found = read_inventory(kubectl(tmp_path / "pods.json", listed(), SERVICE, {"kind": "Node", "metadata": {}}))

    (pod,), (service,) = found.pods, found.services
    assert (found.taken, found.environment) == (TAKEN, None)
    assert (pod.name, pod.labels) == ("api-1", (("app", "flash-api"), ("b", "2")))
    assert (pod.addresses, pod.node) == (("10.10.10.21", "fd00::1"), "10.10.10.2")
    assert service.addresses == ("172.20.5.5",)
    assert [target for _, target in service.ports] == [4000]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("\x00\xff", "it is not JSON"),
        ("[]", "it is neither an inventory nor a list of objects"),
        ('{"items": [1]}', "it is neither an inventory nor a list of objects"),
        ('{"items": []}', "it contains no pod with an address"),
        ('{"items": [{"kind": "Pod"}]}', "an object is not in the form that Kubernetes returns"),
        (
            '{"items": [{"kind": "Pod", "metadata": {}, "status": {"podIP": "x"}}]}',
            "an object is not in the form that Kubernetes",
        ),
        ('{"format": "flash-firewall inventory 1"}', "inventory"),
        ('{"format": "flash-firewall inventory 1", "inventory": {"taken": "x"}}', "inventory.taken: "),
    ],
)
def test_an_invalid_inventory_is_an_error_on_one_line(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="latin-1")

    with pytest.raises(InputError) as caught:
        read_inventory(path)

    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_inventory_is_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="it cannot be read"):
            read_inventory(path)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["10.0.0.1"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
WHOLE: dict[str, Any] = json.loads(inventory_json(INVENTORY))
LINES = tuple(
    line(source, destination, port, evidence=evidence)
    for source, destination, port in (("10.10.10.11", "10.10.10.21", 4000), ("10.10.10.22", "10.10.20.5", 6379))
    for evidence in Evidence
)
LIST = {"items": [listed(), SERVICE]}


# ipaddress says so of a number that is a bool; what a user sees is the answer or the error.
@pytest.mark.filterwarnings("ignore:__int__ returned non-int:DeprecationWarning")
@given(st.data(), values)
def test_any_content_gives_an_answer_or_an_error_on_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, value: object
) -> None:
    content = data.draw(st.sampled_from([WHOLE, LIST]))
    place = data.draw(st.sampled_from(list(paths(content))))
    path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_text(json.dumps(put(content, place, value)), encoding="utf-8")
    try:
        found = read_inventory(path)
        outcome = str(type(found).__name__)
        if found.environment:
            outcome = str(denied(attribute_logs(shop_matrix(), found, [Heard(LINES)])).holds)
    except InputError as error:
        outcome = str(error)

    assert len(outcome.splitlines()) == 1
