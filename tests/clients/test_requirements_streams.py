"""What real clients ask of a gateway, by the numbers of docs/clients.md, on the wire itself: 12 to 18, streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.place import MODEL, Place, Target
from tests.clients.wire import CHAT, ENDPOINTS, GEMINI, MESSAGES, RESPONSES, address, ask, counted, datas, hello, post, texts
from tests.gateway import Gateway
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Client
from tests.upstream.script import TEXT, UNICODE

EACH_ENDPOINT = pytest.mark.parametrize("path", ENDPOINTS.values(), ids=[f"from {name}" for name in ENDPOINTS])
SAMPLES = pytest.mark.parametrize("script", ["text", "tools", "thinking-tool", "unicode", "usage-none"])


@SAMPLES
@pytest.mark.parametrize("path", [MESSAGES, RESPONSES], ids=["from messages", "from responses"])
def test_12_every_event_has_its_event_line(place: Place, target: Target, path: str, script: str) -> None:
    place.upstream.always(script)
    events = ask(place, path, target, stream=True).events
    assert events
    assert all(name == data["type"] for name, data in events)


@pytest.mark.parametrize("script", ["text", "thinking-tool", "tools", "tool-no-input", "max_tokens", "usage-none", "usage-null"])
def test_13_the_order_and_the_members_of_messages_events(place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    answer = ask(place, MESSAGES, target, stream=True)
    events = [data for data in datas(answer) if data["type"] != "ping"]
    first, *blocks, last, stop = events
    assert (first["type"], last["type"], stop["type"]) == ("message_start", "message_delta", "message_stop")
    assert first["message"]["content"] == []
    assert first["message"]["id"] and first["message"]["role"] == "assistant"
    if target.speaks != "messages" or not script.startswith("usage-"):  # what an upstream of the same format lacks stays so
        assert isinstance(first["message"]["usage"]["input_tokens"], int)
        assert isinstance(last["usage"]["output_tokens"], int)
    assert last["delta"]["stop_reason"]
    assert_blocks(blocks)
    assert b"[DONE]" not in answer.body


def assert_blocks(events: list[dict[str, Any]]) -> None:
    """Blocks one after the other, each with its own index; the input of a tool only in deltas."""
    opened = None
    for event in events:
        if event["type"] == "content_block_start":
            assert (opened, event["content_block"].get("input")) in ((None, None), (None, {}))
            opened = event["index"]
        else:
            assert event["index"] == opened
        if event["type"] == "content_block_stop":
            opened = None
    assert opened is None
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    assert starts == list(range(len(starts)))


@pytest.mark.parametrize("include", [False, True], ids=["no usage", "usage"])
@pytest.mark.parametrize("script", ["text", "tools", "tools-interleaved", "thinking-tool"])
def test_14_the_chunks_of_chat(place: Place, target: Target, script: str, include: bool) -> None:
    place.upstream.always(script)
    options = {"stream_options": {"include_usage": True}} if include else {}
    answer = ask(place, CHAT, target, stream=True, **options)
    assert b"event:" not in answer.body
    *chunks, done = datas(answer)
    assert done == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    if include:
        usage = chunks.pop()
        assert usage["choices"] == []
        told = usage["usage"]
        assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (PROMPT, OUTPUT, PROMPT + OUTPUT)
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    ids = {call["id"]: call["index"] for call in calls if call.get("id")}
    assert sorted(ids.values()) == ([0, 1] if script.startswith("tools") else [0] if calls else [])


@SAMPLES
def test_15_the_events_of_responses(place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    answer = ask(place, RESPONSES, target, stream=True)
    events = datas(answer)
    assert b"[DONE]" not in answer.body
    assert [data["type"] for data in events][:2] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] == "response.completed"
    shown = [data["response"] for data in events if "response" in data]
    assert len({response["id"] for response in shown}) == 1
    assert isinstance(shown[0]["created_at"], int)
    assert [data["sequence_number"] for data in events] == list(range(len(events)))
    assert script == "usage-none" or counted(answer)
    opened: dict[int, dict[str, Any]] = {}
    for data in events:
        if data["type"] == "response.output_item.added":
            opened[data["output_index"]] = data["item"]
            assert data["item"].get("content") in ([], None)
            assert data["item"]["type"] != "message" or data["item"]["content"] == []
        elif data["type"].endswith(".delta"):
            assert data["item_id"] == opened[data["output_index"]]["id"]
            assert "output_text" not in data["type"] or data["content_index"] == 0
    done = [data["item"] for data in events if data["type"] == "response.output_item.done"]
    assert done == shown[-1]["output"]
    assert list(opened) == list(range(len(done)))


def test_15_a_response_that_fails_keeps_its_id(place: Place, fresh: Target) -> None:
    place.upstream.always({"error_after": 6, "message": "Overloaded"})
    events = datas(ask(place, RESPONSES, fresh, stream=True))
    assert events[-1]["type"] == "response.failed"
    assert len({data["response"]["id"] for data in events if "response" in data}) == 1


@EACH_ENDPOINT
@pytest.mark.parametrize("script", ["text", "gzip", "close"])
def test_16_a_stream_as_it_comes(place: Place, target: Target, path: str, script: str) -> None:
    place.upstream.always(script)
    more = {"Accept_Encoding": "gzip, deflate, br, zstd"}
    answer = post(place, address(path, target.model, True), hello(path, target.model, stream=True), **more)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert not {"content-length", "content-encoding"} & answer.headers.keys()
    assert answer.whole
    assert "".join(texts(path, answer)) == TEXT


@EACH_ENDPOINT
def test_16_nothing_is_held_back_while_the_upstream_pauses(place: Place, target: Target, path: str) -> None:
    place.upstream.always({"stall_after": 6, "pieces": 20})
    with Client(place.url) as client:
        client.post(address(path, target.model, True), hello(path, target.model, stream=True), {"x-api-key": place.key})
        assert b"He" in client.read_until(b"He")
        assert place.upstream.last().how is None


@pytest.mark.parametrize("script", ["pings", "comments", "crlf", "unicode", "split", "no-last-blank"])
def test_17_an_upstreams_own_events_pass_and_none_are_invented(place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    answer = ask(place, MESSAGES, target, stream=True)
    assert "".join(texts(MESSAGES, answer)) == (UNICODE if script == "unicode" else TEXT)
    if target.speaks == "messages":
        named = f'"{target.model}"'.encode()  # the model as it was asked, which Claude Code insists on
        assert answer.body.rstrip() == place.upstream.last().sent.replace(f'"{MODEL}"'.encode(), named, 1).rstrip()
    else:
        assert "ping" not in [data["type"] for data in datas(answer)]


@pytest.mark.parametrize("script", ["comments", "crlf", "unicode", "split", "no-last-blank"])
@pytest.mark.parametrize("path", [CHAT, RESPONSES, GEMINI], ids=["from chat", "from responses", "from gemini"])
def test_17_what_upstreams_do_to_lines_hurts_no_client(place: Place, target: Target, path: str, script: str) -> None:
    place.upstream.always(script)
    assert "".join(texts(path, ask(place, path, target, stream=True))) == (UNICODE if script == "unicode" else TEXT)


def test_17_the_keep_alive_is_a_comment(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    here = gateway(HEARTBEAT_SECONDS="0.1")
    here.add_upstream("up", upstream.v1)
    upstream.always({"delay": 0.35})
    for path in ENDPOINTS.values():
        with Client(here.url) as client:
            answer = client.post(address(path, f"up/{MODEL}", True), hello(path, f"up/{MODEL}", stream=True)).read()
        blocks = answer.body.decode().split("\n\n")
        assert blocks[0] == ": keep-alive", path
        assert all(block.startswith(("data: ", "event: ")) for block in blocks if block and block != ": keep-alive"), path


CLEAN_ENDS = {CHAT: b"[DONE]", MESSAGES: b"message_stop", RESPONSES: b"response.completed", GEMINI: b'"finishReason"'}


@EACH_ENDPOINT
@pytest.mark.parametrize("script", [{"cut_after": 6}, {"cut_after": 6, "chunked": False}, {"error_after": 6}])
def test_18_a_cut_is_no_clean_end(place: Place, fresh: Target, path: str, script: dict[str, Any]) -> None:
    place.upstream.always({**script, "pieces": 20})
    answer = ask(place, path, fresh, stream=True)
    name, last = answer.events[-1]
    assert (last["response"] if path == RESPONSES else last)["error"]["message"]
    assert CLEAN_ENDS[path] not in answer.body
    wanted = {MESSAGES: ("error", "error"), RESPONSES: ("response.failed", "response.failed")}
    assert (name, last.get("type")) == wanted.get(path, (None, None))


@EACH_ENDPOINT
def test_18_separators_inside_a_text_cut_no_event(place: Place, target: Target, path: str) -> None:
    place.upstream.always("unicode")
    assert "".join(texts(path, ask(place, path, target, stream=True))) == UNICODE
