"""The declared versions of a stack are recorded completely, and compile to the same firewall again."""

import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.change.history import (
    KEPT,
    MAX_BYTES,
    DeclaredVersion,
    StackUpdate,
    continued,
    declared_at,
    parse_versions,
    require_region,
    require_versions,
    updates_of,
    version_of,
    versions_text,
)
from flash_ticket.firewall.declare.matrix import Matrix
from flash_ticket.firewall.declare.traffic_file import parse_matrix
from flash_ticket.firewall.project import read_project
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.rollback import files_text, going_back_text, history_document, history_text
from tests.support.declared.accounts import ROOT, STACKS, binding_content, shop_matrix
from tests.support.declared.at_random.matrices import matrices
from tests.support.declared.stacks import traffic_content

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
REGION = "ap-northeast-2"


def declared(matrix: Matrix | None = None, stack: str = "dev", at: datetime = NOW, **binding: Any) -> DeclaredVersion:  # noqa: ANN401 - YAML
    return declared_at(at, matrix or shop_matrix(), {**binding_content(stack), **binding}, REGION)


def without_redis() -> Matrix:
    content = traffic_content()
    flow = next(each for each in content["flows"] if each["from"] == "pay")
    flow["to"] = [name for name in flow["to"] if name != "redis"]
    return parse_matrix(content, "traffic.yaml")


def deployed(*declarations: DeclaredVersion) -> str:
    text = ""
    for each in declarations:
        text = continued(text, each)
    return text


@settings(max_examples=30)
@given(matrices())
def test_a_recorded_matrix_is_read_back_completely(matrix: Matrix) -> None:
    (found,) = parse_versions(deployed(declared(matrix)))

    assert found.declared_matrix() == matrix


@pytest.mark.parametrize("stack", STACKS)
def test_a_recorded_version_compiles_to_what_the_files_compile_to(stack: str) -> None:
    (found,) = parse_versions(deployed(declared(stack=stack)))

    assert found.firewall(stack) == read_project(ROOT, stack)


def test_the_same_declaration_again_is_not_a_new_version() -> None:
    once = deployed(declared())

    assert continued(once, declared(at=NOW + timedelta(days=1))) == once


def test_each_change_of_matrix_or_binding_and_each_rollback_is_a_version() -> None:
    found = parse_versions(
        deployed(declared(), declared(without_redis()), declared(quotas={"rulesPerGroup": 100}), declared())
    )

    assert [each.number for each in found] == [1, 2, 3, 4]
    assert found[0].same_as(found[3])


def test_only_the_latest_versions_are_kept() -> None:
    versions = (declared(quotas={"rulesPerGroup": 60 + index}) for index in range(KEPT + 5))
    found = parse_versions(deployed(*versions))

    assert [each.number for each in found] == list(range(6, KEPT + 6))


def test_twenty_versions_of_the_shop_take_a_few_kilobytes() -> None:
    versions = (declared(without_redis() if index % 2 else None) for index in range(KEPT))

    assert len(deployed(*versions)) < 4000


@given(st.text())
def test_a_foreign_record_is_refused_and_an_update_replaces_it(text: str) -> None:
    if text:
        with pytest.raises(InputError, match="this program did not write it"):
            parse_versions(text)
    assert [each.number for each in parse_versions(continued(text, declared()))] == [1]


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"[1]",
        b"{}7",
        b'[{"number": "1", "since": "", "matrix": {}, "binding": {}, "region": ""}]',
        b'[{"number": 1, "since": "", "matrix": [], "binding": {}, "region": ""}]',
        b'[{"number": 1, "since": null, "matrix": {}, "binding": {}, "region": ""}]',
        b" " * (MAX_BYTES + 1) + b"[]",
    ],
    ids=["nesting", "no object", "no JSON", "a number as text", "a list", "no time", "a bomb"],
)
def test_content_that_only_looks_like_a_record_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="this program did not write it"):
        parse_versions(b64encode(zlib.compress(content)).decode())


def test_no_credential_can_get_into_a_record() -> None:
    """A record contains only traffic.yaml and the binding, whose models have no field for a credential."""
    (found,) = parse_versions(deployed(declared()))

    assert set(versions_text((found,))) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert set(found.matrix) == {"namespace", "services", "externals", "flows"}
    assert dict(found.binding) == binding_content("dev")


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    versions = parse_versions(deployed(declared(), declared(without_redis())))

    with pytest.raises(InputError, match=r"--to: dev has no version 7\. Name one of: 1, 2\."):
        version_of(versions, 7, "dev")


