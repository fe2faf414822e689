"""How many connections processes have: never more than was set, at the most with many requests at once; and few are enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from bench.gateway import settings
from bench.processes import PYTHON, Server
from tests.gateway import running_gateway
from tests.relay.limits.houses import House, at_once, furnish
from tests.relay.stores import where
from tests.scale.fleet import STORES, query
from tests.upstream.client import Upstream, until

PROCESSES, EACH = 2, 2
WORKER = 2  # connections of `python -m omniroute work` at the most: it does one thing after the other


@pytest.mark.parametrize("store", STORES)
def test_no_process_has_more_than_it_may(tmp_path: Path, upstream: Upstream, request: pytest.FixtureRequest, store: str) -> None:
    env = where("postgres", request) | {"DATABASE_CONNECTIONS": str(EACH), "REDIS_CONNECTIONS": str(EACH)}
    counts: list[Callable[[str], int]] = [partial(of_postgres, env["DATABASE_URL"])]
    if "redis" in store:
        env |= where("redis", request)
        counts.append(partial(of_redis, env["REDIS_URL"]))
    (tmp_path / "worker").mkdir()
    given = settings(tmp_path / "worker") | named("work", env)
    with running_gateway(tmp_path, workers=PROCESSES, **named("web", env), BACKGROUND_JOBS="off") as gateway:
        command = [PYTHON, "-m", "omniroute", "work"]
        with Server("the worker", command, tmp_path / "worker.log", "", given, cwd=tmp_path / "worker"):
            house = House(gateway, env, tmp_path)
            furnish(house, upstream)
            key, key_id = house.key(requestsPerMinute=100_000, maxConcurrent=500)
            house.budget(key_id, limit_usd=1000)
            until(lambda: gateway.api("GET", "/api/about")["about"]["workers"] == PROCESSES, 20, lambda: "all workers")
            until(lambda: all(count("work") for count in counts), 20, lambda: "the worker to do the jobs")
            with ThreadPoolExecutor(1) as pool, counted(counts) as most:
                pages = pool.submit(lambda: [gateway.api("GET", "/api/usage/logs") for _ in range(30)])
                answers = at_once(gateway.url, key, 150, 30)
                assert pages.result()
            assert {None if each is None else each.status for each in answers} == {200}
            assert all(EACH <= each <= PROCESSES * EACH for each in most["web"]), most
            assert all(1 <= each <= WORKER for each in most["work"]), most
            house.books_agree()


def named(program: str, env: dict[str, str]) -> dict[str, str]:
    """The same settings; its connections tell the servers this name."""
    found = env | {"PGAPPNAME": program}
    return found | {"REDIS_URL": f"{env['REDIS_URL']}?client_name={program}"} if "REDIS_URL" in env else found


class counted:
    """The most that each of `counts` has told of each program while the block ran."""

    def __init__(self, counts: list[Callable[[str], int]]) -> None:
        self._counts, self._over = counts, threading.Event()
        self._most = {program: [0] * len(counts) for program in ("web", "work")}
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.is_set():
            for program, most in self._most.items():
                most[:] = [max(before, count(program)) for before, count in zip(most, self._counts, strict=True)]

    def __enter__(self) -> dict[str, list[int]]:
        self._thread.start()
        return self._most

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def of_postgres(url: str, program: str) -> int:
    who = f"datname = current_database() AND application_name = '{program}'"
    return int(query(url, f"SELECT count(*) FROM pg_stat_activity WHERE {who}")[0][0])


def of_redis(url: str, program: str) -> int:
    with Redis.from_url(url) as client:
        return sum(each["name"] == program for each in client.client_list())
