from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.openai_responses import parse_request, render_request
from tests.formats.full_requests import CHAT, MESSAGES, PDF
from tests.formats.full_requests import PNG as IMAGE
from tests.formats.samples_responses import BLOB, FULL

USER = ir.Message("user", (ir.Text("Hi"),))


def render(*messages: ir.Message, **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body without what is always in it."""
    body, dropped = render_request(ir.Request("m", messages or (USER,), **more))
    assert body.pop("model") == "m"
    assert more.get("origin") == "openai_responses" or body.pop("store") is False
    return {name: value for name, value in body.items() if messages or name != "input"}, dropped


def test_a_full_messages_request() -> None:
    body, dropped = render_request(replace(FORMATS["anthropic_messages"].parse_request(MESSAGES), model="gpt-x"))
    image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{IMAGE}"}
    assert body == {
        "model": "gpt-x",
        "instructions": "Be brief.\n\nUse tools.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is on it?"},
                    image,
                    {"type": "input_image", "detail": "auto", "image_url": "https://example.com/a.png"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
                    {"type": "input_text", "text": "mine\n\nnotes"},
                ],
            },
            {"role": "system", "content": "The user is in a hurry."},
            {"role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "toolu_a", "name": "weather", "arguments": '{"city":"Paris"}'},
            {"type": "function_call", "call_id": "toolu_b", "name": "chart", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": "toolu_b",
                "output": [{"type": "input_text", "text": "a chart"}, image],
            },
            {"type": "function_call_output", "call_id": "toolu_a", "output": "Error: no such city"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "The weather.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                "strict": True,
            },
            {"type": "function", "name": "chart", "parameters": {"type": "object"}, "strict": False},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "max_output_tokens": 4096,
        "temperature": 0.5,
        "top_p": 0.9,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}},
        "store": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "user": "user-1",
        "service_tier": "default",
        "stream": True,
    }
    assert set(dropped) == {
        "system.0.cache_control",
        "messages.0.content.0.cache_control",
        "messages.0.content.4 (as text)",
        "messages.2.content.0",
        "messages.2.content.1",
        "messages.3.content.1.is_error (said in the text)",
        "messages.3.content.2.cache_control",
        "stop_sequences",
        "tools.1.cache_control",
        "tools.1.defer_loading",
        "tools.2",
        "top_k",
        "output_config.task_budget",
        "context_management",
    }


def test_a_full_chat_request_loses_what_responses_does_not_know() -> None:
    body, dropped = render_request(FORMATS["openai_chat"].parse_request(CHAT))
    assert body["instructions"] == "Be brief."
    assert body["input"][0] == {"role": "developer", "content": "Use tools."}
    assert body["text"]["format"] == {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True}
    assert (body["reasoning"], body["include"]) == ({"effort": "low"}, ["reasoning.encrypted_content"])
    assert set(dropped) == {
        "messages.0.content.0.cache_control",
        "messages.3.reasoning_details",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "metadata.team",
        "verbosity",
    }


def test_a_request_of_its_own_is_the_same_again_item_by_item() -> None:
    body, dropped = render_request(parse_request(orjson.loads(orjson.dumps(FULL))))
    assert dropped == ()
    for name in FULL.keys() - {"input"}:
        assert body[name] == FULL[name], name
    items = [{key: value for key, value in item.items() if value is not None} for item in FULL["input"]]
    assert body["input"][2] == items[2]
    assert [item.get("type", "message") for item in body["input"]] == [item.get("type", "message") for item in items]
    assert [item.get("phase") for item in body["input"]] == [item.get("phase") for item in items]
    assert body["input"][5]["namespace"] == "agents"
    assert body["input"][9]["type"] == "custom_tool_call_output"


@pytest.mark.parametrize(
    ("ask", "body", "dropped"),
    [
        (ir.ReasoningAsk(effort="high"), {"reasoning": {"effort": "high"}, "include": [0]}, ()),
        (
            ir.ReasoningAsk("enabled", budget=20000),
            {"reasoning": {"effort": "high", "summary": "auto"}, "include": [0]},
            ("reasoning (as effort high)",),
        ),
        (ir.ReasoningAsk("adaptive"), {"reasoning": {"summary": "auto"}, "include": [0]}, ("reasoning (left to the model)",)),
        (ir.ReasoningAsk("adaptive", "max", exclude=True), {"reasoning": {"effort": "max"}, "include": [0]}, ()),
        (ir.ReasoningAsk("disabled"), {}, ("reasoning (left to the model)",)),
        (ir.ReasoningAsk("disabled", "none"), {"reasoning": {"effort": "none"}}, ()),
    ],
)
def test_reasoning_is_asked_for_with_its_blob(ask: ir.ReasoningAsk, body: dict[str, Any], dropped: tuple[str, ...]) -> None:
    if "include" in body:
        body["include"] = ["reasoning.encrypted_content"]
    assert render(reasoning=ask) == (body, dropped)
    assert render(reasoning=ask, target=ir.Target(reasoning=False)) == ({}, ("reasoning",))


def test_only_openais_blobs_go_to_openai() -> None:
    parts = (
        ir.Reasoning("Hm.", signature=BLOB, origin="openai_responses", path="a"),
        ir.Reasoning("", data=BLOB, origin="openai_responses", path="b"),
        ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages", path="c"),
        ir.Reasoning("Hm.", path="d"),
        ir.ToolCall("x", "f", "", signature="U0lH", origin="gemini", path="e"),
    )
    body, dropped = render(USER, ir.Message("assistant", parts))
    assert body["input"][1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": BLOB},
        {"type": "reasoning", "summary": [], "encrypted_content": BLOB},
        {"type": "function_call", "call_id": "x", "name": "f", "arguments": "{}"},
    ]
    assert dropped == ("c", "d", "e.signature")


def test_a_client_of_its_own_gets_every_blob_back_in_its_place() -> None:
    parts = (
        ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages"),
        ir.ToolCall("x", "f", "{}", signature="U0lH", origin="gemini"),
    )
    request = ir.Request("m", (USER, ir.Message("assistant", parts)), origin="openai_responses")
    body, dropped = render_request(request)
    assert [item.get("encrypted_content") for item in body["input"]] == [
        None,
        "omniroute:signature:anthropic_messages:U0lH",
        "omniroute:call:gemini:U0lH",
        None,
    ]
    assert dropped == ()
    assert parse_request(body).messages == request.messages


@pytest.mark.parametrize(
    ("more", "body", "dropped"),
    [
        ({"max_tokens": 1}, {"max_output_tokens": 16}, ("max_tokens (16 at least)",)),
        ({"max_tokens": 16}, {"max_output_tokens": 16}, ()),
        ({"max_tokens": 1, "origin": "openai_responses"}, {"max_output_tokens": 1}, ()),
        ({"stop": ("END",)}, {}, ("stop",)),
        ({"sampling": ir.Sampling(n=1, logprobs=False, frequency_penalty=0)}, {}, ()),
        ({"sampling": ir.Sampling(n=2, top_k=3, seed=7)}, {}, ("top_k", "seed", "n")),
        ({"sampling": ir.Sampling(temperature=1.5), "target": ir.Target(sampling=False)}, {}, ("temperature",)),
        ({"user": "u" * 65}, {}, ("user",)),
        ({"service_tier": "flex"}, {"service_tier": "flex"}, ()),
        ({"service_tier": "turbo"}, {}, ("service_tier",)),
        ({"cache": ir.CacheMark()}, {}, ("cache",)),
        ({"response_format": ir.ResponseFormat("json_object")}, {"text": {"format": {"type": "json_object"}}}, ()),
        ({"unknown": {"thread": 1}, "unread": ("a.b",)}, {}, ("thread", "a.b")),
    ],
)
def test_small_fields(more: dict[str, Any], body: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert render(**more) == (body, dropped)


def test_a_closed_schema_is_strict() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    wanted = ir.ResponseFormat("json_schema", schema, description="An a.")
    assert render(response_format=wanted)[0]["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": schema,
        "description": "An a.",
        "strict": True,
    }


def test_marks_go_where_the_target_takes_them() -> None:
    message = ir.Message("user", (ir.Text("Hi", cache=ir.CacheMark("1h"), path="p"),))
    body, dropped = render(message, target=ir.Target(cache_marks=True))
    assert body["input"][0]["content"] == [{"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert dropped == ()
    assert render(message)[1] == ("p.cache_control",)


def test_documents_audio_refusals_citations_and_names() -> None:
    said = ir.Text("It rains.", citations=(ir.Citation("x", {}, "https://a.test"), ir.Citation("x", {})), path="t")
    parts = (
        ir.Document(ir.Source("url", "https://a.test/b.pdf"), title="b", context="mine", citations=True, path="d"),
        ir.Audio("UklG", "wav"),
    )
    body, dropped = render(
        ir.Message("user", parts, name="ann", path="m"), ir.Message("assistant", (said, ir.Refusal("No"), ir.Text("")))
    )
    assert body["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_file", "file_url": "https://a.test/b.pdf", "filename": "b"},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "It rains.",
                    "annotations": [
                        {
                            "type": "url_citation",
                            "start_index": 0,
                            "end_index": 9,
                            "url": "https://a.test",
                            "title": "https://a.test",
                        }
                    ],
                },
                {"type": "refusal", "refusal": "No"},
            ],
        },
    ]
    assert dropped == ("m.name", "d.citations", "d.context", "t.citations")


@pytest.mark.parametrize(
    "part",
    [
        ir.Image(ir.Source("file", "file_1"), path="messages.0.content.0"),
        ir.Document(ir.Source("file", "file_1"), path="messages.0.content.0"),
        ir.Opaque("anthropic_messages", {"type": "search_result"}, path="messages.0.content.0"),
        ir.Refusal("No", path="messages.0.content.0"),
    ],
)
def test_a_part_without_a_place_is_refused(part: ir.AnyPart) -> None:
    with pytest.raises(UnsupportedField) as caught:
        render(ir.Message("user", (part,)))
    assert caught.value.param == "messages.0.content.0"


def test_what_another_upstreams_own_tools_did_is_left_out_and_named() -> None:
    search = ir.Opaque("anthropic_messages", {"type": "server_tool_use"}, path="messages.1.content.0")
    body, dropped = render(USER, ir.Message("assistant", (search, ir.Text("Rain."))))
    assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Rain."}]
    assert dropped == ("messages.1.content.0",)


def test_results_of_custom_tools_and_errors_without_a_text() -> None:
    calls = (ir.ToolCall("a", "patch", "*** Begin", custom=True), ir.ToolCall("b", "f", "{}"))
    results = (
        ir.ToolResult("b", (ir.Image(ir.Source("url", "https://a.test/a.png")),), is_error=True, path="r"),
        ir.ToolResult("a", ()),
    )
    body, dropped = render(USER, ir.Message("assistant", calls), ir.Message("user", results))
    assert [item["type"] for item in body["input"][1:]] == [
        "custom_tool_call",
        "function_call",
        "function_call_output",
        "custom_tool_call_output",
    ]
    assert body["input"][3]["output"][0] == {"type": "input_text", "text": "Error: "}
    assert body["input"][4]["output"] == ""
    assert dropped == ("r.is_error (said in the text)",)


def test_instructions_alone_become_a_user_turn_and_nothing_at_all_is_refused() -> None:
    body, dropped = render(ir.Message("system", (ir.Text("Be brief."),), path="messages.0"))
    assert body == {"input": [{"role": "user", "content": "Be brief."}]}
    assert dropped == ("messages.0.role (as a user turn)",)
    with pytest.raises(BadRequest):
        render(ir.Message("user", (ir.Text(""),)))
    with pytest.raises(UnsupportedField):
        render(ir.Message("system", (ir.Image(ir.Source("url", "https://a.test/a.png")),)), USER)
