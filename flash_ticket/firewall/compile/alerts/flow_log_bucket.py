"""What S3 counts of the bucket that the flow log delivers to: its request metrics, once they are switched on.

Source: Amazon S3 User Guide, "Metrics and dimensions", request metrics (best effort, by the minute), and "Metrics
configurations".
"""

METRICS_NAME = "flow-log"
"""The name of the metrics configuration, which is the metric's dimension ``FilterId``."""

RECORDS_PREFIX = "AWSLogs/"
"""Where log delivery writes in a bucket (Amazon VPC User Guide, "Flow log files"): requests elsewhere do not count."""


def bucket_name(location: str) -> str:
    """Return the bucket of a folder's ARN, ``arn:aws:s3:::bucket/AWSLogs/...``."""
    return location.rpartition(":")[2].partition("/")[0]
