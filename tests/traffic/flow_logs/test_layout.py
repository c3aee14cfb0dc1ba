"""Which folders and files of flow logs can contain records of a period."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.traffic.flow_logs.layout import Window, is_of_flow_logs, is_of_others

HIVE = "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=ap-northeast-2/"
PLAIN = "AWSLogs/111122223333/vpcflowlogs/ap-northeast-2/"
FORMS = {
    HIVE: ("year=%Y/", "month=%m/", "day=%d/", "hour=%H/"),
    PLAIN: ("%Y/", "%m/", "%d/", "%H/"),
    f"shop/copies/{HIVE}": ("year=%Y/", "month=%m/", "day=%d/", "hour=%H/"),
    "/data/": ("year=%Y/", "month=%m/", "day=%d/", "hour=%H/"),
}

moments = st.datetimes(datetime(2015, 6, 1), datetime(2035, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
lengths = st.timedeltas(timedelta(), timedelta(days=800))
forms = st.sampled_from(sorted(FORMS))


def folders(form: str, moment: datetime) -> list[str]:
    """Return the folders that contain the hour of a moment, the outermost first."""
    parts = FORMS[form]
    return [form + moment.strftime("".join(parts[:depth])) for depth in range(len(parts) + 1)]


def file_name(moment: datetime) -> str:
    return f"111122223333_vpcflowlogs_ap-northeast-2_fl-0123abcd_{moment:%Y%m%dT%H%MZ}_0a1b2c3d.log.parquet"


@given(forms, moments, lengths, st.floats(0, 1))
def test_no_folder_or_file_of_the_period_is_skipped(
    form: str, since: datetime, length: timedelta, where: float
) -> None:
    """A record of any moment in the window is in a folder and a file of its hour: each of them may hold it."""
    moment = since + length * where
    window = Window(since.timestamp(), (since + length).timestamp())

    for folder in folders(form, moment):
        assert window.may_hold(folder), folder
    assert window.may_hold(folders(form, moment)[-1] + file_name(moment))
    assert window.may_hold(file_name(moment))


@given(forms, moments, lengths, moments)
def test_folders_and_files_two_hours_away_are_skipped(
    form: str, since: datetime, length: timedelta, moment: datetime
) -> None:
    until = since + length
    window, hour = Window(since.timestamp(), until.timestamp()), folders(form, moment)[-1]
    if since - timedelta(hours=2, minutes=1) < moment < until + timedelta(hours=2, minutes=1):
        return

    assert not window.may_hold(hour)
    assert not window.may_hold(f"{hour}part-0.parquet")
    assert not window.may_hold(file_name(moment))


@given(forms, moments, lengths, moments)
def test_a_folder_taken_as_a_whole_is_entirely_within_the_period(
    form: str, since: datetime, length: timedelta, moment: datetime
) -> None:
    """Every hour in a folder that is taken as a whole is wanted."""
    window = Window(since.timestamp(), (since + length).timestamp())
    hour = moment.replace(minute=0, second=0, microsecond=0)

    for folder in folders(form, moment):
        if window.holds_all(folder):
            assert since <= hour
            assert hour + timedelta(hours=1) <= since + length
            assert window.may_hold(folders(form, moment)[-1])


@pytest.mark.parametrize("folder", [HIVE, PLAIN, f"shop/{HIVE}year=2026/"])
def test_without_a_period_a_folder_of_flow_logs_is_taken_as_a_whole(folder: str) -> None:
    assert Window(None, None).holds_all(folder)
    assert is_of_flow_logs(folder)


@pytest.mark.parametrize("folder", ["", "shop/", "AWSLogs/", "AWSLogs/111122223333/"])
def test_a_folder_that_may_contain_other_files_is_searched(folder: str) -> None:
    assert not Window(None, None).holds_all(folder)
    assert not is_of_flow_logs(folder)


@pytest.mark.parametrize(
    "folder",
    [
        "AWSLogs/111122223333/CloudTrail/",
        "AWSLogs/111122223333/elasticloadbalancing/ap-northeast-2/2026/",
        "shop/AWSLogs/aws-account-id=111122223333/aws-service=vpcdnsquerylogs/",
    ],
)
def test_folders_of_other_services_are_recognized(folder: str) -> None:
    assert is_of_others(folder)
    assert not is_of_others(HIVE)


@pytest.mark.parametrize(
    "key",
    [
        "shop/2026/11/24/flows.parquet",
        "year=2026/month=13/x.parquet",
        "year=2026/month=02/day=30/",
        "year=0000/",
        "year=9999/month=12/",
        f"{HIVE}year=26/",
        "x_vpcflowlogs_r_fl-1_20261399T9999Z_h.log.gz",
    ],
)
def test_a_key_without_a_time_is_always_read(key: str) -> None:
    assert Window(0, 1).may_hold(key)
    assert not Window(0, 1).holds_all(key)
