"""A verification as text and as JSON: what, where, why and the remedy, with everything from others escaped."""

import json
from dataclasses import replace

from flash_ticket.firewall.change.object_difference import Difference
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.verification import written_verification
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.verification import Verification

HOSTILE = "\x1b[2J</td>\u202e=cmd\n--"
CHANGED = Finding(
    "NetworkPolicy shop/api",
    "it is not as declared",
    "it decides otherwise",
    "pulumi up --stack dev --refresh",
    FindingKind.CHANGED,
    (Difference("spec.ingress[0].ports[0].port", "3100", "9999"), Difference("metadata.labels.a", '"b"', None)),
)
SUSPENDED = Finding("NetworkPolicy shop/pay", "it is suspended", "its pods are open", "resume", FindingKind.SUSPENDED)
FOUND = Verification("dev", 0.0, (CHANGED, SUSPENDED), (("pods", 3), ("rules", 41)), ())
CLEAN = replace(FOUND, findings=())

TEXT = """\
CHANGED  NetworkPolicy shop/api
  it is not as declared
    spec.ingress[0].ports[0].port: declared 3100, live 9999
    metadata.labels.a: declared "b", live nothing
  why it matters: it decides otherwise
  remedy: pulumi up --stack dev --refresh

SUSPENDED  NetworkPolicy shop/pay
  it is suspended
  why it matters: its pods are open
  remedy: resume

dev: 1 thing is not as declared. Looked at: pods 3, rules 41.
"""


def text(found: Verification) -> str:
    return written_verification(found, AnswerFormat.TXT)


def test_each_finding_is_a_paragraph_and_the_summary_comes_last() -> None:
    assert text(FOUND) == TEXT


def test_a_verification_without_findings_is_one_line() -> None:
    assert text(CLEAN) == "dev: as declared. Looked at: pods 3, rules 41.\n"


def test_what_was_not_checked_is_listed() -> None:
    assert text(replace(CLEAN, unseen=("the flow log",))).endswith("Not looked at: the flow log.\n")


def test_json_is_one_object_with_complete_findings() -> None:
    found = json.loads(written_verification(FOUND, AnswerFormat.JSON))

    assert found["stack"] == "dev"
    assert found["taken"] == "1970-01-01T00:00:00Z"
    assert found["holds"] is False
    assert found["looked_at"] == {"pods": 3, "rules": 41}
    first, second = found["findings"]
    assert (first["kind"], first["drift"], second["drift"]) == ("changed", True, False)
    assert first["differences"][0] == {
        "path": "spec.ingress[0].ports[0].port",
        "declared": "3100",
        "live": "9999",
    }


def test_a_verification_with_only_a_suspension_holds() -> None:
    assert json.loads(written_verification(replace(FOUND, findings=(SUSPENDED,)), AnswerFormat.JSON))["holds"]


def test_text_from_others_is_escaped_in_both_formats() -> None:
    difference = Difference(HOSTILE, json.dumps(HOSTILE), json.dumps(HOSTILE, ensure_ascii=False))
    hostile = replace(
        FOUND, findings=(Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE, FindingKind.CHANGED, (difference,)),)
    )

    for form in AnswerFormat:
        written = written_verification(hostile, form)
        assert all(line.isprintable() for line in written.splitlines())
        assert "\x1b" not in written
    assert json.loads(written_verification(hostile, AnswerFormat.JSON))["findings"][0]["where"] == HOSTILE


def test_a_long_value_is_cut_in_text_and_complete_in_json() -> None:
    policy = json.dumps("x" * 500)
    long = replace(FOUND, findings=(replace(CHANGED, differences=(Difference("policy", policy, None),)),))

    assert max(map(len, text(long).splitlines())) < 200
    assert policy in written_verification(long, AnswerFormat.JSON).replace('\\"', '"')
