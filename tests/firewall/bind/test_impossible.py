"""What no load balancer and no cluster can fulfil is one clear error, with the account and without."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.project import read_project
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.command.flash_firewall import copy_project
from tests.support.declared.accounts import binding_content, environment_of
from tests.support.declared.json_values import put
from tests.support.declared.stacks import traffic_content

BINDING = "Pulumi.dev.yaml: flash-ticket-firewall:binding"
UDP = {"port": 53, "protocol": "UDP"}
NOT_TCP = (
    ".loadBalancer.external: traffic.yaml lets alb reach api on UDP 53, and alb is an application load balancer, which "
    "speaks only TCP. Give the flow from alb to api its TCP ports, or name another external here."
)


def with_udp() -> dict[str, Any]:
    """Return a traffic file where a flow of the load balancer takes all ports of a service, and one is of UDP."""
    content = traffic_content()
    content["services"]["api"]["ports"].append(UDP)
    content["flows"].append({"from": "alb", "to": "api"})
    return content


def at_preview(resolver: str | None = None, traffic: dict[str, Any] | None = None) -> str:
    """Return the error that a preview prints, which asks the account; empty if there is none."""
    binding = binding_content("dev")
    if resolver:
        binding = put(binding, ("cluster", "dns"), {"mode": "node-local", "address": resolver})
    try:
        environment_of("dev", binding, parse_matrix(traffic or traffic_content(), "traffic.yaml"))
    except InputError as error:
        return str(error).removeprefix(BINDING)
    return ""


def at_check(folder: Path, resolver: str | None = None, traffic: dict[str, Any] | None = None) -> str:
    """Return the error that check prints without an account; empty if there is none."""
    project = copy_project(folder / "project", "dev")
    if traffic:
        (project / "traffic.yaml").write_text(yaml.safe_dump(traffic))
    if resolver:
        settings = project / "Pulumi.dev.yaml"
        before = settings.read_text()
        dns = next(line for line in before.splitlines() if line.strip().startswith("dns:"))
        settings.write_text(before.replace(dns, f"      dns: {{mode: node-local, address: {resolver!r}}}"))
    try:
        read_project(project, "dev")
    except InputError as error:
        return str(error)
    return ""


def test_a_flow_of_the_load_balancer_over_udp_is_refused(tmp_path: Path) -> None:
    assert at_preview(traffic=with_udp()) == NOT_TCP
    assert at_check(tmp_path, traffic=with_udp()) == f"{BINDING}{NOT_TCP} See line 16."


NO_HOST = (
    "8.8.8.8 is neither an address that nodes keep to themselves nor one of the VPC or of Services{}, so nothing of "
    "the cluster answers DNS there. Write the address that NodeLocal DNSCache listens on, such as 169.254.20.10."
)


def test_a_resolver_on_the_internet_is_refused(tmp_path: Path) -> None:
    assert at_preview("8.8.8.8") == ".cluster.dns.address: " + NO_HOST.format(" (10.10.0.0/16, 172.20.0.0/16)")
    assert at_check(tmp_path, "8.8.8.8") == f"{BINDING}.cluster.dns.address: {NO_HOST.format('')} See line 14."


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "169.254.169.254", "169.254.169.123"],  # noqa: S104 - nothing listens
)
def test_an_address_where_no_resolver_can_be_is_refused(tmp_path: Path, address: str) -> None:
    assert f".cluster.dns.address: {address} is neither" in at_preview(address)
    assert f".cluster.dns.address: {address} is neither" in at_check(tmp_path, address)


@pytest.mark.parametrize("address", ["169.254.20.10", "169.254.169.253", "10.10.0.2", "172.20.0.10"])
def test_a_resolver_of_the_node_the_vpc_or_the_services_is_accepted(tmp_path: Path, address: str) -> None:
    assert at_preview(address) == at_check(tmp_path, address) == ""


def test_only_the_account_tells_whether_a_private_address_is_in_the_vpc(tmp_path: Path) -> None:
    assert "192.168.7.7 is neither" in at_preview("192.168.7.7")
    assert at_check(tmp_path, "192.168.7.7") == ""
