"""Boards of several workers on one store: what one learns the others know after their next tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from omniroute.errors import StreamCut, UpstreamNetwork, UpstreamStatus
from omniroute.models.db import Database
from omniroute.routing.candidates import Candidate, Figures
from omniroute.routing.failures import Failure, classify
from omniroute.routing.health import Place, ResilienceSettings, places, probes, standing
from omniroute.state.health import PLACES, QUEUED, HealthBoard
from omniroute.state.shared import SharedState
from omniroute.state.sql import SqlState
from tests.parts import HandClock
from tests.redis_server import RedisServer
from tests.routing.conftest import candidate
from tests.state.stores import opened

HERE = candidate("c1")
CONNECTION, MODEL, NODE = places(HERE)
LIMITED = classify(UpstreamStatus(429, {}, b"{}"))
CUT = classify(StreamCut("cut"))
REFUSED = classify(UpstreamNetwork("refused", "host", 443, "refused"))

MakeBoard = Callable[..., HealthBoard]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def board(shared: SharedState, clock: HandClock) -> HealthBoard:
    return HealthBoard(clock, shared, "w1")


@pytest.fixture
def beside(other: SharedState, clock: HandClock) -> HealthBoard:
    """Another worker's."""
    return HealthBoard(clock, other, "w2")


def narrow(most: int, id: str = "narrow") -> Candidate:
    made = candidate(id)
    return replace(made, connection=replace(made.connection, max_concurrent=most))


def limited(seconds: str) -> Failure:
    return classify(UpstreamStatus(429, {"retry-after": seconds}, b"{}"))


def break_open(board: HealthBoard, clock: HandClock) -> None:
    for _ in range(5):
        board.failed(HERE, CUT)
        clock.move(1.5)


# What is learned --------------------------------------------------------------------------------------


