"""Each format of the answers, with names that nothing has checked: it shows them, and escapes them."""

import importlib
import pkgutil
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from flash_ticket import cli, report
from flash_ticket.firewall.change.impact import Impact
from flash_ticket.firewall.declare.suspensions import Suspension
from flash_ticket.firewall.prove.proof import Blur, Proof
from flash_ticket.firewall.prove.violation import Fault, Violation
from flash_ticket.firewall.terms.changes import Change
from flash_ticket.firewall.terms.connections import Block, Connections
from flash_ticket.firewall.terms.input_error import escaped
from flash_ticket.firewall.terms.ports import NO_PORTS, PortSet, tcp
from flash_ticket.firewall.terms.verdict import Direction, Layer, Outcome, RuleReference, Side, Verdict
from flash_ticket.report.changes import ChangeFormat, written_changes
from flash_ticket.report.connections import Format, written
from flash_ticket.report.explanation import explained
from flash_ticket.report.impact import impact_warnings, resuming_text
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.picture.page import page
from flash_ticket.report.picture.picture import picture
from flash_ticket.report.proof import checked, proof_text
from tests.support.hostile.forms import HARMLESS, assert_harmless_in, assert_lines, verbs
from tests.support.hostile.harmless import ATTACKS
from tests.support.traffic.incident import DEV, FIREWALL, NIGHT, SHOP

PROOF = FIREWALL.proof()
PORTS = PortSet((tcp(80),))
attack = pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)


def _side(text: str) -> Side:
    rules = (RuleReference(text, text, text),)
    return Side(Direction.INGRESS, text, f"{text}2", Outcome.ALLOWED, (text,), rules)


def disproved(text: str) -> Proof:
    """Return a failed proof about endpoints with this name."""
    violation = Violation(Fault.OPEN, Layer.POD, (text,), (f"{text}2",), PORTS, _side(text), text)
    return replace(PROOF, violations=(violation,), blurs=(Blur(text, text, PORTS, (text,)),))


def enumerated() -> set[str]:
    """Return every format of every enumeration of formats in the program."""
    packages = (cli, report)
    modules = [
        each.name for package in packages for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    found = [value for name in modules for value in vars(importlib.import_module(name)).values()]
    enums = [
        each
        for each in found
        if isinstance(each, type) and issubclass(each, StrEnum) and each.__name__.endswith("Format")
    ]
    assert {Format, ChangeFormat} <= set(enums)
    return {form.value for each in enums for form in each}


def test_every_format_is_tried() -> None:
    assert enumerated() | {form for forms in verbs().values() for form in forms} == set(HARMLESS)


@attack
@pytest.mark.parametrize("form", [each for each in Format if each is not Format.HTML])
def test_a_listing_escapes_any_name(form: Format, text: str) -> None:
    parties = (text, f"{text}/{text}[Pod]", "b")

    listing = "".join(written(Connections(parties, [Block((text, "b"), parties[1:], PORTS)]), form))

    assert_harmless_in(form, listing)


@attack
@pytest.mark.parametrize("form", ChangeFormat)
def test_changes_escape_any_name(form: ChangeFormat, text: str) -> None:
    changes = [Change(text, "b", NO_PORTS, PORTS), Change("b", f"{text}[Pod]", PORTS, NO_PORTS)]

    assert_harmless_in(form, "".join(written_changes(changes, form)))


@attack
@pytest.mark.parametrize("form", AnswerFormat)
def test_an_explanation_escapes_any_name(form: AnswerFormat, text: str) -> None:
    verdict = Verdict(Layer.POD, text, f"{text}2", tcp(80), _side(text), _side(text))

    assert_harmless_in(form, explained([[verdict]], form))


@attack
@pytest.mark.parametrize("form", AnswerFormat)
def test_checked_stacks_escape_any_name(form: AnswerFormat, text: str) -> None:
    firewall = replace(FIREWALL, environment=replace(DEV, name=text))

    assert_harmless_in(form, checked([(firewall, disproved(text))], form))


@attack
def test_the_page_and_the_picture_escape_any_name(text: str) -> None:
    first, *others = SHOP.services
    named = {first.name: text}
    matrix = replace(
        SHOP,
        namespace=text,
        services=(replace(first, name=text, pods=((text, text),)), *others),
        flows=tuple(
            replace(each, source=named.get(each.source, each.source), target=named.get(each.target, each.target))
            for each in SHOP.flows
        ),
    )
    environment = replace(DEV, name=text)

    assert_harmless_in("html", page(SHOP, environment, disproved(text)))
    assert_harmless_in("svg", picture(matrix, environment))


@attack
def test_a_proof_a_preview_and_a_suspension_escape_any_name(text: str) -> None:
    change = Change(text, "b", NO_PORTS, PORTS)
    found = Impact(None, {text: (change,)}, (text,), (text,))

    for message in (proof_text(disproved(text)), *impact_warnings(found)):
        assert_lines(message)
    assert_lines(resuming_text([Suspension(text, datetime.fromtimestamp(NIGHT, UTC), text, text)]))


@attack
def test_escaped_text_stays_the_same(text: str) -> None:
    shown = escaped(text)

    assert shown.isprintable()
    assert escaped(shown) == shown
    assert escaped("플래시 티켓: <b> = 1 | `x`") == "플래시 티켓: <b> = 1 | `x`"
