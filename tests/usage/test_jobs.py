from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from omniroute.errors import DatabaseAway
from omniroute.models.db import Database
from omniroute.state.shared import SharedState
from omniroute.state.sql import SqlState
from omniroute.usage.jobs import LEASE, SOON, TRY, Jobs, Task
from tests.parts import HandClock


@dataclass
class Work:
    """Notes each time that it is done; `then` is what it does besides."""

    clock: HandClock
    then: Callable[[], bool | None] = lambda: None
    at: list[float] = field(default_factory=list)

    def __call__(self) -> bool | None:
        self.at.append(self.clock.now())
        return self.then()

    @property
    def times(self) -> int:
        return len(self.at)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def jobs(shared: SharedState, clock: HandClock, *works: Work, every: float = 60.0) -> Jobs:
    return Jobs(shared, clock, [Task(f"task {n}", every, work) for n, work in enumerate(works)])


def test_each_is_done_at_once_and_then_at_its_time(shared: SharedState, clock: HandClock) -> None:
    work = Work(clock)
    mine = jobs(shared, clock, work)
    for _ in range(130):
        mine.look()
        clock.move(1)
    assert [at - work.at[0] for at in work.at] == [0, 60, 120]


def test_one_of_two_does_it_until_it_closes(shared: SharedState, other: SharedState, clock: HandClock) -> None:
    first, second = Work(clock), Work(clock)
    mine, theirs = jobs(shared, clock, first, every=1), jobs(other, clock, second, every=1)
    for _ in range(100):
        mine.look()
        theirs.look()
        clock.move(1)
    assert (first.times, second.times) == (100, 0)
    mine.close()
    clock.move(TRY)
    theirs.look()
    assert second.times == 1


def test_when_it_is_killed_the_other_takes_over(shared: SharedState, other: SharedState, clock: HandClock) -> None:
    first, second = Work(clock), Work(clock)
    mine, theirs = jobs(shared, clock, first), jobs(other, clock, second)
    mine.look()
    waited = 0
    while not second.times:
        theirs.look()
        clock.move(1)
        waited += 1
    assert LEASE <= waited <= LEASE + TRY + 1


def test_who_was_away_too_long_has_lost_the_lease(shared: SharedState, other: SharedState, clock: HandClock) -> None:
    first, second = Work(clock), Work(clock)
    mine, theirs = jobs(shared, clock, first, every=1), jobs(other, clock, second, every=1)
    mine.look()
    clock.move(LEASE + 1)  # it was suspended
    theirs.look()
    mine.look()
    assert (first.times, second.times) == (1, 1)


def test_what_left_something_goes_on_soon(shared: SharedState, clock: HandClock) -> None:
    left = [False, False, True]
    work = Work(clock, lambda: left.pop(0) if left else None)
    mine = jobs(shared, clock, work)
    for _ in range(100):
        mine.look()
        clock.move(1)
    assert [at - work.at[0] for at in work.at] == [0, SOON, 2 * SOON, 2 * SOON + 60]


def test_what_fails_is_logged_and_tried_again(shared: SharedState, clock: HandClock, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> bool | None:
        raise ValueError("a mistake of ours")

    failing, fine = Work(clock, fail), Work(clock)
    mine = jobs(shared, clock, failing, fine)
    mine.look()
    clock.move(SOON)
    mine.look()
    assert (failing.times, fine.times) == (2, 1)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(logging.ERROR, "the task task 0 failed")] * 2


def test_without_the_database_it_is_quiet(shared: SharedState, clock: HandClock, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> bool | None:
        raise DatabaseAway("nobody there")

    work = Work(clock, away)
    mine = jobs(shared, clock, work)
    mine.look()
    clock.move(SOON)
    mine.look()
    assert work.times == 2 and not caplog.records


def test_without_the_store_nobody_does_anything(clock: HandClock) -> None:
    work = Work(clock)
    nowhere = Database("postgresql+psycopg://someone@127.0.0.1:1/none")
    mine = jobs(SqlState(nowhere), clock, work)
    mine.look()
    mine.close()
    nowhere.close()
    assert work.times == 0


def test_it_runs_until_it_is_stopped(shared: SharedState, other: SharedState, clock: HandClock) -> None:
    begun = threading.Event()

    class Slow(HandClock):
        def sleep(self, seconds: float) -> None:
            begun.wait(30)

    work = Work(clock)
    mine = jobs(shared, Slow(), work)
    running = threading.Thread(target=mine.run)
    running.start()
    mine.stop()
    begun.set()
    running.join(30)
    assert not running.is_alive() and work.times <= 1
    after = Work(clock)
    jobs(other, clock, after).look()
    assert after.times == 1  # it has let go
