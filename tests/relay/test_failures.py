"""Every fault of an upstream, three ways, streamed and not: the client's own error with status, class and remedy, and a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.relay.conftest import ask, connect, logged, moved
from tests.relay.ways import Way
from tests.upstream.client import Upstream
from tests.upstream.script import TEXT

# script -> the client's status, the class
FAULTS: dict[str, tuple[int, str]] = {
    "400": (400, "bad_request"),
    "401": (502, "upstream_auth_error"),
    "402": (429, "quota_exhausted"),
    "403": (403, "client_error"),
    "404": (404, "model_not_found"),
    "408": (408, "server_error"),
    "413": (413, "bad_request"),
    "422": (422, "bad_request"),
    "429": (429, "rate_limited"),
    "429-bare": (429, "rate_limited"),
    "500": (500, "server_error"),
    "502": (502, "server_error"),
    "503": (503, "overloaded"),
    "529": (529, "overloaded"),
    "context": (400, "context_too_long"),
    "html": (502, "upstream_not_json"),
    "html-500": (500, "server_error"),
    "empty": (502, "upstream_empty"),
    "not-json": (502, "upstream_not_json"),
    "redirect": (502, "upstream_redirect"),
    "reset": (502, "network_error"),
    "hang": (504, "network_error"),
}
STREAM_FAULTS: dict[str, tuple[int, str]] = {
    "error-first": (529, "overloaded"),
    "cut-first": (502, "stream_cut"),
    "silence": (504, "stream_stalled"),
}


@pytest.fixture
def fresh(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """A gateway of its own: some faults leave a cooldown."""
    here = gateway(FIRST_EVENT_SECONDS="1", ANSWER_SECONDS="1", HEARTBEAT_SECONDS="30", **moved(upstream))
    connect(here, upstream)
    return here


def test_every_fault_before_content(fresh: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    faults = FAULTS | (STREAM_FAULTS if streamed else {})
    for script, (status, kind) in faults.items():
        upstream.reset()
        upstream.always(script, model=script)
        answer = ask(fresh, way, model=script, stream=streamed)
        error = check(way, answer.status, answer.json, status, kind, script)
        # A reused connection that dies before a byte came back is replaced once, unseen.
        assert len([each for each in upstream.requests() if each.model == script]) == (2 if script == "reset" else 1), script
        row = logged(fresh, answer)
        assert (row["status"], row["class"]) == (status, kind), script
        assert len(row["attempts"]) == 1 and row["attempts"][0]["class"] == kind, script
        assert upstream.url.rpartition(":")[2] not in str(error), f"{script} tells the upstream's address"
        clear_cooldowns(fresh, upstream)


def clear_cooldowns(gateway: Gateway, upstream: Upstream) -> None:
    """A Test that succeeds clears what the fault has left behind."""
    upstream.reset()
    for connection in gateway.api("GET", "/api/providers")["connections"]:
        assert gateway.api("POST", f"/api/providers/{connection['id']}/test", {})["valid"]


def check(way: Way, status: int, document: dict[str, Any], expected: int, kind: str, script: str) -> dict[str, Any]:
    assert status == expected, (script, status, document)
    error = way.error(document)
    beside = document["omniroute"]
    assert beside["class"] == kind, script
    assert beside["remedy"] and beside["request_id"] and len(beside["attempts"]) == 1, script
    return error


def test_the_upstreams_words_stand_first(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue("context")
    error = way.error(ask(here, way).json)
    assert error["message"].startswith("prompt is too long: 250000 tokens > 200000 maximum")
    assert error.get("type", "invalid_request_error") == "invalid_request_error"


def test_a_page_is_named_by_the_seeds_words(here: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    upstream.queue("html")
    error = way.error(ask(here, way, stream=streamed).json)
    assert error["message"].startswith("Invalid JSON response from provider (reset after 10s)")


def test_retry_hints_are_passed_on(fresh: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue(
        {"name": "429", "headers": {"Retry-After": "7", "retry-after-ms": "7000", "x-should-retry": "false", "Set-Cookie": "a=b"}}
    )
    answer = ask(fresh, way)
    told = answer.headers
    assert (told["retry-after"], told["retry-after-ms"], told["x-should-retry"]) == ("7", "7000", "false")
    assert "set-cookie" not in told


def test_a_cut_after_content_is_an_error_event_and_no_clean_end(here: Gateway, upstream: Upstream, way: Way) -> None:
    for script, kind in (("cut", "stream_cut"), ("stall", "stream_stalled"), ("error-later", "overloaded")):
        upstream.queue(script)
        answer = ask(here, way, stream=True)
        assert answer.status == 200
        event, last = answer.events[-1]
        assert event == way.client.error_event, script
        assert way.beside(last)["class"] == kind, script
        way.error(last)
        assert not any(end in answer.body for end in way.client.clean_ends)
        assert way.text(answer, True) and TEXT.startswith(way.text(answer, True))
        row = logged(here, answer)
        assert (row["status"], row["class"], row["id"]) == (200, kind, answer.headers["x-request-id"])


def test_an_upstream_that_streams_unasked_is_gathered(here: Gateway, upstream: Upstream, way: Way) -> None:
    stream = ask(here, way, stream=True)
    upstream.queue({"raw": upstream.last().sent.decode(), "content_type": "text/event-stream", "status": 200})
    answer = ask(here, way)
    assert answer.status == 200 and way.text(answer, False) == way.text(stream, True) == TEXT


def test_an_upstream_that_does_not_stream_is_replayed(here: Gateway, upstream: Upstream, way: Way) -> None:
    ask(here, way)
    upstream.queue({"raw": upstream.last().sent.decode(), "content_type": "application/json", "status": 200})
    answer = ask(here, way, stream=True)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert way.text(answer, True) == TEXT


def test_an_error_in_a_200_answer_is_an_error(here: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    raw = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    upstream.queue({"raw": raw, "status": 200, "content_type": "application/json"})
    answer = ask(here, way, stream=streamed)
    assert (answer.status, answer.json["omniroute"]["class"]) == (529, "overloaded")


def test_an_upstreams_key_in_its_error_is_masked(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue({"name": "400", "message": "Incorrect API key provided: sk-proj-abcdefghijklmnop1234567890. Find yours"})
    answer = ask(here, way)
    assert b"abcdefghijklmnop" not in answer.body
    assert "abcdefghijklmnop" not in str(logged(here, answer))
