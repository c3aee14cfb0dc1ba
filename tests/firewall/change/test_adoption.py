"""The remains of a broken deployment: complete ones are adopted by their tags, unfinished groups are reported."""

from typing import Any

import pytest
from hypothesis import given

from flash_ticket.firewall.bind.environment import Environment
from flash_ticket.firewall.change.adoption import (
    Adoption,
    DeclaredQueries,
    QueriesAdoption,
    StandingQueries,
    adoption,
    unfinished_groups,
)
from flash_ticket.firewall.change.deployed import Deployed
from flash_ticket.firewall.change.impact import impact
from flash_ticket.firewall.compile.flow_log import declared_settings
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.report.impact import impact_warnings
from flash_ticket.traffic.flow_logs.athena import TABLE, description, saved_queries, stack_name
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.at_random.matrices import shops
from tests.support.declared.described import Described, deployed, nothing_deployed
from tests.support.declared.owners import DEV

NAME = stack_name(DEV)
DECLARED = DeclaredQueries(
    NAME, description(DEV), TABLE, tuple((query.name, query.sql) for query in saved_queries(NAME))
)
ALL_OUT: Described = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def shop() -> CompiledFirewall:
    return compile_firewall(shop_matrix(), environment_of("dev"))


def standing(firewall: CompiledFirewall, **more: Any) -> Deployed:  # noqa: ANN401 - the fields of Deployed
    groups = tuple({**group, "VpcId": firewall.environment.vpc} for group in deployed(firewall).groups)
    return deployed(firewall, **{"groups": groups, **more})


def found(stands: Deployed) -> Adoption:
    return adoption(stands, environment_of("dev"), DECLARED, StandingQueries())


@given(shops())
def test_every_existing_group_and_rule_is_adopted_by_its_name(drawn: tuple[Matrix, Environment]) -> None:
    firewall = compile_firewall(*drawn)

    known = adoption(standing(firewall), firewall.environment, DECLARED, StandingQueries())

    assert {label for label, _ in known.groups} == {group.label for group in firewall.vpc.groups}
    assert {name: known.rule(name) for name, _ in known.rules} == {
        rule.name: f"sgr-{rule.name}" for rule in firewall.vpc.rules
    }


def test_nothing_is_adopted_if_nothing_exists() -> None:
    assert found(nothing_deployed()) == Adoption()
    assert Adoption().group("api") is None
    assert Adoption().rule("api-egress-tcp-3100-to-pay") is None


def test_two_resources_with_the_same_name_are_not_adopted() -> None:
    groups = standing(shop()).groups
    again = {**next(group for group in groups if group["GroupId"] == "sg-own-api"), "GroupId": "sg-again"}

    known = found(standing(shop(), groups=(*groups, again)))

    assert known.group("api") is None
    assert known.group("pay") == "sg-own-pay"


def test_a_group_of_another_vpc_is_not_adopted() -> None:
    groups = tuple({**group, "VpcId": "vpc-elsewhere"} for group in standing(shop()).groups)

    assert found(standing(shop(), groups=groups)).groups == ()


def flow_log(vpc: str, **changed: Any) -> Described:  # noqa: ANN401 - fields of FlowLog
    """Return a flow log as declared, with changes."""
    own = environment_of("dev").own_flow_log
    settings = declared_settings(own) if own else {}
    return {"FlowLogId": f"fl-{vpc}", "ResourceId": vpc, **settings, "DeliverLogsStatus": "SUCCESS", **changed}


def test_only_the_flow_log_of_the_vpc_is_adopted() -> None:
    ours, other = (flow_log(vpc) for vpc in (environment_of("dev").vpc, "vpc-elsewhere"))

    assert found(standing(shop(), flow_logs=(ours, other))).flow_log == ours["FlowLogId"]
    assert found(standing(shop(), flow_logs=(ours, ours))).flow_log is None
    assert found(standing(shop(), flow_logs=(other,))).flow_log is None


@pytest.mark.parametrize(
    "changed",
    [
        {"LogFormat": "${version}"},
        {"MaxAggregationInterval": 600},
        {"TrafficType": "REJECT"},
        {"LogDestinationType": "s3"},
        {"DeliverLogsStatus": "FAILED"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_flow_log_that_must_be_replaced_is_not_adopted(changed: dict[str, Any]) -> None:
    """Pulumi refuses to replace a resource with the option import, so every later update would fail."""
    theirs = flow_log(environment_of("dev").vpc, **changed)

    assert found(standing(shop(), flow_logs=(theirs,))).flow_log is None


def test_a_group_that_still_allows_all_egress_is_reported_with_the_command_that_closes_it() -> None:
    half_made, *others = standing(shop()).groups
    stands = standing(shop(), groups=({**half_made, "IpPermissionsEgress": [ALL_OUT]}, *others))

    (warning,) = impact_warnings(impact(stands, shop().layers()))

    assert list(unfinished_groups(stands)) == [("alb", "sg-own-alb")]
    assert warning.startswith("The security group sg-own-alb of alb allows all egress")
    assert "aws ec2 revoke-security-group-egress --group-id sg-own-alb " in warning


def test_a_group_with_only_declared_rules_is_not_reported() -> None:
    declared = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    groups = tuple({**group, "IpPermissionsEgress": [declared]} for group in standing(shop()).groups)

    assert list(unfinished_groups(standing(shop(), groups=groups))) == []


def queries(described: str = description(DEV), sql: str | None = None) -> StandingQueries:
    """Return all Athena resources, as the APIs return them."""
    saved = tuple(
        {"Name": query.name, "QueryString": sql or query.sql, "NamedQueryId": f"id-{query.name}"}
        for query in saved_queries(NAME)
    )
    return StandingQueries({"Description": described}, {"Description": described}, {"Name": "flow_logs"}, saved)


def taken_over(standing: StandingQueries) -> QueriesAdoption:
    return adoption(nothing_deployed(), environment_of("dev"), DECLARED, standing).queries


def test_athena_resources_are_adopted_by_the_names_of_the_stack() -> None:
    account = environment_of("dev").account
    known = taken_over(queries())

    assert (known.workgroup, known.database) == (NAME, f"{account}:{NAME}")
    assert known.table == f"{account}:{NAME}:flow_logs"
    assert {name: known.query(name) for name, _ in known.saved} == {"denied": "id-denied", "replay": "id-replay"}


def test_athena_resources_of_others_with_the_same_name_are_not_adopted() -> None:
    known = taken_over(queries("Ours"))

    assert (known.workgroup, known.database, known.table) == (None, None, None)


def test_a_saved_query_with_another_text_is_not_adopted() -> None:
    """Athena cannot change a saved query, and Pulumi does not replace a resource with the option import."""
    assert taken_over(queries(sql="SELECT 1")).query("denied") is None


def test_no_athena_resource_is_adopted_if_none_exists() -> None:
    assert taken_over(StandingQueries()) == QueriesAdoption()
