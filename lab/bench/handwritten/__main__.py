"""The firewall of prod, written by hand: the same resources without matrix, compiler and proof."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

STACK = pulumi.get_stack()
NAMESPACE = "flash-ticket"
SERVICES = {"gateway": 3000, "api": 4000, "pay": 3100}
DATASTORES = {"rabbitmq": [5672], "redis": [6379], "database": [3306, 5432]}
CLIENTS = {"api": ["pay"], "gateway": ["api"], "pay": []}
LABELS = {"app.kubernetes.io/part-of": NAMESPACE}

account = aws.get_caller_identity().account_id
region = aws.get_region().region
vpc = aws.ec2.get_vpc(tags={"Name": f"flash-ticket-{STACK}"})
cluster = aws.eks.get_cluster(name=f"flash-ticket-{STACK}")
cluster_group = cluster.vpc_config.cluster_security_group_id
clients = aws.ec2.get_managed_prefix_list(name="com.amazonaws.global.cloudfront.origin-facing")


def existing_group(name: str) -> str:
    return aws.ec2.get_security_group(vpc_id=vpc.id, tags={"Name": f"flash-ticket-{STACK}-{name}"}).id


def blocks(tier: str) -> list[str]:
    ids = aws.ec2.get_subnets(
        filters=[{"name": "vpc-id", "values": [vpc.id]}], tags={"Environment": STACK, "Tier": tier}
    ).ids
    return [aws.ec2.get_subnet(id=subnet).cidr_block for subnet in ids]


groups: dict[str, pulumi.Input[str]] = {name: existing_group(name) for name in ("nodes", *DATASTORES)}
groups["dns"] = cluster_group
for own in ("alb", *SERVICES):
    groups[own] = aws.ec2.SecurityGroup(
        own, description=f"Traffic of {own}", vpc_id=vpc.id, tags={"Name": f"{NAMESPACE}-{STACK}-{own}"}
    ).id

rules: list[pulumi.Resource] = [
    aws.vpc.SecurityGroupIngressRule(
        "alb-from-cloudfront",
        security_group_id=groups["alb"],
        prefix_list_id=clients.id,
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        tags={"Name": "alb-from-cloudfront"},
    )
]


def allow(source: str, target: str, port: int, protocol: str = "tcp") -> None:
    name = f"{source}-{target}-{protocol}-{port}"
    ends = (
        (aws.vpc.SecurityGroupEgressRule, "out", source, target),
        (aws.vpc.SecurityGroupIngressRule, "in", target, source),
    )
    for rule, way, holder, peer in ends:
        rules.append(
            rule(
                f"{name}-{way}",
                security_group_id=groups[holder],
                referenced_security_group_id=groups[peer],
                ip_protocol=protocol,
                from_port=port,
                to_port=port,
                description=f"{source} to {target}",
                tags={"Name": f"{name}-{way}"},
            )
        )


allow("alb", "gateway", 3000)
allow("gateway", "api", 4000)
allow("api", "pay", 3100)
for service, service_port in SERVICES.items():
    allow("nodes", service, service_port)
    allow(service, "dns", 53)
    allow(service, "dns", 53, "udp")
for service in ("api", "pay"):
    for datastore, datastore_ports in DATASTORES.items():
        for datastore_port in datastore_ports:
            allow(service, datastore, datastore_port)

for service in SERVICES:
    k8s.apiextensions.CustomResource(
        f"{service}-pods",
        api_version="vpcresources.k8s.aws/v1beta1",
        kind="SecurityGroupPolicy",
        metadata={"name": service, "namespace": NAMESPACE, "labels": LABELS},
        spec={
            "podSelector": {"matchLabels": {"app": f"flash-{service}"}},
            "securityGroups": {"groupIds": [groups[service]]},
        },
        opts=pulumi.ResourceOptions(depends_on=rules),
    )


def pods(service: str) -> dict[str, object]:
    return {"podSelector": {"matchLabels": {"app": f"flash-{service}"}}}


def addresses(cidrs: list[str]) -> list[object]:
    return [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]


def on(*ports: int, protocol: str = "TCP") -> list[object]:
    return [{"protocol": protocol, "port": port} for port in ports]


def policy(name: str, selector: dict[str, object], types: list[str], **sides: list[object]) -> pulumi.Resource:
    return k8s.networking.v1.NetworkPolicy(
        name,
        metadata={"name": name, "namespace": NAMESPACE, "labels": LABELS},
        spec={**selector, "policyTypes": types, **sides},
        opts=pulumi.ResourceOptions(depends_on=allows if name.startswith("00") else []),
    )


dns = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": on(53) + on(53, protocol="UDP"),
}
data = addresses(blocks("data"))
stores = [{"to": data, "ports": on(*ports)} for ports in DATASTORES.values()]
front = addresses(blocks("public"))
allows: list[pulumi.Resource] = []
allows = [
    policy("01-allow-gateway-from-alb", pods("gateway"), ["Ingress"], ingress=[{"from": front, "ports": on(3000)}]),
    policy(
        "02-allow-api-from-gateway", pods("api"), ["Ingress"], ingress=[{"from": [pods("gateway")], "ports": on(4000)}]
    ),
    policy("03-allow-pay-from-api", pods("pay"), ["Ingress"], ingress=[{"from": [pods("api")], "ports": on(3100)}]),
    policy(
        "04-allow-egress-gateway", pods("gateway"), ["Egress"], egress=[{"to": [pods("api")], "ports": on(4000)}, dns]
    ),
    policy(
        "04-allow-egress-api", pods("api"), ["Egress"], egress=[{"to": [pods("pay")], "ports": on(3100)}, *stores, dns]
    ),
    policy("04-allow-egress-pay", pods("pay"), ["Egress"], egress=[*stores, dns]),
]
policy("00-default-deny", {"podSelector": {}}, ["Ingress", "Egress"])

delivery = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:logs:{region}:{account}:*"}
key = aws.kms.Key(
    "flow-logs",
    description="Encrypts the VPC flow logs",
    enable_key_rotation=True,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                },
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "delivery.logs.amazonaws.com"},
                    "Action": [
                        "kms:Encrypt",
                        "kms:Decrypt",
                        "kms:ReEncrypt*",
                        "kms:GenerateDataKey*",
                        "kms:DescribeKey",
                    ],
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                },
            ],
        }
    ),
)


def private_bucket(
    name: str, days: int, statements: list[dict[str, object]]
) -> tuple[aws.s3.Bucket, list[pulumi.Resource]]:
    bucket = aws.s3.Bucket(name)
    encryption = {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}
    settings: list[pulumi.Resource] = [
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        ),
        aws.s3.BucketOwnershipControls(name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}),
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": encryption, "bucket_key_enabled": True}],
        ),
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[{"id": "retention", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}}],
        ),
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=bucket.arn.apply(
                lambda arn: json.dumps(
                    {"Version": "2012-10-17", "Statement": [{**each, "Resource": f"{arn}/*"} for each in statements]}
                )
            ),
        ),
    ]
    return bucket, settings


plain = {"Bool": {"aws:SecureTransport": "false"}}
encrypted = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": plain}
delivered = {
    "Effect": "Allow",
    "Principal": {"Service": "delivery.logs.amazonaws.com"},
    "Action": "s3:PutObject",
    "Condition": {"StringEquals": delivery},
}
bucket, settings = private_bucket("flow-logs", 365, [delivered, encrypted])
settings.append(aws.s3.BucketVersioning("flow-logs", bucket=bucket.id, versioning_configuration={"status": "Enabled"}))
flow_log = aws.ec2.FlowLog(
    "flow-logs",
    vpc_id=vpc.id,
    traffic_type="ALL",
    log_destination_type="s3",
    log_destination=bucket.arn,
    max_aggregation_interval=60,
    destination_options={"file_format": "parquet", "hive_compatible_partitions": True, "per_hour_partition": True},
    opts=pulumi.ResourceOptions(depends_on=settings),
)

results, results_settings = private_bucket("athena-results", 30, [encrypted])
workgroup = aws.athena.Workgroup(
    "flow-logs",
    force_destroy=True,
    configuration={
        "enforce_workgroup_configuration": True,
        "publish_cloudwatch_metrics_enabled": True,
        "bytes_scanned_cutoff_per_query": 100 * 1024**3,
        "result_configuration": {
            "output_location": results.id.apply("s3://{}/".format),
            "expected_bucket_owner": account,
            "encryption_configuration": {"encryption_option": "SSE_KMS", "kms_key_arn": key.arn},
        },
    },
    opts=pulumi.ResourceOptions(depends_on=results_settings),
)
database = aws.glue.CatalogDatabase("flow-logs", name=f"flash_ticket_{STACK}")
HIVE = "org.apache.hadoop.hive.ql.io.parquet"
TEXT = "srcaddr dstaddr action log_status interface_id pkt_srcaddr pkt_dstaddr flow_direction"
NUMBERS = "srcport dstport protocol packets bytes start end tcp_flags"
table = aws.glue.CatalogTable(
    "flow-logs",
    name="flow_logs",
    database_name=database.name,
    table_type="EXTERNAL_TABLE",
    parameters={"projection.enabled": "true"},
    partition_keys=[{"name": name, "type": "string"} for name in ("year", "month", "day", "hour")],
    storage_descriptor={
        "location": bucket.id.apply("s3://{}/AWSLogs/".format),
        "input_format": f"{HIVE}.MapredParquetInputFormat",
        "output_format": f"{HIVE}.MapredParquetOutputFormat",
        "ser_de_info": {"serialization_library": f"{HIVE}.serde.ParquetHiveSerDe"},
        "columns": [
            *({"name": name, "type": "string"} for name in TEXT.split()),
            *({"name": name, "type": "bigint"} for name in NUMBERS.split()),
        ],
    },
)
for name, sql in {
    "denied": "SELECT srcaddr, dstaddr, dstport, count(*) FROM flow_logs WHERE action = 'REJECT' GROUP BY 1, 2, 3",
    "passed": "SELECT srcaddr, dstaddr, dstport, count(*) FROM flow_logs WHERE action = 'ACCEPT' GROUP BY 1, 2, 3",
}.items():
    aws.athena.NamedQuery(
        name,
        database=database.name,
        workgroup=workgroup.id,
        query=sql,
        opts=pulumi.ResourceOptions(depends_on=[table]),
    )
pulumi.export("flowLogId", flow_log.id)
