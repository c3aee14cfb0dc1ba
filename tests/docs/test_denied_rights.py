"""The documented rights for ``denied``, ``replay`` and ``learn`` are those that the readers of logs call."""

import re

from lab.rights.policy import Policy
from tests.support.declared.accounts import ROOT

BY_ATHENA = ("QueryTable", "QueryBuckets", "QueryResults", "QueryKey")
"""What Athena does in the name of the person who asks (Athena User Guide, "Example policies for workgroups", "Access to
Amazon S3 from Athena"). No call of this program shows it."""

NAMED_OTHERWISE = {"s3:ListObjectsV2": "s3:ListBucket"}


def called() -> set[str]:
    """Return the actions that the readers of logs call, by the names of the SDK's methods."""
    found = set()
    for path in (ROOT / "flash_ticket/live/logs").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        pairs = re.findall(r'"(s3|logs|ec2)",\s*"([a-z0-9]+_[a-z0-9_]+)"', text)
        pairs += [("athena", method) for method in re.findall(r'_ask\("([a-z_]+)"', text)]
        found |= {f"{service}:{''.join(word.capitalize() for word in method.split('_'))}" for service, method in pairs}
    return {NAMED_OTHERWISE.get(each, each) for each in found}


def test_the_policy_allows_what_the_readers_of_logs_call_and_what_reading_encrypted_records_needs() -> None:
    policy = Policy.read((ROOT / "docs/denied-iam.json").read_text(encoding="utf-8"))

    assert policy.without_statements(*BY_ATHENA).actions == called() | {"kms:Decrypt"}


def test_each_page_about_denied_traffic_links_the_policy() -> None:
    for page in ("denied.md", "denied.ko.md", "getting-started.md", "getting-started.ko.md"):
        assert "(denied-iam.json)" in (ROOT / "docs" / page).read_text(encoding="utf-8")
