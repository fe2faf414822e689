"""What once slipped through: requests that end in unusual ways, and services that tell no tokens."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import running_gateway
from tests.relay.limits.houses import COST, MODEL, RATES, TOKENS, House, ask, furnish
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

NOBODY_S_KEY = "gAAAAABnobodys"
PICTURE = {"raw": json.dumps({"created": 1, "data": [{"b64_json": "aGk="}]}), "content_type": "application/json"}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("holes")
    with running_gateway(folder) as gateway:
        here = House(gateway, {}, folder)
        furnish(here, upstream_process)
        yield here


@pytest.fixture
def house(standing: House, upstream: Upstream) -> House:
    return standing


@pytest.fixture
def node(house: House, upstream: Upstream, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A node of the test's own with a price, by its prefix and id."""
    prefix = f"n{abs(hash(request.node.name)) % 10**8}"
    return prefix, furnish(house, upstream, prefix, key=f"sk-test-{prefix}")


def post(house: House, key: str, path: str, body: dict[str, Any]) -> Answer:
    with Client(house.gateway.url) as client:
        return client.post(path, body, {"Authorization": f"Bearer {key}"}).read()


def connection_of(house: House, node_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = house.gateway.api("GET", "/api/providers")["connections"]
    return next(each for each in found if each["provider"] == node_id)


def settled(house: House, key: str, model: str) -> None:
    """The key, which may do one thing at a time, is free again."""

    def free() -> bool:
        answer = ask(house.gateway.url, key, model)
        return answer is not None and answer.status != 429

    until(free, 5, lambda: "the place to be given back")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_connection_whose_key_can_not_be_read_is_a_failed_attempt(
    house: House, upstream: Upstream, node: tuple[str, str], stream: bool
) -> None:
    prefix, node_id = node
    key, key_id = house.key(maxConcurrent=1)
    with sqlite3.connect(house.folder / "data" / "omniroute.db") as database:
        database.execute("UPDATE connections SET sealed = ? WHERE provider_id = ?", (NOBODY_S_KEY, node_id))
    house.gateway.api("POST", "/api/keys", {"name": "moves the version on"})
    for _ in range(3):
        answer = ask(house.gateway.url, key, f"{prefix}/{MODEL}", stream=stream)
        assert answer is not None and answer.status == 502 and b"secret_unreadable" in answer.body, answer
    assert {row["class"] for row in house.rows(3, keyId=key_id)} == {"secret_unreadable"}
    second = house.gateway.add_connection(node_id, "sk-test-second", "second")
    answer = ask(house.gateway.url, key, f"{prefix}/{MODEL}", stream=stream)
    assert answer is not None and answer.status == 200 and answer.headers["x-omniroute-connection"] == second


def test_a_price_by_the_request_counts_where_no_tokens_are_told(house: House, upstream: Upstream, node: tuple[str, str]) -> None:
    prefix, node_id = node
    house.gateway.api("PUT", "/api/pricing", {"provider": node_id, "model": "painter", "request": "0.04"})
    key, key_id = house.key()
    house.budget(key_id, limit_usd=0.05)
    upstream.always(PICTURE)
    body = {"model": f"{prefix}/painter", "prompt": "a cat"}
    seen = []
    for _ in range(3):
        seen.append(post(house, key, "/v1/images/generations", body).status)
        house.rows(len(seen), keyId=key_id)
    assert seen == [200, 200, 429]  # the second one was let in while there was something left
    assert [row["cost"] for row in house.rows(3, keyId=key_id)] == [None, 40_000, 40_000]


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/audio/speech"])
def test_a_price_by_tokens_does_not_hold_a_budget_for_what_tells_none(
    house: House, upstream: Upstream, node: tuple[str, str], path: str
) -> None:
    prefix, _ = node
    key, key_id = house.key()
    house.budget(key_id, limit_usd=5)
    body = {"model": f"{prefix}/{MODEL}", "prompt": "a cat", "input": "hello", "voice": "alloy"}
    refused = post(house, key, path, body)
    assert refused.status == 403 and b"price_unknown" in refused.body
    assert not upstream.requests()


def test_embeddings_fit_a_quota_in_dollars(house: House, node: tuple[str, str]) -> None:
    prefix, node_id = node
    house.gateway.api("PUT", "/api/pricing", {"provider": node_id, "model": "vectors", "input": "0.1"})
    connection = connection_of(house, node_id)
    quota = {"unit": "usd", "limit": 5, "window": "day"}
    house.gateway.api("PUT", f"/api/providers/{connection['id']}", {"quota": quota})
    key, _ = house.key()
    assert post(house, key, "/v1/embeddings", {"model": f"{prefix}/vectors", "input": "hello"}).status == 200


def test_while_all_are_cooling_a_budget_waits_like_anybody(house: House, upstream: Upstream, node: tuple[str, str]) -> None:
    prefix, _ = node
    key, key_id = house.key()
    house.budget(key_id, limit_usd=5)
    upstream.always({"status": 429, "headers": {"retry-after": "40"}})
    for _ in range(2):
        answer = ask(house.gateway.url, key, f"{prefix}/{MODEL}")
        assert answer is not None and answer.status == 429 and 30 <= int(answer.headers["retry-after"]) <= 40


@pytest.mark.parametrize(
    "script",
    [
        {"raw": '{"error": {"message": "nope", "type": "server_error"}}', "content_type": "application/json"},
        {"raw": "<html><title>Down</title></html>", "content_type": "text/html"},
    ],
    ids=["error", "page"],
)
def test_a_200_that_is_no_answer_costs_nothing(
    house: House, upstream: Upstream, node: tuple[str, str], script: dict[str, Any]
) -> None:
    prefix, _ = node
    key, key_id = house.key(tokensPerMinute=100_000)
    upstream.always(script)
    answer = ask(house.gateway.url, key, f"{prefix}/{MODEL}")
    assert answer is not None and answer.status >= 500
    row = house.rows(1, keyId=key_id)[0]
    assert (row["usageSource"], row["inputTokens"], row["cost"], row["firstMs"]) == ("absent", None, None, None)


CHUNKS = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "hello there " * 30}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": PROMPT, "completion_tokens": OUTPUT, "total_tokens": TOKENS}},
)


