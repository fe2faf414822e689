"""Silence on the line to the client is broken by comments, and promises nothing but a stream."""

from __future__ import annotations

import pytest

from tests.gateway import Gateway
from tests.relay.conftest import ask, logged
from tests.relay.ways import Way
from tests.upstream.client import Upstream
from tests.upstream.script import TEXT

BEAT = b": keep-alive\n\n"


@pytest.mark.parametrize("script", [{"delay": 1.5}, {"gap": 0.5, "pieces": 3}], ids=["before content", "after content"])
def test_a_silent_stream_has_heartbeats_between_events(
    here: Gateway, upstream: Upstream, way: Way, script: dict[str, float]
) -> None:
    upstream.queue(script)
    answer = ask(here, way, stream=True)
    assert answer.body.count(BEAT) >= 2
    assert way.text(answer, True) == TEXT
    for block in answer.body.split(b"\n\n"):
        assert b": keep-alive" not in block or block == b": keep-alive", "a heartbeat inside an event"


def test_a_heartbeat_commits_to_a_stream_and_to_few_headers(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue({"delay": 1.5})
    answer = ask(here, way, stream=True)
    assert answer.status == 200 and "x-omniroute-provider" not in answer.headers and answer.headers["x-request-id"]
    assert answer.body.startswith(BEAT)


def test_a_failure_after_a_heartbeat_is_an_error_event(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue({"name": "400", "delay": 1.5})
    answer = ask(here, way, stream=True)
    assert answer.status == 200 and answer.body.startswith(BEAT)
    event, last = answer.events[-1]
    assert event == way.client.error_event
    assert way.error(last)["message"].startswith("messages: something is wrong with them")
    row = logged(here, answer)
    assert (row["status"], row["class"]) == (200, "bad_request")


def test_a_whole_answer_has_none(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue({"delay": 1.5})
    answer = ask(here, way)
    assert BEAT not in answer.body and way.text(answer, False) == TEXT