def test_a_failure_counts_here_at_once_and_there_after_a_tick(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    board.failed(HERE, limited("40"))
    assert standing(board.health, HERE, clock.now()) is not None
    beside.tick()
    assert beside.health == {}
    board.flush()
    beside.tick()
    assert beside.health == board.health and beside.health.keys() == {CONNECTION}
    there = standing(beside.health, HERE, clock.now())
    assert there is not None and there.stated and there.until == clock.now() + 40


def test_a_success_clears_over_workers(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    board.failed(HERE, LIMITED)
    board.tick()
    beside.tick()
    clock.move(5)
    beside.succeeded(HERE, clock.now() - 1)
    assert beside.health == {}
    beside.flush()
    board.tick()
    assert board.health == {}


def test_a_success_that_began_before_the_failure_clears_nothing(
    board: HealthBoard, beside: HealthBoard, clock: HandClock
) -> None:
    began = clock.now()
    clock.move(2)
    board.failed(HERE, LIMITED)
    board.succeeded(HERE, began)
    board.tick()
    beside.tick()
    assert board.health.keys() == beside.health.keys() == {CONNECTION}


def test_a_success_undoes_what_was_not_written_yet(board: HealthBoard, shared: SharedState, clock: HandClock) -> None:
    before = shared.health_mark()[1]
    break_open(board, clock)
    board.succeeded(HERE, clock.now())
    board.flush()
    assert board.health == shared.read_health() == {}
    assert shared.health_mark()[1] == before


def test_failures_of_several_workers_count_once_within_a_second(
    board: HealthBoard, beside: HealthBoard, shared: SharedState, clock: HandClock
) -> None:
    for each in (board, beside, board, beside):
        each.failed(HERE, LIMITED)
        clock.move(0.2)
    board.flush()
    beside.flush()
    mark = shared.read_health()[CONNECTION].mark
    assert mark is not None and mark.count == 1


def test_failures_of_several_workers_open_one_breaker(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    for each in (board, beside, board, beside, board):
        each.failed(HERE, REFUSED)
        each.flush()
        clock.move(1)
    beside.tick()
    for each in (board, beside):
        breaker = each.health[NODE].breaker
        assert breaker is not None and breaker.state(clock.now()) == "open"


def test_what_is_chosen_for_breakers_counts(shared: SharedState, clock: HandClock) -> None:
    board = HealthBoard(clock, shared, settings=lambda: ResilienceSettings(breaker_failures=1))
    board.failed(HERE, REFUSED)
    breaker = board.health[NODE].breaker
    assert breaker is not None and breaker.state(clock.now()) == "open"


def test_health_is_kept_over_a_restart(board: HealthBoard, shared: SharedState, clock: HandClock) -> None:
    break_open(board, clock)
    board.failed(HERE, limited("600"))
    known = dict(board.health)
    board.close()
    again = HealthBoard(clock, shared, "w3")
    again.tick()
    assert again.health == known and again.health.keys() == {CONNECTION, MODEL}


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({}, set()),
        ({"connection_id": "c1"}, {NODE}),
        ({"connection_id": "c1", "model": "m"}, {CONNECTION, NODE}),
        ({"model": "m"}, {CONNECTION, NODE}),
        ({"provider_id": "of-c1"}, {CONNECTION, MODEL}),
        ({"connection_id": "c2"}, {CONNECTION, MODEL, NODE}),
    ],
)
def test_a_reset_counts_for_all_workers(
    board: HealthBoard, beside: HealthBoard, shared: SharedState, named: dict[str, str], left: set[Place]
) -> None:
    for failure in (LIMITED, CUT, REFUSED):
        board.failed(HERE, failure)
    board.flush()
    assert beside.reset(**named) == 3 - len(left)  # it has not ticked, and finds them nevertheless
    board.tick()
    assert beside.health.keys() == board.health.keys() == shared.read_health().keys() == left


def test_a_reset_drops_what_is_queued(board: HealthBoard, shared: SharedState) -> None:
    board.failed(HERE, LIMITED)
    assert board.reset() == 1
    board.flush()
    assert board.health == shared.read_health() == {}


# Figures ----------------------------------------------------------------------------------------------


def test_figures_are_of_all_workers(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    same = candidate("c1", "another model")
    assert board.figures(HERE) == Figures(0, 0, None)
    for each in (HERE, HERE, same):
        assert board.enter(each)
    assert beside.enter(HERE)
    beside.leave(HERE, 250.0)
    board.leave(HERE, 100.0)
    board.tick()
    beside.tick()
    assert beside.figures(HERE) == Figures(in_flight=2, last_minute=3, first_ms=250.0)
    assert beside.figures(same) == Figures(in_flight=2, last_minute=1, first_ms=None)
    assert board.figures(HERE) == Figures(in_flight=2, last_minute=2, first_ms=100.0)
    board.tick()
    assert board.figures(HERE) == Figures(in_flight=2, last_minute=3, first_ms=250.0)
    clock.move(61)
    board.leave(same)
    board.tick()
    beside.tick()
    assert beside.figures(HERE) == Figures(in_flight=1, last_minute=0, first_ms=250.0)
    clock.move(300)
    board.leave(HERE)
    board.tick()
    beside.tick()
    assert beside.figures(HERE) == Figures(0, 0, None)


def test_a_worker_that_died_is_forgotten(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    board.enter(HERE)
    board.tick()
    clock.move(14)
    beside.tick()
    assert beside.figures(HERE).in_flight == 1
    clock.move(2)
    beside.tick()
    assert beside.figures(HERE).in_flight == 0


def test_a_worker_that_lives_reports_before_its_report_lapses(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    board.enter(HERE)
    for _ in range(10):
        board.tick()
        clock.move(8)
    beside.tick()
    assert beside.figures(HERE).in_flight == 1


def test_what_answered_last_is_known_to_all(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    board.succeeded(HERE, clock.now(), "combo")
    clock.move(1)
    beside.succeeded(candidate("c2"), clock.now(), "combo")
    for each in (board, beside, board):
        each.tick()
    assert dict(board.last_good) == dict(beside.last_good) == {"combo": ("c2", "m")}


# Turns, places, probes --------------------------------------------------------------------------------


def test_turns_are_shared_and_a_look_takes_none(board: HealthBoard, beside: HealthBoard) -> None:
    assert (board.peek("a"), board.turn("a"), beside.turn("a"), beside.peek("a"), board.turn("a")) == (0, 0, 1, 2, 2)


def test_places_of_a_connection_are_counted_over_workers(board: HealthBoard, beside: HealthBoard) -> None:
    wanted = narrow(2)
    assert board.enter(wanted) and beside.enter(wanted)
    assert not board.enter(wanted) and not beside.enter(wanted)
    board.leave(wanted)
    assert board.enter(wanted)  # the place that it just left, also before others are told
    board.leave(wanted)
    board.flush()
    assert beside.enter(wanted) and not beside.enter(wanted)
    assert board.figures(wanted).in_flight == 0


def test_reports_alone_never_make_a_connection_look_full(board: HealthBoard, beside: HealthBoard) -> None:
    wanted = narrow(2)
    assert board.enter(wanted) and board.enter(wanted)
    board.tick()
    beside.tick()
    assert (board.figures(wanted).in_flight, beside.figures(wanted).in_flight) == (2, 1)


def test_a_place_is_kept_as_long_as_its_request_runs(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    wanted = narrow(1)
    assert board.enter(wanted)
    for _ in range(6):
        clock.move(14)
        board.tick()
    assert not beside.enter(wanted)
    clock.move(31)  # the worker died
    assert beside.enter(wanted)


def test_a_worker_that_ends_leaves_its_places_and_its_report(
    board: HealthBoard, beside: HealthBoard, shared: SharedState
) -> None:
    wanted = narrow(1)
    assert board.enter(wanted) and board.claim([NODE])
    board.tick()
    board.close()
    board.tick()
    assert beside.enter(wanted) and beside.claim([NODE])
    assert shared.reports(0) == {}


def test_one_request_at_a_time_finds_out(board: HealthBoard, beside: HealthBoard, clock: HandClock) -> None:
    break_open(board, clock)
    clock.move(31)
    board.tick()
    beside.tick()
    found = probes(beside.health, HERE, clock.now())
    assert found == (MODEL,)
    assert board.claim(found)
    assert not board.claim(found) and not beside.claim(found)
    board.unclaim(found)
    board.flush()
    assert beside.claim(found)
    clock.move(90)  # it never came back
    assert board.claim(found)


def test_claims_are_all_or_none(board: HealthBoard, beside: HealthBoard) -> None:
    assert board.claim([NODE])
    assert not beside.claim([MODEL, NODE])
    beside.flush()
    assert board.claim([MODEL])
    board.unclaim([MODEL, NODE])
    board.unclaim([])
    board.flush()
    assert beside.claim([MODEL, NODE]) and beside.claim([])


# Away -------------------------------------------------------------------------------------------------


def test_while_the_store_is_away_the_worker_goes_on_and_tells_later(
    redis_server: RedisServer, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = narrow(1)
    with opened(redis_server.url) as store, opened(redis_server.url) as beside:
        board = HealthBoard(clock, store, "w1")
        board.failed(HERE, limited("600"))
        assert board.turn("a") == 0 and board.turn("a") == 1
        board.tick()
        redis_server.stop()
        board.failed(HERE, REFUSED)
        board.flush()
        board.tick()
        assert board.away_since == clock.now() and not board.reachable()
        assert board.health.keys() == {CONNECTION, NODE}
        assert (board.peek("a"), board.turn("a"), board.turn("a")) == (2, 2, 3)
        assert board.enter(wanted) and not board.enter(wanted)
        assert board.claim([MODEL]) and not board.claim([MODEL])
        for _ in range(QUEUED * 2):
            board.failed(HERE, CUT)
            clock.move(2)
        board.leave(wanted)
        board.unclaim([MODEL])
        assert board.reset("c1", "m") == 1
        assert board.enter(wanted) and board.claim([MODEL])
        redis_server.start()
        board.tick()
        assert board.away_since is None and board.reachable()
        # Redis came back empty: also what it had known before is told again.
        assert beside.read_health() == board.health and board.health.keys() == {CONNECTION, NODE}
        assert board.turn("a") == 0
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and "Redis" in said[0] and "again" in said[1]


def test_a_database_that_comes_back_is_told(sqlite_url: str, clock: HandClock) -> None:
    with opened(sqlite_url) as store:
        board = HealthBoard(clock, store, "w1")
        board.tick()
        database = Database(sqlite_url)
        database.write(lambda session: bool(session.execute(sa.text("ALTER TABLE health_conditions RENAME TO elsewhere"))))
        board.failed(HERE, LIMITED)
        board.flush()
        board.tick()
        assert board.away_since is not None and board.health.keys() == {CONNECTION}
        database.write(lambda session: bool(session.execute(sa.text("ALTER TABLE elsewhere RENAME TO health_conditions"))))
        database.close()
        board.tick()
        assert board.away_since is None and store.read_health() == board.health


def test_a_board_by_itself(clock: HandClock) -> None:
    board, wanted = HealthBoard(clock), narrow(1)
    board.failed(HERE, LIMITED)
    board.tick()
    board.flush()
    assert board.health.keys() == {CONNECTION} and board.away_since is None
    assert (board.turn("a"), board.peek("a"), board.turn("a")) == (0, 1, 1)
    assert board.enter(wanted) and not board.enter(wanted)
    board.leave(wanted, 5.0)
    assert board.enter(wanted) and board.figures(wanted) == Figures(1, 2, 5.0)
    assert board.claim([NODE]) and not board.claim([NODE])
    assert board.reset() == 1 and board.health == {}
    board.close()


# Housekeeping -----------------------------------------------------------------------------------------


def test_old_conditions_and_too_many_of_them_are_forgotten(board: HealthBoard, shared: SharedState, clock: HandClock) -> None:
    board.failed(HERE, LIMITED)
    board.tick()
    clock.move(4000)
    board.tick()
    for number in range(PLACES + 5):
        board.failed(candidate("c2", f"made-up-{number}"), CUT)
        clock.move(0.001)
    board.tick()
    clock.move(61)
    board.tick()
    board.tick()
    assert len(board.health) == len(shared.read_health()) == PLACES
    assert CONNECTION not in board.health and Place("model", "c2", "made-up-0") not in board.health


# The way of a request ---------------------------------------------------------------------------------


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that any engine runs."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_a_request_makes_no_statement(database: Database, clock: HandClock, statements: list[str]) -> None:
    board = HealthBoard(clock, SqlState(database), "w1")
    board.tick()
    assert statements
    statements.clear()
    for _ in range(3):
        assert board.enter(HERE) and board.claim(()) is True
        board.figures(HERE)
        board.failed(HERE, LIMITED)
        board.leave(HERE, None)
        board.unclaim(())
        assert standing(board.health, HERE, clock.now()) is not None
        board.enter(HERE)
        board.succeeded(HERE, clock.now() + 1, "combo")
        board.leave(HERE, 12.0)
        assert board.last_good and not board.health
    assert statements == []
    assert board.turn("combo") == 0 and len(statements) <= 2


def test_an_idle_worker_only_reads(database: Database, clock: HandClock, statements: list[str]) -> None:
    board = HealthBoard(clock, SqlState(database), "w1")
    board.tick()
    statements.clear()
    for _ in range(10):
        board.tick()
        clock.move(0.25)
    assert statements and not [each for each in statements if not each.lstrip().upper().startswith(("SELECT", "BEGIN"))]
