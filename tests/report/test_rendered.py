"""Rendered files: every reader of YAML reads what was compiled, and the same input gives the same bytes."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.manifests.directory import MANIFESTS
from flash_ticket.firewall.bind.environment import Group
from flash_ticket.firewall.compile.rendered import ManifestFile, rendered_manifests
from flash_ticket.firewall.compile.vpc_layer import GroupRule, OwnGroup, VpcFirewall
from flash_ticket.firewall.terms.ports import tcp
from flash_ticket.firewall.terms.verdict import Direction
from flash_ticket.firewall.terms.yaml.reader import read_yaml
from flash_ticket.report.rendered import KUSTOMIZATION_FILE, groups_text, rendered_texts
from tests.support.verify.standing import shop

NOTHING = VpcFirewall((), (), ())
UNCLEAR = ("1e3", "0o17", "012", "12:30", "yes", "y", "N", "on", "null", "~", "", "1_000", "2026-11-26", ".5", "=", "-")
TEXTS = st.one_of(st.sampled_from(UNCLEAR), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))


def texts_of(content: object) -> dict[str, str]:
    return rendered_texts([ManifestFile("a.yaml", ({"kind": "X", "content": content},))], NOTHING, "shop", "dev")


@given(content=st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(1, 65535), st.lists(TEXTS, max_size=3))))
def test_a_file_gives_every_reader_the_text_that_was_compiled(content: dict[str, Any]) -> None:
    text = texts_of(content)["a.yaml"]
    ((_, kubernetes),) = read_yaml(text, "a.yaml", MANIFESTS)

    assert kubernetes == {"kind": "X", "content": content}
    assert yaml.safe_load(text) == {"kind": "X", "content": content}


def test_a_text_that_some_reader_takes_for_a_number_is_quoted() -> None:
    for text in UNCLEAR:
        assert f"app: {text}\n" not in texts_of({"app": text})["a.yaml"]


def test_the_same_firewall_gives_the_same_bytes() -> None:
    first, second = (
        rendered_texts(
            rendered_manifests(each.matrix, each.environment, each.pods, each.vpc, {}).files, each.vpc, "shop", "dev"
        )
        for each in (shop(), shop())
    )

    assert first == second


def test_kustomize_gets_the_files_in_the_order_in_which_nothing_is_cut() -> None:
    firewall = shop()
    ids = {group.label: f"sg-{group.label}" for group in firewall.vpc.groups}
    found = rendered_manifests(firewall.matrix, firewall.environment, firewall.pods, firewall.vpc, ids)
    listed = yaml.safe_load(rendered_texts(found.files, firewall.vpc, "shop", "dev")[KUSTOMIZATION_FILE])

    assert listed["sortOptions"] == {"order": "fifo"}
    assert listed["resources"][-1] == "00-default-deny.yaml"
    assert set(listed["resources"]) == {each.name for each in found.files}


def test_the_groups_are_listed_with_their_rules_in_the_order_of_their_ports() -> None:
    api, redis = OwnGroup("api"), Group("sg-1", "redis")
    rules = (
        GroupRule(api, Direction.EGRESS, redis, tcp(6379), ("api to redis",)),
        GroupRule(api, Direction.EGRESS, redis, tcp(443), ("api to redis",)),
        GroupRule(redis, Direction.INGRESS, api, tcp(6379), ("api to redis",)),
    )

    assert groups_text(VpcFirewall((api, OwnGroup("pay")), rules, ()), "dev").splitlines() == [
        "# For review. Pulumi makes these groups and rules: pulumi up --stack dev.",
        "",
        "api (made by this stack)",
        "  egress  TCP 443   to redis  api to redis",
        "  egress  TCP 6379  to redis  api to redis",
        "",
        "pay (made by this stack)",
        "",
        "redis (sg-1, of others)",
        "  ingress  TCP 6379  from api  api to redis",
    ]


def test_two_groups_of_others_with_one_name_stay_apart() -> None:
    api, one, two = OwnGroup("api"), Group("sg-1", "data"), Group("sg-2", "data")
    rules = tuple(GroupRule(each, Direction.INGRESS, api, tcp(80), ("api to x",)) for each in (one, two))

    listed = groups_text(VpcFirewall((), rules, ()), "dev")

    assert "data (sg-1, of others)\n  ingress  TCP 80  from api" in listed
    assert "data (sg-2, of others)\n  ingress  TCP 80  from api" in listed
