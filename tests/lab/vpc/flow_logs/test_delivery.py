"""Files have the names and the form that AWS gives them."""

import io
from calendar import timegm

import pyarrow.parquet as pq
import pytest

from lab.vpc.flow_logs.delivery import file_content, file_key, line
from lab.vpc.flow_logs.flow_log import Bucket, FileForm, FlowLog, Folder, Layout, TrafficType

NAME = "111122223333_vpcflowlogs_ap-northeast-2_fl-0a1b_20261124T0305Z_deadbeef"
HIVE = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/year=2026/month=11/day=24"
PLAIN = "AWSLogs/111122223333/vpcflowlogs/ap-northeast-2/2026/11/24"


@pytest.mark.parametrize(
    ("prefix", "form", "layout", "folder", "key"),
    [
        ("", FileForm.PARQUET, Layout.HIVE, Folder.HOUR, f"{HIVE}/hour=03/{NAME}.log.parquet"),
        ("", FileForm.PARQUET, Layout.HIVE, Folder.DAY, f"{HIVE}/{NAME}.log.parquet"),
        ("", FileForm.TEXT, Layout.PLAIN, Folder.DAY, f"{PLAIN}/{NAME}.log.gz"),
        ("shop/dev", FileForm.TEXT, Layout.PLAIN, Folder.HOUR, f"shop/dev/{PLAIN}/03/{NAME}.log.gz"),
    ],
)
def test_a_file_is_named_as_aws_names_it(prefix: str, form: FileForm, layout: Layout, folder: Folder, key: str) -> None:
    bucket = Bucket("b", prefix, form, layout, folder)
    flow_log = FlowLog("fl-0a1b", "vpc-1", "111122223333", "ap-northeast-2", (), TrafficType.ALL, 60, bucket)

    assert file_key(flow_log, bucket, timegm((2026, 11, 24, 3, 5, 0)), "deadbeef") == key


def test_text_has_a_hyphen_where_parquet_has_null() -> None:
    record = {"version": 2, "srcaddr": None, "tcp-flags": None}

    assert line(("version", "srcaddr", "tcp-flags"), record) == "2 - -"
    table = pq.read_table(io.BytesIO(file_content(("version", "srcaddr", "tcp-flags"), FileForm.PARQUET, [record])))
    assert table.to_pylist() == [{"version": 2, "srcaddr": None, "tcp_flags": None}]
