"""A clock that is set back: what was stored before lies ahead of now, and must hold nothing until that time comes round again."""

from __future__ import annotations

import pytest

from omniroute.accounts.operations import ADMIN
from omniroute.clock import AHEAD, LONGEST_LEASE
from omniroute.errors import Throttled
from omniroute.limits.limit import MINUTE, Budget, Limit, budget_limit
from omniroute.limits.windows import Level
from omniroute.models.access import AdminRow
from omniroute.routing.health import Breaker, Condition, Mark, after_success
from omniroute.security.sessions import Sessions
from omniroute.security.throttle import LoginThrottle
from omniroute.state.conditions import outdated
from omniroute.state.shared import SharedState
from omniroute.state.tally import Tally
from omniroute.usage.jobs import LEASE, TRY, Jobs, Task
from omniroute.usage.journal import Journal
from omniroute.usage.recovery import Recovery
from tests.parts import HandClock, Parts

NOW = 1_800_000_000.25
HOUR, YEAR = 3600.0, 366 * 86_400.0
BACK = {"an hour": HOUR, "a year": YEAR}
RATE = Limit("requests per minute", "key:k:rate", "requests", 3, MINUTE)
PLACES = Limit("concurrent requests", "key:k:places", "concurrent", 3, Level())
SKETCH = {"at": NOW, "kind": "interrupted", "status": 0, "usage_source": "estimated", "units": {PLACES.counter: "concurrent"}}
BUDGET = budget_limit("k", Budget("day", "tokens", 3))


class SetClock(HandClock):
    """`move` is time that goes by; `set` changes what the clock on the wall says."""

    def __init__(self) -> None:
        super().__init__()
        self.off = 0.0

    def now(self) -> float:
        return self.at + self.off

    def set(self, seconds: float) -> None:
        self.off += seconds


@pytest.fixture(params=BACK.values(), ids=BACK.keys())
def back(request: pytest.FixtureRequest) -> float:
    return float(request.param)


def test_holds_of_the_dead_do_not_stay(shared: SharedState, other: SharedState, back: float) -> None:
    assert shared.hold("place", 1, NOW, NOW + 30)
    assert other.hold("place", 1, NOW, NOW + 30) is None
    assert other.held(["place"], NOW - back) == {"place": 0}
    assert other.hold("place", 1, NOW - back, NOW - back + 30)
    assert shared.hold("place", 1, NOW - back + 1, NOW - back + 31) is None, "one place is one place"


def test_machines_may_differ_a_little(shared: SharedState, other: SharedState) -> None:
    assert shared.hold("place", 1, NOW + AHEAD / 2, NOW + AHEAD / 2 + 30)
    assert other.hold("place", 1, NOW, NOW + 30) is None


def test_reports_of_the_dead_do_not_stay(shared: SharedState, back: float) -> None:
    shared.report("dead", {"in_flight": {"c": 7}}, NOW + 15)
    assert shared.reports(NOW) and not shared.reports(NOW - back)
    shared.sweep(NOW - back)
    assert not shared.reports(NOW)


def test_tickets_of_the_dead_lapse_and_those_of_the_living_are_kept(shared: SharedState, back: float) -> None:
    for ticket in ("dead", "alive"):
        assert shared.reserve(ticket, [PLACES.line(1, NOW)], {}, NOW, NOW + 60).refused is None
    then = NOW - back
    shared.keep(["alive"], then + 60)
    assert [each.ticket for each in shared.lapsed(then - 15, 10, then + LONGEST_LEASE)] == ["dead"]
    assert [each.ticket for each in shared.lapsed(then + 61, 10, then + LONGEST_LEASE)] == ["alive", "dead"]


@pytest.mark.parametrize("limit", [RATE, BUDGET], ids=["a minute", "a day"])
def test_what_was_spent_ahead_refuses_nobody_now(shared: SharedState, limit: Limit) -> None:
    assert shared.reserve("before", [limit.line(3, NOW)], {}, NOW, NOW + 60).refused is None
    told = shared.reserve("at once", [limit.line(1, NOW)], {}, NOW, NOW + 60)
    assert told.refused == 0 and told.blocking is not None
    then = NOW - YEAR
    assert shared.reserve("then", [limit.line(1, then)], {}, then, then + 60) == (None, (0,), None)
    since = limit.window.span(then).since
    assert shared.counted([(limit.counter, since)], int(then + AHEAD)) == {limit.counter: (0, 1)}
    assert shared.reserve("put right", [limit.line(1, NOW)], {}, NOW, NOW + 60).refused == 0, "what was spent stays spent"


