"""The Playground's stream of events, over a real gateway: what it says, and that whoever leaves spends nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.dashboard.test_pages import HOSTILE
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import Client

ASK = "/dashboard/playground/ask"


@pytest.fixture(scope="module")
def gateway_here(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("playground"), HEARTBEAT_SECONDS="0.3") as here:
        here.add_upstream("chat", upstream_process.v1)
        here.add_upstream("messages", upstream_process.url, "anthropic-compatible")
        yield here


@pytest.fixture
def here(gateway_here: Gateway, upstream: Upstream) -> Gateway:
    gateway_here.api("POST", "/api/resilience/reset", {})
    return gateway_here


def ask(here: Gateway, model: str = "chat/m", *, streamed: bool = True, **headers: str) -> Client:
    """The form of the page, sent as its script does; the answer is left to be read."""
    with Client(here.url) as client:
        page = client.get("/dashboard/playground", {"Cookie": here.cookie or ""}).read()
    token = re.search(rb'name="csrf_token" value="([^"]+)"', page.body)
    assert token is not None
    cookie = f"{here.cookie}; {page.headers['set-cookie'].partition(';')[0]}"
    fields = {"csrf_token": token[1].decode(), "do": "send", "model": model, "format": "openai_chat"}
    fields |= {"turns-0-role": "user", "turns-0-text": "hello"} | ({"stream": "y"} if streamed else {})
    given = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Origin": here.url, "HX-Request": "true"}
    return Client(here.url).post(ASK, urlencode(fields).encode(), given | headers)


def events(here: Gateway, model: str = "chat/m") -> list[tuple[str | None, Any]]:
    with ask(here, model) as client:
        answer = client.read()
    assert (answer.status, answer.whole) == (200, True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "no-store" in answer.headers["cache-control"]
    return answer.events


def test_what_happens_is_told_as_it_happens(here: Gateway, upstream: Upstream) -> None:
    upstream.queue({"name": "thinking-tool", "text": HOSTILE, "thinking": HOSTILE, "tool_input": {"city": HOSTILE}})
    told = events(here, "messages/m")
    kinds = list(dict.fromkeys(kind for kind, _ in told))
    assert kinds == ["accepted", "begun", "thinking", "text", "tool", "over"]
    assert told[1][1] == {"provider": "messages"}
    assert "".join(data["text"] for kind, data in told if kind == "text") == HOSTILE
    over = told[-1][1]
    assert over["failed"] is False and told[0][1]["log"] == f"/dashboard/logs/{told[0][1]['id']}"
    for html in (over["turns"], over["result"]):
        assert "<img" not in html and "&lt;img" in html
    assert 'name="turns-1-result-0"' in over["turns"] and 'name="turns-2-' not in over["turns"]
    row = here.log_rows(1, requestId=told[0][1]["id"])[0]
    assert (row["keyName"], row["class"], row["streamed"]) == ("Playground", "ok", True)


def test_a_failure_is_the_end_and_leaves_the_conversation_as_it_is(here: Gateway, upstream: Upstream) -> None:
    upstream.queue("context", model="short")
    told = events(here, "chat/short")
    assert [kind for kind, _ in told] == ["accepted", "over"]
    assert told[-1][1]["failed"] is True and told[-1][1]["turns"] == ""
    assert "context_too_long" in told[-1][1]["result"] and "prompt is too long" in told[-1][1]["result"]


def test_silence_is_kept_open_by_comments(here: Gateway, upstream: Upstream) -> None:
    upstream.queue({"delay": 0.8})
    with ask(here) as client:
        assert b": keep-alive" in client.read_until(b": keep-alive\n\n")
        client.read_until(b"event: over")


@pytest.mark.parametrize(
    ("script", "streamed", "until"),
    [("stall", True, b"event: text"), ("hang", True, b'"log":'), ("hang", False, b'"log":')],
)
def test_who_leaves_ends_the_request_upstream(
    here: Gateway, upstream: Upstream, script: str, streamed: bool, until: bytes
) -> None:
    upstream.queue(script)
    with ask(here, streamed=streamed) as client:
        begun = client.read_until(until)
        seen = upstream.wait_for(1, "/chat/completions")
    upstream.closed(seen.id, within=5)
    id = re.search(rb'"id":"([^"]+)"', begun)
    assert id is not None
    assert here.log_rows(1, requestId=id[1].decode())[0]["class"] == "client_gone"


def test_it_is_for_the_session_and_its_own_page(here: Gateway, upstream: Upstream) -> None:
    with ask(here, Cookie="") as client:
        answer = client.read()
        assert (answer.status, answer.headers["hx-redirect"]) == (401, "/login")
    with ask(here, Origin="https://example.com") as client:
        assert client.read().status == 403
    cookie = {"Cookie": here.cookie or "", "Origin": here.url, "Content-Type": "application/x-www-form-urlencoded"}
    with Client(here.url) as bare:
        assert bare.post(ASK, b"model=chat/m", cookie).read().status == 400  # no token
    with Client(here.url) as keyed:
        key = here.make_key(scopes=["manage", "relay"])
        assert keyed.post(ASK, b"{}", {"Authorization": f"Bearer {key}"}).read().status == 303  # a key opens no page
    assert upstream.requests() == []
