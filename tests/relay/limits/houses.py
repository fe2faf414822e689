"""A gateway on each store, with a model that has a price, keys with limits, and its books."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.gateway import settings
from bench.processes import PYTHON, environment
from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.state.redis import RedisState
from omniroute.state.shared import SharedState
from omniroute.state.sql import SqlState
from omniroute.usage.journal import Journal
from omniroute.usage.meter import LEASE
from omniroute.usage.recovery import GRACE, Recovery
from omniroute.usage.tickets import habit
from tests.gateway import Gateway, running_gateway
from tests.relay.stores import where
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

MODEL = "priced-1"
TOKENS = PROMPT + OUTPUT  # of each answer
RATES = {"input": "10", "output": "20"}  # USD per million tokens
COST = 10 * PROMPT + 20 * OUTPUT  # micro-dollars of each answer: what the cache served costs what input does


class LaterClock(Clock):
    """As if so many seconds had gone by."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return super().now() + self._seconds


@dataclass
class House:
    """A running gateway. `env` are its settings, `database_url` where its rows are."""

    gateway: Gateway
    env: dict[str, str]
    folder: Path

    @property
    def database_url(self) -> str:
        return self.env.get("DATABASE_URL") or f"sqlite:///{self.folder / 'data' / 'omniroute.db'}"

    def key(self, **limits: Any) -> tuple[str, str]:
        """A new client key, in full, and its id."""
        made = self.gateway.api("POST", "/api/keys", {"name": "limited", **limits})
        return made["key"], made["id"]

    def budget(self, key_id: str, **limit: Any) -> None:
        self.gateway.api("POST", "/api/usage/budget", {"apiKeyId": key_id, "period": "month", "timezone": "UTC", **limit})

    def rows(self, count: int, **filters: Any) -> list[dict[str, Any]]:
        """All log rows that the filters find, once there are `count`: page by page."""
        found: list[dict[str, Any]] = []

        def all_rows() -> list[dict[str, Any]] | None:
            found.clear()
            cursor: str | None = None
            while True:
                more = "".join(f"&{name}={value}" for name, value in filters.items())
                page = self.gateway.api("GET", f"/api/usage/logs?limit=200{more}" + (f"&before={cursor}" if cursor else ""))
                found.extend(page["logs"])
                cursor = page["next"]
                if cursor is None:
                    return found if len(found) >= count else None

        return until(all_rows, 15, lambda: f"{count} rows; there are {len(found)}")

    def reconcile(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The command, as the operator gives it."""
        command = [PYTHON, "-m", "omniroute", "reconcile", *options]
        env = environment(settings(self.folder) | self.env)
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=60)

    def books_agree(self) -> None:
        """Raises AssertionError unless rows, sums and counters agree and nothing is reserved, within some seconds."""
        last: list[str] = []

        def agreed() -> bool:
            told = self.reconcile()
            last[:] = [told.stdout + told.stderr]
            return told.returncode == 0 and " 0 requests hold reservations" in told.stdout

        until(agreed, 25, lambda: f"the books to agree: {last}")

    def has_habits(self, key_id: str) -> None:
        """Raises AssertionError unless a first request is settled within some seconds; with Redis its row comes before that."""
        with self.store() as (_, shared):
            answers = habit(key_id, "answers")
            until(lambda: shared.counted([(answers, 0)])[answers][0], 25, lambda: "the first request to be settled")

    @contextmanager
    def store(self) -> Iterator[tuple[Database, SharedState]]:
        with closing(Database(self.database_url)) as database:
            shared = RedisState(self.env["REDIS_URL"]) if "REDIS_URL" in self.env else SqlState(database)
            yield database, shared
            shared.close()

    def recover(self) -> None:
        """What the leader does once leases have lapsed, as if that time had gone by."""
        with self.store() as (database, shared):
            journal = Journal(database, shared, lambda tickets: None, lambda bodies: lambda session: None)
            Recovery(database, shared, journal, LaterClock(LEASE + GRACE + 1)).recover()


@contextmanager
def running_house(store: str, folder: Path, request: pytest.FixtureRequest, workers: int = 4, **env: str) -> Iterator[House]:
    given = where(store, request) | env
    with running_gateway(folder, workers=workers, **given) as gateway:
        yield House(gateway, given, folder)


def furnish(house: House, upstream: Upstream, name: str = "priced", key: str = "sk-test-first") -> str:
    """A node whose model has a price; its id."""
    node_id = house.gateway.add_upstream(name, upstream.v1, api_key=key)
    house.gateway.api("PUT", "/api/pricing", {"provider": node_id, "model": MODEL, **RATES})
    return node_id


def ask(
    url: str, key: str, model: str = f"priced/{MODEL}", *, stream: bool = False, patience: float = 10.0, **fields: Any
) -> Answer | None:
    """One answer; None where the connection broke."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100, "stream": stream, **fields}
    with suppress(ConnectionError, TimeoutError), Client(url, patience) as client:
        return client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"}).read()
    return None


def at_once(url: str, key: str, total: int, most: int, model: str = f"priced/{MODEL}", **fields: Any) -> Sequence[Answer | None]:
    """So many requests, so many at a time; every other one is streamed."""
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(lambda n: ask(url, key, model, stream=n % 2 == 0, **fields), range(total)))
