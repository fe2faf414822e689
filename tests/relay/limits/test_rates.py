"""Requests per minute and concurrent requests are exact, on four workers and each store; a connection's quota holds as well."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.relay.limits.houses import MODEL, House, ask, at_once, running_house
from tests.relay.stores import STORES
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client


@pytest.fixture(scope="module", params=STORES)
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream
) -> Iterator[House]:
    with running_house(request.param, tmp_path_factory.mktemp("rates"), request) as here:
        here.gateway.add_upstream("priced", upstream_process.v1)
        yield here


@pytest.fixture
def house(standing: House, upstream: Upstream) -> House:
    """The store's gateway, with the upstream as new."""
    return standing


def test_requests_per_minute_are_exact(house: House) -> None:
    key, _ = house.key(requestsPerMinute=40)
    answers = at_once(house.gateway.url, key, 100, 25)
    assert Counter(answer.status for answer in answers if answer is not None) == {200: 40, 429: 60}
    for answer in answers:
        assert answer is not None
        if answer.status == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 61
            assert answer.json["error"]["code"] == "rate_limit_exceeded"


def test_concurrent_requests_are_exact_and_places_come_back(house: House, upstream: Upstream) -> None:
    upstream.always({"stall_after": 2})
    key, _ = house.key(maxConcurrent=3)
    body = {"model": f"priced/{MODEL}", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    clients = [Client(house.gateway.url) for _ in range(3)]
    try:
        for client in clients:
            client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"}).read_until(b"data:")
        refused = ask(house.gateway.url, key)
        assert refused is not None and refused.status == 429 and b"concurrent requests" in refused.body
    finally:
        for client in clients:
            client.leave()
    upstream.reset()

    def served() -> bool:
        answer = ask(house.gateway.url, key)
        return answer is not None and answer.status == 200

    until(served, 5, lambda: "a place that was left")
    for _ in range(20):  # one after the other: what was just left is free at once
        assert served()


def test_never_more_at_once_than_allowed(house: House, upstream: Upstream) -> None:
    upstream.always({"delay": 0.05})
    key, _ = house.key(maxConcurrent=4)
    stop, most = threading.Event(), [0]

    def watch() -> None:
        while not stop.is_set():
            running = sum(each.ended is None for each in upstream.requests())
            most[0] = max(most[0], running)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        answers = at_once(house.gateway.url, key, 80, 16)
        stop.set()
        watching.result()
    seen = Counter(answer.status for answer in answers if answer is not None)
    assert seen.keys() <= {200, 429} and seen[200] >= 4
    assert most[0] <= 4


def test_a_connection_s_quota_moves_requests_on(house: House, upstream: Upstream) -> None:
    node_id = house.gateway.add_node("two", upstream.v1)
    house.gateway.add_connection(
        node_id, "sk-test-small", "small", priority=1, quota={"unit": "requests", "limit": 10, "window": "day"}
    )
    house.gateway.add_connection(node_id, "sk-test-large", "large", priority=2)
    key, _ = house.key()
    answers = at_once(house.gateway.url, key, 30, 10, f"two/{MODEL}")
    assert {answer.status for answer in answers if answer is not None} == {200}
    assert len(upstream.requests(key="sk-test-small")) == 10
    assert len(upstream.requests(key="sk-test-large")) == 20
    house.books_agree()


def test_a_used_up_quota_is_told_with_its_reset(house: House, upstream: Upstream) -> None:
    node_id = house.gateway.add_node("one", upstream.v1)
    house.gateway.add_connection(node_id, "sk-test-small", quota={"unit": "requests", "limit": 1, "window": "day"})
    key, _ = house.key()
    first, second = (ask(house.gateway.url, key, f"one/{MODEL}") for _ in range(2))
    assert first is not None and first.status == 200
    assert second is not None and second.status == 429 and 1 <= int(second.headers["retry-after"]) <= 86_400
    assert second.json["error"]["omniroute"]["class"] if "omniroute" in second.json["error"] else b"over_quota" in second.body
