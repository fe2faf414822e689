"""A client that leaves: the upstream's connection is closed within a second, and the request is counted once."""

from __future__ import annotations

import pytest

from tests.gateway import Gateway
from tests.relay.ways import Way
from tests.upstream.client import Upstream
from tests.upstream.raw import Client

# moment -> (script, events out before the client leaves)
MOMENTS = {
    "before the headers": ({"fault": "hang"}, 0),
    "before the first event": ({"fault": "silence"}, 0),
    "in mid-stream": ({"text": "word " * 2000, "pieces": 2000, "gap": 0.02}, 5),
    "in silence": ({"stall_after": 4}, 4),
    "in a tool's arguments": ({"say": "tool", "gap": 0.3}, 3),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_leaving_a_stream_closes_the_upstream(here: Gateway, upstream: Upstream, way: Way, moment: str) -> None:
    script, events = MOMENTS[moment]
    model = f"{moment.replace(' ', '-')}-{type(way.client).__name__}-{way.prefix}"
    upstream.queue(script)
    with Client(here.url) as client:
        way.post(client, model, stream=True)
        seen = upstream.wait_for(1, events=events)
        if events:
            client.receive()
    assert upstream.closed(seen.id, within=1.0)
    rows = here.log_rows(1, status="499", model=model)
    assert len(rows) == 1
    assert rows[0]["class"] == "client_gone" and rows[0]["attempts"][-1]["class"] == "client_gone"


def test_leaving_before_a_whole_answer_closes_the_upstream(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue({"fault": "hang"})
    with Client(here.url) as client:
        way.post(client)
        seen = upstream.wait_for(1)
    assert upstream.closed(seen.id, within=1.0)
    assert here.log_rows(1, status="499")[0]["class"] == "client_gone"


def test_what_was_seen_of_the_usage_is_kept(here: Gateway, upstream: Upstream) -> None:
    upstream.queue({"text": "word " * 2000, "pieces": 2000, "gap": 0.02})
    with Client(here.url) as client:
        client.post("/v1/messages", {"model": "messages/usage-test", "messages": [], "max_tokens": 9, "stream": True})
        client.read_until(b"content_block_delta")
    row = here.log_rows(1, model="usage-test")[0]
    assert (row["inputTokens"], row["cachedTokens"], row["usageSource"]) == (19, 5, "partial")


def test_a_client_that_asks_again_on_the_same_connection_is_not_taken_for_gone(
    here: Gateway, upstream: Upstream, way: Way
) -> None:
    with Client(here.url) as client:
        for _ in range(3):
            assert way.post(client, stream=True).read().status == 200
            assert way.post(client).read().status == 200


def test_a_request_sent_early_does_not_end_the_one_before(here: Gateway, upstream: Upstream, way: Way) -> None:
    """Pipelining makes the socket readable though the client is there."""
    upstream.queue("slow", model="early")
    with Client(here.url) as client:
        way.post(client, "early", stream=True)
        way.post(client, "late", stream=True)
        assert client.read_until(b"\r\n0\r\n\r\n").count(b"slow") >= 20
