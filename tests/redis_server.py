"""A private Redis for tests: loopback, a port of its own, nothing kept. It can be stopped, to see a gateway without it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ConnectionError as NotConnected
from redis import Redis

from bench.processes import Server, free_port
from tests.left_behind import look_through_redis
from tests.upstream.client import until


class RedisServer:
    """`url` stays the same over a stop and a start; what was in it does not."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "install redis-server: apt-get install --no-install-recommends redis-server"
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.command = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        self.command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--rdbcompression", "no"]
        self.server: Server | None = None

    def start(self) -> None:
        assert self.server is None, "Redis runs already"
        self.server = Server("Redis", self.command, self.folder / "redis.log", self.url)
        until(self.answers, 10, lambda: f"Redis at {self.url}: {self.server.tail() if self.server else ''}")

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def empty(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()

    def answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except NotConnected:
            return False


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> Iterator[RedisServer]:
    """A running, empty Redis; `redis_server.url` is what REDIS_URL takes. A test that stops it need not start it again. A
    secret that it leaves there fails it.
    """
    if redis_process.server is None:
        redis_process.start()
    redis_process.empty()
    yield redis_process
    if redis_process.server is not None:
        look_through_redis(redis_process.url)
