"""What to do next follows from the answers: the most urgent first, at most three, always with a command that exists."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flash_ticket.firewall.declare.suspensions import NONE_SUSPENDED, Suspension, Suspensions
from flash_ticket.report.night.next_steps import MOST_STEPS, Reason, next_steps
from flash_ticket.report.night.night import Asked, Night, NoAnswer
from flash_ticket.verify.finding import Finding, FindingKind
from flash_ticket.verify.verification import Verification

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
AS_DECLARED = Verification("dev", NOW.timestamp(), (), (), ())
QUIET = Night(
    "acme/shop/dev",
    "flash-ticket",
    NOW.timestamp(),
    None,
    "1h",
    Asked(None),
    Asked(AS_DECLARED),
    Asked(()),
    NONE_SUSPENDED,
)


def test_a_quiet_night_needs_nothing() -> None:
    assert [each.reason for each in next_steps(QUIET)] == [Reason.NOTHING]
    assert QUIET.holds


def test_drift_is_answered_with_the_remedy_of_the_most_urgent_finding() -> None:
    findings = tuple(Finding(f"policy {n}", "gone", f"remedy {n}", "it cuts", FindingKind.MISSING) for n in range(2))
    night = replace(QUIET, verification=Asked(replace(AS_DECLARED, findings=findings)))

    (step,) = next_steps(night)

    assert (step.reason, step.about) == (Reason.DRIFT, "2")
    assert step.command == findings[0].remedy
    assert not night.holds


def test_an_overdue_suspension_is_closed_by_name_in_the_named_stack() -> None:
    listed = (
        Suspension("04 odd", NOW - timedelta(hours=1), "why", "me"),
        Suspension("05", NOW + timedelta(1), "why", "me"),
    )
    night = replace(QUIET, suspensions=Suspensions(listed, NOW))

    (step,) = next_steps(night)

    assert step.command == "flash-firewall resume '04 odd' --stack acme/shop/dev"
    assert not night.holds


def test_an_answer_that_is_missing_is_a_reason_to_look() -> None:
    night = replace(QUIET, versions=Asked(None, NoAnswer("no pulumi")))

    assert [each.reason for each in next_steps(night)] == [Reason.ASK_AGAIN]
    assert not night.holds


def test_there_are_at_most_three_steps() -> None:
    listed = tuple(Suspension(f"0{n}", NOW - timedelta(hours=1), "why", "me") for n in range(5))
    assert len(next_steps(replace(QUIET, suspensions=Suspensions(listed, NOW)))) == MOST_STEPS
