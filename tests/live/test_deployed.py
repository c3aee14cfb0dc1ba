"""What is deployed: policies by namespace, and the account's Athena resources of a stack that uses them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from flash_ticket.firewall.bind.edges.flow_log_settings import FlowLogSettings
from flash_ticket.firewall.change.adoption import QueriesAdoption, StandingQueries
from flash_ticket.firewall.compile.flow_log import RESULTS, name_prefix
from flash_ticket.firewall.declare.choices import LogDestination, OnDestroy
from flash_ticket.firewall.prove.compiled_firewall import CompiledFirewall, compile_firewall
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.deployed import read_adoption, read_deployed, standing_queries
from flash_ticket.live.left_behind import left_behind
from flash_ticket.traffic.flow_logs.athena import TABLE, description, saved_queries, stack_name
from tests.support.clouds.api_server import answering, connected
from tests.support.clouds.moto_account import MotoAccount
from tests.support.declared.accounts import environment_of, shop_matrix
from tests.support.declared.described import nothing_deployed
from tests.support.declared.owners import DEV
from tests.support.faults.typed import removing, typed
from tests.support.refusal import refusal

NAME = stack_name(DEV)
DESCRIBED = description(DEV)
BUCKET = f"{name_prefix('flash-ticket', 'dev', RESULTS)}1"
RIGHTS = (
    "athena:GetWorkGroup",
    "athena:ListNamedQueries",
    "athena:GetNamedQuery",
    "glue:GetDatabase",
    "glue:GetTable",
)


def planned(destination: LogDestination) -> CompiledFirewall:
    environment = environment_of("dev")
    flow_logs = FlowLogSettings(destination, 14, OnDestroy.DELETE)
    return compile_firewall(shop_matrix(), replace(environment, flow_logs=flow_logs))


def make_queries(moto: MotoAccount) -> None:
    athena, glue = moto.client("athena"), moto.client("glue")
    results = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/"}}
    athena.create_work_group(Name=NAME, Description=DESCRIBED, Configuration=results)
    glue.create_database(DatabaseInput={"Name": NAME, "Description": DESCRIBED})
    glue.create_table(DatabaseName=NAME, TableInput={"Name": TABLE})
    for query in saved_queries(NAME):
        athena.create_named_query(Name=query.name, Database=NAME, QueryString=query.sql, WorkGroup=NAME)


def make_bucket(moto: MotoAccount, name: str) -> None:
    where: dict[str, Any] = {"LocationConstraint": "ap-northeast-2"}
    moto.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)


def test_the_documented_rights_find_all_of_it(moto: MotoAccount) -> None:
    make_queries(moto)

    with moto.allowing(*RIGHTS):
        known = read_adoption(moto.connect(), nothing_deployed(), planned(LogDestination.S3)).queries

    assert known.workgroup == NAME
    assert known.database is not None
    assert known.table == f"{known.database}:{TABLE}"
    assert [name for name, _ in known.saved] == ["denied", "replay"]


def test_a_stack_without_athena_makes_no_call_to_athena(moto: MotoAccount) -> None:
    make_queries(moto)

    with moto.allowing():
        known = read_adoption(moto.connect(), nothing_deployed(), planned(LogDestination.CLOUDWATCH)).queries

    assert known == QueriesAdoption()


def test_nothing_is_found_before_the_deployment(moto: MotoAccount) -> None:
    assert standing_queries(moto.connect(), NAME) == StandingQueries()


@pytest.mark.parametrize("missing", RIGHTS)
def test_a_right_that_is_missing_is_named(moto: MotoAccount, missing: str) -> None:
    make_queries(moto)

    with moto.allowing(*(right for right in RIGHTS if right != missing)), pytest.raises(InputError) as refused:
        standing_queries(moto.connect(), NAME)

    assert missing.partition(":")[0] in str(refused.value)


def test_only_result_buckets_that_no_workgroup_uses_are_listed(moto: MotoAccount) -> None:
    make_queries(moto)
    make_bucket(moto, BUCKET)
    make_bucket(moto, f"{BUCKET}-again")
    stands = replace(nothing_deployed(), flow_logs=({"LogDestination": "arn:aws:s3:::records"},))

    (left,) = left_behind(moto.connect(), stands)
    typed(removing(left)[0], moto.client)

    assert left.where == f"bucket {BUCKET}-again"
    assert [bucket["Name"] for bucket in moto.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_a_list_of_policies_that_this_identity_may_not_read_stands_for_their_names(moto: MotoAccount) -> None:
    version = "/apis/policy.networking.k8s.io/v1alpha2"
    answers = {
        version: (200, b'{"resources": [{"name": "clusternetworkpolicies"}]}'),
        f"{version}/clusternetworkpolicies": (403, b"{}"),
    }
    with answering(answers) as url:
        found = read_deployed(connected(url), moto.connect(), planned(LogDestination.S3).owner, "vpc-none")

    assert found.overruling == (f"those of {version}/clusternetworkpolicies, which this identity may not read",)


def policy(namespace: str, name: str, part_of: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "flash-ticket-firewall", "app.kubernetes.io/part-of": part_of}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"podSelector": {}}}


def policies(**by_namespace: dict[str, Any]) -> dict[str, tuple[int, bytes]]:
    """Return an API server with one policy in each namespace."""
    return {
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies": (
            200,
            json.dumps({"items": [found]}).encode(),
        )
        for namespace, found in by_namespace.items()
    }


def test_a_namespace_with_the_firewall_of_another_application_is_refused(moto: MotoAccount) -> None:
    owner = planned(LogDestination.S3).owner
    with answering(policies(monitoring=policy("monitoring", "00-default-deny", "tools"))) as url:
        line = refusal(
            lambda: read_deployed(connected(url), moto.connect(), owner, "vpc-none", further=("monitoring",))
        )

    assert line == (
        "Kubernetes: namespace monitoring: it has the policies of the firewall of tools, and one namespace cannot have "
        "two of them. Declare these services in the traffic.yaml of tools, or remove monitoring there first."
    )


def test_a_namespace_that_only_the_state_still_names_is_read_too(moto: MotoAccount) -> None:
    owner, left = planned(LogDestination.S3).owner, policy("monitoring", "00-default-deny-monitoring", "flash-ticket")
    state = {"monitoring/00-default-deny-monitoring", "flash-ticket/00-default-deny", "sg-1"}
    with answering(policies(monitoring=left)) as url:
        found = read_deployed(connected(url), moto.connect(), owner, "vpc-none", state)

    assert [each["metadata"]["name"] for each in found.policies] == ["00-default-deny-monitoring"]