def test_a_stack_without_a_record_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"no declaration is recorded.* Run pulumi up once"):
        require_versions((), "dev")


def test_a_version_of_another_region_is_refused() -> None:
    with pytest.raises(InputError, match="it says eu-west-1, and version 0 was deployed in ap-northeast-2"):
        require_region(declared(), "eu-west-1", "dev")


HISTORY = [
    {"kind": "update", "startTime": "2026-11-24T05:00:00.000Z", "endTime": "", "result": "in-progress"},
    {"kind": "update", "startTime": "2026-11-24T04:30:00.000Z", "endTime": "2026-11-24T04:31:00Z", "result": "failed"},
    {"kind": "refresh", "startTime": "2026-11-24T04:20:00Z", "endTime": "2026-11-24T04:21:00Z", "result": "failed"},
    {"kind": "update", "startTime": "2026-11-24T02:59:00Z", "endTime": "2026-11-24T03:00:00Z", "result": "succeeded"},
    {"kind": "update", "startTime": "2026-11-23T02:59:00Z", "endTime": "2026-11-23T03:00:00Z", "result": "failed"},
]


def test_the_list_shows_what_each_version_opened_and_closed_and_failed_updates() -> None:
    versions = parse_versions(
        deployed(
            declared(), declared(without_redis(), at=NOW + timedelta(hours=1)), declared(at=NOW + timedelta(hours=3))
        )
    )

    assert history_text(versions, updates_of(HISTORY), "dev") == (
        "      3  2026-11-24T06:00:00Z  runs\n"
        "           added    pay => redis : TCP 6379\n"
        "         2026-11-24T05:00:00Z  update did not end\n"
        "         2026-11-24T04:30:00Z  update failed\n"
        "      2  2026-11-24T04:00:00Z\n"
        "           removed  pay => redis : TCP 6379\n"
        "      1  2026-11-24T03:00:00Z\n"
        "           first deployment\n"
    )
    document: Any = history_document(versions, updates_of(HISTORY), "dev")
    assert [each["changed"] for each in document["versions"]] == [
        ["added    pay => redis : TCP 6379"],
        ["removed  pay => redis : TCP 6379"],
        None,
    ]


def test_a_version_that_the_current_program_refuses_does_not_hide_the_others() -> None:
    odd = DeclaredVersion(0, "2026-11-24T03:30:00Z", {"namespace": "x"}, binding_content("dev"), REGION)
    last = declared(without_redis(), at=NOW + timedelta(hours=1))
    text = history_text(parse_versions(deployed(declared(), odd, last)), (), "dev")

    assert [line.split()[0] for line in text.splitlines()] == ["3", "2", "1", "first"]


def test_a_rollback_shows_the_change_and_the_proof_first() -> None:
    before, after = (each.firewall("dev") for each in (declared(without_redis()), declared()))
    text = going_back_text(before, after, declared())

    assert text.splitlines()[0] == "Going back to version 0 of 2026-11-24T03:00:00Z:"
    assert "added    pay => redis : TCP 6379" in text
    assert "The proof holds: 21 declared connections" in text


NAMES = ("traffic.yaml", "Pulumi.dev.yaml")


def test_after_a_rollback_the_different_lines_and_the_matching_commit_are_named() -> None:
    text = files_text(declared(without_redis()), declared(), NAMES, "abc1234")

    assert "Make them say what runs: git checkout abc1234 -- traffic.yaml Pulumi.dev.yaml" in text
    assert any(line.startswith("  +") and "to: redis" in line for line in text.splitlines())


def test_a_rollback_without_a_matching_commit_says_so() -> None:
    text = files_text(declared(quotas={"rulesPerGroup": 80}), declared(), NAMES, None)

    assert "no commit was found that has it; edit them" in text
    assert "  -quotas: {rulesPerGroup: 80}" in text.splitlines()


def test_a_rollback_to_the_content_of_the_files_leaves_nothing_to_revert() -> None:
    assert files_text(declared(), declared(), NAMES, None) == "The files declare what is deployed now.\n"


def test_updates_have_their_kind_times_and_result() -> None:
    assert updates_of(HISTORY)[1] == StackUpdate("update", "2026-11-24T04:30:00Z", "2026-11-24T04:31:00Z", "failed")
