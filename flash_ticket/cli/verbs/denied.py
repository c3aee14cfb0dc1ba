"""``flash-firewall denied``: which connections were denied, by which layer, why, and whether they are declared."""

import gc
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from flash_ticket.cli.exit_status import ExitStatus, ends_in_status
from flash_ticket.cli.options import HERE, Project, Stack
from flash_ticket.cli.recorded_traffic import (
    Engine,
    EngineChoice,
    FollowedTraffic,
    InventoryFiles,
    Since,
    Sources,
    recorded_traffic,
    refuse_to_follow,
)
from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.report.json_form import AnswerFormat
from flash_ticket.report.traffic.denied import (
    log_note,
    malformed_note,
    written_denial,
    written_denied,
    written_refusal,
)
from flash_ticket.traffic.attribution.totals import NewlyMalformed, NewlyNoted
from flash_ticket.traffic.denials.denied import News, Question
from flash_ticket.traffic.denials.denied import denied as denied_in


@ends_in_status
def denied(  # noqa: PLR0913, PLR0917 - each is an option of the command
    sources: Sources = None,
    stack: Stack = None,
    since: Since = None,
    service: Annotated[str | None, typer.Option("--service", help="Only connections from or to this service.")] = None,
    inventories: InventoryFiles = None,
    engine: EngineChoice = Engine.DUCKDB,
    audit: Annotated[bool, typer.Option("--audit", help="What Cilium's audit mode lets pass, and would deny.")] = False,  # noqa: FBT002 - a flag of the command
    follow: Annotated[bool, typer.Option("--follow", help="Keep running, and print what is new until Ctrl-C.")] = False,  # noqa: FBT002 - a flag of the command
    project: Project = HERE,
    output: Annotated[
        AnswerFormat, typer.Option(help="The output format. With --follow, json prints one object per line.")
    ] = AnswerFormat.TXT,
) -> ExitStatus:
    """List the connections that were denied, and why. Exits 1 if a declared connection was denied, 0 if none was."""
    question = Question.AUDITED if audit else Question.DENIED
    if follow:
        refuse_to_follow(sources, engine)
        return _followed(FollowedTraffic(project, stack, sources, inventories), since, service, question, output)
    traffic = recorded_traffic(project, stack, sources, since, inventories, engine)
    found = denied_in(traffic, service, question)
    sys.stdout.write(written_denied(found, traffic, output))
    return ExitStatus.HOLDS if found.holds else ExitStatus.VIOLATED


_LATE = "15m"
"""How far back each look reads: flow logs arrive after about 10 minutes (VPC User Guide, "Flow log basics")."""

_PAUSE = 1.0
"""Seconds between two looks: with the time of a look itself, a denial is printed within two seconds of its line."""

_PAUSE_AFTER_FAILURE = 10.0


def _followed(
    traffic: FollowedTraffic, since: str | None, service: str | None, question: Question, output: AnswerFormat
) -> ExitStatus:

    status, first, news, malformed, noted = ExitStatus.HOLDS, True, News(), NewlyMalformed(), NewlyNoted()

    def look() -> None:
        nonlocal status, first
        read = traffic.read((since or _LATE) if first else _LATE)
        first = False
        found = denied_in(read, service, question)
        if not found.holds:
            status = ExitStatus.VIOLATED  # before the reader sees why, and interrupts
        for each in news.of(found):
            sys.stdout.write(written_denial(each, output))
        for refusal in news.names_of(found):
            sys.stdout.write(written_refusal(refusal, output))
        for total in malformed.of(read.totals):
            sys.stderr.write(malformed_note(total))
        for total, note in noted.of(read.totals):
            sys.stderr.write(log_note(total, note))

    follow(look, _PAUSE)
    return status


def follow(look: Callable[[], None], pause: float) -> None:
    """Look, pause, and look again, until the user interrupts. If a look after the first one fails, report it and go on.

    Args:
        look: Prints what is new.
        pause: Seconds between the end of a look and the next one. After a look that takes longer, the pause is as long
            as that look, so that a large log takes no more than half of the time. The first look does not count.

    Raises:
        InputError: The first look failed.
    """
    gc.enable()  # this runs for days: without collection, memory would grow
    try:
        look()
        wait = pause  # the first look reads further back, and waits for cluster and account
        while True:
            sys.stdout.flush()
            time.sleep(wait)
            try:
                wait = _timed(look, pause)
            except InputError as error:
                wait = _PAUSE_AFTER_FAILURE
                sys.stderr.write(f"note: {error} Looking again in {wait:g} s.\n")
    except KeyboardInterrupt:
        return


def _timed(look: Callable[[], None], pause: float) -> float:
    """Look, and return how many seconds to pause after that."""
    begun = time.monotonic()
    look()
    return max(pause, time.monotonic() - begun)
