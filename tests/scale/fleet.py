"""Three gateways and a worker as on three machines: own ports, own folders, one Postgres, and one Redis or none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from bench.gateway import settings, start
from bench.processes import PYTHON, Server
from tests.gateway import Gateway
from tests.redis_server import RedisServer
from tests.relay.limits.houses import MODEL, House, ask
from tests.relay.stores import where
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

COUNT = 3
STORES = ("postgres and redis", "postgres")
KEYS = "sk-test-first", "sk-test-second", "sk-test-third"  # by which rules of the upstream tell the targets apart
WITHIN = 10.0  # seconds to wait for what takes one at most on a machine that is not busy


@dataclass
class Fleet:
    """`houses` are the gateways, A, B and C; all have the session that was begun on A."""

    folder: Path
    env: dict[str, str]
    houses: list[House] = field(default_factory=list)
    worker: Server | None = None
    outputs: list[Server] = field(default_factory=list)

    @property
    def bare(self) -> Path:
        """A data folder with nothing in it, for whoever need not prepare: the first one has, and they share the database."""
        bare = self.folder / "bare"
        bare.mkdir(exist_ok=True)
        return bare

    def start_gateway(self, number: int) -> None:
        """In place of the one that was there, if any, and on its folder."""
        folder = self.folder / "abc"[number]
        folder.mkdir(exist_ok=True)
        server = start(folder, env=self.env | {"DRAIN_SECONDS": "1"}, prepared=self.bare if self.houses else None, seconds=60)
        self.outputs.append(server)
        self.houses[number : number + 1] = [House(Gateway(server, folder), self.env, folder)]

    def start_worker(self) -> None:
        """It does the jobs as soon as it runs, if nobody else does."""
        folder = self.folder / "worker"
        folder.mkdir(exist_ok=True)
        command, env = [PYTHON, "-m", "omniroute", "work"], settings(folder) | self.env
        self.worker = Server("the worker", command, folder / "worker.log", "", env, cwd=folder)
        self.outputs.append(self.worker)

    def kill(self, number: int) -> None:
        """This gateway's first process and its worker process, at once."""
        server = self.houses[number].gateway.server
        os.killpg(server.pid, signal.SIGKILL)  # its own session: only it and what it forked
        server.process.wait()

    def sign_in(self) -> None:
        self.houses[0].gateway.log_in()
        for house in self.houses[1:]:
            house.gateway.cookie = self.houses[0].gateway.cookie

    @property
    def first(self) -> House:
        return self.houses[0]

    @property
    def urls(self) -> list[str]:
        return [house.gateway.url for house in self.houses]

    def ask_all(self, key: str, model: str = f"priced/{MODEL}") -> list[Answer | None]:
        """One request to each, one after the other."""
        return [ask(url, key, model) for url in self.urls]

    def at_once(self, key: str, total: int, most: int, model: str = f"priced/{MODEL}") -> Sequence[Answer | None]:
        """So many requests, so many at a time, to each gateway in turn; every other one is streamed."""
        with ThreadPoolExecutor(most) as pool:
            return list(pool.map(lambda n: ask(self.urls[n % COUNT], key, model, stream=n % 2 == 0), range(total)))

    def all_see(self, what: Callable[[House], Any], awaited: str) -> None:
        """Wait until `what` is true of each. Raises AssertionError after WITHIN seconds."""
        for house in self.houses:
            until(partial(what, house), WITHIN, lambda: f"{awaited} at {house.gateway.url}")  # noqa: B023

    def all_know_so_far(self) -> None:
        """Wait until each gateway has the configuration as it is: a key that is made last is known everywhere."""
        key, key_id = self.first.key()
        self.all_see(lambda house: listed(house, key) == 200, "the newest key")
        self.first.gateway.api("DELETE", f"/api/keys/{key_id}")

    def leader(self) -> list[str]:
        """The holds of who does the jobs: one, unless nobody does."""
        if "REDIS_URL" in self.env:
            with Redis.from_url(self.env["REDIS_URL"], decode_responses=True) as client:
                return list(client.zrange("omniroute:holds:jobs", 0, -1))
        return [str(each[0]) for each in self.query("SELECT id FROM holds WHERE name = 'jobs'")]

    def query(self, statement: str) -> list[Any]:
        return query(self.env["DATABASE_URL"], statement)

    def end_leases(self) -> None:
        """As if a minute and more had gone by for whoever does not move his leases on any more."""
        if "REDIS_URL" in self.env:
            with Redis.from_url(self.env["REDIS_URL"], decode_responses=True) as client:
                for ticket in client.zrange("omniroute:tickets", 0, -1):
                    client.zadd("omniroute:tickets", {str(ticket): 1.0}, xx=True)
        self.query("UPDATE tickets SET until = 1")

    def stop(self) -> None:
        for server in self.outputs:
            server.stop()

    def look_over(self) -> None:
        """Raises AssertionError when something printed a traceback."""
        for server in self.outputs:
            assert "Traceback" not in server.output(), f"{server.name}:\n{server.tail(60)}"


def query(url: str, statement: str) -> list[Any]:
    """The rows, if there are any to give; committed."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


def listed(house: House, key: str) -> int:
    """The status of a request that counts against nothing."""
    with Client(house.gateway.url) as client:
        return client.get("/v1/models", {"Authorization": f"Bearer {key}"}).read().status


@contextmanager
def running_fleet(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    env = where("postgres", request)
    if "redis" in store:
        server: RedisServer = request.getfixturevalue("redis_process")
        env |= where("redis", request)
        assert server.server is not None
    with ExitStack() as stack:
        fleet = Fleet(folder, env)
        stack.callback(fleet.stop)
        fleet.start_worker()
        until(fleet.leader, 30, lambda: f"the worker to do the jobs: {fleet.outputs[0].tail()}")
        for number in range(COUNT):
            fleet.start_gateway(number)
        fleet.sign_in()
        yield fleet
        fleet.stop()
        fleet.look_over()


def furnish(fleet: Fleet, upstream: Upstream) -> None:
    """`priced`, whose model has a price, and `one`, `two`, `three` with keys of their own; combos of these."""
    here = fleet.first.gateway
    for name, key in zip(("priced", "one", "two", "three"), ("sk-test-priced", *KEYS), strict=True):
        node_id = here.add_upstream(name, upstream.v1, api_key=key)
        if name == "priced":
            here.api("PUT", "/api/pricing", {"provider": node_id, "model": MODEL, "input": "10", "output": "20"})
    models = [f"{name}/{MODEL}" for name in ("one", "two", "three")]
    here.add_combo("turns", *models, strategy="round-robin", config={"retry_same": 0})
    here.add_combo("pair", *models[:2], config={"retry_same": 0})
    fleet.all_know_so_far()
