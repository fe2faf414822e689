"""What is over is counted once: rows, sums and counters agree, whatever dies in between. On all three stores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from omniroute.errors import DatabaseAway, LimitReached, LimitsAway, PriceUnknown
from omniroute.limits.limit import WINDOW_SECONDS, ConnectionQuota, QuotaWindow, quota_limit
from omniroute.models.db import Database
from omniroute.models.usage import HourRow
from omniroute.routing.configuration import Configuration, Connection
from omniroute.state.recount import Recount
from omniroute.state.redis import RedisState
from omniroute.state.shared import Part
from omniroute.state.sql import SqlState
from omniroute.usage.journal import Record
from omniroute.usage.logs import insert_rows
from omniroute.usage.meter import LEASE, USUAL_OUTPUT
from omniroute.usage.recovery import GRACE
from omniroute.usage.refill import Refill
from tests.redis_server import RedisServer
from tests.upstream.client import until
from tests.usage.books import Books

NOTHING = {
    "concurrent requests": (0, 0),
    "requests per minute": (0, 0),
    "tokens per minute": (0, 0),
    "USD per day": (0, 0),
    "tokens per month": (0, 0),
}


@pytest.fixture(params=["sqlite", "emptied_postgres", "redis"])
def books(request: pytest.FixtureRequest) -> Iterator[Books]:
    on_redis = request.param == "redis"
    url: str = request.getfixturevalue("sqlite_url" if on_redis else f"{request.param}_url")
    with closing(Database(url)) as database:
        if not on_redis:
            yield Books(database, SqlState(database))
            return
        server: RedisServer = request.getfixturevalue("redis_server")
        with closing(RedisState(server.url)) as shared:
            yield Books(database, shared)


def test_reserved_then_settled_by_the_row(books: Books) -> None:
    ticket = books.admit("a")
    assert books.standing() == {
        "concurrent requests": (0, 1),
        "requests per minute": (0, 1),
        "tokens per minute": (0, 150),
        "USD per day": (0, 200),
        "tokens per month": (0, 150),
    }
    books.settle(ticket, books.row("a"))
    settled = {
        "concurrent requests": (0, 0),
        "requests per minute": (1, 0),
        "tokens per minute": (120, 0),
        "USD per day": (150, 0),
        "tokens per month": (120, 0),
    }
    assert books.standing() == settled
    books.settle(ticket, books.row("a"))  # the answer was lost: written a second time
    assert books.standing() == settled and list(books.rows()) == ["a"]
    assert not books.reconcile.balance(books.configuration).differences


def test_what_a_key_usually_asks_for_is_reserved(books: Books) -> None:
    first = books.admit("a", input=50, most_output=None)
    assert (first.input, first.output) == (50, USUAL_OUTPUT)
    books.settle(first, books.row("a", input=100, output=40))  # twice as many as were estimated
    second = books.admit("b", input=50, most_output=None)
    assert (second.input, second.output, second.cost) == (100, 40, 180)
    third = books.admit("c", input=50, most_output=10)
    assert third.output == 10  # never more than the request allows


def test_nothing_is_reserved_when_one_limit_has_no_room(books: Books) -> None:
    for n in range(5):
        books.admit(f"{n}", input=1, most_output=1)
    before = books.standing()
    with pytest.raises(LimitReached, match="concurrent requests") as refused:
        books.admit("one too many")
    assert books.standing() == before
    problem = refused.value.problem()
    assert problem.status == 429 and problem.retry_after is not None and problem.retry_after >= 1


def test_a_budget_lets_in_while_there_is_something_left(books: Books) -> None:
    spent = books.admit("a")
    books.settle(spent, books.row("a", input=0, output=0) | {"cost": 9_999})
    books.settle(books.admit("b"), books.row("b"))  # one micro-dollar was left
    with pytest.raises(LimitReached, match="USD per day") as refused:
        books.admit("c")
    assert refused.value.code == "insufficient_quota" and refused.value.headers["x-should-retry"] == "false"
    assert 0 < refused.value.seconds <= 86_400
    assert '"USD per day";r=0' in refused.value.headers["RateLimit"]


def test_without_a_price_a_budget_in_dollars_can_not_be_held(books: Books) -> None:
    with pytest.raises(PriceUnknown):
        books.admit("a", price=None)
    assert books.standing() == NOTHING


def test_counting_tokens_takes_none(books: Books) -> None:
    ticket = books.admit("a", counting=True, price=None)
    assert books.standing() | {"concurrent requests": (0, 1), "requests per minute": (0, 1)} == books.standing()
    assert books.standing()["tokens per month"] == (0, 0)
    books.settle(ticket, books.row("a") | {"input_tokens": None, "output_tokens": None, "cost": None, "usage_source": "absent"})
    assert books.standing()["requests per minute"] == (1, 0)


def test_a_worker_that_dies_before_its_row_is_written(books: Books) -> None:
    books.admit("a")
    books.clock.move(LEASE + GRACE - 1)
    books.recovery.recover()
    assert not books.rows() and books.standing()["USD per day"] == (0, 200)
    books.clock.move(2)
    books.recovery.recover()
    books.recovery.recover()
    row = books.rows()["a"]
    assert (row["kind"], row["usage_source"], row["input_tokens"], row["output_tokens"]) == ("interrupted", "estimated", 100, 50)
    assert row["cost"] == 200
    assert books.standing()["USD per day"] == (200, 0) and books.standing()["concurrent requests"] == (0, 0)
    assert not books.reconcile.balance(books.configuration).differences


def test_a_worker_that_was_only_slow_has_the_last_word(books: Books) -> None:
    ticket, row = books.admit("a"), books.row("a")
    books.clock.move(LEASE + GRACE + 1)
    books.recovery.recover()
    assert books.rows()["a"]["kind"] == "interrupted"
    books.settle(ticket, row)
    assert books.rows()["a"]["kind"] == "ok" and books.rows()["a"]["cost"] == 150
    assert books.standing()["USD per day"] == (150, 0)
    assert not books.reconcile.balance(books.configuration).differences


def test_a_worker_that_dies_after_its_row_is_written(books: Books) -> None:
    """With Redis the row comes first: then the ticket is settled by it."""
    books.admit("a")
    books.journal.write([Record(books.row("a"))])
    assert books.standing()["USD per day"] == (0, 200)
    books.clock.move(LEASE + GRACE + 1)
    books.recovery.recover()
    assert books.standing()["USD per day"] == (150, 0) and books.rows()["a"]["kind"] == "ok"
    assert not books.reconcile.balance(books.configuration).differences


def test_leases_are_moved_on_while_requests_run(books: Books) -> None:
    ticket = books.admit("a")
    for _ in range(10):
        books.clock.move(LEASE / 2)
        books.meter.keep()
    books.clock.move(LEASE - 1)
    books.recovery.recover()
    assert not books.rows()
    books.settle(ticket, books.row("a"))
    books.meter.keep()  # nothing is open any more
    assert not books.shared.lapsed(books.clock.now() + 10 * LEASE, 10)


def test_a_store_that_lost_its_counters_gets_what_the_log_has(books: Books) -> None:
    books.refill.run()  # a new store has none
    books.settle(books.admit("a"), books.row("a"))
    running = books.admit("b")
    books.shared.forget_counters("")
    books.refill.run()
    books.refill.run()
    assert books.standing()["USD per day"] == (150, 0) and books.standing()["tokens per month"] == (120, 0)
    books.settle(running, books.row("b"))
    assert not books.reconcile.balance(books.configuration).differences


def test_differences_are_found_and_mended(books: Books) -> None:
    books.settle(books.admit("a"), books.row("a"))
    books.shared.recount("key:k:USD per day", {}, books.clock.now() + 86_400)
    books.database.write(lambda session: session.execute(sa.update(HourRow).values(requests=7)) and None)
    found = books.reconcile.balance(books.configuration).differences
    assert {(each.where.partition(" ")[0], each.what, each.rows, each.kept) for each in found} == {
        ("hour", "requests", 1, 7),
        ("key:k:USD", "usd", 150, 0),
    }
    books.reconcile.repair(books.configuration)
    assert not books.reconcile.balance(books.configuration).differences
    assert books.standing()["USD per day"] == (150, 0)


@pytest.mark.parametrize("window", ["5h", "day", "week", "month"])
def test_a_rolling_window_that_was_counted_anew_agrees_as_it_moves_on(books: Books, window: QuotaWindow) -> None:
    quota = ConnectionQuota("requests", 1000, window, "rolling")
    connection = Connection("c", "p", "a connection", "", quota=quota)
    books.configuration = Configuration(1, {}, {}, {"p": (connection,)}, {}, {})
    recount, limit = Recount(books.database, books.shared, books.clock), quota_limit("c", quota)
    step = WINDOW_SECONDS[window] / 29
    for n in range(40):
        books.journal.write([Record(books.row(f"{n}", connection_id="c"))])
        books.clock.move(step)
    recount.exactly(limit)
    for _ in range(70):
        assert not books.reconcile.balance(books.configuration).differences
        books.clock.move(step / 3)
    recount.exactly(limit)
    books.shared.spend([Part(limit.counter, limit.line(0, books.clock.now()).bucket, 1, 1e11)])
    (found,) = books.reconcile.balance(books.configuration).differences
    assert found.kept == found.rows + 1


def test_what_is_written_while_sums_are_mended_is_counted_once(emptied_postgres_url: str) -> None:
    with closing(Database(emptied_postgres_url)) as database:
        books = Books(database, SqlState(database))
        books.journal.write([Record(books.row("a"))])
        books.database.write(lambda session: session.execute(sa.update(HourRow).values(requests=7)) and None)
        engine = sa.create_engine(emptied_postgres_url)
        with engine.connect() as beside, sa.orm.Session(beside) as session:
            insert_rows(session, [books.row("b"), books.row("c", upstream_model="another")])
            mending = threading.Thread(target=books.reconcile.repair, args=[books.configuration])
            mending.start()
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            with engine.connect() as looking:
                until(lambda: looking.scalar(waiting), 10, lambda: "the other transaction to be waited for")
            session.commit()
        mending.join()
        engine.dispose()
        assert not books.reconcile.balance(books.configuration).differences


@pytest.fixture
def on_redis(sqlite_url: str, redis_server: RedisServer) -> Iterator[Books]:
    with closing(Database(sqlite_url)) as database, closing(RedisState(redis_server.url)) as shared:
        yield Books(database, shared)


def test_a_redis_that_was_emptied_lets_nobody_over_a_budget(on_redis: Books, redis_server: RedisServer) -> None:
    """Whoever comes first counts what the log has, and nobody else has to."""
    books = on_redis
    books.settle(books.admit("a"), books.row("a") | {"cost": 10_000})
    for id in "bc":
        redis_server.empty()
        with pytest.raises(LimitReached, match="USD per day"):
            books.admit(id)
    books.clock.move(86_400)
    redis_server.empty()
    books.settle(books.admit("d"), books.row("d"))
    assert books.standing()["USD per day"] == (150, 0)
    assert not books.reconcile.balance(books.configuration).differences


def test_while_another_worker_refills_limits_fail_closed(on_redis: Books) -> None:
    books = on_redis
    now = books.clock.now()
    hold = books.shared.hold("refill", 1, now, now + LEASE)
    assert hold is not None and not books.refill.run()
    with pytest.raises(LimitsAway):
        books.admit("a")
    assert not books.shared.lapsed(float("inf"), 10)
    other = threading.Timer(0.2, books.shared.let_go, [[hold]])
    other.start()
    books.admit("a")  # it waits for the other one
    other.join()
    assert books.refill.run()


def test_a_worker_that_dies_while_it_refills_is_not_waited_for(on_redis: Books) -> None:
    now = on_redis.clock.now()
    assert on_redis.shared.hold("refill", 1, now, now + 30)
    on_redis.clock.move(31)
    on_redis.admit("a")


def test_a_redis_that_is_emptied_while_it_is_refilled(on_redis: Books, redis_server: RedisServer) -> None:
    books = on_redis
    books.settle(books.admit("a"), books.row("a"))
    redis_server.empty()

    def look() -> Configuration:
        redis_server.empty()
        return books.configuration

    with pytest.raises(DatabaseAway, match="emptied"):
        Refill(books.database, books.shared, look, books.clock).run()
    books.admit("b")
    assert books.standing()["USD per day"] == (150, 200)


def test_what_is_refilled_leaves_a_rolling_window_when_it_would_have(on_redis: Books, redis_server: RedisServer) -> None:
    books, quota = on_redis, ConnectionQuota("tokens", 1000, "5h", "rolling")
    connection = Connection("c", "p", "a connection", "", quota=quota)
    books.configuration = Configuration(1, {}, {}, {"p": (connection,)}, {}, {})
    limit = quota_limit("c", quota)
    began = books.clock.now()
    for n in range(3):
        books.journal.write([Record(books.row(f"{n}", connection_id="c"))])
        books.clock.move(3600)
    assert books.refill.run()
    for hours, left in ((3, 360), (5.2, 240), (6.2, 120), (7.2, 0)):
        at = began + hours * 3600
        assert books.shared.counted([(limit.counter, limit.window.span(at).since)])[limit.counter] == (left, 0)


def test_limits_fail_closed_while_redis_is_away_and_rows_are_written(sqlite_url: str, redis_server: RedisServer) -> None:
    with closing(Database(sqlite_url)) as database, closing(RedisState(redis_server.url)) as shared:
        books = Books(database, shared)
        ticket = books.admit("a")
        redis_server.stop()
        books.settle(ticket, books.row("a"))
        assert books.rows()["a"]["kind"] == "ok" and books.journal.unsettled == 1
        with pytest.raises(LimitsAway):
            books.admit("b")
        redis_server.start()  # with nothing in it
        books.refill.run()
        books.journal.settle_rest()
        assert books.journal.unsettled == 0
        assert books.standing()["USD per day"] == (150, 0)
