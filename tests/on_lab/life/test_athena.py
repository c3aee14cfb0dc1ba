"""The Athena resources on the real engine: all of them with S3, none without S3, and nothing after destroy."""

import pytest

from lab.running.lab import Lab
from tests.support.engine.apis import Apis
from tests.support.engine.life import Life

pytestmark = pytest.mark.engine

MADE = {
    "aws:athena/workgroup:Workgroup": ["firewall-queries"],
    "aws:athena/namedQuery:NamedQuery": ["firewall-queries-denied", "firewall-queries-replay"],
    "aws:glue/catalogDatabase:CatalogDatabase": ["firewall-queries"],
    "aws:glue/catalogTable:CatalogTable": ["firewall-queries"],
}


def of_athena(life: Life, operation: str) -> dict[str, list[str]]:
    steps = [step for step in getattr(life, "up" if operation == "create" else "destroy").steps if step.type in MADE]
    found = {kind: sorted(step.name for step in steps if step.type == kind) for kind in MADE}
    assert {step.operation for step in steps} <= {operation}
    return {kind: names for kind, names in found.items() if names}


def records_in_s3(life: Life) -> bool:
    return str(life.outputs["flowLogLocation"]).startswith("arn:aws:s3:::")


def test_athena_can_query_records_in_s3_only(life: Life) -> None:
    assert of_athena(life, "create") == (MADE if records_in_s3(life) else {})


def test_the_stack_outputs_where_to_query(life: Life) -> None:
    expected = {"workgroup": "flash_ticket__prod", "table": "flash_ticket__prod.flow_logs"}

    assert life.outputs["trafficQueries"] == (expected if records_in_s3(life) else {})


def test_destroy_removes_workgroup_table_and_saved_queries_even_if_records_are_retained(life: Life, lab: Lab) -> None:
    assert of_athena(life, "delete") == (MADE if records_in_s3(life) else {})
    apis = Apis(lab, "prod")
    assert [each["Name"] for each in apis.aws("athena").list_work_groups()["WorkGroups"]] == ["primary"]
    assert apis.aws("glue").get_databases()["DatabaseList"] == []
    assert not [name for name in life.destroyed.buckets if "query-results" in name]
