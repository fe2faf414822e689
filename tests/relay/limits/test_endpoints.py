"""No way round a limit: every endpoint that asks an upstream for something counts, and costs the same streamed or whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from app import create_app
from omniroute.edge.tiers import TIERS, Tier
from omniroute.limits.limit import Budget, KeyLimits, key_limits
from tests.gateway import Gateway, running_gateway
from tests.parts import Parts
from tests.relay.conftest import connect, moved
from tests.relay.limits.houses import House
from tests.relay.passing import BODIES, FORMS, content_type, good
from tests.relay.ways import Chat, Gemini, Messages, Responses
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

MODEL = "scripted-large"
RPM, TPM = 1000, 1_000_000
KEPT = "/v1/responses/<response_id>"
RETRIEVALS = (("GET", KEPT), ("GET", f"{KEPT}/input_items"), ("DELETE", KEPT))  # they ask the upstream that keeps a response
ASKS_NOTHING = {
    ("POST", f"{KEPT}/cancel"),  # nothing can be cancelled
    ("GET", "/v1/responses"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/<path:model_id>"),
    ("GET", "/v1beta/models"),
    ("GET", "/v1beta/models/<path:model_id>"),
}
COUNTS_NO_TOKENS = {"/v1/messages/count_tokens"}


def conversation(client: Chat, prefix: str, stream: bool = False) -> tuple[str, bytes]:
    name = f"{prefix}/{MODEL}"
    return client.path(name, stream), json.dumps(client.body(name, stream)).encode()


# By rule of the URL map: the path and body of a request that is all right.
REQUESTS: dict[str, tuple[str, bytes]] = {
    "/v1/chat/completions": conversation(Chat(), "chat"),
    "/v1/messages": conversation(Messages(), "messages"),
    "/v1/messages/count_tokens": ("/v1/messages/count_tokens", conversation(Messages(), "messages")[1]),
    "/v1/responses": conversation(Responses(), "responses"),
    "/v1beta/models/<path:call>": conversation(Gemini(), "gemini"),
    "/v1/completions": ("/v1/completions", json.dumps({"model": f"chat/{MODEL}", "prompt": "hello"}).encode()),
    **{path: (path, good(path)) for path in (*BODIES, *FORMS)},
}
STREAMED = {
    "chat": (Chat(), "chat"),
    "messages": (Messages(), "messages"),
    "responses": (Responses(), "responses"),
    "gemini": (Gemini(), "gemini"),
    "chat to messages": (Chat(), "messages"),
    "messages to chat": (Messages(), "chat"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("endpoints"), **moved(upstream_process)) as here:
        connect(here, upstream_process)
        yield here


@pytest.fixture
def key(gateway: Gateway, upstream: Upstream) -> dict[str, Any]:
    """A new key with limits, as the API made it."""
    made: dict[str, Any] = gateway.api(
        "POST", "/api/keys", {"name": "limited", "requestsPerMinute": RPM, "tokensPerMinute": TPM, "maxConcurrent": 10}
    )
    gateway.api("POST", "/api/usage/budget", {"apiKeyId": made["id"], "period": "day", "limit_tokens": 1_000_000})
    return made


def send(gateway: Gateway, key: str, path: str, body: bytes, kind: str = "application/json") -> Answer:
    with Client(gateway.url) as client:
        return client.post(path, body, {"Authorization": f"Bearer {key}", "Content-Type": kind}).read()


def counted(gateway: Gateway, key_id: str, name: str) -> tuple[int, int]:
    """(spent, reserved) against the key's limit of that name."""
    limits = KeyLimits(RPM, TPM, 10, (Budget("day", "tokens", 1_000_000),))
    limit = next(each for each in key_limits(key_id, limits) if each.name == name)
    with House(gateway, {}, gateway.folder).store() as (_, shared):
        from time import time

        return shared.counted([(limit.counter, limit.window.span(time()).since)])[limit.counter]


def test_the_list_is_whole(parts: Parts) -> None:
    rules = [rule for rule in create_app(parts.settings).url_map.iter_rules() if TIERS.get(rule.rule) is Tier.CLIENT]
    served = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert served == {("POST", rule) for rule in REQUESTS} | {*RETRIEVALS} | ASKS_NOTHING


@pytest.mark.parametrize("rule", REQUESTS)
def test_every_endpoint_counts(gateway: Gateway, key: dict[str, Any], rule: str) -> None:
    path, body = REQUESTS[rule]
    answer = send(gateway, key["key"], path, body, content_type(path))
    assert answer.status == 200, answer.body
    row = gateway.log_rows(1, keyId=key["id"])[0]
    assert row["class"] == "ok" and row["endpoint"] == rule
    told = (row["inputTokens"] or 0) + (row["outputTokens"] or 0)

    def settled() -> bool:
        return counted(gateway, key["id"], "concurrent requests") == (0, 0)

    until(settled, 5, lambda: f"the request to be settled; {counted(gateway, key['id'], 'concurrent requests')}")
    assert counted(gateway, key["id"], "requests per minute") == (1, 0)
    assert counted(gateway, key["id"], "tokens per day") == (0 if rule in COUNTS_NO_TOKENS else told, 0)
    if rule.startswith(("/v1/messages", "/v1/chat", "/v1/responses", "/v1beta", "/v1/completions", "/v1/embeddings")):
        assert told > 0 or rule in COUNTS_NO_TOKENS
    assert f'"requests per minute";r={RPM - 1};' in answer.headers["ratelimit"]
    native = {"anthropic-ratelimit-requests-remaining"} if rule.startswith("/v1/messages") else {"x-ratelimit-remaining-requests"}
    assert {answer.headers[name] for name in native} == {str(RPM - 1)}


