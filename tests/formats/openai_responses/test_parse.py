from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.openai_responses import parse_request
from tests.formats.samples_responses import BLOB, FULL, PNG

USER = {"role": "user", "content": "Hi"}


def parse(**more: Any) -> ir.Request:
    return parse_request({"model": "m", "input": "Hi", **more})


def test_a_text_alone_is_a_user_message() -> None:
    assert parse().messages == (ir.Message("user", (ir.Text("Hi"),)),)


def test_instructions_come_first_and_other_roles_stay_where_they_are() -> None:
    request = parse(
        instructions="Be brief.", input=[{"role": "developer", "content": "Now."}, USER, {"role": "system", "content": "Wait."}]
    )
    assert [(message.role, message.parts) for message in request.messages] == [
        ("system", (ir.Text("Be brief."),)),
        ("developer", (ir.Text("Now."),)),
        ("user", (ir.Text("Hi"),)),
        ("system", (ir.Text("Wait."),)),
    ]


def test_the_items_of_a_full_request_become_turns() -> None:
    """What codex sends: reasoning, texts and calls of a turn apart, their results after them in another order."""
    messages = parse_request(FULL).messages
    assert [message.role for message in messages] == ["system", "developer", "user", "assistant", "user", "assistant", "user"]
    thought, text, weather, spawn, patch = messages[3].parts
    assert thought == ir.Reasoning(
        "Let me\n\nsee.",
        signature=BLOB,
        origin="openai_responses",
        unknown={"id": "rs_1", "summary": FULL["input"][2]["summary"]},
    )
    assert isinstance(text, ir.Text)
    assert (text.text, text.unknown, text.citations[0].url) == ("I look.", {"phase": "commentary"}, "https://a.test")
    assert weather == ir.ToolCall("call_a", "weather", '{"city": "Paris"}')
    assert spawn == ir.ToolCall("call_b", "spawn", "{}")
    assert patch == ir.ToolCall("call_c", "apply_patch", "*** Begin", custom=True)
    results = [part for part in messages[4].parts if isinstance(part, ir.ToolResult)]
    assert [result.call_id for result in results] == ["call_b", "call_a", "call_c"]
    assert [type(part) for part in results[0].parts] == [ir.Text, ir.Image]
    assert parse_request(FULL).unread == ()


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"type": "input_text", "text": "a"}, ir.Text("a")),
        ({"type": "text", "text": "a"}, ir.Text("a")),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            ir.Text("a", cache=ir.CacheMark()),
        ),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
            ir.Text("a", unknown={"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}),
        ),
        (
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
            ir.Image(ir.Source("base64", PNG, "image/png")),
        ),
        ({"type": "input_image", "file_id": "file-1", "detail": "low"}, ir.Image(ir.Source("file", "file-1"), detail="low")),
        ({"type": "input_file", "file_url": "https://a.test/b.pdf"}, ir.Document(ir.Source("url", "https://a.test/b.pdf"))),
        ({"type": "input_file", "file_id": "file-1", "filename": "b"}, ir.Document(ir.Source("file", "file-1"), title="b")),
        ({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, ir.Audio("UklG", "wav")),
        ({"type": "input_video", "video_url": "v"}, ir.Opaque("openai_responses", {"type": "input_video", "video_url": "v"})),
    ],
)
def test_parts_of_a_message(part: dict[str, Any], made: ir.AnyPart) -> None:
    (message,) = parse(input=[{"role": "user", "content": [part]}]).messages
    assert message.parts == (made,)


def test_an_unknown_part_and_items_of_the_servers_own_tools() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    output = {"type": "computer_call_output", "call_id": "c", "output": {}}
    request = parse(input=[USER, search, output])
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].parts == (ir.Opaque("openai_responses", search),)
    assert request.messages[2].parts == (ir.Opaque("openai_responses", output),)
    with pytest.raises(UnsupportedField, match=r"'input\.2'.*computer_call_output"):
        FORMATS["openai_chat"].render_request(request)


def test_what_a_blob_is() -> None:
    def read(**item: Any) -> Any:
        return parse(input=[USER, {"type": "reasoning", "summary": [], **item}]).messages[1].parts[0]

    summary = [{"type": "summary_text", "text": "Hm."}]
    assert read(encrypted_content=BLOB) == ir.Reasoning("", data=BLOB, origin="openai_responses")
    assert read(encrypted_content=BLOB, summary=summary) == ir.Reasoning("Hm.", signature=BLOB, origin="openai_responses")
    assert read(summary=summary, content=None) == ir.Reasoning("Hm.")
    sealed = "omniroute:signature:anthropic_messages:U0lH"
    assert read(id="rs_9", encrypted_content=sealed, summary=summary) == ir.Reasoning(
        "Hm.", signature="U0lH", origin="anthropic_messages"
    )
    assert read(encrypted_content="omniroute:data:gemini:RU5D") == ir.Reasoning("", data="RU5D", origin="gemini")
    raw = read(content=[{"type": "reasoning_text", "text": "Raw."}])
    assert (raw.text, raw.unknown) == ("Raw.", {"content": [{"type": "reasoning_text", "text": "Raw."}]})


