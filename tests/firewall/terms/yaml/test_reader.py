"""YAML is read by the rules of declared files or of Kubernetes, quickly where they agree, and always in bounds."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flash_ticket.firewall.analyse.manifests.directory import MANIFESTS
from flash_ticket.firewall.declare.yaml_document import DECLARED
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.firewall.terms.yaml.block import Declined, read_block
from flash_ticket.firewall.terms.yaml.reader import MOST_VALUES_WITH_ALIASES, Rules, read_yaml


def values(text: str, rules: Rules = MANIFESTS) -> list[object]:
    return [document.value for document in read_yaml(text, "file.yaml", rules)]


def completely(text: str, rules: Rules = MANIFESTS) -> list[object]:
    """Read text without the quick reader: it leaves a directive alone."""
    return values("%YAML 1.1\n---\n" + text, rules)


_SIGNS = "a|>%@`=?#é'\""
_PLAIN = "app kind v1 8080 1.5 true no null ~ 08 0x1f 0o17 1e3 -1 x:y 1_000 12:30 2024-01-01 tcp/udp a.b/c-d http://x:80/?q=1"
_NOT_PLAIN = "{} [] [a] &a *a !t --- ... << it's"
_words = st.sampled_from(
    [*_SIGNS, *_PLAIN.split(), *_NOT_PLAIN.split(), "", " ", "a b", "a: b", "a #b", "- a", "{a: b}", "a\tb", "y"]
)
_written = _words | st.sampled_from(("a\x07", "a\x85b", "a\u2028b"))  # PyYAML writes breaks that it does not read back
_lines = st.builds(
    lambda indent, dash, key, value, tail: " " * indent + dash + key + value + tail,
    st.integers(0, 4),
    st.sampled_from(("", "", "- ", "-   ", "-")),
    st.one_of(st.just(""), _words.map(lambda word: f"{word}:"), _words.map(lambda word: f"{word}: ")),
    st.one_of(st.just(""), _written, _written.map(lambda word: f"'{word}'"), _written.map(lambda word: f'"{word}"')),
    st.sampled_from(("", "", "", " ", " # note", "#")),
)
_trees: st.SearchStrategy[Any] = st.recursive(
    st.one_of(_words, st.integers(-5, 99999), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_words, below, max_size=3),
    max_leaves=12,
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(_lines, max_size=6).map("\n".join))
def test_the_quick_reader_means_what_the_complete_one_means_or_leaves_it_alone(text: str) -> None:
    quick = read_block(text)
    if quick is Declined.DECLINED or "---" in text or "..." in text:
        return
    for rules in (MANIFESTS, DECLARED):
        assert repr([quick]) == repr(completely(text, rules) or [None])


_BASES = (
    "apiVersion: v1\nmetadata:\n  name: a # note\n  labels: {}\nspec:\n  ports:\n  - port: 80\n    name: 'x'\n",
    "--- # the first\nspec:\n  podSelector: {}\n  policyTypes: [Ingress]\n---\n# nothing\n---\ningress:\n- {}\n",
    'a:\r\n- b\r\n-   c: 1\r\n    d: "e f"\r\n---\r\ng: |\r\n  text\r\n\r\n  text\r\n',
)
_INSERTED = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("\r\x85\u2028\u2029\ufeff\t\x0b\x0c\x1c\x1d\x1e\x00\xa0\u3000\\"),
    st.sampled_from(
        ("\r\r\n", "\n---", "\n--- #", "--- -", "...", "\n%YAML 1.1", "\n- ", " #", ": ", "ingress: [{}]", "\n")
    ),
)


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(_BASES))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = begin + draw(st.sampled_from((0, 0, 0, 1, 5)))
        text = text[:begin] + draw(_INSERTED) + text[end:]
    return text


def _by_pyyaml(text: str, rules: Rules) -> list[object]:
    return [_value_of(node, rules) for node in yaml.compose_all(text, Loader=yaml.CSafeLoader)]


def _value_of(node: Any, rules: Rules) -> Any:  # noqa: ANN401  # PyYAML's nodes, and any value
    if isinstance(node, yaml.MappingNode):
        at_key = replace(rules, plain=rules.key)
        found = {_value_of(key, at_key): _value_of(value, rules) for key, value in node.value}
        if len(found) < len(node.value):
            raise ValueError("a key twice")
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value_of(each, rules) for each in node.value]
    return node.value if node.style else rules.plain(node.value)


@settings(max_examples=500, deadline=None)
@given(_mutated())
def test_a_text_with_any_characters_anywhere_means_what_pyyaml_reads(text: str) -> None:
    assume(not set("&*!<?") & set(text))
    try:
        read = values(text)
    except InputError:
        with pytest.raises((yaml.YAMLError, ValueError, TypeError)):
            _by_pyyaml(text, MANIFESTS)
    else:
        assert repr(read) == repr(_by_pyyaml(text, MANIFESTS))


@pytest.mark.parametrize("line_break", ["\r", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize(
    "text",
    ["--- # note{}ingress: [{{}}]\n", "---{}ingress: [{{}}]\n", "# note{}ingress: [{{}}]\n", "a: 1 #{}ingress: [{{}}]"],
)
def test_what_stands_behind_any_line_break_of_yaml_1_1_is_seen(text: str, line_break: str) -> None:
    (found,) = values(text.format(line_break))

    assert isinstance(found, dict)
    assert found["ingress"] == [{}]


@pytest.mark.parametrize(
    "text",
    ["---#x\n", "\ufeff%YAML 1.1\n---\na: 1\n", "a: |\r\r\n x\r\n", "---\ta\n", "a: 1\n--- # 결제\nb: 2\n"],
)
def test_unusual_markers_and_line_ends_mean_what_pyyaml_reads(text: str) -> None:
    assert values(text) == _by_pyyaml(text, MANIFESTS)


@pytest.mark.parametrize("text", ["--- - a\n", "--- # \x07\na: 1\n", f"{'a' * 1100}: 1\n"])
def test_what_pyyaml_refuses_is_refused_however_it_is_written(text: str) -> None:
    with pytest.raises(InputError, match="this is not YAML"):
        values(text)


@settings(max_examples=300, deadline=None)
@given(_trees)
def test_what_is_written_is_read_back(tree: Any) -> None:  # noqa: ANN401  # any value of YAML
    text = yaml.safe_dump(tree, default_flow_style=False, allow_unicode=True, width=10_000)
    if "time" in text or tree is None:
        return
    for rules in (MANIFESTS, DECLARED):
        assert repr(values(text, rules)) == repr(completely(text, rules))


@settings(max_examples=300, deadline=None)
@given(_trees)
def test_declared_files_mean_what_yaml_1_1_says(tree: Any) -> None:  # noqa: ANN401  # any value of YAML
    assert repr(values(yaml.safe_dump(tree, sort_keys=False), DECLARED)) == repr([tree])


_MISREAD = "0443 010 22:22 1:30 12:30 0x50 0x1f 1_000 0b11 -0b1 -017 +5 1:30.5 1_0.5"


@pytest.mark.parametrize("text", _MISREAD.split())
@pytest.mark.parametrize(
    "document", ["a: 1\nb: {}\n", "a: 1\nb: [{}]\n", "a: 1\n{}: b\n", "# note\n- {}\n", "a: 1\nb:\t{}\n"]
)
def test_a_number_in_a_declared_file_is_plain_decimal_or_refused_with_its_line(text: str, document: str) -> None:
    with pytest.raises(InputError, match=rf"YAML reads {re.escape(text)} as the number .*put it in quotes") as refused:
        values(document.format(text), DECLARED)

    assert refused.value.key.startswith("line 2, column ")
    assert values(document.format(f"'{text}'"), DECLARED)
    assert values(document.format(text), MANIFESTS)


def test_a_number_with_zeros_in_front_is_refused_with_the_number_that_people_mean() -> None:
    with pytest.raises(InputError, match=r"YAML reads 0443 as the number 291\. Write 443, or put it in quotes"):
        values("ports: [0443]\n", DECLARED)


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  - b\n\t- c\n", "a:\n  b: 1\n  \tc: 1\n", "a:\n-\tb: 1\n"])
def test_a_tab_that_indents_is_called_a_tab(text: str) -> None:
    with pytest.raises(
        InputError, match=r"line \d, column \d: .*a tab indents this line\. Replace the tab with spaces"
    ):
        values(text, DECLARED)


def test_all_broken_rules_of_a_file_are_found_at_once_and_the_rest_is_read_as_it_is_meant() -> None:
    mistakes: list[InputError] = []
    (found,) = read_yaml("a: [010, 0x50]\nb: &x 1\nb: 2\nc: *x\nd: !t 1_000\n", "file.yaml", DECLARED, mistakes)

    assert [each.key.partition(",")[0] for each in mistakes] == ["line 1", "line 1", "line 3", "line 4", "line 5"]
    assert found.value["a"] == [10, 80]


@pytest.mark.parametrize(
    "text",
    [
        *(each for each in _PLAIN.split() if each not in _MISREAD.split()),
        "y",
        "=",
        "<<",
        ".inf",
        "2026-11-24T03:00:00Z",
        "0.1e+3",
    ],
)
def test_a_declared_word_is_the_value_that_pyyaml_gives_it(text: str) -> None:
    try:
        expected = yaml.safe_load(f"a: {text}")
    except yaml.constructor.ConstructorError:  # PyYAML knows these signs but gives them no value
        expected = {"a": text}
    assert repr(values(f"a: {text}", DECLARED)) == repr([expected])


def test_the_quick_reader_reads_an_ordinary_manifest() -> None:
    text = (
        "# a comment\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a # trailing\n  labels: {}\nspec:\n  containers:\n"
        "  - name: main\n    image: 'registry.example/a:1.0'\n    ports:\n      - containerPort: 8080\n"
        '        name: "http"\n      -\n        containerPort: 90\n    args:\n    -   port=80\n'
    )
    assert read_block(text) is not Declined.DECLINED
    assert [read_block(text)] == completely(text)


def test_a_document_has_the_line_of_its_marker_and_an_empty_one_has_no_value() -> None:
    text = "---\na: 1\n---\n# nothing\n---\n\nb: [1, 2]\n--- # and\nc: 3\n"
    assert [(each.line, each.value) for each in read_yaml(text, "f", MANIFESTS)] == [
        (1, {"a": 1}),
        (3, None),
        (5, {"b": [1, 2]}),
        (8, {"c": 3}),
    ]


def test_keys_are_text_as_in_json() -> None:
    assert values('1: a\ntrue: b\nnull: c\n"x y": [d]\n') == [{"1": "a", "true": "b", "null": "c", "x y": ["d"]}]


def test_scalars_are_those_of_yaml_1_1() -> None:
    text = "a: yes\nb: 'yes'\nc: 010\nd: 0x10\ne: 1_000\nf: 1.5\ng: 12:30\nh: ~\ni: 2024-01-01\n"
    assert values(text) == [
        {
            "a": True,
            "b": "yes",
            "c": 8,
            "d": 16,
            "e": 1000,
            "f": 1.5,
            "g": "12:30",
            "h": None,
            "i": "2024-01-01",
        }
    ]


def test_an_alias_may_be_a_key_and_a_merge_wins_over_nothing_that_is_written() -> None:
    text = "a: &a yes\n*a : 1\nb: &b {x: 1, y: 1}\nc: &c {x: 2, z: 2}\nd: {<<: [*b, *c], y: 3}\n"
    assert completely(text) == [
        {
            "a": True,
            "True": 1,
            "b": {"x": 1, "y": 1},
            "c": {"x": 2, "z": 2},
            "d": {"y": 3, "x": 1, "z": 2},
        }
    ]


def test_nesting_without_end_is_refused_however_it_is_written() -> None:
    text = "".join(f"{' ' * depth}a:\n" for depth in range(60))
    with pytest.raises(InputError, match="line 51, column 51: more than 50 levels of nesting"):
        values(text, DECLARED)


def test_anchors_and_merge_keys_are_followed() -> None:
    text = "base: &base {app: a, tier: x}\none:\n  <<: *base\n  tier: z\ntwo: *base\n"
    assert values(text) == [
        {"base": {"app": "a", "tier": "x"}, "one": {"tier": "z", "app": "a"}, "two": {"app": "a", "tier": "x"}}
    ]


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("a: [1\nb: 2\n", "line 2, column 2", "not YAML"),
        ("ok: 1\n---\n\na: b: c\n", "line 4, column 5", "not YAML"),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1", "the key 'a' appears twice"),
        ("a: *missing\n", "line 1, column 4", "no anchor"),
        ("? [a, b]\n: c\n", "line 1, column 3", "a key is itself"),
        ("a: &a [b]\n*a : c\n", "line 2, column 1", "a key is itself"),
        ("a: \x00\n", "", "not YAML"),
        ("[" * 300, "line 1, column 201", "more than 200 levels"),
    ],
)
def test_what_is_not_yaml_is_reported_with_its_line_and_column(text: str, key: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        values(text)
    assert (caught.value.source, caught.value.key) == ("file.yaml", key)
    assert problem in caught.value.problem


def test_an_alias_bomb_is_refused_while_it_is_small() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 20)]
    with pytest.raises(InputError, match=f"more than {MOST_VALUES_WITH_ALIASES:,} values"):
        values("\n".join(levels))


def test_an_alias_to_its_own_holder_is_refused() -> None:
    with pytest.raises(InputError, match="no anchor before it"):
        values("a: &a [*a]\n")
