"""Falling over between the connections of one provider, before anything was promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.relay.conftest import WAITS, ask, connect, logged, moved
from tests.relay.ways import CHAT, Way
from tests.upstream.client import Upstream, until
from tests.upstream.script import TEXT

NEXT = ["401", "402", "429", "500", "503", "529", "html", "empty", "404"]
NEXT_WHEN_STREAMED = ["error-first", "cut-first", "silence"]
LAST = ["400", "413", "422", "redirect"]


@pytest.fixture
def pair(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """Two connections each at an upstream of every format; the first has the key sk-good-1."""
    here = gateway(**(WAITS | {"FIRST_EVENT_SECONDS": "1"} | moved(upstream)))
    connect(here, upstream)
    for provider_id in {row["provider"] for row in here.api("GET", "/api/providers")["connections"]}:
        here.add_connection(provider_id, "sk-good-2", "second", priority=1)
    return here


def clear(gateway: Gateway, upstream: Upstream) -> None:
    upstream.reset()
    for connection in gateway.api("GET", "/api/providers")["connections"]:
        gateway.api("POST", f"/api/providers/{connection['id']}/test", {})
    upstream.reset()


def test_the_next_connection_answers(pair: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    for script in NEXT + (NEXT_WHEN_STREAMED if streamed else []):
        clear(pair, upstream)
        upstream.queue(script, key="sk-good-1", path=way.upstream_path)
        answer = ask(pair, way, stream=streamed)
        assert answer.status == 200 and way.text(answer, streamed) == TEXT, (script, answer.body)
        row = logged(pair, answer)
        assert [each["class"] for each in row["attempts"]][1:] == ["ok"], script
        assert row["connectionName"] == "second" and row["class"] == "ok", script
        assert row["decision"].endswith("attempts=2")


def test_what_is_wrong_with_the_request_is_not_repeated(pair: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    for script in LAST:
        clear(pair, upstream)
        upstream.always(script, path=way.upstream_path)
        answer = ask(pair, way, stream=streamed)
        assert answer.status >= 400
        assert len(upstream.requests(way.upstream_path)) == 1, script


def test_falling_over_goes_on_after_a_heartbeat(pair: Gateway, upstream: Upstream, way: Way) -> None:
    clear(pair, upstream)
    upstream.queue({"name": "500", "delay": 0.8}, key="sk-good-1", path=way.upstream_path)
    answer = ask(pair, way, stream=True)
    assert answer.body.startswith(b": keep-alive\n\n") and way.text(answer, True) == TEXT


def test_nothing_is_repeated_after_content(pair: Gateway, upstream: Upstream, way: Way) -> None:
    clear(pair, upstream)
    upstream.queue("cut", key="sk-good-1", path=way.upstream_path)
    answer = ask(pair, way, stream=True)
    assert way.beside(answer.events[-1][1])["class"] == "stream_cut"
    assert len(upstream.requests(way.upstream_path)) == 1


def test_a_stated_wait_leaves_the_connection_out_until_then(pair: Gateway, upstream: Upstream) -> None:
    clear(pair, upstream)
    upstream.always({"name": "429", "headers": {"Retry-After": "600"}}, key="sk-good-1", path="/chat/completions")
    for _ in range(3):
        with_text = ask(pair, CHAT)
        assert with_text.status == 200
    assert len(upstream.requests("/chat/completions", key="sk-good-1")) == 1
    upstream.always({"name": "429", "headers": {"Retry-After": "900"}}, key="sk-good-2", path="/chat/completions")
    assert ask(pair, CHAT).status == 429
    before = len(upstream.requests("/chat/completions"))
    limited = ask(pair, CHAT)
    assert limited.status == 429 and 0 < int(limited.headers["retry-after"]) <= 600
    assert limited.json["omniroute"]["class"] == "rate_limited"
    assert len(upstream.requests("/chat/completions")) == before, "a connection that said when to come back was asked before"


def test_a_refused_key_is_confirmed_and_then_left_alone(pair: Gateway, upstream: Upstream) -> None:
    clear(pair, upstream)
    upstream.always("401", key="sk-good-1")
    assert ask(pair, CHAT).status == 200

    def state() -> dict[str, Any] | None:
        rows = pair.api("GET", "/api/providers")["connections"]
        return next((row for row in rows if row["testStatus"] == "error"), None)

    row = until(state, 5.0, lambda: "the connection to be marked")
    assert row["name"] == "first" and "key" in row["statusReason"]

    def left_alone() -> bool:
        asked = len(upstream.requests("/chat/completions", key="sk-good-1"))
        assert ask(pair, CHAT).status == 200
        return len(upstream.requests("/chat/completions", key="sk-good-1")) == asked

    until(left_alone, 5.0, lambda: "the worker to see the mark")  # the row is there a moment before that


def test_a_pinned_connection_is_the_only_one(pair: Gateway, upstream: Upstream, way: Way) -> None:
    clear(pair, upstream)
    assert ask(pair, way, {"X-OmniRoute-Connection": "second"}).status == 200
    assert upstream.last().key == "sk-good-2"
    assert ask(pair, way, {"X-OmniRoute-Connection": "nobody"}).status == 404
