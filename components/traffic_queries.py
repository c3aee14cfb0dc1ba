"""Amazon Athena over recorded traffic: table, workgroup, results and saved queries.

It creates no IAM identity. A person who runs queries (with ``--engine athena``, or the saved queries in the console)
needs exactly these rights. NAME is `flash_ticket.traffic.flow_logs.athena.stack_name`; the stack's outputs contain the
rest (Athena User Guide, "Example policies for workgroups", "Access to databases and tables in AWS Glue", "Access to
Amazon S3 from Athena")::

    athena:GetWorkGroup, athena:StartQueryExecution, athena:GetQueryExecution, athena:GetQueryResults,
    athena:StopQueryExecution, athena:ListNamedQueries, athena:GetNamedQuery
        arn:aws:athena:REGION:ACCOUNT:workgroup/NAME
    glue:GetDatabase, glue:GetTable
        arn:aws:glue:REGION:ACCOUNT:catalog, .../database/NAME, .../table/NAME/flow_logs
    s3:GetBucketLocation, s3:ListBucket   both buckets
    s3:GetObject                          the records, RECORDS/AWSLogs/*
    s3:GetObject, s3:PutObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts
                                          the results, RESULTS/*
    kms:Decrypt, kms:GenerateDataKey      the key of the records, which encrypts the results too
"""

from dataclasses import dataclass, field

import pulumi
from pulumi_aws import athena, glue

from components.private_bucket import PrivateBucket, PrivateBucketArgs
from flash_ticket.firewall.change.adoption import QueriesAdoption
from flash_ticket.firewall.compile.flow_log import RESULTS, name_prefix
from flash_ticket.firewall.compile.flow_log_access import results_bucket_policy
from flash_ticket.firewall.compile.owner import Owner
from flash_ticket.firewall.declare.choices import OnDestroy
from flash_ticket.traffic.flow_logs.athena import (
    HOUR_COLUMNS,
    RECORD_COLUMNS,
    RESULT_DAYS,
    TABLE,
    Column,
    description,
    s3_url,
    saved_queries,
    stack_name,
    table_parameters,
)

_BYTES_OF_A_GIBIBYTE = 1024**3
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
"""Athena User Guide, "Parquet SerDe"."""


@dataclass(frozen=True, slots=True)
class TrafficQueriesArgs:
    """The settings of `TrafficQueries`.

    Attributes:
        owner: The firewall whose traffic is recorded.
        account_id: Twelve digits.
        scan_limit_gibibytes: How much one query may read.
        location: The ARN of the S3 folder with the years of records.
        key_arn: The key of the records. It also encrypts the results, which are computed from the records.
        adoption: Existing resources to adopt if they are missing in the state.
    """

    owner: Owner
    account_id: str
    scan_limit_gibibytes: int
    location: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    adoption: QueriesAdoption = field(default_factory=QueriesAdoption)


class TrafficQueries(pulumi.ComponentResource):
    """A table over the records of a stack, and a workgroup that limits its queries.

    ``pulumi destroy`` deletes all of it, including the results of past queries, but not the records.

    Attributes:
        workgroup: The name of the workgroup.
        table: The table with its database: ``flash_ticket__prod.flow_logs``.
    """

    workgroup: pulumi.Output[str]
    table: pulumi.Output[str]

    def __init__(self, name: str, args: TrafficQueriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("flash-ticket-firewall:components:TrafficQueries", name, None, opts)
        stack = stack_name(args.owner)
        workgroup = self._workgroup(name, args, stack)
        database = glue.CatalogDatabase(
            name,
            name=stack,
            description=description(args.owner),
            opts=pulumi.ResourceOptions(parent=self, import_=args.adoption.database),
        )
        table = self._table(name, args, database.name)
        for query in saved_queries(stack):
            athena.NamedQuery(
                f"{name}-{query.name}",
                name=query.name,
                description=query.description,
                database=database.name,
                workgroup=workgroup.name,
                query=query.sql,
                # The table comes first, so that anybody who finds the query can run it.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[table], import_=args.adoption.query(query.name)),
            )
        self.workgroup = workgroup.name
        self.table = pulumi.Output.concat(database.name, ".", table.name)
        self.register_outputs({"workgroup": self.workgroup, "table": self.table})

    def _workgroup(self, name: str, args: TrafficQueriesArgs, stack: str) -> athena.Workgroup:
        """Declare the workgroup: its limits and the location of results, which no client can override."""
        results = PrivateBucket(
            f"{name}-results",
            PrivateBucketArgs(
                prefix=name_prefix(args.owner.namespace, args.owner.stack, RESULTS),
                tags=args.owner.tags,
                key_arn=args.key_arn,
                policy=results_bucket_policy,
                days=RESULT_DAYS,
                recoverable_days=0,
                on_destroy=OnDestroy.DELETE,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return athena.Workgroup(
            name,
            name=stack,
            description=description(args.owner),
            # Deletes the history of its queries too: AWS keeps it for 45 days and deletes no workgroup with a history.
            force_destroy=True,
            configuration=athena.WorkgroupConfigurationArgs(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=args.scan_limit_gibibytes * _BYTES_OF_A_GIBIBYTE,
                result_configuration=athena.WorkgroupConfigurationResultConfigurationArgs(
                    output_location=results.name.apply("s3://{}/".format),
                    # A bucket of another account with that name gets no results.
                    expected_bucket_owner=args.account_id,
                    encryption_configuration=(
                        athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs(
                            encryption_option="SSE_KMS", kms_key_arn=args.key_arn
                        )
                    ),
                ),
            ),
            # AWS does not store forceDestroy, so an adopted workgroup would never be as declared.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=results.ready,
                ignore_changes=["forceDestroy"],
                import_=args.adoption.workgroup,
            ),
        )

    def _table(self, name: str, args: TrafficQueriesArgs, database: pulumi.Input[str]) -> glue.CatalogTable:
        folder = pulumi.Output.from_input(args.location).apply(s3_url)
        return glue.CatalogTable(
            name,
            name=TABLE,
            database_name=database,
            table_type="EXTERNAL_TABLE",
            parameters=folder.apply(table_parameters),
            partition_keys=[
                glue.CatalogTablePartitionKeyArgs(name=column.name, type=column.type) for column in HOUR_COLUMNS
            ],
            storage_descriptor=glue.CatalogTableStorageDescriptorArgs(
                location=folder,
                input_format=f"{_PARQUET}.MapredParquetInputFormat",
                output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                ser_de_info=glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                    serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe",
                    parameters={"serialization.format": "1"},
                ),
                columns=[_column(column) for column in RECORD_COLUMNS],
            ),
            opts=pulumi.ResourceOptions(parent=self, import_=args.adoption.table),
        )


def _column(column: Column) -> glue.CatalogTableStorageDescriptorColumnArgs:
    return glue.CatalogTableStorageDescriptorColumnArgs(name=column.name, type=column.type)
