"""Several threads ask the same questions side by side, and each is asked once."""

import threading
from itertools import count

import pytest

from flash_ticket.firewall.terms.input_error import InputError
from flash_ticket.live.asking.answers import Answers, ask_ahead

REFUSED = InputError("AWS", "ec2", "it cannot be reached", "Check the network")


def test_a_question_is_asked_once() -> None:
    answers, numbers = Answers(), count(1)

    assert [answers.once("vpcs", lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]
    assert answers.once("subnets", lambda: next(numbers)) == 2


def test_the_program_waits_for_the_answer_to_what_is_asked_ahead() -> None:
    answers, begun, may_answer = Answers(), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        may_answer.wait()
        return "slow"

    ask_ahead([lambda: answers.once("vpcs", slow)])
    begun.wait()
    threading.Timer(0.01, may_answer.set).start()

    assert answers.once("vpcs", lambda: "asked twice") == "slow"


def test_an_error_ahead_comes_when_the_program_asks_and_is_reported_once() -> None:
    answers, failed = Answers(), threading.Event()

    def refused() -> str:
        raise REFUSED

    def ahead() -> None:
        try:
            answers.once("vpcs", refused)
        finally:
            failed.set()

    ask_ahead([ahead])
    failed.wait()

    with pytest.raises(InputError, match="cannot be reached"):
        answers.once("vpcs", lambda: "asked twice")
    assert answers.once("vpcs", lambda: "asked again") == "asked again"


def test_an_error_of_the_program_itself_is_not_remembered() -> None:
    answers = Answers()

    def refused() -> str:
        raise REFUSED

    with pytest.raises(InputError, match="cannot be reached"):
        answers.once("vpcs", refused)
    assert answers.once("vpcs", lambda: "asked again") == "asked again"
