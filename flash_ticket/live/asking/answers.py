"""Remembers answers, so that several threads may ask the same questions side by side, and each is asked once."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one API. An error is kept for one question: the next one asks the API again."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, Future[Any]] = field(default_factory=dict)

    def once(self, question: str, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to a question: the remembered one, the one that another thread waits for, or a new one.

        Args:
            question: The whole question, as text.
            ask: Asks it. Its error goes to the threads that wait for the answer.
        """
        with self._lock:
            known = self._known.get(question)
            mine = self._known.setdefault(question, Future())
        if known is not None:
            if known.exception():
                self._forget(question, known)
            answer: Answer = known.result()
            return answer
        try:
            answer = ask()
        except BaseException as error:
            mine.set_exception(error)
            if not isinstance(threading.current_thread(), _Ahead):
                self._forget(question, mine)
            raise
        mine.set_result(answer)
        return answer

    def _forget(self, question: str, answer: Future[Any]) -> None:
        with self._lock:
            if self._known.get(question) is answer:
                del self._known[question]


def ask_ahead(questions: Iterable[Callable[[], object]]) -> None:
    """Ask questions side by side, each in its own thread, and return at once.

    Answers and errors wait in the `Answers` until the program asks, too. So errors come in the program's order, as if
    nothing was asked ahead. A program that ends does not wait for the threads.
    """
    for question in questions:
        _Ahead(question).start()


class _Ahead(threading.Thread):
    """Asks a question whose error matters only when the program asks, too."""

    def __init__(self, question: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._question = question

    def run(self) -> None:
        with contextlib.suppress(Exception):
            self._question()
