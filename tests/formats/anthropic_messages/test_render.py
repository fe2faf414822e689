from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.anthropic_messages import render_request
from tests.formats.full_requests import CHAT, PDF, PNG

USER = ir.Message("user", (ir.Text("Hi"),))
CALLED = (USER, ir.Message("assistant", (ir.ToolCall("a", "f", "{}"),)), ir.Message("user", (ir.ToolResult("a", ()),)))
TOOLS = (ir.Tool("f", schema={"type": "object"}), ir.Tool("g"))


def render(*messages: ir.Message, **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = ir.Request(
        "m", messages or (USER,), **{"origin": "openai_chat", "called": {"reasoning": "reasoning_effort"}, **more}
    )
    body, dropped = render_request(request)
    del body["model"], body["messages"]
    return body, dropped


def test_a_full_chat_request() -> None:
    body, dropped = render_request(FORMATS["openai_chat"].parse_request(CHAT))
    assert body == {
        "model": "gpt-x",
        "max_tokens": 4096,
        "system": [
            {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "Use tools."},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is on it?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        "title": "a.pdf",
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "U0lH"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Paris"}},
                    {"type": "tool_use", "id": "call_b", "name": "now", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_b", "content": "noon"},
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "rain"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [
            {
                "name": "weather",
                "description": "The weather.",
                "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
                "strict": True,
            },
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "user-1"},
        "service_tier": "auto",
        "stream": True,
    }
    assert set(dropped) == {
        "messages.2.content.1.image_url.detail",
        "temperature",  # thinking takes no other than 1
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "metadata.team",
        "verbosity",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 32000),
        ({"default_max_tokens": 8192}, 8192),
        ({"max_tokens": 5, "default_max_tokens": 8192}, 5),
        ({"max_tokens": 0}, 0),
    ],
)
def test_the_token_limit_is_the_callers_else_the_models_else_32000(given: dict[str, Any], expected: int) -> None:
    assert render(**given)[0] == {"max_tokens": expected}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"tool_choice": ir.ToolChoice("auto")}, {"type": "auto"}),
        ({"tool_choice": ir.ToolChoice("none"), "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": ir.ToolChoice("required")}, {"type": "any"}),
        ({"tool_choice": ir.ToolChoice("named", "g")}, {"type": "tool", "name": "g"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": ir.ToolChoice("named", "f"), "parallel_tool_calls": True},
            {"type": "tool", "name": "f", "disable_parallel_tool_use": False},
        ),
    ],
)
def test_tool_choice_forms(given: dict[str, Any], written: dict[str, Any]) -> None:
    assert render(tools=TOOLS, **given)[0]["tool_choice"] == written


def test_allowed_tools_are_the_only_ones_that_are_sent() -> None:
    body, dropped = render(tools=TOOLS, tool_choice=ir.ToolChoice("required", allowed=("g",)))
    assert ([tool["name"] for tool in body["tools"]], body["tool_choice"]) == (["g"], {"type": "any"})
    assert dropped == ("tool_choice (only these tools are offered)",)


def test_tool_choice_without_tools_is_not_sent() -> None:
    assert render(tool_choice=ir.ToolChoice("auto"), parallel_tool_calls=False) == ({"max_tokens": 32000}, ())


@pytest.mark.parametrize("choice", [ir.ToolChoice("required"), ir.ToolChoice("named", "h")])
def test_a_tool_that_must_be_used_and_is_not_there_is_refused(choice: ir.ToolChoice) -> None:
    native = ir.NativeTool("openai_chat", {"type": "custom", "custom": {"name": "h"}}, "h", path="tools.0")
    with pytest.raises(UnsupportedField) as caught:
        render(tools=(native,), tool_choice=choice)
    assert caught.value.param == "tool_choice"
    assert render(tools=(native,)) == ({"max_tokens": 32000}, ("tools.0",))


# Reasoning ------------------------------------------------------------------------------


def test_nothing_is_asked_for_that_the_caller_did_not_ask_for() -> None:
    assert render() == ({"max_tokens": 32000}, ())


