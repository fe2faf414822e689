"""A start while the database or Redis is away, or in a folder that can't be written; and a SQLite file that somebody holds."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.gateway import settings
from bench.processes import PYTHON, ROOT, Server, answers, environment, free_port, get_json
from omniroute.models.migration import migrate
from tests.databases import PostgresServer
from tests.faults.conftest import ending_house
from tests.faults.streams import furnish
from tests.gateway import running_gateway
from tests.redis_server import RedisServer
from tests.relay.limits.houses import House, ask
from tests.relay.limits.houses import furnish as priced
from tests.relay.stores import SECRETS
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Another process is in the middle of a long write."""
    with closing(sqlite3.connect(house.folder / "data" / "omniroute.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


def test_a_database_that_somebody_holds(tmp_path: Path, upstream: Upstream) -> None:
    """For longer than a write waits: what has no limits is served meanwhile, and nothing is lost."""
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5") as house:
        free, limited = furnish(house, upstream)
        assert [ask(house.gateway.url, key, "chat/whole").status for key in (free, limited)] == [200, 200]  # type: ignore[union-attr]
        house.rows(2)
        asked = 2
        with locked(house):
            refused = ask(house.gateway.url, limited, "chat/whole", patience=30)
            assert refused is not None and refused.status == 503 and b"limits_unavailable" in refused.body
            for _ in range(20):
                answer = ask(house.gateway.url, free, "chat/whole")
                assert answer is not None and answer.status == 200
                asked += 1
            told = until(lambda: house.gateway.api("GET", "/api/alerts")["alerts"], 15, lambda: "an alert")
            assert told[0]["kind"] == "database_not_written"
        until(lambda: ask(house.gateway.url, limited, "chat/whole").status == 200, 20, lambda: "limits")  # type: ignore[union-attr]
        house.rows(asked + 2)
        house.books_agree()
        assert not [line for line in house.gateway.output().splitlines() if "Traceback" in line]


def test_a_start_without_redis(tmp_path: Path, upstream: Upstream) -> None:
    """It starts, serves what has no limits, and says what is missing; as soon as there is one, all is well."""
    redis = RedisServer(tmp_path)
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5", REDIS_URL=redis.url) as house:
        url = house.gateway.url
        priced(house, upstream)
        free, limited = house.key()[0], house.key(requestsPerMinute=100)[0]
        assert [ask(url, key).status for key in (free, limited)] == [200, 503]  # type: ignore[union-attr]
        assert get_json(f"{url}/readyz")["redis"] == "away"
        assert "redis_away" in {each["kind"] for each in house.gateway.api("GET", "/api/alerts")["alerts"]}
        redis.start()
        try:
            until(lambda: ask(url, limited).status == 200, 30, lambda: "limits to be kept")  # type: ignore[union-attr]
            house.rows(3)
            house.gateway.server.process.terminate()
            assert house.gateway.server.process.wait(30) == 0
        finally:
            redis.stop()


@contextmanager
def bare(folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """A gateway that nothing was prepared for; it answers, whether it is ready or not."""
    port = free_port()
    given = settings(folder) | env | {"PORT": str(port), "WEB_CONCURRENCY": "2", "DRAIN_SECONDS": "0.5"}
    command = [PYTHON, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    with Server("the gateway", command, folder / "bare.log", f"http://127.0.0.1:{port}", given, cwd=folder) as server:
        yield server.wait_until_up("/healthz")
    assert "Traceback" not in server.output(), server.tail(60)


def test_a_start_without_postgres(tmp_path: Path, upstream: Upstream) -> None:
    """Nobody knows who may ask, so nobody is served, and each is told why; it needs no restart once there is a database."""
    postgres = PostgresServer()
    try:
        postgres.start()
        url = postgres.running.url(postgres.running.create())
        migrate(url)
        env = {"DATABASE_URL": url, **SECRETS}
        with running_gateway(tmp_path, **env) as gateway:
            house = House(gateway, env, tmp_path)
            priced(house, upstream)
            key, _ = house.key(requestsPerMinute=100)
        postgres.stop(signal.SIGINT)
        with bare(tmp_path, env) as server:
            refused = ask(server.url, key, patience=30)
            assert refused is not None and refused.status == 503, refused
            assert "database" in refused.json["error"]["message"]
            with Client(server.url, timeout=30) as client:
                told = client.get("/readyz").read()
            assert (told.status, told.json["database"]) == (503, "away")
            postgres.start()
            until(lambda: ask(server.url, key, patience=30).status == 200, 30, lambda: "requests to be served")  # type: ignore[union-attr]
            until(lambda: answers(f"{server.url}/readyz"), 15, lambda: "it to be ready")
    finally:
        postgres.remove()


def started(folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """As the Procfile has it: prepare, which must be done with before gunicorn begins."""
    env = environment(settings(folder) | {"DATA_DIR": str(data)})
    command = [PYTHON, "-m", "omniroute", "prepare"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_a_start_in_a_folder_that_can_only_be_read(tmp_path: Path) -> None:
    """One line, and an exit status. Nobody may write in /proc, not even root."""
    told = started(tmp_path, Path("/proc/omniroute"))
    assert told.returncode == 2, told
    assert "DATA_DIR" in told.stderr and "must be a folder that can be written" in told.stderr
    assert "Traceback" not in told.stderr and len(told.stderr.strip().splitlines()) == 1
