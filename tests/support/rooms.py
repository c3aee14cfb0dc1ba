"""The rooms of the product as the tests of walls and of loading name them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PURE = ("firewall", "traffic", "verify", "report")
"""The rooms that know no network, no cluster and no Pulumi."""
OUTSIDE_WORLD = {"pulumi", "pulumi_aws", "pulumi_kubernetes", "boto3", "botocore", "kubernetes"}
"""The packages that lead out of the process."""
