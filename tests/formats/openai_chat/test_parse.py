from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.openai_chat import parse_request
from tests.formats.full_requests import CHAT, PDF, PNG

HI = [{"role": "user", "content": "Hi"}]


def parse(messages: list[Any] | None = None, **more: Any) -> ir.Request:
    return parse_request({"model": "m", "messages": HI if messages is None else messages, **more})


def test_a_full_request() -> None:
    request = parse_request(CHAT)
    system, developer, user, assistant, first, second, last = request.messages
    assert system == ir.Message("system", (ir.Text("Be brief.", cache=ir.CacheMark("1h")),))
    assert developer == ir.Message("developer", (ir.Text("Use tools."),))
    assert user.parts == (
        ir.Text("What is on it?"),
        ir.Image(ir.Source("base64", PNG, "image/png"), detail="high"),
        ir.Image(ir.Source("url", "https://example.com/a.png")),
        ir.Document(ir.Source("base64", PDF, "application/pdf"), title="a.pdf"),
    )
    assert assistant.parts == (
        ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages"),
        ir.Text("I look."),
        ir.ToolCall("call_a", "weather", '{"city": "Paris"}'),
        ir.ToolCall("call_b", "now", "{}"),
    )
    assert first == ir.Message("user", (ir.ToolResult("call_b", (ir.Text("noon"),)),))
    assert second == ir.Message("user", (ir.ToolResult("call_a", (ir.Text("rain"),)),))
    assert (last.role, last.path) == ("user", "messages.6")
    assert request.tools[1] == ir.Tool("now")
    assert request.sampling == ir.Sampling(0.5, 0.9, None, 0.1, 0.2, 7, 1, True, 2, {"50256": -100})
    assert (request.max_tokens, request.name_of("max_tokens")) == (4096, "max_completion_tokens")
    assert request.response_format == ir.ResponseFormat("json_schema", {"type": "object"}, "answer", True)
    assert request.reasoning == ir.ReasoningAsk(effort="low")
    assert (request.tool_choice, request.parallel_tool_calls) == (ir.ToolChoice("auto"), False)
    assert (request.stream, request.include_usage, request.stop) == (True, True, ("END",))
    assert request.unknown == {"verbosity": "low"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": HI}, "model"),
        ({"model": 1, "messages": HI}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": {}}, "messages"),
        ({"model": "m", "messages": ["Hi"]}, "messages.0"),
        ({"model": "m", "messages": [{"content": "Hi"}]}, "messages.0.role"),
        ({"model": "m", "messages": [{"role": "robot", "content": "Hi"}]}, "messages.0.role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages.0.content"),
        ({"model": "m", "messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"model": "m", "messages": [*HI, {"role": "user", "content": [{"type": "text"}]}]}, "messages.1.content.0.text"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "messages.0.content.0.type"),
        (
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        (
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages.0.content.0.file.file_data",
        ),
        ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages.0.tool_calls.0.function"),
        ({"model": "m", "messages": [*HI, {"role": "tool", "tool_call_id": "a", "content": "b"}]}, "messages.1.tool_call_id"),
        ({"model": "m", "messages": HI, "temperature": "hot"}, "temperature"),
        ({"model": "m", "messages": HI, "max_tokens": -1}, "max_tokens"),
        ({"model": "m", "messages": HI, "n": 0}, "n"),
        ({"model": "m", "messages": HI, "stop": [1]}, "stop.0"),
        ({"model": "m", "messages": HI, "stream": "yes"}, "stream"),
        ({"model": "m", "messages": HI, "stream_options": True}, "stream_options"),
        ({"model": "m", "messages": HI, "tools": [{"type": "function"}]}, "tools.0.function"),
        ({"model": "m", "messages": HI, "tools": [{"function": {"name": "f", "parameters": []}}]}, "tools.0.function.parameters"),
        ({"model": "m", "messages": HI, "tool_choice": "maybe"}, "tool_choice"),
        ({"model": "m", "messages": HI, "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"model": "m", "messages": HI, "response_format": {"type": "xml"}}, "response_format.type"),
        ({"model": "m", "messages": HI, "reasoning_effort": "extreme"}, "reasoning_effort"),
    ],
)
def test_a_wrong_body_is_refused_by_the_path_of_what_is_wrong(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_request(body)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message


def test_two_calls_of_one_message_may_not_share_an_id_and_later_ones_may() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": ""}}
    with pytest.raises(BadRequest, match=r"messages\.1\.tool_calls\.1\.id"):
        parse([*HI, {"role": "assistant", "tool_calls": [call, call]}])
    turn = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "x"}]
    assert len(parse([*HI, *turn, *turn]).messages) == 5


@pytest.mark.parametrize("field", ["functions", "function_call"])
def test_the_legacy_function_fields_are_refused_with_the_new_name(field: str) -> None:
    with pytest.raises(UnsupportedField) as caught:
        parse(**{field: []})
    assert caught.value.param == field and "Send 'tool" in caught.value.remedy


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"reasoning_effort": "none"}, ir.ReasoningAsk("disabled", "none")),
        ({"reasoning": {"effort": "high", "exclude": True}}, ir.ReasoningAsk(None, "high", None, True)),
        ({"reasoning": {"max_tokens": 2000}}, ir.ReasoningAsk(None, None, 2000)),
        ({"reasoning": {"enabled": False}}, ir.ReasoningAsk("disabled")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, ir.ReasoningAsk("enabled", None, 2000)),
        ({"thinking": {"type": "adaptive"}, "reasoning_effort": "max"}, ir.ReasoningAsk("adaptive", "max")),
        ({"reasoning": {}}, None),
        ({}, None),
    ],
)
def test_the_ways_to_ask_for_reasoning(given: dict[str, Any], expected: ir.ReasoningAsk | None) -> None:
    assert parse(**given).reasoning == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("required", ir.ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ir.ToolChoice("named", "f")),
        ({"type": "custom", "custom": {"name": "f"}}, ir.ToolChoice("named", "f")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ir.ToolChoice("required", allowed=("f",)),
        ),
    ],
)
def test_the_forms_of_tool_choice(given: Any, expected: ir.ToolChoice) -> None:
    assert parse(tool_choice=given).tool_choice == expected


def test_a_cache_mark_on_a_message_is_on_its_last_part() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = parse([{"role": "user", "content": content, "cache_control": {"type": "ephemeral"}}])
    assert request.messages[0].parts == (ir.Text("a"), ir.Text("b", cache=ir.CacheMark()))


def test_arguments_that_a_client_parsed_are_text_again() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    assert parse([*HI, {"role": "assistant", "tool_calls": [call]}]).messages[1].parts == (ir.ToolCall("a", "f", '{"x":1}'),)


def test_what_the_ir_has_no_place_for_is_known_by_its_path() -> None:
    turn = {"role": "assistant", "content": "Hi", "audio": {"id": "audio_1"}, "annotations": [], "function_call": None}
    request = parse([*HI, turn], stream_options={"include_usage": True, "include_obfuscation": False, "x": 1})
    assert set(request.unread) == {"messages.1.audio", "stream_options.x"}


def test_a_part_of_an_unknown_type_is_kept_as_it_came() -> None:
    part = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    assert parse([{"role": "user", "content": [part]}]).messages[0].parts == (ir.Opaque("openai_chat", part),)
