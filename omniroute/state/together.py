"""Calls that come while there is other work to do are done together: one transaction for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from omniroute.errors import DatabaseAway
from omniroute.threads import cooperative

if TYPE_CHECKING:
    from gevent import Greenlet
    from gevent.event import AsyncResult

A = TypeVar("A")
R = TypeVar("R")

MOST = 32  # a turn
GATHER = 0.005  # seconds that the first of a turn waits for others at the most, while this process has other work


def tried(work: Callable[[], R | None], pauses: Iterable[float]) -> R | None:
    """What `work` returns, tried again after each pause while that is None. Where no loop runs it is tried once."""
    done = work()
    if done is None and cooperative():
        import gevent  # deferred: the command line does without, see threads.py

        for pause in pauses:
            gevent.sleep(pause)
            if (done := work()) is not None:
                break
    return done


class Together(Generic[A, R]):
    """`work` takes the arguments of several calls, in the order they came, and returns an answer for each.

    A turn begins once the loop has nothing else to do: a caller that is alone goes at once, and those who come while there is
    much to do share a transaction, which costs little more than one of them. One turn is under way at a time: on Postgres
    whoever waits there for a counter that another process holds has the others wait. A greenlet of its own does it, so that a
    caller who is told to stop takes nothing away from the others. Where no loop runs each call is done alone. A fault of one
    call is not the others' fault: those are done again, one by one, unless it was the database that is away.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[R]]) -> None:
        self._work = work
        self._waiting: deque[tuple[A, AsyncResult[R]]] = deque()
        self._worker: Greenlet[[], None] | None = None

    def __call__(self, asked: A) -> R:
        if not cooperative():
            return self._work([asked])[0]
        import gevent  # deferred: the command line does without, see threads.py
        from gevent.event import AsyncResult

        answer: AsyncResult[R] = AsyncResult()
        self._waiting.append((asked, answer))
        if self._worker is None:
            self._worker = gevent.spawn(self._run)
        told: Any = answer.get()
        done: R = told
        return done

    def _run(self) -> None:
        import gevent

        try:
            while self._waiting:
                gevent.with_timeout(GATHER, gevent.idle, timeout_value=None)
                self._answer([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
        finally:
            self._worker = None

    def _answer(self, turn: list[tuple[A, AsyncResult[R]]]) -> None:
        try:
            told = self._work([asked for asked, _ in turn])
        except Exception as exc:
            if len(turn) == 1 or isinstance(exc, DatabaseAway):
                for _, answer in turn:
                    answer.set_exception(exc)
            else:
                for each in turn:
                    self._answer([each])
        else:
            for (_, answer), one in zip(turn, told, strict=True):
                answer.set(one)
