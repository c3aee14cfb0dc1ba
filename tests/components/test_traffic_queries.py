"""The Athena resources of a stack: what they read, the limit of their cost, and what destroy removes."""

import json
from dataclasses import replace

import pulumi
import pulumi_aws as aws
import pytest

from components.traffic_queries import TrafficQueries, TrafficQueriesArgs
from flash_ticket.firewall.change.adoption import QueriesAdoption
from flash_ticket.traffic.flow_logs.athena import HOUR_COLUMNS, RECORD_COLUMNS, saved_queries, table_parameters
from tests.support.declared.owners import owner_of
from tests.support.pulumi.pulumi_mocks import Deployment, Registered, deploy

BUCKET = "aws:s3/bucket:Bucket"
COMPONENT = "flash-ticket-firewall:components:TrafficQueries"
DATABASE = "aws:glue/catalogDatabase:CatalogDatabase"
QUERY = "aws:athena/namedQuery:NamedQuery"
TABLE = "aws:glue/catalogTable:CatalogTable"
WORKGROUP = "aws:athena/workgroup:Workgroup"

NAME = "flash_ticket__prod"
KEY = "arn:aws:kms:ap-northeast-2:111122223333:key/1"
FOLDER = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/"
PROD = TrafficQueriesArgs(
    owner=owner_of("prod"),
    account_id="111122223333",
    scan_limit_gibibytes=100,
    location=f"arn:aws:s3:::records/{FOLDER}",
    key_arn=KEY,
)
# CreateWorkGroup, BytesScannedCutoffPerQuery.
LEAST_CUTOFF = 10_000_000


def made(args: TrafficQueriesArgs = PROD) -> Deployment:
    return deploy(lambda: TrafficQueries("queries", args), computed={BUCKET: {"arn": "arn:aws:s3:::results"}})


def results(deployment: Deployment) -> dict[str, object]:
    configured: dict[str, object] = deployment.only(WORKGROUP).inputs["configuration"]["resultConfiguration"]
    return configured


def setting(deployment: Deployment, kind: str) -> Registered:
    return deployment.only(f"aws:s3/bucket{kind}:Bucket{kind}")


def test_the_table_reads_parquet_where_flow_logs_are_delivered_without_a_crawler() -> None:
    deployment = made()
    inputs = deployment.only(TABLE).inputs
    storage = inputs["storageDescriptor"]

    assert (inputs["databaseName"], inputs["name"], inputs["tableType"]) == (NAME, "flow_logs", "EXTERNAL_TABLE")
    assert storage["location"] == f"s3://records/{FOLDER}"
    assert inputs["parameters"] == table_parameters(f"s3://records/{FOLDER}")
    assert storage["serDeInfo"]["serializationLibrary"].endswith(".ParquetHiveSerDe")
    assert not [each for each in deployment.resources if "rawler" in each.type]


def test_the_table_has_every_field_and_is_partitioned_by_the_hour() -> None:
    inputs = made().only(TABLE).inputs
    columns = [(each["name"], each["type"]) for each in inputs["storageDescriptor"]["columns"]]

    assert columns == [(each.name, each.type) for each in RECORD_COLUMNS]
    assert [each["name"] for each in inputs["partitionKeys"]] == [each.name for each in HOUR_COLUMNS]
    assert {each["type"] for each in inputs["partitionKeys"]} == {"string"}


def test_the_workgroup_limits_what_a_query_reads_and_where_it_writes_for_every_client() -> None:
    configuration = made().only(WORKGROUP).inputs["configuration"]

    assert configuration["enforceWorkgroupConfiguration"] is True
    assert configuration["bytesScannedCutoffPerQuery"] == 100 * 1024**3
    smallest = made(replace(PROD, scan_limit_gibibytes=1)).only(WORKGROUP).inputs["configuration"]
    assert smallest["bytesScannedCutoffPerQuery"] >= LEAST_CUTOFF


def test_results_have_their_own_bucket_and_are_encrypted_with_the_key_of_the_records() -> None:
    deployment = made()
    (rule,) = setting(deployment, "ServerSideEncryptionConfiguration").inputs["rules"]

    assert results(deployment) == {
        "outputLocation": "s3://queries-results-id/",
        "expectedBucketOwner": "111122223333",
        "encryptionConfiguration": {"encryptionOption": "SSE_KMS", "kmsKeyArn": KEY},
    }
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == KEY
    assert deployment.only(BUCKET).inputs["bucketPrefix"] == "flash-ticket-prod-query-results-"