@pytest.mark.parametrize("rule", REQUESTS)
def test_every_endpoint_is_refused_over_the_limit(gateway: Gateway, upstream: Upstream, rule: str) -> None:
    made = gateway.api("POST", "/api/keys", {"name": "one a minute", "requestsPerMinute": 1})
    path, body = REQUESTS[rule]
    assert send(gateway, made["key"], path, body, content_type(path)).status == 200
    before = len(upstream.requests())
    refused = send(gateway, made["key"], path, body, content_type(path))
    assert refused.status == 429 and 1 <= int(refused.headers["retry-after"]) <= 61
    assert b"requests per minute" in refused.body and b"limit_reached" in refused.body
    assert len(upstream.requests()) == before
    row = gateway.log_rows(2, keyId=made["id"])[0]
    assert (row["status"], row["class"], row["usageSource"]) == (429, "limit_reached", "absent")


@pytest.mark.parametrize("name", STREAMED)
def test_streamed_and_whole_cost_the_same(gateway: Gateway, key: dict[str, Any], name: str) -> None:
    client, prefix = STREAMED[name]
    for stream in (False, True):
        assert send(gateway, key["key"], *conversation(client, prefix, stream)).status == 200
    streamed, whole = gateway.log_rows(2, keyId=key["id"])
    assert streamed["streamed"] and not whole["streamed"]
    same = ("inputTokens", "outputTokens", "cachedTokens", "cacheWriteTokens", "cost", "usageSource", "upstreamModel")
    assert {each: streamed[each] for each in same} == {each: whole[each] for each in same}
    assert whole["usageSource"] == "reported"


# What is kept --------------------------------------------------------------------------------------


def retrieve(gateway: Gateway, key: str, method: str, rule: str, response_id: str) -> Answer:
    path, host = rule.replace("<response_id>", response_id), gateway.url.partition("//")[2]
    with Client(gateway.url) as client:
        return client.send(f"{method} {path}", {"Host": host, "Authorization": f"Bearer {key}"}).read()


