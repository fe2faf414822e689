"""A Postgres that only reads, as after a failover or with its disk nearly full: what was asked before goes on, what has limits is
refused with words, somebody is told, and all of it is made up for, without a restart.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.faults.streams import furnish, read_all, streams
from tests.faults.unwritten import asked, made_up_for, unwritten
from tests.gateway import running_gateway
from tests.relay.conftest import moved
from tests.relay.limits.houses import House
from tests.relay.stores import where
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream, until

COUNT = 2 * len(WAYS)


def only_read(house: House, reads: str) -> None:
    """`on` or `off`, for whoever connects from now on; and all connect anew."""
    address = house.database_url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {reads}'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", (name,)
        )


def test_a_postgres_that_only_reads(tmp_path: Path, upstream: Upstream, request: pytest.FixtureRequest) -> None:
    env = where("postgres", request) | moved(upstream)
    with running_gateway(tmp_path, workers=2, **env) as gateway:
        house = House(gateway, env, tmp_path)
        free, limited = furnish(house, upstream)
        with streams(gateway, (free, limited), ["ending"], COUNT) as opened:
            until(lambda: len(upstream.requests()) >= COUNT, 20, lambda: "all streams to begin")
            only_read(house, "on")
            read_all(opened)
            assert all(each.clean for each in opened), "what was under way comes to its end"
        count = COUNT + unwritten(house, (free, limited))
        assert "it only reads" in gateway.output()
        only_read(house, "off")
        until(lambda: asked(house, limited, "chat", False).status == 200, 20, lambda: "limits to be looked up again")
        made_up_for(house, count + 1)