def test_results_are_private_and_expire_after_a_week() -> None:
    deployment = made()
    (rule,) = setting(deployment, "LifecycleConfiguration").inputs["rules"]
    (statement,) = json.loads(setting(deployment, "Policy").inputs["policy"])["Statement"]

    assert rule["expiration"] == {"days": 7}
    assert statement["Sid"] == "DenyInsecureTransport"
    assert setting(deployment, "PublicAccessBlock").inputs["restrictPublicBuckets"] is True


def test_the_workgroup_waits_for_the_protections_of_its_bucket() -> None:
    deployment = made()
    workgroup = deployment.only(WORKGROUP)

    for kind in ("PublicAccessBlock", "OwnershipControls", "ServerSideEncryptionConfiguration", "Policy"):
        assert deployment.waits_for(workgroup, setting(deployment, kind)), kind
    # Lifecycle rules also apply to results that exist before them, and take the provider a minute.
    assert not deployment.waits_for(workgroup, setting(deployment, "LifecycleConfiguration"))


def test_the_queries_of_both_verbs_are_saved_in_the_workgroup() -> None:
    deployment = made()
    found = {each.inputs["name"]: each for each in deployment.all(QUERY)}

    assert set(found) == {"denied", "replay"}
    for query in saved_queries(NAME):
        inputs = found[query.name].inputs
        assert (inputs["workgroup"], inputs["database"], inputs["query"]) == (NAME, NAME, query.sql)
        assert deployment.waits_for(found[query.name], deployment.only(TABLE))


def test_destroy_always_removes_all_of_it() -> None:
    deployment = made()

    assert not any(each.retain_on_delete or each.protect for each in deployment.resources)
    assert deployment.only(BUCKET).inputs["forceDestroy"] is True
    assert deployment.only(WORKGROUP).inputs["forceDestroy"] is True


def test_no_identity_is_created() -> None:
    assert not [each for each in made().resources if each.type.startswith("aws:iam/")]


def test_names_differ_between_stacks() -> None:
    """An account and region holds one workgroup and one database of a name."""
    dev = made(replace(PROD, owner=owner_of("dev")))

    for kind in (DATABASE, WORKGROUP):
        assert made().only(kind).inputs["name"] == NAME
        assert dev.only(kind).inputs["name"] == "flash_ticket__dev"


def test_the_outputs_say_where_to_query() -> None:
    deployment = made()

    assert deployment.outputs(deployment.only(COMPONENT)) == {"workgroup": NAME, "table": f"{NAME}.flow_logs"}


def test_every_resource_is_below_the_component_and_named_after_it() -> None:
    deployment = made()
    component = deployment.only(COMPONENT)

    assert set(deployment.below(component)) == set(deployment.resources) - {component}
    assert all(each.name.startswith("queries") for each in deployment.resources)


def test_a_given_provider_reaches_every_resource() -> None:
    def program() -> None:
        elsewhere = aws.Provider("elsewhere", region="eu-west-1")
        TrafficQueries("queries", PROD, pulumi.ResourceOptions(provider=elsewhere))

    deployment = deploy(program)
    own = [each for each in deployment.below(deployment.only(COMPONENT)) if each.custom]

    assert own
    assert all(each.provider.endswith("::elsewhere::elsewhere-id") for each in own)


@pytest.mark.parametrize("limit", [1, 100])
def test_two_runs_declare_the_same(limit: int) -> None:
    args = replace(PROD, scan_limit_gibibytes=limit)

    assert made(args).resources == made(args).resources


def test_existing_resources_missing_from_the_state_are_adopted() -> None:
    standing = QueriesAdoption(NAME, f"111122223333:{NAME}", f"111122223333:{NAME}:flow_logs", (("denied", "id-1"),))
    deployment = made(replace(PROD, adoption=standing))

    assert deployment.only(WORKGROUP).import_id == NAME
    assert deployment.only(DATABASE).import_id == f"111122223333:{NAME}"
    assert deployment.only(TABLE).import_id == f"111122223333:{NAME}:flow_logs"
    assert {each.inputs["name"]: each.import_id for each in deployment.resources if each.type == QUERY} == {
        "denied": "id-1",
        "replay": "",
    }