@pytest.fixture
def lingering() -> Iterator[str]:
    """An upstream that streams its whole answer and does not end the body until the peer has gone; its URL."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(line,), daemon=True).start()

    def answer(line: socket.socket) -> None:
        with line:
            request = b""
            while b"\r\n\r\n" not in request:
                request += line.recv(65536)
            events = [b"data: " + json.dumps({"id": "x", "model": "m", **chunk}).encode() + b"\n\n" for chunk in CHUNKS]
            body = b"".join(events) + b"data: [DONE]\n\n"
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            line.sendall(head + f"{len(body):x}\r\n".encode() + body + b"\r\n")
            while line.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_who_leaves_at_the_last_event_has_had_it_all(house: House, lingering: str) -> None:
    node_id = house.gateway.add_upstream("late", lingering)
    house.gateway.api("PUT", "/api/pricing", {"provider": node_id, "model": "*", **RATES})
    key, key_id = house.key()
    body = {"model": "late/m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    with Client(house.gateway.url) as client:
        client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"}).read_until(b"[DONE]")
    row = house.rows(1, keyId=key_id)[0]
    assert (row["status"], row["class"], row["usageSource"]) == (200, "ok", "reported")
    assert (row["outputTokens"], row["cost"]) == (OUTPUT, COST)
    assert [each["class"] for each in row["attempts"]] == ["ok"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_who_leaves_while_a_quota_is_asked_leaves_no_place_taken(
    house: House, upstream: Upstream, node: tuple[str, str], stream: bool
) -> None:
    prefix, node_id = node
    path = f"/api/providers/{connection_of(house, node_id)['id']}"
    house.gateway.api("PUT", path, {"quota": {"unit": "requests", "limit": 1000, "window": "day"}})
    key, _ = house.key()
    body = {"model": f"{prefix}/{MODEL}", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    database = sqlite3.connect(house.folder / "data" / "omniroute.db", isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")  # the store keeps the request waiting
        with Client(house.gateway.url) as client:
            client.post("/v1/chat/completions", body, {"Authorization": f"Bearer {key}"})
            for _ in range(20):  # answered after it by the same worker, which has begun with it by then
                with Client(house.gateway.url) as other:
                    assert other.get("/healthz").read().status == 200
    finally:
        database.execute("ROLLBACK")
        database.close()
    house.gateway.api("PUT", path, {"maxConcurrent": 1})

    def served() -> bool:
        answer = ask(house.gateway.url, key, f"{prefix}/{MODEL}")
        return answer is not None and answer.status == 200

    until(served, 5, lambda: "the connection's one place")
    house.books_agree()  # what was reserved for nobody is given back


def test_counting_tokens_agrees_with_the_books(house: House, upstream: Upstream) -> None:
    node_id = house.gateway.add_upstream("counted", upstream.url, "anthropic-compatible")
    connection = connection_of(house, node_id)
    quota = {"unit": "requests", "limit": 1000, "window": "day"}
    house.gateway.api("PUT", f"/api/providers/{connection['id']}", {"quota": quota})
    key, key_id = house.key(requestsPerMinute=100)
    body = {"model": f"counted/{MODEL}", "messages": [{"role": "user", "content": "hello"}]}
    for _ in range(3):
        assert "ratelimit" in post(house, key, "/v1/messages/count_tokens", body).headers
    estimated = post(house, key, "/v1/messages/count_tokens", body | {"model": f"priced/{MODEL}"})
    assert estimated.headers["x-omniroute-estimate"] == "characters" and "ratelimit" in estimated.headers
    assert {row["cost"] for row in house.rows(4, keyId=key_id)} == {0}
    house.books_agree()
