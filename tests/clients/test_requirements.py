"""What real clients ask of a gateway, by the numbers of docs/clients.md, on the wire itself: 1 to 11, routes and requests.

12 to 18 are in test_requirements_streams.py, 19 to 24 in test_requirements_errors.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.place import MODEL, Place, Target
from tests.clients.samples import PNG, claude_code_body, results_in
from tests.clients.wire import (
    CHAT,
    COUNT,
    ENDPOINTS,
    GEMINI,
    GEMINI_COUNT,
    MESSAGES,
    RESPONSES,
    address,
    ask,
    compact,
    get,
    hello,
    post,
)
from tests.upstream.answer import PROMPT
from tests.upstream.raw import Client
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT

EACH_ENDPOINT = pytest.mark.parametrize("path", ENDPOINTS.values(), ids=[f"from {name}" for name in ENDPOINTS])
VERSION = {"anthropic-version": "2023-06-01"}
UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eHh4eA=="}


# Routes and auth -------------------------------------------------------------------------


def test_01_queries_are_ignored_and_every_route_answers(place: Place) -> None:
    target = place.target("messages", models=(MODEL,))
    assert post(place, f"{MESSAGES}?beta=true", hello(MESSAGES, target.model)).json["content"][0]["text"] == TEXT
    assert post(place, f"{COUNT}?beta=true", hello(COUNT, target.model)).json == {"input_tokens": PROMPT}
    assert post(place, f"{CHAT}?x=1", hello(CHAT, target.model)).status == 200
    assert post(place, f"{RESPONSES}?x=1", hello(RESPONSES, target.model)).status == 200
    assert post(place, f"{address(GEMINI, target.model)}?x=1", hello(GEMINI, target.model)).status == 200
    listed = get(place, "/v1/models?limit=1000", **VERSION).json["data"]
    assert target.model in [model["id"] for model in listed]
    assert get(place, f"/v1/models/{target.model}").json["id"] == target.model
    with Client(place.url) as client:  # without a key: Claude Code sends none with it
        assert b" 200 OK" in client.send("HEAD /", {"Host": "localhost", "User-Agent": "Bun/1.4.0"}).read_until(b"\r\n\r\n")


def test_02_each_key_header_is_taken_on_every_route(place: Place) -> None:
    target = place.target("messages", models=(MODEL,))
    posted = (*ENDPOINTS.values(), COUNT, GEMINI_COUNT)
    got = ("/v1/models", f"/v1/models/{target.model}", "/v1beta/models", f"/v1beta/models/{target.model}")
    bearer, other, google = {"Authorization": f"Bearer {place.key}"}, {"x-api-key": place.key}, {"x-goog-api-key": place.key}
    ways = [
        bearer,
        other,
        google,
        bearer | other,
        bearer | {"x-api-key": "sk-wrong"},
        other | {"Authorization": "Bearer sk-wrong"},
    ]
    wrong: list[dict[str, str]] = [{}, {"x-api-key": "sk-wrong"}, {"Authorization": "Bearer sk-wrong", "x-api-key": "sk-no"}]
    for ways_in, status in ((ways, 200), (wrong, 401)):
        for headers in ways_in:
            for path in posted:
                answer = post(place, address(path, target.model), hello(path, target.model), headers)
                assert answer.status == status, (path, headers)
            for path in got:
                with Client(place.url) as client:
                    assert client.get(path, headers).read().status == status, (path, headers)
            with Client(place.url) as client:
                kept = client.get(f"{RESPONSES}/resp_none", headers).read()
            assert kept.status == (404 if status == 200 else 401), headers


@EACH_ENDPOINT
def test_03_v1_twice_is_v1(place: Place, target: Target, path: str) -> None:
    assert post(place, f"/v1{address(path, target.model)}?beta=true", hello(path, target.model)).status == 200


def test_03_v1_twice_is_v1_for_what_is_beside(place: Place, target: Target) -> None:
    assert ask(place, f"/v1{COUNT}", target).status == 200
    assert get(place, "/v1/v1/models").status == get(place, "/v1/v1beta/models").status == 200
    assert get(place, "/v1/v1/responses/resp_none").json["error"]["message"].startswith("There is no response")


def test_04_a_websocket_is_refused_with_426(place: Place) -> None:
    answer = get(place, RESPONSES, **UPGRADE)
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


def test_05_google_finds_its_own_shape_below_v1_too(place: Place) -> None:
    """google-genai 3.6.1 asks below /v1 unless it is told otherwise (measured 2026-11-27)."""
    target = place.target("messages", models=("first", "second"))
    names = [f"models/{target.prefix}/{name}" for name in ("first", "second")]
    for path in ("/v1beta/models", "/v1/models"):
        google = {"x-goog-api-client": "google-genai-sdk/3.6.1"}
        listed = get(place, f"{path}?pageSize=1000", **google).json
        assert [model["name"] for model in listed["models"] if model["name"] in names] == names
        assert get(place, f"{path}/{target.prefix}/first", **google).json["name"] == names[0]
        page = get(place, f"{path}?pageSize=1", **google).json
        following = get(place, f"{path}?pageSize=1&pageToken={page['nextPageToken']}", **google).json
        assert following["models"][0] == listed["models"][1]
    assert post(place, address(GEMINI, target.model).replace("v1beta", "v1"), hello(GEMINI, target.model)).status == 200


# Request bodies --------------------------------------------------------------------------


def test_06_a_system_message_among_the_messages(place: Place, target: Target) -> None:
    assert post(place, MESSAGES, claude_code_body(target.model, tools=[])).status == 200
    sent = place.upstream.last().json
    if target.speaks == "messages":
        assert sent["messages"] == claude_code_body(target.model)["messages"]
        return
    name = {"chat": "messages", "responses": "input", "gemini": "contents"}[target.speaks]
    roles = [turn["role"] for turn in sent[name]]
    wanted = {"chat": ["system", "user", "system"], "responses": ["user", "system"], "gemini": ["user"]}[target.speaks]
    assert [{"developer": "system"}.get(role, role) for role in roles] == wanted
    assert "Answer in English." in json.dumps(sent)


def test_06_a_system_message_from_codex(place: Place, target: Target) -> None:
    """It has no `instructions`, but a developer's message with an id before the user's."""
    items = [
        {"type": "message", "role": "developer", "id": "msg_1", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "id": "msg_2", "content": [{"type": "input_text", "text": "hello"}]},
    ]
    assert ask(place, RESPONSES, target, input=items).status == 200
    assert "Be brief." in json.dumps(place.upstream.last().json)


@EACH_ENDPOINT
def test_07_unknown_fields_pass_to_an_upstream_of_the_same_format(place: Place, path: str) -> None:
    target = place.target(next(name for name, each in ENDPOINTS.items() if each == path))
    body = {**UNKNOWN[path](target.model), "member_of_tomorrow": {"kept": [1, 2.50, "\u2028", None]}}
    raw = compact(body)
    assert post(place, address(path, target.model, path == GEMINI), raw).status == 200
    assert place.upstream.last().body == raw.replace(compact(target.model), compact(MODEL))


CODEX_TOOLS: list[Any] = [
    {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {}}, "strict": False},
    {"type": "namespace", "name": "multi_agent_v1", "description": "x", "tools": []},
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
    {"type": "tool_search", "execution": "client"},
    {"type": "web_search", "external_web_access": True},
]
UNKNOWN: dict[str, Any] = {
    MESSAGES: claude_code_body,
    CHAT: lambda model: hello(
        CHAT, model, prompt_cache_key="k", verbosity="low", tools=[{"type": "custom", "custom": {"name": "x"}}]
    ),
    RESPONSES: lambda model: hello(
        RESPONSES,
        model,
        tools=CODEX_TOOLS,
        include=["reasoning.encrypted_content"],
        prompt_cache_key="k",
        client_metadata={"a": "b"},
        text={"verbosity": "low"},
        stream=True,
    ),
    GEMINI: lambda model: hello(GEMINI, model, safetySettings=[], cachedContent="cachedContents/x"),
}


def test_07_the_tools_of_codex_reach_an_upstream_of_another_format(place: Place, target: Target) -> None:
    assert ask(place, RESPONSES, target, tools=CODEX_TOOLS, tool_choice="auto", parallel_tool_calls=True).status == 200
    assert "exec_command" in json.dumps(place.upstream.last().json["tools"])


def test_08_the_callers_version_and_betas_go_on_word_for_word(place: Place, messages: Target) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14, odd-2099-01-01"
    post(place, MESSAGES, hello(MESSAGES, messages.model), anthropic_version="2026-10-21", anthropic_beta=betas)
    assert place.upstream.last().header("anthropic-version") == "2026-10-21"
    assert place.upstream.last().header("anthropic-beta") == betas


@pytest.mark.parametrize("path", [CHAT, RESPONSES, GEMINI], ids=["from chat", "from responses", "from gemini"])
def test_08_a_translation_asks_in_a_version_that_knows_its_members(place: Place, messages: Target, path: str) -> None:
    """A newer version refuses a temperature, which callers of the other formats do send."""
    warm = {"generationConfig": {"temperature": 0.5}} if path == GEMINI else {"temperature": 0.5}
    post(place, address(path, messages.model), hello(path, messages.model, **warm), anthropic_version="2026-10-21")
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
    raw = compact(hello(MESSAGES, messages.model, messages=turns))
    post(place, MESSAGES, raw)
    assert place.upstream.last().body == raw.replace(compact(messages.model), compact(MODEL))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_09_encrypted_reasoning_goes_both_ways_byte_for_byte(place: Place, responses: Target, stream: bool) -> None:
    place.upstream.always("thinking-tool")
    assert compact(SIGNATURE) in ask(place, RESPONSES, responses, stream=stream).body
    items = [
        {"role": "user", "content": "hello"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": SIGNATURE},
        {"role": "user", "content": "go on"},
    ]
    raw = compact(hello(RESPONSES, responses.model, input=items))
    post(place, RESPONSES, raw)
    assert place.upstream.last().body == raw.replace(compact(responses.model), compact(MODEL))


@pytest.mark.parametrize(("speaks", "path"), [*ENDPOINTS.items(), *zip(ENDPOINTS, list(ENDPOINTS.values())[::-1], strict=True)])
def test_10_bodies_of_32_mb(place: Place, speaks: str, path: str) -> None:
    """To an upstream of the same format, and to one of another."""
    target = place.target(speaks)
    text = "x" * (32 << 20)
    assert post(place, address(path, target.model), hello(path, target.model, text)).status == 200
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
    sent = place.upstream.last().json
    if target.speaks == "messages":
        assert sent["messages"] == turns
        return
    told = results_in(sent, target.speaks)
    assert sorted(told) == ["toolu_1", "toolu_2", "toolu_3"]
    assert all(text in told[id] for id, text in (("toolu_1", "first"), ("toolu_2", "second"), ("toolu_3", "third")))
    assert place.upstream.last().body.count(PNG.encode()) == 1
