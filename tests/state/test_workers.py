"""The real gateway with two workers: what one of them learns the other acts on, in the database or in Redis."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway import Gateway, running_gateway
from tests.redis_server import RedisServer
from tests.state.stores import opened
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

MODEL = "scripted-large"
CONNECTIONS = 12  # new ones of a client: both workers get some


def ask(gateway: Gateway, model: str) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 16}
    with Client(gateway.url) as client:
        return client.post("/v1/chat/completions", body).read()


@pytest.fixture(params=["database", "redis"])
def where(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting that says where workers share."""
    if request.param == "database":
        return {}
    server: RedisServer = request.getfixturevalue("redis_server")
    return {"REDIS_URL": server.url}


def test_a_stated_wait_counts_for_both_workers_and_over_a_restart(
    tmp_path: Path, upstream: Upstream, where: dict[str, str]
) -> None:
    shared = where.get("REDIS_URL") or f"sqlite:///{tmp_path / 'data' / 'omniroute.db'}"
    limited = {"status": 429, "headers": {"Retry-After": "600"}}

    def refused_unasked(here: Gateway) -> bool:
        answers = [ask(here, f"alone/{MODEL}") for _ in range(CONNECTIONS)]
        assert {answer.status for answer in answers} == {429}
        return not upstream.requests()

    with running_gateway(tmp_path, workers=2, **where) as here:
        here.add_upstream("alone", upstream.v1)
        upstream.reset()
        upstream.always(limited)
        assert ask(here, f"alone/{MODEL}").status == 429

        def known() -> bool:
            upstream.reset()
            upstream.always(limited)
            return refused_unasked(here)

        until(known, 5, lambda: "both workers to know")
        with opened(shared) as store:
            until(lambda: store.reports(time.time()), 5, lambda: "the report of the worker that asked")
    with opened(shared) as store:
        assert store.read_health() and store.reports(time.time()) == {}  # workers that ended report nothing any more
    with running_gateway(tmp_path, workers=2, **where) as again:
        upstream.reset()
        assert refused_unasked(again)


def test_turns_are_exact_over_workers(gateway: Callable[..., Gateway], upstream: Upstream, where: dict[str, str]) -> None:
    here = gateway(workers=2, **where)
    for name in ("one", "two", "three"):
        here.add_upstream(name, upstream.v1, api_key=f"sk-test-{name}")
    here.add_combo("round", *(f"{name}/{MODEL}" for name in ("one", "two", "three")), strategy="round-robin")
    upstream.reset()
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(here, "round"))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    assert Counter(each.key for each in upstream.requests()) == {f"sk-test-{name}": 10 for name in ("one", "two", "three")}


def test_without_its_redis_a_gateway_goes_on(
    gateway: Callable[..., Gateway], upstream: Upstream, redis_server: RedisServer
) -> None:
    here = gateway(workers=2, REDIS_URL=redis_server.url)
    here.add_upstream("one", upstream.v1, api_key="sk-test-one")
    here.add_combo("round", f"one/{MODEL}", strategy="round-robin")
    assert ask(here, "round").status == 200
    redis_server.stop()
    assert {ask(here, "round").status for _ in range(CONNECTIONS)} == {200}
    until(lambda: here.output().count("is not shared with other workers") == 2, 5, lambda: "both workers to notice")
    with Client(here.url) as client:
        answer = client.get("/readyz").read()
    assert (answer.status, answer.json["redis"]) == (200, "away")
    redis_server.start()
    assert {ask(here, "round").status for _ in range(CONNECTIONS)} == {200}
    until(lambda: here.output().count("shared with other workers again") == 2, 5, lambda: "both workers to be back")
    assert here.output().count("is not shared with other workers") == 2
