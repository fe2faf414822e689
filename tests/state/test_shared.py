"""What every store promises, but for tickets (test_tickets.py). The times are arguments, so nothing here waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniroute.errors import DatabaseAway
from omniroute.limits.limit import Line
from omniroute.routing.health import FINE, Breaker, Condition, Mark, Place
from omniroute.state.conditions import OLD
from omniroute.state.shared import Change, Part, Settlement, SharedState
from tests.redis_server import RedisServer
from tests.state.stores import opened

NOW = 1_800_000_000.25
HERE = Place("connection", "c1")
THERE = Place("model", "c1", "vendor/model:free [1m] é中" + "x" * 5000)
COOLING = Condition(Mark("rate_limited", "Slow down é", NOW, NOW + 1.5, count=2))
OPEN = Condition(breaker=Breaker((NOW - 1, NOW), "server_error", "Bad gateway", NOW, NOW + 30, 1))


def becomes(condition: Condition) -> Change:
    return lambda _: condition


# Health -----------------------------------------------------------------------------------------------


def test_health_is_what_was_changed_last(shared: SharedState, other: SharedState) -> None:
    assert shared.read_health() == {} and shared.change_health({}) == {}
    assert shared.change_health({HERE: becomes(COOLING), THERE: becomes(OPEN)}) == {HERE: COOLING, THERE: OPEN}
    assert other.read_health() == {HERE: COOLING, THERE: OPEN}
    seen: list[Condition] = []

    def watched(condition: Condition) -> Condition:
        seen.append(condition)
        return FINE

    assert other.change_health({HERE: watched, Place("node", "new"): watched}) == {HERE: FINE, Place("node", "new"): FINE}
    assert seen == [COOLING, FINE]
    assert shared.read_health() == {THERE: OPEN}


def test_health_is_forgotten_by_place_or_whole(shared: SharedState, other: SharedState) -> None:
    shared.change_health(dict.fromkeys((HERE, THERE, Place("node", "n")), becomes(COOLING)))
    other.forget_health([THERE, Place("node", "never heard of")])
    assert shared.read_health().keys() == {HERE, Place("node", "n")}
    other.forget_health([])
    assert len(shared.read_health()) == 2
    other.forget_health()
    assert shared.read_health() == {}


def test_the_mark_moves_with_every_change_and_only_then(shared: SharedState, other: SharedState) -> None:
    shared.change_health({HERE: becomes(COOLING)})
    life, number = shared.health_mark()
    shared.change_health({HERE: becomes(COOLING), THERE: becomes(FINE)})
    assert other.health_mark() == (life, number)
    other.change_health({HERE: becomes(FINE)})
    assert shared.health_mark() == (life, number + 1)
    other.forget_health()
    assert shared.health_mark() == (life, number + 2)


# Turns ------------------------------------------------------------------------------------------------


def test_turns_are_counted_by_name(shared: SharedState, other: SharedState) -> None:
    assert (shared.next_turn("a"), shared.turn("a"), other.turn("a"), shared.turn("b"), other.next_turn("a")) == (0, 0, 1, 0, 2)
    assert (shared.turn("x" * 5000), other.turn("x" * 5000), other.turn("x" * 5001)) == (0, 1, 0)


# Holds ------------------------------------------------------------------------------------------------


def test_so_many_are_held_and_no_more(shared: SharedState, other: SharedState) -> None:
    first, second = shared.hold("c", 2, NOW, NOW + 30), other.hold("c", 2, NOW, NOW + 30)
    assert first and second and first != second
    assert shared.hold("c", 2, NOW, NOW + 30) is None
    assert shared.hold("d", 1, NOW, NOW + 30)
    assert other.held(["c", "d", "e"], NOW) == {"c": 2, "d": 1, "e": 0}
    other.let_go([first, "one:that never was"])
    other.let_go([])
    assert other.held(["c"], NOW) == {"c": 1}
    assert shared.hold("c", 2, NOW, NOW + 30)


def test_a_lease_ends_by_itself_unless_it_is_prolonged(shared: SharedState, other: SharedState) -> None:
    kept, left = shared.hold("c", 2, NOW, NOW + 30), shared.hold("c", 2, NOW, NOW + 30)
    assert kept and left
    other.prolong([kept], NOW + 60)
    other.prolong([], NOW + 60)
    assert shared.held(["c"], NOW + 29.9) == {"c": 2}
    assert shared.held(["c"], NOW + 30) == {"c": 1}
    assert other.hold("c", 2, NOW + 30, NOW + 90)
    assert other.hold("c", 2, NOW + 30, NOW + 90) is None
    shared.prolong([left], NOW + 120)  # too late: its place was taken
    assert shared.held(["c"], NOW + 31) == {"c": 2}


# Reports ----------------------------------------------------------------------------------------------


def test_the_last_report_of_each_worker_counts_until_it_lapses(shared: SharedState, other: SharedState) -> None:
    shared.report("w1", {"in_flight": {"c1": 1}}, NOW + 15)
    shared.report("w1", {"in_flight": {"c1": 2}, "é": [1.5, None]}, NOW + 20)
    other.report("w2", {}, NOW + 15)
    assert other.reports(NOW) == {"w1": {"in_flight": {"c1": 2}, "é": [1.5, None]}, "w2": {}}
    assert shared.reports(NOW + 15).keys() == {"w1"}
    other.forget_report("w1")
    other.forget_report("w1")
    assert shared.reports(NOW).keys() == {"w2"}


# Housekeeping -----------------------------------------------------------------------------------------


def test_sweeping_deletes_what_nobody_asks_for_any_more(shared: SharedState) -> None:
    shared.change_health({HERE: becomes(COOLING), THERE: becomes(OPEN)})
    hold = shared.hold("c", 1, NOW, NOW + 30)
    shared.report("w1", {"a": 1}, NOW + 15)
    shared.report("w2", {"a": 1}, NOW + OLD + 60)
    shared.sweep(NOW + OLD)
    assert shared.read_health().keys() == {HERE, THERE}
    shared.sweep(NOW + OLD + 1.5)
    assert shared.read_health() == {THERE: OPEN}
    assert shared.reports(NOW + OLD + 1.5).keys() == {"w2"}
    assert hold and shared.held(["c"], 0) == {"c": 0}


# Away -------------------------------------------------------------------------------------------------


def every_method(store: SharedState) -> None:
    for use in (
        lambda: store.read_health(),
        lambda: store.change_health({HERE: becomes(COOLING)}),
        lambda: store.forget_health(),
        lambda: store.health_mark(),
        lambda: store.turn("a"),
        lambda: store.next_turn("a"),
        lambda: store.hold("a", 1, NOW, NOW + 1),
        lambda: store.prolong(["token:a"], NOW),
        lambda: store.let_go(["token:a"]),
        lambda: store.held(["a"], NOW),
        lambda: store.reserve("t", [Line("a", 0, 0, 1, 1, NOW)], {}, NOW, NOW + 1),
        lambda: store.release("t", ["a"]),
        lambda: store.settle([Settlement("t", ())]),
        lambda: store.spend([Part("a", 0, 1, NOW)]),
        lambda: store.keep(["t"], NOW),
        lambda: store.lapsed(NOW, 1),
        lambda: store.counted([("a", 0)]),
        lambda: store.recount("a", {}, NOW),
        lambda: store.forget_counters("a"),
        lambda: store.report("w", {}, NOW),
        lambda: store.reports(NOW),
        lambda: store.forget_report("w"),
        lambda: store.sweep(NOW),
    ):
        with pytest.raises(DatabaseAway):
            use()


def test_redis_away_and_back(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store:
        assert store.turn("a") == 0
        redis_server.stop()
        every_method(store)
        with pytest.raises(DatabaseAway, match=r"^Redis can't be used right now \(ConnectionError\)"):
            store.turn("a")
        redis_server.start()
        assert store.turn("a") == 0  # it kept nothing


def test_another_life_of_redis_shows_in_the_mark(redis_server: RedisServer) -> None:
    with opened(redis_server.url) as store:
        assert store.health_mark() == ("", 0)
        store.change_health({HERE: becomes(COOLING)})
        first, _ = store.health_mark()
        redis_server.empty()
        assert store.health_mark() == ("", 0)
        store.change_health({HERE: becomes(COOLING)})
        assert store.health_mark()[0] not in ("", first)


@pytest.mark.parametrize("content", [None, b"this is no database at all" * 100])
def test_a_database_that_is_gone_or_broken(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("omniroute.db" if content else "nowhere/omniroute.db")
    if content:
        path.write_bytes(content)
    with opened(f"sqlite:///{path}") as store:
        every_method(store)


def test_everything_of_redis_that_lapses_goes_away_by_itself(redis_server: RedisServer) -> None:
    from redis import Redis

    with opened(redis_server.url) as store, Redis.from_url(redis_server.url) as client:
        store.hold("c", 1, NOW, NOW + 30)
        store.report("w", {}, NOW + 15)
        assert 80_000 < client.ttl("omniroute:holds:c") <= 86_400
        assert 80_000 < client.ttl("omniroute:reports") <= 86_400
        assert all(key.startswith(b"omniroute:") for key in client.scan_iter())