def test_a_calls_signature_stands_in_an_item_before_it() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "omniroute:call:gemini:U0lH"}
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    assert parse(input=[USER, item, call]).messages[1].parts == (ir.ToolCall("a", "f", "{}", signature="U0lH", origin="gemini"),)


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ([], "input"),
        ([{}], "input.0.type"),
        ([{"role": "tool", "content": "a"}], "input.0.role"),
        ([{"role": "user"}], "input.0.content"),
        ([{"role": "user", "content": 3}], "input.0.content"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "input.0.content.0.type"),
        ([{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://a"}]}], "input.0.content.0.image_url"),
        ([{"role": "user", "content": [{"type": "input_file"}]}], "input.0.content.0.file_data"),
        ([{"type": "item_reference", "id": "msg_1"}], "input.0"),
        ([{"id": "msg_1"}], "input.0"),
        ([USER, {"type": "function_call", "name": "f", "arguments": "{}"}], "input.1.call_id"),
        ([USER, {"type": "function_call", "call_id": "a", "name": "f", "arguments": 3}], "input.1.arguments"),
        ([USER, {"type": "function_call_output", "call_id": "a", "output": "b"}], "input.1.call_id"),
        ([USER, *[{"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}] * 2], "input.2.call_id"),
    ],
)
def test_wrong_items_are_named(items: list[Any], named: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(input=items)
    assert caught.value.param == named
    assert caught.value.remedy


def test_an_id_may_be_used_again_once_it_has_its_result_and_a_kept_conversation_may_go_on() -> None:
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": ""}
    output = {"type": "function_call_output", "call_id": "a", "output": "b"}
    assert len(parse(input=[USER, call, output, call, output]).messages) == 5
    request = parse(input=[output], previous_response_id="resp_1")
    assert request.unknown == {"previous_response_id": "resp_1"}


@pytest.mark.parametrize("field", [{"background": True}, {"conversation": "conv_1"}, {"prompt": {"id": "pmpt_1"}}])
def test_what_needs_a_memory_upstream_is_refused_with_a_remedy(field: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedField) as caught:
        parse(**field)
    assert [caught.value.param] == list(field)
    assert "Send" in caught.value.remedy


@pytest.mark.parametrize(
    ("field", "member", "value"),
    [
        ({"max_output_tokens": 9}, "max_tokens", 9),
        ({"text": {"format": {"type": "json_object"}}}, "response_format", ir.ResponseFormat("json_object")),
        ({"text": {"format": {"type": "text"}}}, "response_format", ir.ResponseFormat("text")),
        ({"reasoning": {"effort": "high"}}, "reasoning", ir.ReasoningAsk(effort="high")),
        ({"reasoning": {"effort": "none"}}, "reasoning", ir.ReasoningAsk("disabled", "none")),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, "reasoning", ir.ReasoningAsk(effort="low", exclude=False)),
        ({"reasoning": {"effort": None, "summary": "auto"}}, "reasoning", None),
        ({"user": "u"}, "user", "u"),
        ({"safety_identifier": "u"}, "user", "u"),
        ({"stop": ["END"]}, "stop", ("END",)),
        ({"top_k": 5}, "sampling", ir.Sampling(top_k=5)),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
        ({"stream": True}, "stream", True),
    ],
)
def test_small_fields(field: dict[str, Any], member: str, value: Any) -> None:
    request = parse(**field)
    assert getattr(request, member) == value
    assert (request.unknown, request.unread) == ({}, ())


@pytest.mark.parametrize(
    ("field", "unknown"),
    [
        ({"text": {"verbosity": "low"}}, {"text.verbosity": "low"}),
        ({"reasoning": {"effort": "low", "mode": "pro"}}, {"reasoning.mode": "pro"}),
        ({"include": ["reasoning.encrypted_content"], "store": False, "truncation": "disabled"}, {}),
        ({"include": ["message.output_text.logprobs"]}, {"include": ["message.output_text.logprobs"]}),
        ({"truncation": "auto"}, {"truncation": "auto"}),
        ({"stream_options": {"include_obfuscation": False}}, {}),
        ({"tool_choice": {"type": "web_search_preview"}}, {"tool_choice": {"type": "web_search_preview"}}),
        ({"top_logprobs": 2, "max_tool_calls": 1}, {"top_logprobs": 2, "max_tool_calls": 1}),
    ],
)
def test_what_others_lose_is_unknown_and_what_they_do_not_is_not(field: dict[str, Any], unknown: dict[str, Any]) -> None:
    request = parse(**field)
    assert request.unknown == unknown
    _, dropped = FORMATS["openai_chat"].render_request(request)
    assert {name for name in dropped if " (" not in name} == set(unknown)


def test_what_codex_asks_is_carried_to_every_format_but_for_named_parts_of_it() -> None:
    for name in ("openai_chat", "anthropic_messages", "gemini"):
        body, dropped = FORMATS[name].render_request(parse_request(FULL))
        assert b"spawn" in repr(body).encode()
        assert {"client_metadata", "prompt_cache_key", "text.verbosity", "tools.2", "tools.3"} <= set(dropped)
        assert not {"store", "include", "truncation", "stream_options"} & set(dropped)
