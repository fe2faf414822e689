"""A store opened by its URL: `redis://...`, or a database's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from omniroute.models.db import Database
from omniroute.state.redis import RedisState
from omniroute.state.shared import FILLED, Part, SharedState
from omniroute.state.sql import SqlState

FOR_EVER = 10_000_000_000.0


@contextmanager
def opened(url: str) -> Iterator[SharedState]:
    if url.startswith("redis"):
        store = RedisState(url)
        store.spend([Part(FILLED, 0, 1, FOR_EVER)])
        yield store
        store.close()
        return
    database = Database(url)
    yield SqlState(database)
    database.close()
