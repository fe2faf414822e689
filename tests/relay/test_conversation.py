"""`store` and `previous_response_id`: kept here for upstreams of other formats, by the upstream where it speaks Responses."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.relay.conftest import connect, moved
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.script import TEXT

PATH = "/v1/responses"


def create(here: Gateway, key: str | None = None, **fields: Any) -> Answer:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with Client(here.url) as client:
        return client.post(PATH, {"model": "chat/scripted-large", "input": "hello", **fields}, headers).read()


def call(here: Gateway, method: str, path: str, key: str | None = None) -> Answer:
    headers = {"Host": here.url.partition("//")[2]} | ({"Authorization": f"Bearer {key}"} if key else {})
    with Client(here.url) as client:
        return client.send(f"{method} {path}", headers).read()


def response_of(answer: Answer, streamed: bool) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.events[-1][1]["response"] if streamed else answer.json
    return found


@pytest.mark.parametrize("prefix", ["chat", "messages", "gemini"])
def test_a_conversation_goes_on_where_the_upstream_keeps_nothing(
    here: Gateway, upstream: Upstream, prefix: str, streamed: bool
) -> None:
    model = f"{prefix}/scripted-large"
    first = response_of(create(here, model=model, store=True, stream=streamed, input="My name is Ada."), streamed)
    second = response_of(
        create(here, model=model, store=True, stream=streamed, input="And?", previous_response_id=first["id"]), streamed
    )
    assert second["previous_response_id"] == first["id"] and second["store"] is True
    sent = str(upstream.last().json)
    assert sent.index("My name is Ada.") < sent.index(TEXT) < sent.index("And?")
    third = create(here, model=model, input="More", previous_response_id=second["id"])
    assert third.status == 200 and str(upstream.last().json).count(TEXT) == 2


def test_tool_rounds_go_on_too(here: Gateway, upstream: Upstream) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
    upstream.queue("tool")
    first = response_of(create(here, store=True, tools=tools), False)
    call_item = next(item for item in first["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call_item["call_id"], "output": "rain"}
    create(here, input=[result], tools=tools, previous_response_id=first["id"])
    sent = upstream.last().json["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == call_item["call_id"]


def test_nothing_is_kept_unless_it_was_asked(here: Gateway) -> None:
    for store in ({}, {"store": False}, {"store": None}):
        answer = create(here, **store)
        assert call(here, "GET", f"{PATH}/{answer.json['id']}").status == 404


def test_what_is_kept_can_be_read_paged_and_deleted(here: Gateway) -> None:
    items = [{"role": "user", "content": f"number {number}"} for number in range(3)]
    kept = create(here, store=True, input=items).json
    path = f"{PATH}/{kept['id']}"
    assert call(here, "GET", path).json == kept
    listed = call(here, "GET", f"{path}/input_items?limit=2").json
    assert [item["content"] for item in listed["data"]] == ["number 2", "number 1"] and listed["has_more"] is True
    rest = call(here, "GET", f"{path}/input_items?limit=2&after={listed['last_id']}").json
    assert [item["content"] for item in rest["data"]] == ["number 0"] and rest["has_more"] is False
    assert call(here, "GET", f"{path}/input_items?order=asc").json["data"][0]["content"] == "number 0"
    assert call(here, "GET", f"{path}/input_items?limit=x").json["error"]["param"] == "limit"
    assert call(here, "DELETE", path).json == {"id": kept["id"], "object": "response", "deleted": True}
    assert call(here, "GET", path).status == call(here, "DELETE", path).status == 404


def test_only_its_owner_finds_it(here: Gateway) -> None:
    ours, theirs = here.make_key("ours"), here.make_key("theirs")
    kept = create(here, ours, store=True).json["id"]
    for key in (theirs, None):
        assert call(here, "GET", f"{PATH}/{kept}", key).status == 404
        assert call(here, "GET", f"{PATH}/{kept}/input_items", key).status == 404
        assert call(here, "DELETE", f"{PATH}/{kept}", key).status == 404
        refused = create(here, key, previous_response_id=kept)
        assert refused.status == 400 and refused.json["error"]["code"] == "previous_response_not_found"
    assert call(here, "GET", f"{PATH}/{kept}", ours).status == 200


def test_it_lies_encrypted(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    here = gateway(**moved(upstream))
    connect(here, upstream)
    create(here, store=True, input="a very private matter")
    with sqlite3.connect(here.data_dir / "omniroute.db") as database:
        rows = database.execute("SELECT key_id, sealed FROM responses").fetchall()
    database.close()
    assert len(rows) == 1 and "private" not in str(rows) and TEXT not in str(rows)


def test_the_upstream_keeps_where_it_speaks_responses(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    usual = next(row for row in here.api("GET", "/api/providers")["connections"] if "responses" in row["provider"])
    keeper = here.add_connection(usual["provider"], "sk-good-2", "second", priority=1)
    here.api("PUT", f"/api/providers/{usual['id']}", {"priority": 2})
    upstream.reset()
    model = "responses/scripted-large"
    first = response_of(create(here, model=model, stream=streamed), streamed)
    assert upstream.last().key == "sk-good-2"
    here.api("PUT", f"/api/providers/{usual['id']}", {"priority": 0})
    answer = create(here, model=model, previous_response_id=first["id"])
    assert answer.status == 200, answer.body
    assert upstream.last().key == "sk-good-2" and upstream.last().json["previous_response_id"] == first["id"]
    assert create(here, model=model).status == 200 and upstream.last().key == "sk-good-1"
    shown = call(here, "GET", f"{PATH}/{first['id']}")
    assert shown.json["id"] == first["id"] and upstream.last().key == "sk-good-2"
    elsewhere = create(here, model="chat/scripted-large", previous_response_id=first["id"])
    assert elsewhere.status == 400 and "kept by" in elsewhere.json["error"]["message"]
    assert call(here, "DELETE", f"{PATH}/{first['id']}").json["deleted"] is True and upstream.last().method == "DELETE"
    assert call(here, "GET", f"{PATH}/{first['id']}").status == 404
    here.api("DELETE", f"/api/providers/{keeper}")


def test_an_unknown_response_never_reaches_an_upstream(here: Gateway, upstream: Upstream) -> None:
    for model in ("chat/scripted-large", "responses/scripted-large"):
        for previous, status in (("resp_of_somebody_else", 400), (7, 400)):
            answer = create(here, model=model, previous_response_id=previous)
            assert (answer.status, answer.json["error"]["param"]) == (status, "previous_response_id")
    assert upstream.requests() == []


def test_a_background_response_can_not_be_cancelled(here: Gateway) -> None:
    with Client(here.url) as client:
        answer = client.post(f"{PATH}/resp_1/cancel", {}).read()
    assert answer.status == 400 and answer.json["error"]["param"] == "background"