def test_marks_and_breakers_ahead_are_over(back: float) -> None:
    mark, breaker = Mark("rate_limited", "", NOW, NOW + 900, stated=True), Breaker((), "down", "", NOW, NOW + 300, 1)
    then = NOW - back
    assert mark.active(NOW) and not mark.active(then)
    assert (breaker.state(NOW), breaker.state(then)) == ("open", "half-open")
    known = Condition(mark, breaker)
    assert after_success(known, then, then + 1).fine, "who answers now is well"
    assert after_success(known, NOW - 1, NOW + 1) == known, "what was learned meanwhile stays"
    assert outdated(known, then) and not outdated(known, NOW)


def test_somebody_leads_after_the_leader_is_gone(shared: SharedState, other: SharedState, back: float) -> None:
    clock, done = SetClock(), list[str]()
    gone, mine = (
        Jobs(store, clock, [Task("t", 1.0, lambda n=n: done.append(n))]) for n, store in (("gone", shared), ("mine", other))
    )  # type: ignore[misc]  # mypy can't infer a default
    gone.look()
    mine.look()
    assert done == ["gone"]
    clock.set(-back)
    for _ in range(int(LEASE + TRY) + 2):
        clock.move(1)
        mine.look()
    assert "mine" in done


def test_a_leader_goes_on(shared: SharedState, back: float) -> None:
    clock, done = SetClock(), list[float]()
    leader = Jobs(shared, clock, [Task("t", 1.0, lambda: done.append(clock.at))])
    for step in (0.0, -back, 2 * back):
        clock.set(step)
        for _ in range(30):
            clock.move(1)
            leader.look()
    assert len(done) >= 85


def test_who_guesses_passwords_waits_no_longer(parts: Parts, back: float) -> None:
    throttle = LoginThrottle(parts.database, parts.clock)

    def refused() -> bool:
        try:
            throttle.admit("192.0.2.1", "admin")
        except Throttled:
            return True
        return False

    while not refused():
        pass
    parts.clock.move(-back)
    assert not refused()


def test_a_session_ahead_is_over(parts: Parts, back: float) -> None:
    admin = AdminRow(id=ADMIN, password_hash="x", created_at=1, password_changed_at=1)
    parts.database.write(lambda session: session.add(admin))
    sessions = Sessions(parts.database, parts.clock)
    token = parts.database.write(lambda session: sessions.start(session, ADMIN, "192.0.2.1", "test"))
    assert sessions.find(token) is not None
    parts.clock.move(-back)
    assert sessions.find(token) is None and sessions.all() == ()


def test_what_a_worker_counts_stays_small(back: float) -> None:
    tally, key = Tally(), ("c", "m")
    tally.begin(key, NOW)
    for second in range(500):
        tally.begin(key, NOW - back + second)
    ((*_, count, samples),) = tally.document(NOW - back + 499)["candidates"]
    assert (count, samples) == (60, [])


@pytest.mark.parametrize("step", [-YEAR, YEAR], ids=["back", "on"])
def test_the_living_may_move_their_leases_before_anybody_is_taken_for_dead(parts: Parts, step: float) -> None:
    clock, written = SetClock(), list[str]()
    journal = Journal(parts.database, parts.shared, written.extend, lambda bodies: lambda session: None)
    recovery = Recovery(parts.database, parts.shared, journal, clock)
    for ticket in ("alive", "dead"):
        parts.shared.reserve(ticket, [PLACES.line(1, clock.now())], SKETCH | {"id": ticket}, clock.now(), clock.now() + 60)
    recovery.recover()
    clock.set(step)
    recovery.recover()
    assert written == []
    for _ in range(10):
        clock.move(10)
        parts.shared.keep(["alive"], clock.now() + 60)
        recovery.recover()
    assert written == ["dead"]
