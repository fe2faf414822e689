"""What real clients ask of a gateway, by the numbers of docs/clients.md, on the wire itself.

A number that is missing is about `POST /v1/responses` alone (15).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.place import MODEL, Place, Target
from tests.clients.samples import PNG, claude_code_body
from tests.gateway import Gateway
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
CLIENTS = pytest.mark.parametrize("path", [CHAT, MESSAGES], ids=["from chat", "from messages"])
VERSION = {"anthropic-version": "2023-06-01"}


def post(place: Place, path: str, body: dict[str, Any] | bytes, key: dict[str, str] | None = None, **more: str) -> Answer:
    headers = {"Authorization": f"Bearer {place.key}"} if key is None else key
    with Client(place.url) as client:
        return client.post(path, body, headers | {name.replace("_", "-"): value for name, value in more.items()}).read()


def get(place: Place, path: str, **more: str) -> Answer:
    headers = {"Authorization": f"Bearer {place.key}"} | {name.replace("_", "-"): value for name, value in more.items()}
    with Client(place.url) as client:
        return client.get(path, headers).read()


def ask(place: Place, path: str, target: Target, **more: Any) -> Answer:
    return post(place, path, hello(target.model, **more))


def hello(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": "hello"}], **more}


def compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def datas(answer: Answer) -> list[Any]:
    return [data for _, data in answer.events]


# Routes and auth -------------------------------------------------------------------------


def test_01_queries_are_ignored_and_every_route_answers(place: Place) -> None:
    target = place.target("messages", models=(MODEL,))
    assert post(place, f"{MESSAGES}?beta=true", hello(target.model)).json["content"][0]["text"] == TEXT
    assert post(place, f"{COUNT}?beta=true", hello(target.model)).json == {"input_tokens": PROMPT}
    listed = get(place, "/v1/models?limit=1000", **VERSION).json["data"]
    assert target.model in [model["id"] for model in listed]
    assert get(place, f"/v1/models/{target.model}").json["id"] == target.model
    with Client(place.url) as client:  # without a key: Claude Code sends none with it
        assert b" 200 OK" in client.send("HEAD /", {"Host": "localhost", "User-Agent": "Bun/1.4.0"}).read_until(b"\r\n\r\n")


def test_02_both_key_headers_are_taken_on_every_route(place: Place) -> None:
    target = place.target("messages", models=(MODEL,))
    bearer, other = {"Authorization": f"Bearer {place.key}"}, {"x-api-key": place.key}
    ways = [bearer, other, bearer | other, bearer | {"x-api-key": "sk-wrong"}, other | {"Authorization": "Bearer sk-wrong"}]
    wrong: list[dict[str, str]] = [{}, {"x-api-key": "sk-wrong"}, {"Authorization": "Bearer sk-wrong", "x-api-key": "sk-no"}]
    for ways_in, status in ((ways, 200), (wrong, 401)):
        for headers in ways_in:
            for path in (CHAT, MESSAGES, COUNT):
                assert post(place, path, hello(target.model), headers).status == status, (path, headers)
            for path in ("/v1/models", f"/v1/models/{target.model}"):
                with Client(place.url) as client:
                    assert client.get(path, headers).read().status == status, (path, headers)


def test_03_v1_twice_is_v1(place: Place, target: Target) -> None:
    for path in (CHAT, MESSAGES, COUNT):
        assert ask(place, f"/v1{path}?beta=true", target).status == 200
    assert get(place, "/v1/v1/models").status == 200


def test_04_a_websocket_is_refused_with_426(place: Place) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eHh4eA=="}
    answer = get(place, "/v1/responses", **upgrade)
    assert (answer.status, answer.json["error"]["type"]) == (426, "invalid_request_error")


def test_05_models_come_in_the_shape_of_the_client_and_page_by_page(place: Place) -> None:
    prefix = place.target("messages", models=("first", "second")).prefix
    first, second = f"{prefix}/first", f"{prefix}/second"
    plain = get(place, "/v1/models").json
    assert plain["object"] == "list"
    assert {"id", "object", "created", "owned_by"} <= plain["data"][0].keys()
    page = get(place, "/v1/models?limit=1000", **VERSION).json
    ids = [model["id"] for model in page["data"]]
    assert ids == [model["id"] for model in plain["data"]]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, ids[0], ids[-1])
    assert all({"type", "id", "display_name", "created_at", "lifecycle"} <= model.keys() for model in page["data"])
    after = get(place, f"/v1/models?limit=1&after_id={first}", **VERSION).json
    assert [model["id"] for model in after["data"]] == [second]
    end = get(place, f"/v1/models?limit=1&after_id={ids[-1]}", **VERSION).json
    assert (end["data"], end["has_more"]) == ([], False)


# Request bodies --------------------------------------------------------------------------


def test_06_a_system_message_among_the_messages(place: Place, target: Target) -> None:
    assert post(place, MESSAGES, claude_code_body(target.model, tools=[])).status == 200
    sent = place.upstream.last().json["messages"]
    if target.speaks == "messages":
        assert sent == claude_code_body(target.model)["messages"]
    else:
        assert [turn["role"] for turn in sent] == ["system", "user", "system"]
        assert "Answer in English." in json.dumps(sent[2])


def test_07_unknown_fields_pass_to_an_upstream_of_the_same_format(place: Place, chat: Target, messages: Target) -> None:
    odd = {
        "prompt_cache_key": "k",
        "verbosity": "low",
        "tools": [{"type": "custom", "custom": {"name": "x"}}],
        "of_tomorrow": 1.50,
    }
    for path, target, body in ((MESSAGES, messages, claude_code_body(messages.model)), (CHAT, chat, hello(chat.model, **odd))):
        raw = compact(body)
        assert post(place, path, raw).status == 200
        assert place.upstream.last().body == raw.replace(compact(target.model), compact(MODEL))


def test_08_the_callers_version_and_betas_go_on_word_for_word(place: Place, messages: Target) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14, odd-2099-01-01"
    post(place, MESSAGES, hello(messages.model), anthropic_version="2026-10-21", anthropic_beta=betas)
    assert place.upstream.last().header("anthropic-version") == "2026-10-21"
    assert place.upstream.last().header("anthropic-beta") == betas
    # A newer version refuses a temperature, which callers of the other format do send.
    post(place, CHAT, hello(messages.model, temperature=0.5), anthropic_version="2026-10-21")
    sent = place.upstream.last()
    assert (sent.header("anthropic-version"), sent.json["temperature"]) == ("2023-06-01", 0.5)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_09_a_signature_goes_both_ways_byte_for_byte(place: Place, messages: Target, stream: bool) -> None:
    place.upstream.always("thinking-tool")
    answer = ask(place, MESSAGES, messages, stream=stream)
    assert compact(SIGNATURE) in answer.body
    turns = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]},
        {"role": "user", "content": "go on"},
    ]
    raw = compact(hello(messages.model, messages=turns))
    post(place, MESSAGES, raw)
    assert place.upstream.last().body == raw.replace(compact(messages.model), compact(MODEL))


@CLIENTS
def test_10_bodies_of_32_mb(place: Place, target: Target, path: str) -> None:
    text = "x" * (32 << 20)
    assert ask(place, path, target, messages=[{"role": "user", "content": text}]).status == 200
    seen = place.upstream.last()
    assert seen.header("content-length") == str(len(seen.body))
    assert seen.header("transfer-encoding") is None
    assert text.encode() in seen.body


def test_11_results_of_tools_in_every_shape_and_any_order(place: Place, target: Target) -> None:
    calls = [{"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {}} for number in (1, 2, 3)]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_3", "content": [{"type": "text", "text": "third"}, image]},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "first", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "second", "is_error": True},
    ]
    turns = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, *calls]},
        {"role": "user", "content": results},
    ]
    assert ask(place, MESSAGES, target, messages=turns).status == 200
    sent = place.upstream.last().json["messages"]
    if target.speaks == "messages":
        assert sent == turns
    else:
        assert [call["id"] for call in sent[1]["tool_calls"]] == ["toolu_1", "toolu_2", "toolu_3"]
        told = {turn["tool_call_id"]: str(turn["content"]) for turn in sent if turn["role"] == "tool"}
        assert sorted(told) == ["toolu_1", "toolu_2", "toolu_3"]
        assert all(text in told[id] for id, text in (("toolu_1", "first"), ("toolu_2", "second"), ("toolu_3", "third")))
        assert place.upstream.last().body.count(PNG.encode()) == 1


# Responses and streams -------------------------------------------------------------------


@pytest.mark.parametrize("script", ["text", "tools", "thinking-tool", "unicode", "usage-none"])
def test_12_every_event_of_messages_has_its_event_line(place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    events = ask(place, MESSAGES, target, stream=True).events
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
    if target.speaks == "chat" or not script.startswith("usage-"):  # what an upstream of the same format lacks stays so
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


@CLIENTS
@pytest.mark.parametrize("script", ["text", "gzip", "close"])
def test_16_a_stream_as_it_comes(place: Place, target: Target, path: str, script: str) -> None:
    place.upstream.always(script)
    answer = post(place, path, hello(target.model, stream=True), Accept_Encoding="gzip, deflate, br, zstd")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert not {"content-length", "content-encoding"} & answer.headers.keys()
    assert answer.whole
    assert b"scripted" in answer.body


@CLIENTS
def test_16_nothing_is_held_back_while_the_upstream_pauses(place: Place, target: Target, path: str) -> None:
    place.upstream.always("stall")
    with Client(place.url) as client:
        client.post(path, hello(target.model, stream=True), {"x-api-key": place.key})
        assert b"Hello" in client.read_until(b"Hello")
        assert place.upstream.last().how is None


@pytest.mark.parametrize("script", ["pings", "comments", "crlf", "unicode", "split", "no-last-blank"])
def test_17_an_upstreams_own_events_pass_and_none_are_invented(place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    answer = ask(place, MESSAGES, target, stream=True)
    text = [data["delta"]["text"] for data in datas(answer) if data["type"] == "content_block_delta"]
    assert "".join(text) == (UNICODE if script == "unicode" else TEXT)
    if target.speaks == "messages":
        named = f'"{target.model}"'.encode()  # the model as it was asked, which Claude Code insists on
        assert answer.body.rstrip() == place.upstream.last().sent.replace(f'"{MODEL}"'.encode(), named, 1).rstrip()
    else:
        assert "ping" not in [data["type"] for data in datas(answer)]


@CLIENTS
def test_17_the_keep_alive_is_a_comment(gateway: Callable[..., Gateway], upstream: Upstream, path: str) -> None:
    here = gateway(HEARTBEAT_SECONDS="0.1")
    here.add_upstream("up", upstream.v1)
    upstream.always({"delay": 0.35})
    with Client(here.url) as client:
        answer = client.post(path, hello(f"up/{MODEL}", stream=True)).read()
    blocks = answer.body.decode().split("\n\n")
    assert blocks[0] == ": keep-alive"
    assert all(block.startswith(("data: ", "event: ")) for block in blocks if block and block != ": keep-alive")


@CLIENTS
@pytest.mark.parametrize("script", [{"cut_after": 5}, {"cut_after": 5, "chunked": False}, {"error_after": 5}])
def test_18_a_cut_is_no_clean_end(place: Place, fresh: Target, path: str, script: dict[str, Any]) -> None:
    place.upstream.always(script)
    answer = ask(place, path, fresh, stream=True)
    name, last = answer.events[-1]
    assert last["error"]["message"]
    if path == CHAT:
        assert "[DONE]" not in datas(answer)
    else:
        assert (name, last["type"]) == ("error", "error")
        assert b"message_stop" not in answer.body


@CLIENTS
def test_18_separators_inside_a_text_cut_no_event(place: Place, target: Target, path: str) -> None:
    place.upstream.always("unicode")
    found = datas(ask(place, path, target, stream=True))
    if path == CHAT:
        pieces = [data["choices"][0]["delta"].get("content") or "" for data in found if data != "[DONE]"]
    else:
        pieces = [data["delta"]["text"] for data in found if data["type"] == "content_block_delta"]
    assert "".join(pieces) == UNICODE


# Errors and retries ----------------------------------------------------------------------


@CLIENTS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("400", 400, "messages: something is wrong with them"),
        ("context", 400, "prompt is too long: 250000 tokens > 200000 maximum"),
        ("403", 403, "Your account may not do this"),
        ("404", 404, "The model does not exist"),
        ("413", 413, "Request exceeds the maximum size"),
        ("422", 422, "Unprocessable"),
        ("error-first", 529, "Overloaded"),
    ],
)
def test_19_statuses_and_texts_are_kept_in_the_callers_shape(
    place: Place, fresh: Target, path: str, script: str, status: int, text: str, stream: bool
) -> None:
    place.upstream.always(script)
    answer = ask(place, path, fresh, stream=stream)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json["error"]["message"].startswith(text)
    if path == CHAT:
        assert {"message", "type", "param", "code"} == answer.json["error"].keys()
    else:
        assert answer.json["type"] == "error"
        assert answer.json["error"]["type"]
        assert answer.json["request_id"] == answer.headers["request-id"]


def test_19_codes_that_clients_act_on(place: Place, fresh: Target) -> None:
    place.upstream.queue("context")
    assert ask(place, CHAT, fresh).json["error"]["code"] == "context_length_exceeded"
    place.upstream.queue({"status": 429, "type": "insufficient_quota", "code": "insufficient_quota", "message": "Quota exceeded"})
    told = ask(place, CHAT, fresh).json["error"]
    assert (told["type"], told["code"]) == ("insufficient_quota", "insufficient_quota")


@CLIENTS
@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
def test_20_hints_for_a_retry_and_ids_are_passed_on(place: Place, fresh: Target, path: str, name: str) -> None:
    hints = {
        name: "3",
        "Retry-After-Ms": "2500",
        "x-should-retry": "false",
        "request-id": "req_upstream",
        "X-Request-Id": "req_upstream",
    }
    place.upstream.always({"name": "429", "headers": hints})
    answer = ask(place, path, fresh)
    assert {each: answer.headers[each] for each in ("retry-after", "retry-after-ms", "x-should-retry")} == {
        "retry-after": "3",
        "retry-after-ms": "2500",
        "x-should-retry": "false",
    }
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert answer.headers["request-id"] not in ("", "req_upstream")
    other = place.target(fresh.speaks)
    place.upstream.reset()
    place.upstream.always({"headers": {"request-id": "req_upstream"}})
    assert ask(place, path, other).headers["x-omniroute-upstream-request-id"] == "req_upstream"


@CLIENTS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_21_the_gateway_repeats_nothing(place: Place, path: str, stream: bool) -> None:
    for script, requests in (("400", 1), ("413", 1), ("422", 1), ("500", 3), ("529", 3)):
        place.upstream.reset()
        place.upstream.always(script)
        ask(place, path, place.target("messages", connections=3), stream=stream)
        keys = [seen.key for seen in place.upstream.requests()]
        assert len(keys) == requests, script
        assert len(set(keys)) == requests, f"{script} was sent to the same connection again"


@CLIENTS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_22_an_upstreams_refused_key_is_no_401(place: Place, fresh: Target, path: str, stream: bool) -> None:
    place.upstream.always("401")
    answer = ask(place, path, fresh, stream=stream)
    assert (answer.status, answer.json["omniroute"]["class"]) == (502, "upstream_auth_error")
    place.wait_until_tested(fresh)


def test_23_count_tokens_works_whatever_the_upstream_can(place: Place, chat: Target) -> None:
    body = claude_code_body("set below")
    for script in ("404", "405", "429", "500", "501", "529"):
        target = place.target("messages")
        place.upstream.reset()
        place.upstream.always({"status": int(script), "message": "no"}, path="/count_tokens")
        answer = post(place, COUNT, body | {"model": target.model})
        assert (script, answer.status) == (script, 200)
        assert 10 < answer.json["input_tokens"] < 1000
        assert ask(place, MESSAGES, target).status == 200, f"a count that failed with {script} was held against the connection"
    assert 10 < post(place, COUNT, body | {"model": chat.model}).json["input_tokens"] < 1000
    assert post(place, COUNT, body | {"model": "nobody/knows-this"}).status == 404


@CLIENTS
def test_24_the_gateways_key_never_goes_upstream(place: Place, target: Target, path: str) -> None:
    ways: list[dict[str, str]] = [{name: place.key} for name in ("x-api-key", "x-goog-api-key")]
    ways += [{"Authorization": f"Bearer {place.key}", "x-api-key": place.key, "Cookie": f"key={place.key}"}]
    for headers in ways:
        assert post(place, path, hello(target.model), headers).status == 200
    assert post(place, f"{path}?key={place.key}", hello(target.model), {}).status == 200
    assert post(place, COUNT, hello(target.model)).status == 200
    seen = place.upstream.requests()
    assert len(seen) >= 4
    for each in seen:
        assert place.key not in f"{each.target} {each.headers} {each.body!r}"
