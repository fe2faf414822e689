"""What boards of several workers know of quotas: told by upstreams, and set by the operator and counted in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omniroute.errors import VaultError
from omniroute.limits.limit import ConnectionQuota, Limit, quota_limit
from omniroute.limits.upstream import KEPT, Learned
from omniroute.routing.candidates import Quota
from omniroute.state.health import REPORT, HealthBoard
from omniroute.state.quotas import Declared, quota_of
from omniroute.state.shared import Part, SharedState
from tests.parts import START, HandClock
from tests.redis_server import RedisServer
from tests.state.stores import opened

DAILY = ConnectionQuota("tokens", 1000, "day")
ROLLING = ConnectionQuota("requests", 10, "5h", "rolling")
MIDNIGHT = (START // 86_400 + 1) * 86_400
PART = 300  # seconds of a part of five rolling hours


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def set_by_operator() -> dict[str, ConnectionQuota]:
    """May be changed by the test: it is the configuration."""
    return {"c1": DAILY}


@pytest.fixture
def board(shared: SharedState, clock: HandClock, set_by_operator: dict[str, ConnectionQuota]) -> HealthBoard:
    return HealthBoard(clock, shared, "w1", quotas=set_by_operator.items)


@pytest.fixture
def beside(other: SharedState, clock: HandClock, set_by_operator: dict[str, ConnectionQuota]) -> HealthBoard:
    """Another worker's."""
    return HealthBoard(clock, other, "w2", quotas=set_by_operator.items)


def window(name: str, left: float, resets_in: float | None = None, seconds: int | None = None, at: float = START) -> Learned:
    return Learned(name, None, None, left, None if resets_in is None else at + resets_in, at, seconds)


def spend(store: SharedState, limit: Limit, amount: int, at: float) -> None:
    line = limit.line(amount, at)
    store.spend([Part(line.counter, line.bucket, line.amount, line.expires)])


def reserve(store: SharedState, limit: Limit, amount: int, at: float) -> None:
    assert store.reserve(f"ticket {amount}", [limit.line(amount, at)], {}, at, at + 60).refused is None


# Told by upstreams ------------------------------------------------------------------------------------


def test_what_an_upstream_told_one_worker_all_know_after_a_tick(
    board: HealthBoard, beside: HealthBoard, clock: HandClock
) -> None:
    board.told("c9", (window("5h", 0.25, 3600, 18_000), window("requests", 0.9, 30)))
    assert board.quota("c9") == Quota(0.25, START + 3600) and beside.quota("c9") is None
    board.tick()
    beside.tick()
    assert beside.learned("c9") == board.learned("c9") and len(beside.learned("c9")) == 2
    assert beside.quota("c9") == Quota(0.25, START + 3600)
    clock.move(5)
    beside.told("c9", (window("5h", 0.2, 3595, 18_000, clock.now()),))
    beside.tick()
    board.tick()
    assert board.quota("c9") == Quota(0.2, START + 3600)
    clock.move(3595)
    assert board.learned("c9") == beside.learned("c9") == () and board.quota("c9") is None


def test_a_worker_that_ends_takes_nothing_along(
    board: HealthBoard, beside: HealthBoard, shared: SharedState, clock: HandClock
) -> None:
    board.told("c9", (window("tokens", 0.5),))
    board.tick()
    beside.tick()
    board.close()
    clock.move(REPORT + 1)
    beside.tick()
    again = HealthBoard(clock, shared, "w3")
    again.tick()
    assert again.learned("c9") == (window("tokens", 0.5),)
    clock.move(KEPT)
    again.tick()
    assert again.learned("c9") == ()


def test_a_board_by_itself_knows_what_it_was_told(clock: HandClock) -> None:
    board = HealthBoard(clock, quotas=lambda: [("c1", DAILY)])
    board.told("c1", ())
    board.tick()
    assert board.quota("c1") is None and board.declared("c1") is None
    board.told("c1", (window("requests", 0.0, 9),))
    assert board.quota("c1") == Quota(0.0)


# Set by the operator ----------------------------------------------------------------------------------


def test_a_quota_is_counted_over_all_workers(
    board: HealthBoard, beside: HealthBoard, shared: SharedState, other: SharedState, clock: HandClock
) -> None:
    limit = quota_limit("c1", DAILY)
    assert board.quota("c1") is None
    board.tick()
    assert board.quota("c1") == Quota(1.0, MIDNIGHT)
    spend(shared, limit, 300, START)
    spend(other, limit, 200, START - 86_400)  # yesterday's
    reserve(other, limit, 200, START)
    board.tick()
    assert board.quota("c1") == Quota(1.0, MIDNIGHT)  # it has looked within this second
    clock.move(1)
    for each in (board, beside):
        each.tick()
        assert each.declared("c1") == Declared(1000, 300, 200, MIDNIGHT, None)
        assert each.quota("c1") == Quota(0.5, MIDNIGHT)


