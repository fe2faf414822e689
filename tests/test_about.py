"""What is known of the gateway itself, with stores that answer and stores that are away."""

from __future__ import annotations

import re
from importlib.metadata import version

from omniroute import __version__
from omniroute.about import LIBRARIES, about, libraries
from omniroute.models.schema import HEAD
from tests.edge.conftest import House, Open, house, opened
from tests.redis_server import RedisServer

__all__ = ["house", "opened"]


def test_a_gateway_on_sqlite_alone(house: House) -> None:
    house.clock.move(90)
    told = about(house.services)
    assert (told.version, told.schema.program, told.schema.database, told.schema.state) == (__version__, HEAD, HEAD, "current")
    assert re.fullmatch(r"SQLite \d+\.\d+\.\d+", told.database.server) and told.database.reachable
    assert told.database.latency_ms is not None and (told.database.size or 0) > 10_000
    assert (told.redis, told.workers, told.workers_wanted, told.uptime_s) == (None, 1, 2, 90)
    assert told.disk.folder == str(house.services.settings.data_dir) and 0 < (told.disk.free or 0) <= (told.disk.total or 0)
    assert told.python.count(".") == 2 and told.libraries["flask"] == version("flask")


def test_whether_somebody_cleans_up(house: House) -> None:
    assert about(house.services).jobs is False
    now = house.clock.now()
    house.services.shared.hold("jobs", 1, now, now + 10)
    assert about(house.services).jobs is True


def test_redis_is_asked_for_its_name(opened: Open, redis_server: RedisServer) -> None:
    redis = about(opened(redis_url=redis_server.url).services).redis
    assert redis is not None and redis.reachable and redis.latency_ms is not None
    assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+\.\d+", redis.server)


def test_what_is_away_is_told(opened: Open) -> None:
    services = opened(redis_url="redis://127.0.0.1:1/0").services
    services.database.close()
    services.database.url = "sqlite:////nowhere/at/all.db"
    told = about(services)
    assert (told.database.reachable, told.database.server, told.database.latency_ms) == (False, "", None)
    assert (told.schema.database, told.schema.state, told.jobs) == (None, None, None)
    assert told.redis is not None and not told.redis.reachable


def test_every_library_is_one_that_is_installed() -> None:
    assert list(libraries()) == list(LIBRARIES)
