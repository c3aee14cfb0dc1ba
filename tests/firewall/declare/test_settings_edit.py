"""Suspensions are written into a settings file and removed from it, and nothing else of its text changes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flash_ticket.firewall.declare.settings_edit import with_suspensions
from flash_ticket.firewall.declare.suspensions import (
    SUSPENSIONS_KEY,
    Suspension,
    Suspensions,
    entered,
    parse_suspensions,
)
from flash_ticket.firewall.declare.yaml_document import parse_document
from flash_ticket.firewall.terms.input_error import InputError
from tests.support.declared.accounts import ROOT

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
HOSTILE = "</td><script>\x1b[31m{{ $labels }}\u202e: [*a, !!python/object:x {}]\n---\n=cmd|' /C calc'!A0"
API = Suspension("04-allow-egress-api", NOW + timedelta(minutes=30), "partner changes its address", "night shift")
NONE = Suspensions((), NOW)
ONE = Suspensions((API,), NOW)

SETTINGS = {
    "as committed": (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"),
    "with comments and other keys": (
        "# kept\nencryptionsalt: v1:x\nconfig:\n    # of the region\n    aws:region: a\n"
        "    flash-ticket-firewall:suspensions:\n      # an old one\n      - {policy: x}\n\n    # kept, too\n"
        "    flash-ticket-firewall:binding:\n        vpc:\n            id: v\n\n# the end\n"
    ),
    "without a last line's end": "config:\n  flash-ticket-firewall:binding: {vpc: {id: v}}",
    "with folded text last": "config:\n  flash-ticket-firewall:binding:\n    a: >\n      one\n      two\nother: 1\n",
}
REASONS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200).filter(str.strip) | st.just(HOSTILE)


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
@given(reason=REASONS)
def test_what_is_written_into_a_file_is_read_back_and_all_else_stays(text: str, reason: str) -> None:
    new = entered("04-allow-egress-pay", API.until, reason, HOSTILE)
    wanted = ONE.adding(new)
    before, after = (parse_document(each, "f") for each in (text, with_suspensions(text, wanted, "f")))
    listed = after["config"].pop(SUSPENSIONS_KEY)
    before["config"].pop(SUSPENSIONS_KEY, None)

    assert after == before
    assert parse_suspensions(listed, "dev", NOW) == wanted


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
def test_after_the_removal_the_file_is_as_before_to_the_byte(text: str) -> None:
    without = with_suspensions(text, NONE, "f")
    written = with_suspensions(without, ONE, "f")

    assert with_suspensions(written, NONE, "f") == without
    assert "# kept, too" in written or "# kept" not in text


NOTES = st.sampled_from(["", "\n", "\n\n", "{i}# a note: {{}}\n", "# at the edge\n\n", "        # far in\n"])
KEYS = st.permutations(
    [
        "{i}aws:region: 'eu-west-1'  # quoted\n",
        '{i}"b:c":   {{x: [1, "two # no note"],   y: }}\n',
        "{i}b:d:\n{i}{i}- one\n{i}{i}-   two: {{}}\n",
        "{i}b:e: |\n{i}  text\n{i}  # no note, but text\n",
        "{i}b:f: >-\n{i}  folded\n\n{i}  on\n",
        "{i}b:g: plain\n{i}  and on\n",
        "{i}b:h:\n",
    ]
)
LISTED = st.sampled_from(
    [
        "{i}{key}: []\n",
        "{i}{key}:   # nothing\n",
        "{i}'{key}': [{{policy: p, until: u,\n{i}    reason: '#', author: a}}]  # by hand\n",
        "{i}{key}:\n{i}- policy: p\n{i}  # within\n{i}  reason: |\n{i}    some\n{i}    # text\n",
        "{i}{key}:\n{i}{i}- {{policy: p, reason: r}}\n{i}{i}-   policy: q\n{i}{i}    reason: two\n{i}{i}      lines\n",
    ]
)


@dataclass(frozen=True, slots=True)
class HandMade:
    """A settings file in three parts: the one in the middle is the suspensions."""

    before: str
    listed: str
    after: str


HEADS = st.sampled_from(["", "# salted\nencryptionsalt: v1:x\n", "\ufeff", "a: [1,\n 2]\n\n"])
TITLES = st.sampled_from(["config:\n", "config: # all\n", '"config":\n'])
ENDS = st.sampled_from(["", "z: 1\n", "# end"])


@st.composite
def hand_made(draw: st.DrawFn) -> HandMade:
    indent, line_end = draw(st.sampled_from(["  ", "    ", " "])), draw(st.sampled_from(["\n", "\r\n"]))
    keys = [draw(NOTES) + key for key in draw(KEYS)]
    above, below = draw(st.integers(1, 3)), draw(st.integers(4, 7))
    before, after = "".join(keys[:above]), "".join(keys[below:])
    parts = draw(HEADS) + draw(TITLES) + before + draw(NOTES), draw(LISTED), after + draw(NOTES) + draw(ENDS)
    # Right after a literal block a deeper line is not a comment but the block's text.
    assume(not (parts[1].rstrip().endswith("# text") and parts[2].lstrip("\n").startswith("        #")))
    return HandMade(*(_filled(each, indent).replace("\n", line_end) for each in parts))


def _filled(text: str, indent: str) -> str:
    return text.replace("{i}", indent).replace("{key}", SUSPENSIONS_KEY).replace("{{", "{").replace("}}", "}")


@given(hand_made())
def test_all_but_the_suspensions_stays_to_the_byte_in_whatever_form_a_file_is_written(file: HandMade) -> None:
    text = file.before + file.listed + file.after
    written = with_suspensions(text, ONE, "f")

    assert written.startswith(file.before)
    assert written.endswith(file.after)
    fresh = written[len(file.before) : len(written) - len(file.after)]
    assert [SUSPENSIONS_KEY in line for line in fresh.splitlines()] == [True, False]
    assert ("\r\n" in fresh) == ("\r\n" in text)
    assert listed_in(written) == ONE


@given(hand_made())
def test_what_is_added_to_a_file_without_suspensions_and_removed_again_leaves_no_trace(file: HandMade) -> None:
    text = file.before + file.after
    written = with_suspensions(text, ONE, "f")

    assert listed_in(written) == ONE
    assert with_suspensions(written, NONE, "f") == text


def listed_in(text: str) -> Suspensions:
    return parse_suspensions(parse_document(text, "f")["config"][SUSPENSIONS_KEY], "dev", NOW)


def test_what_ruamel_does_not_read_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match=r"f: line 3: .* cannot start any token\. Correct the YAML there"):
        with_suspensions("config:\n  a: 1\n\t\n  b: 1\n", ONE, "f")


@pytest.mark.parametrize("text", ["config: {a: 1}\n", "config:\n", "other: 1\n", "- 1\n", "", "config: !!map\n a: 1\n"])
def test_a_file_without_lines_to_write_between_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Write one key per line"):
        with_suspensions(text, ONE, "Pulumi.dev.yaml")
