"""The fields of a generateContent body."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.gemini.render import render_request
from tests.formats.full_requests import CHAT, MESSAGES

USER = ir.Message("user", (ir.Text("Hi"),))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "minLength": 1}}}
TOOL = ir.Tool("f", "Does f.", SCHEMA, path="tools.0")


def render(**more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body, dropped = render_request(ir.Request("gemini-3.8-flash", (USER,), **{"origin": "openai_chat", **more}))
    del body["contents"]
    return body, dropped


@pytest.mark.parametrize(("name", "document"), [("openai_chat", CHAT), ("anthropic_messages", MESSAGES)])
def test_the_model_and_the_stream_are_left_to_the_url(name: str, document: dict[str, Any]) -> None:
    body, _ = render_request(FORMATS[name].parse_request(document))
    assert body.keys() - {"serviceTier"} == {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}


def test_tools_are_declared_in_one_entry_with_json_schema() -> None:
    tools = (TOOL, ir.NativeTool("anthropic_messages", {"type": "web_search"}, path="tools.1"), ir.Tool("g", path="tools.2"))
    body, dropped = render(tools=tools, tool_choice=ir.ToolChoice("auto"))
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    declared = [{"name": "f", "description": "Does f.", "parametersJsonSchema": schema}, {"name": "g"}]
    assert body == {
        "tools": [{"functionDeclarations": declared}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    }
    assert dropped == ("tools.minLength", "tools.1")


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": False}])
def test_a_tool_without_parameters_declares_none(schema: dict[str, Any]) -> None:
    body, dropped = render(tools=(ir.Tool("f", schema=schema),))
    assert (body["tools"], dropped) == ([{"functionDeclarations": [{"name": "f"}]}], ())


def test_what_a_tool_says_besides_is_named() -> None:
    tool = ir.Tool("f", strict=True, cache=ir.CacheMark(), unknown={"defer_loading": True}, path="tools.0")
    _, dropped = render(tools=(tool,), parallel_tool_calls=False)
    assert dropped == (
        "tools.0.strict (left to the model)",
        "tools.0.cache_control",
        "tools.0.defer_loading",
        "parallel_tool_calls",
    )


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ir.ToolChoice("none"), {"mode": "NONE"}),
        (ir.ToolChoice("required"), {"mode": "ANY"}),
        (ir.ToolChoice("named", name="f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ir.ToolChoice("required", allowed=("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ir.ToolChoice("auto", allowed=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice(choice: ir.ToolChoice, calling: dict[str, Any]) -> None:
    assert render(tools=(TOOL,), tool_choice=choice)[0]["toolConfig"] == {"functionCallingConfig": calling}


def test_a_choice_of_no_tool_is_refused_and_an_idle_one_left_out() -> None:
    for choice in (ir.ToolChoice("required"), ir.ToolChoice("named", name="f")):
        with pytest.raises(UnsupportedField, match="'tool_choice' asks for a tool"):
            render(tool_choice=choice)
    with pytest.raises(UnsupportedField):
        render(tools=(TOOL,), tool_choice=ir.ToolChoice("named", name="g"))
    assert render(tool_choice=ir.ToolChoice("auto")) == ({}, ())


def test_sampling_and_limits() -> None:
    sampling = ir.Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, n=1)
    body, dropped = render(sampling=sampling, max_tokens=100, stop=tuple("abcdef"))
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "seed": 7,
        "maxOutputTokens": 100,
        "stopSequences": list("abcde"),
    }
    assert dropped == ("stop (the first 5)",)


def test_what_no_client_of_another_format_would_see_is_not_asked_for() -> None:
    sampling = ir.Sampling(n=2, logprobs=True, top_logprobs=3, logit_bias={"1": 2})
    assert render(sampling=sampling) == ({}, ("n", "logprobs", "top_logprobs", "logit_bias"))
    assert render(sampling=ir.Sampling(n=1, logprobs=False, top_logprobs=0, logit_bias={})) == ({}, ())


def test_a_model_without_sampling() -> None:
    target = ir.Target(sampling=False)
    body, dropped = render(sampling=ir.Sampling(temperature=1, top_k=3, seed=7), target=target)
    assert (body, dropped) == ({"generationConfig": {"seed": 7}}, ("temperature", "top_k"))


@pytest.mark.parametrize(
    ("wanted", "config", "named"),
    [
        (ir.ResponseFormat("text"), None, ()),
        (ir.ResponseFormat("json_object"), {"responseMimeType": "application/json"}, ()),
        (
            ir.ResponseFormat("json_schema", SCHEMA, name="x", strict=True),
            {
                "responseMimeType": "application/json",
                "responseJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
            ("response_format.minLength",),
        ),
    ],
)
def test_response_formats(wanted: ir.ResponseFormat, config: dict[str, Any] | None, named: tuple[str, ...]) -> None:
    body, dropped = render(response_format=wanted)
    assert (body.get("generationConfig"), dropped) == (config, named)


def test_json_beside_tools_is_for_newer_models() -> None:
    wanted = {"response_format": ir.ResponseFormat("json_object"), "tools": (TOOL,)}
    assert render(**wanted)[0]["generationConfig"] == {"responseMimeType": "application/json"}
    body, dropped = render(**wanted, target=ir.Target(thinking="budget"))
    assert "generationConfig" not in body
    assert "response_format" in dropped


@pytest.mark.parametrize(
    ("tier", "written", "named"),
    [
        ("auto", None, ()),
        ("default", "standard", ()),
        ("standard_only", "standard", ()),
        ("flex", "flex", ()),
        ("priority", "priority", ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_service_tiers(tier: str, written: str | None, named: tuple[str, ...]) -> None:
    body, dropped = render(service_tier=tier)
    assert (body.get("serviceTier"), dropped) == (written, named)


def test_who_asks_has_no_place() -> None:
    more: dict[str, Any] = {"user": "u", "metadata": {"team": "a"}, "cache": ir.CacheMark(), "unknown": {"verbosity": "low"}}
    _, dropped = render(**more, unread=("messages.0.odd",), called={"cache": "cache_control"})
    assert dropped == ("user", "metadata.team", "cache_control", "verbosity", "messages.0.odd")
