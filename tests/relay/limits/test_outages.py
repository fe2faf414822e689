"""The store of limits goes away under load: requests without limits go on, limits that are set fail closed, and nothing is lost.

OUTAGE_SECONDS makes it longer (`make outage`).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from omniroute.models.logs import LogRow
from omniroute.models.migration import migrate
from tests.databases import PostgresServer
from tests.gateway import running_gateway
from tests.redis_server import RedisServer
from tests.relay.limits.houses import COST, House, ask, furnish
from tests.relay.stores import SECRETS
from tests.upstream.client import Upstream, until

OUTAGE = float(os.environ.get("OUTAGE_SECONDS", "4"))
AT_ONCE = 8


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that a test may stop."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextmanager
def load(house: House, key: str) -> Iterator[Counter[int | None]]:
    """AT_ONCE clients that ask for as long as the block runs; the statuses that they have seen so far."""
    stop, seen = threading.Event(), Counter[int | None]()

    def client() -> None:
        while not stop.is_set():
            answer = ask(house.gateway.url, key)
            seen[None if answer is None else answer.status] += 1

    with ThreadPoolExecutor(AT_ONCE) as pool:
        clients = [pool.submit(client) for _ in range(AT_ONCE)]
        try:
            yield seen
        finally:
            stop.set()
            for each in clients:
                each.result()


@contextmanager
def stream_meanwhile(house: House, upstream: Upstream, key: str) -> Iterator[None]:
    """A stream that began before the block and goes on until after OUTAGE: the client gets all of it."""
    pieces, before = 20, len(upstream.requests())
    upstream.queue({"gap": (OUTAGE + 2) / pieces, "pieces": pieces, "text": "slow " * pieces})
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, house.gateway.url, key, stream=True, patience=OUTAGE + 30)
        until(lambda: len(upstream.requests()) > before, 10, lambda: "the stream to begin")
        yield
        answer = asked.result()
    assert answer is not None and answer.status == 200, answer
    assert answer.body.count(b"slow ") == pieces
    assert answer.body.endswith(b"data: [DONE]\n\n")


def outage(house: House, upstream: Upstream, away: Callable[[], None], back: Callable[[], None]) -> tuple[int, int]:
    """Take the store away under load for OUTAGE seconds, with a stream of a key with limits open all the while. How many requests
    were answered and refused.
    """
    free, _ = house.key()
    limited, limited_id = house.key()
    house.budget(limited_id, limit_usd=100 * COST / 1e6)
    first = ask(house.gateway.url, limited)
    assert first is not None and first.status == 200
    refused = 0
    with stream_meanwhile(house, upstream, limited), load(house, free) as seen:
        until(lambda: seen[200] > 20, 10, lambda: "requests to flow")
        away()
        began, before = time.monotonic(), seen[200]
        while time.monotonic() - began < OUTAGE:
            answer = ask(house.gateway.url, limited)
            assert answer is not None and answer.status == 503, answer
            assert b"limits_unavailable" in answer.body
            refused += 1
        assert seen[200] > before + 20
        back()

        def served() -> bool:
            again = ask(house.gateway.url, limited)
            return again is not None and again.status == 200

        until(served, 15, lambda: "limits to be looked up again")
    assert seen.keys() == {200}, seen
    return seen[200], refused


def written(house: House, count: int) -> Counter[int]:
    """The statuses of all log rows, once there are `count`: none was dropped."""

    def statuses() -> Counter[int]:
        with house.store() as (database, _), database.unit_of_work() as session:
            found = session.execute(sa.select(LogRow.status, sa.func.count().label("number")).group_by(LogRow.status))
            return Counter({row.status: row.number for row in found})

    until(lambda: statuses().total() >= count, 30, lambda: f"{count} rows; there are {statuses()}")
    return statuses()


def test_without_the_database(tmp_path: Path, upstream: Upstream, own_postgres: PostgresServer) -> None:
    url = own_postgres.running.url(own_postgres.running.create())
    migrate(url)
    env = {"DATABASE_URL": url, **SECRETS}
    with running_gateway(tmp_path, workers=2, **env) as gateway:
        house = House(gateway, env, tmp_path)
        furnish(house, upstream)
        answered, refused = outage(house, upstream, lambda: own_postgres.stop(signal.SIGINT), own_postgres.start)
        rows = written(house, answered + refused + 3)
        assert rows[503] >= refused and rows[200] >= answered + 3
        house.books_agree()


def test_without_redis(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    """It comes back empty, and budgets have what the log says."""
    env = {"REDIS_URL": redis_server.url}
    with running_gateway(tmp_path, workers=2, **env) as gateway:
        house = House(gateway, env, tmp_path)
        furnish(house, upstream)
        answered, refused = outage(house, upstream, redis_server.stop, redis_server.start)
        written(house, answered + refused + 3)
        house.books_agree()


def test_a_redis_that_is_emptied_under_load(tmp_path: Path, upstream: Upstream, redis_server: RedisServer) -> None:
    """Whose budget is used up is served by nobody, and all others go on, with no process for background jobs."""
    env = {"REDIS_URL": redis_server.url, "BACKGROUND_JOBS": "off"}
    with running_gateway(tmp_path, workers=2, **env) as gateway:
        house = House(gateway, env, tmp_path)
        furnish(house, upstream)
        used_up, its_id = house.key()
        house.budget(its_id, limit_usd=COST / 1e6)
        rich, rich_id = house.key()
        house.budget(rich_id, limit_usd=10_000 * COST / 1e6)
        assert [ask(house.gateway.url, key).status for key in (used_up, rich)] == [200, 200]  # type: ignore[union-attr]
        house.rows(2)
        with load(house, used_up) as refused, load(house, rich) as served:
            for _ in range(3):
                redis_server.empty()
                enough = served[200] + 20, refused[429] + 20
                until(partial(_reached, served, refused, enough), 15, lambda: f"requests to flow: {served} {refused}")
        assert refused.keys() == {429} and served.keys() == {200}


def _reached(served: Counter[int | None], refused: Counter[int | None], enough: tuple[int, int]) -> bool:
    return served[200] > enough[0] and refused[429] > enough[1]
