"""No way round a limit: every endpoint that asks an upstream for something counts, and costs the same streamed or whole."""

from __future__ import annotations

import json
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
ASKS_NOTHING = {"/v1/responses/<response_id>/cancel"}  # it only stops what was asked for
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
    rules = create_app(parts.settings).url_map.iter_rules()
    posts = {rule.rule for rule in rules if "POST" in (rule.methods or ()) and TIERS.get(rule.rule) is Tier.CLIENT}
    assert posts == REQUESTS.keys() | ASKS_NOTHING


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
