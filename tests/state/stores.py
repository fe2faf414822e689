"""A store opened by its URL: `redis://...`, or a database's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from omniroute.models.db import Database
from omniroute.state.redis import RedisState
from omniroute.state.shared import SharedState
from omniroute.state.sql import SqlState


@contextmanager
def opened(url: str) -> Iterator[SharedState]:
    if url.startswith("redis"):
        store = RedisState(url)
        yield store
        store.close()
        return
    database = Database(url)
    yield SqlState(database)
    database.close()