def made(gateway: Gateway, key: str, prefix: str = "responses", **fields: Any) -> str:
    """The id of a new response, which the upstream keeps where it speaks Responses."""
    body = {"model": f"{prefix}/{MODEL}", "input": "hello", **fields}
    answer = send(gateway, key, "/v1/responses", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


def free(gateway: Gateway, key_id: str) -> None:
    """Nothing of the key's goes on any more."""
    until(lambda: counted(gateway, key_id, "concurrent requests") == (0, 0), 5, lambda: "the requests to be settled")


@pytest.mark.parametrize(("method", "rule"), RETRIEVALS)
def test_every_retrieval_counts_as_a_request_and_costs_nothing(
    gateway: Gateway, key: dict[str, Any], method: str, rule: str
) -> None:
    response_id = made(gateway, key["key"])
    (first,) = gateway.log_rows(1, keyId=key["id"])
    answer = retrieve(gateway, key["key"], method, rule, response_id)
    assert answer.status == 200, answer.body
    row = gateway.log_rows(2, keyId=key["id"])[0]
    assert (row["method"], row["endpoint"], row["status"], row["class"]) == (method, rule, 200, "ok")
    assert (row["usageSource"], row["cost"], row["inputTokens"], row["outputTokens"]) == ("absent", 0, None, None)
    assert row["providerPrefix"] == "responses" and row["connectionId"] == first["connectionId"]
    assert [each["status"] for each in row["attempts"]] == [200] and response_id not in str(row)
    free(gateway, key["id"])
    assert counted(gateway, key["id"], "requests per minute") == (2, 0)
    assert counted(gateway, key["id"], "tokens per day") == (first["inputTokens"] + first["outputTokens"], 0)
    assert f'"requests per minute";r={RPM - 2};' in answer.headers["ratelimit"]
    assert answer.headers["x-ratelimit-remaining-requests"] == str(RPM - 2)
    totals = gateway.api("GET", f"/api/usage/summary?keyId={key['id']}")["totals"]
    assert (totals["requests"], totals["unpriced"], totals["untold"]) == (2, int(first["cost"] is None), 0)


@pytest.mark.parametrize(("method", "rule"), RETRIEVALS)
def test_every_retrieval_is_refused_over_the_limit(gateway: Gateway, upstream: Upstream, method: str, rule: str) -> None:
    limited = gateway.api("POST", "/api/keys", {"name": "one a minute", "requestsPerMinute": 1})
    response_id = made(gateway, limited["key"])
    before = len(upstream.requests())
    refused = retrieve(gateway, limited["key"], method, rule, response_id)
    assert refused.status == 429 and 1 <= int(refused.headers["retry-after"]) <= 61
    assert b"requests per minute" in refused.body and refused.json["error"]["code"] == "rate_limit_exceeded"
    assert len(upstream.requests()) == before
    row = gateway.log_rows(2, keyId=limited["id"])[0]
    assert (row["method"], row["status"], row["class"], row["usageSource"]) == (method, 429, "limit_reached", "absent")


def test_a_retrieval_takes_a_place_of_those_at_once(gateway: Gateway, upstream: Upstream) -> None:
    limited = gateway.api("POST", "/api/keys", {"name": "one at once", "maxConcurrent": 1})
    response_id = made(gateway, limited["key"])
    free(gateway, limited["id"])
    upstream.always({"stall_after": 2})
    path, body = conversation(Chat(), "chat", stream=True)
    with Client(gateway.url) as client:
        client.post(path, body, {"Authorization": f"Bearer {limited['key']}", "Content-Type": "application/json"}).read_until(
            b"data:"
        )
        refused = retrieve(gateway, limited["key"], "GET", KEPT, response_id)
    assert refused.status == 429 and b"concurrent requests" in refused.body


@pytest.mark.parametrize(("method", "rule"), RETRIEVALS)
def test_a_retrieval_that_fails_has_its_row_too(
    gateway: Gateway, key: dict[str, Any], upstream: Upstream, method: str, rule: str
) -> None:
    response_id = made(gateway, key["key"])
    upstream.always({"status": 500, "message": "out of order"})
    answer = retrieve(gateway, key["key"], method, rule, response_id)
    assert answer.status >= 500 and f'"requests per minute";r={RPM - 2};' in answer.headers["ratelimit"]
    row = gateway.log_rows(2, keyId=key["id"])[0]
    assert (row["method"], row["status"], row["endpoint"]) == (method, answer.status, rule)
    assert row["class"] == row["attempts"][0]["class"] != "ok" and "out of order" in row["message"]
    free(gateway, key["id"])


def test_a_retrieval_counts_against_a_quota_in_requests(gateway: Gateway, upstream: Upstream) -> None:
    """The rows name the connection, so that its counter and the log agree."""
    node_id = gateway.add_node("keeper", upstream.v1, apiType="responses")
    gateway.add_connection(node_id, "sk-test-keeper", quota={"unit": "requests", "limit": 2, "window": "day"})
    key = gateway.make_key("anybody")
    response_id = made(gateway, key, "keeper")
    assert retrieve(gateway, key, "GET", KEPT, response_id).status == 200
    before = len(upstream.requests())
    refused = retrieve(gateway, key, "GET", KEPT, response_id)
    assert refused.status == 429 and b"over quota" in refused.body and int(refused.headers["retry-after"]) >= 1
    assert len(upstream.requests()) == before
    House(gateway, {}, gateway.folder).books_agree()


def test_a_secret_that_can_not_be_read_settles_the_retrieval(gateway: Gateway, upstream: Upstream) -> None:
    node_id = gateway.add_upstream("locked", upstream.v1, api_key="sk-test-locked", apiType="responses")
    limited = gateway.api("POST", "/api/keys", {"name": "one at once", "maxConcurrent": 1})
    response_id = made(gateway, limited["key"], "locked")
    free(gateway, limited["id"])
    with sqlite3.connect(gateway.data_dir / "omniroute.db") as database:
        database.execute("UPDATE connections SET sealed = 'gAAAAABnobodys' WHERE provider_id = ?", (node_id,))
    gateway.api("POST", "/api/keys", {"name": "moves the version on"})
    answer = retrieve(gateway, limited["key"], "GET", KEPT, response_id)
    assert answer.status == 502 and b"secret_unreadable" in answer.body
    free(gateway, limited["id"])
    row = gateway.log_rows(2, keyId=limited["id"])[0]
    assert (row["status"], row["class"], row["providerPrefix"]) == (502, "secret_unreadable", "locked")


def test_what_asks_no_upstream_counts_nothing(gateway: Gateway, upstream: Upstream) -> None:
    limited = gateway.api("POST", "/api/keys", {"name": "one a minute", "requestsPerMinute": 1})
    response_id = made(gateway, limited["key"], "chat", store=True)
    before = len(upstream.requests())
    for _ in range(3):
        assert retrieve(gateway, limited["key"], "GET", KEPT, response_id).status == 200
        assert retrieve(gateway, limited["key"], "GET", f"{KEPT}/input_items", response_id).status == 200
        assert retrieve(gateway, limited["key"], "POST", f"{KEPT}/cancel", response_id).status == 400
    assert retrieve(gateway, limited["key"], "DELETE", KEPT, response_id).status == 200
    assert len(upstream.requests()) == before
    assert {row["endpoint"] for row in gateway.log_rows(4, keyId=limited["id"])} == {"/v1/responses", f"{KEPT}/cancel"}