@pytest.mark.parametrize(
    ("ask", "target", "thinking", "effort", "dropped"),
    [
        (ir.ReasoningAsk(effort="low"), None, {"type": "enabled", "budget_tokens": 1024}, None, ()),
        (ir.ReasoningAsk(effort="high"), None, {"type": "enabled", "budget_tokens": 24576}, None, ()),
        (
            ir.ReasoningAsk(effort="max"),
            None,
            {"type": "enabled", "budget_tokens": 25600},
            None,
            ("reasoning_effort (budget 25600)",),
        ),
        (ir.ReasoningAsk("enabled"), None, {"type": "enabled", "budget_tokens": 8192}, None, ()),
        (
            ir.ReasoningAsk("enabled", None, 2000, True),
            None,
            {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
            None,
            (),
        ),
        (
            ir.ReasoningAsk("enabled", None, 64000),
            None,
            {"type": "enabled", "budget_tokens": 31999},
            None,
            ("reasoning_effort (budget 31999)",),
        ),
        (ir.ReasoningAsk("adaptive", "high"), None, {"type": "adaptive"}, "high", ()),
        (ir.ReasoningAsk("disabled", "none"), None, None, None, ()),
        (ir.ReasoningAsk(effort="minimal"), "adaptive", {"type": "adaptive"}, "low", ("reasoning_effort (as effort low)",)),
        (
            ir.ReasoningAsk("enabled", None, 20000),
            "adaptive",
            {"type": "adaptive"},
            "high",
            ("reasoning_effort (as effort high)",),
        ),
        (ir.ReasoningAsk("disabled", "none"), "adaptive", None, None, ("reasoning_effort (left to the model)",)),
        (ir.ReasoningAsk("adaptive", "high"), "budget", {"type": "enabled", "budget_tokens": 24576}, None, ()),
    ],
)
def test_reasoning_in_the_form_that_the_target_takes(
    ask: ir.ReasoningAsk, target: Any, thinking: dict[str, Any] | None, effort: str | None, dropped: tuple[str, ...]
) -> None:
    body, names = render(reasoning=ask, target=ir.Target(thinking=target))
    assert (body.get("thinking"), body.get("output_config", {}).get("effort"), names) == (thinking, effort, dropped)


def test_a_caller_who_writes_anthropics_own_words_is_taken_at_them() -> None:
    for given in ({"type": "disabled"}, {"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive", "display": "omitted"}):
        document = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "thinking": given}
        body, dropped = render_request(FORMATS["openai_chat"].parse_request(document))
        assert (body["thinking"], dropped) == (given, ())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"max_tokens": 1024}, "max_tokens leaves no room for the least budget"),
        ({"tools": TOOLS, "tool_choice": ir.ToolChoice("required")}, "thinking and a forced tool exclude each other"),
    ],
)
def test_reasoning_that_would_be_a_400_is_left_out_and_named(more: dict[str, Any], why: str) -> None:
    body, dropped = render(reasoning=ir.ReasoningAsk(effort="high"), **more)
    assert "thinking" not in body
    assert dropped == (f"reasoning_effort ({why})",)


def test_a_tool_round_without_its_thinking_goes_on_without_thinking() -> None:
    """OpenAI's SDK does not send reasoning back; with a budget Anthropic insists on it within a tool round."""
    ask = ir.ReasoningAsk(effort="high")
    body, dropped = render(*CALLED, reasoning=ask)
    assert "thinking" not in body and dropped[0].startswith("reasoning_effort (off for this turn")
    signed = ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages")
    thought = ir.Message("assistant", (signed, *CALLED[1].parts))
    assert "thinking" in render(USER, thought, CALLED[2], reasoning=ask)[0]
    answered = ir.Message("assistant", (ir.Text("Done."),))
    assert "thinking" in render(*CALLED, answered, USER, reasoning=ask)[0]
    assert render(*CALLED, reasoning=ask, target=ir.Target(thinking="adaptive"))[0]["thinking"] == {"type": "adaptive"}


def test_a_target_without_reasoning_is_asked_for_none() -> None:
    body, dropped = render(reasoning=ir.ReasoningAsk(effort="high"), target=ir.Target(reasoning=False))
    assert (body, dropped) == ({"max_tokens": 32000}, ("reasoning_effort",))


# The small fields -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "thinks", "written", "dropped"),
    [
        (ir.Sampling(0.5, 0.9, 40), False, {"temperature": 0.5, "top_p": 0.9, "top_k": 40}, ()),
        (ir.Sampling(1.7), False, {"temperature": 1}, ("temperature (1 at most)",)),
        (ir.Sampling(0.5, 0.9, 40), True, {}, ("temperature", "top_p", "top_k")),
        (ir.Sampling(1, 0.97), True, {"temperature": 1, "top_p": 0.97}, ()),
        (ir.Sampling(n=2, seed=0, logprobs=False), False, {}, ("seed", "n")),
    ],
)
def test_sampling(sampling: ir.Sampling, thinks: bool, written: dict[str, Any], dropped: tuple[str, ...]) -> None:
    body, names = render(sampling=sampling, reasoning=ir.ReasoningAsk(effort="low") if thinks else None)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == written
    assert names == dropped


def test_a_target_that_refuses_sampling_gets_none() -> None:
    assert render(sampling=ir.Sampling(1, 1, 1), target=ir.Target(sampling=False)) == (
        {"max_tokens": 32000},
        ("temperature", "top_p", "top_k"),
    )


def test_json_without_a_schema_has_no_place() -> None:
    assert render(response_format=ir.ResponseFormat("json_object")) == ({"max_tokens": 32000}, ("response_format",))
    assert render(response_format=ir.ResponseFormat("text")) == ({"max_tokens": 32000}, ())


def test_blank_stop_sequences_are_left_out() -> None:
    body, dropped = render(stop=("END", "\n"))
    assert (body["stop_sequences"], dropped) == (["END"], ("stop (blank ones left out)",))


def test_what_only_chat_knows_is_named() -> None:
    unknown = {"store": True, "prompt_cache_key": "k"}
    assert render(unknown=unknown, unread=("messages.1.audio",), service_tier="flex") == (
        {"max_tokens": 32000},
        ("service_tier", "store", "prompt_cache_key", "messages.1.audio"),
    )
