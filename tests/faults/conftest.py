"""Gateways that a test may end, with a price for every model, and their books."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench.gateway import start
from tests.gateway import Gateway, prepared_data
from tests.relay.conftest import moved
from tests.relay.limits.houses import House
from tests.upstream.client import Upstream
from tests.upstream.raw import Client


@contextmanager
def ending_house(folder: Path, upstream: Upstream, workers: int = 2, **env: str) -> Iterator[House]:
    """A gateway that may end within the block, and must not have printed a traceback after it."""
    env = moved(upstream) | env
    server = start(folder, workers=workers, env=env, prepared=prepared_data())
    try:
        yield House(Gateway(server, folder), env, folder)
    finally:
        server.stop()
    assert "Traceback" not in server.output(), server.tail(80)


def stored(house: House, statement: str) -> list[dict[str, Any]]:
    """What its SQLite file holds, also when nobody runs."""
    with closing(sqlite3.connect(house.folder / "data" / "omniroute.db")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(statement)]


def metric(house: House, name: str) -> float:
    """The value of a metric without labels."""
    with Client(house.gateway.url) as client:
        text = client.get("/metrics").read().body.decode()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))