def test_one_that_is_used_up_is_over_until_its_window_ends(board: HealthBoard, shared: SharedState, clock: HandClock) -> None:
    spend(shared, quota_limit("c1", DAILY), 1700, START)
    board.tick()
    assert board.quota("c1") == Quota(0.0, MIDNIGHT, MIDNIGHT)
    clock.at = MIDNIGHT
    board.tick()
    assert board.quota("c1") == Quota(1.0, MIDNIGHT + 86_400)


def test_what_is_only_reserved_may_soon_come_back(board: HealthBoard, shared: SharedState) -> None:
    spend(shared, quota_limit("c1", DAILY), 900, START)
    reserve(shared, quota_limit("c1", DAILY), 100, START)
    board.tick()
    assert board.quota("c1") == Quota(0.0, MIDNIGHT, START + 1)


def test_a_rolling_quota_has_no_reset_and_is_looked_at_again_when_its_oldest_part_goes(
    board: HealthBoard, shared: SharedState, clock: HandClock, set_by_operator: dict[str, ConnectionQuota]
) -> None:
    set_by_operator["c1"] = ROLLING
    clock.at = begins = START // PART * PART
    limit = quota_limit("c1", ROLLING)
    spend(shared, limit, 4, begins)
    board.tick()
    assert board.quota("c1") == Quota(0.6)
    clock.move(PART + 10)
    spend(shared, limit, 6, clock.now())
    board.tick()
    assert board.quota("c1") == Quota(0.0, None, begins + 2 * PART)
    clock.at = begins + 5 * 3600 + PART
    board.tick()
    assert board.quota("c1") == Quota(0.4)


def test_the_scarcest_of_all_counts(
    board: HealthBoard, shared: SharedState, clock: HandClock, set_by_operator: dict[str, ConnectionQuota]
) -> None:
    set_by_operator["c2"] = replace(DAILY, limit=0)
    spend(shared, quota_limit("c1", DAILY), 500, START)
    board.tick()
    board.told("c1", (window("7d", 0.7, 90_000, 604_800), window("5h", 0.3, 60, 18_000), window("tokens", 0.1, 7)))
    assert board.quota("c1") == Quota(0.1, START + 60)
    clock.move(7)
    assert board.quota("c1") == Quota(0.3, START + 60)
    clock.move(53)
    assert board.quota("c1") == Quota(0.5, MIDNIGHT)
    assert board.quota("c2") == Quota(0.0, MIDNIGHT, MIDNIGHT)  # a limit of nothing lets nothing through


def test_a_quota_that_the_operator_takes_away_is_gone(
    board: HealthBoard, clock: HandClock, set_by_operator: dict[str, ConnectionQuota]
) -> None:
    board.tick()
    set_by_operator.clear()
    clock.move(1)
    board.tick()
    assert board.quota("c1") is None and board.declared("c1") is None


def test_without_a_configuration_health_goes_on(shared: SharedState, other: SharedState, clock: HandClock) -> None:
    def listed() -> list[tuple[str, ConnectionQuota]]:
        raise VaultError("A stored header can't be opened.")

    board, beside = HealthBoard(clock, shared, "w1", quotas=listed), HealthBoard(clock, other, "w2")
    board.told("c9", (window("tokens", 0.5),))
    board.tick()
    beside.tick()
    assert len(beside.learned("c9")) == 1 and board.quota("c1") is None


def test_while_the_store_is_away_what_was_known_stays(redis_server: RedisServer, clock: HandClock) -> None:
    with opened(redis_server.url) as store:
        board = HealthBoard(clock, store, "w1", quotas=lambda: [("c1", DAILY)])
        spend(store, quota_limit("c1", DAILY), 500, START)
        board.tick()
        redis_server.stop()
        clock.move(30)
        board.tick()
        assert board.away_since is not None and board.quota("c1") == Quota(0.5, MIDNIGHT)
        redis_server.start()  # empty
        board.tick()
        assert board.quota("c1") == Quota(1.0, MIDNIGHT)


# What routing goes by ---------------------------------------------------------------------------------


def test_a_rate_holds_back_but_draws_nothing() -> None:
    assert quota_of((), None) is None
    assert quota_of((window("requests per minute", 0.2, 10, 60),), None) == Quota(0.2)
    assert quota_of((window("requests per minute", 0.2, 10, 60), window("5h", 0.9, 600, 18_000)), None) == Quota(0.2, START + 600)
    assert quota_of((window("tokens per month", 0.9),), None) == Quota(0.9)


def test_the_reset_is_that_of_the_scarcest_that_lasts() -> None:
    told = (window("5h", 0.9, 600, 18_000), window("7d", 0.4, 90_000, 604_800))
    assert quota_of(told, None) == Quota(0.4, START + 90_000)
    assert quota_of(told, Declared(100, 75, 0, START + 7, None)) == Quota(0.25, START + 7)
    assert quota_of(told, Declared(100, 75, 0, None, None)) == Quota(0.25, START + 90_000)
    assert quota_of(told, Declared(100, 170, 0, None, START + 5)) == Quota(0.0, START + 90_000, START + 5)
