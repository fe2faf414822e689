from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.anthropic_messages import parse_request
from tests.formats.full_requests import MESSAGES, PDF, PNG

HI = {"role": "user", "content": "Hi"}
USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": list(messages) or [HI], **more}


def test_a_full_request() -> None:
    request = parse_request(MESSAGES)
    system, user, later, assistant, results = request.messages
    assert system == ir.Message("system", (ir.Text("Be brief.", cache=ir.CacheMark()), ir.Text("Use tools.")))
    assert user.parts == (
        ir.Text("What is on it?", cache=ir.CacheMark("1h")),
        ir.Image(ir.Source("base64", PNG, "image/png")),
        ir.Image(ir.Source("url", "https://example.com/a.png")),
        ir.Document(ir.Source("base64", PDF, "application/pdf"), title="a.pdf"),
        ir.Document(ir.Source("text", "notes", "text/plain"), context="mine"),
    )
    assert later == ir.Message("system", (ir.Text("The user is in a hurry."),))
    assert assistant.parts == (
        ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages"),
        ir.Reasoning("", data="UkVE", origin="anthropic_messages"),
        ir.Text("I look."),
        ir.ToolCall("toolu_a", "weather", '{"city":"Paris"}'),
        ir.ToolCall("toolu_b", "chart", "{}"),
    )
    assert results.parts == (
        ir.ToolResult("toolu_b", (ir.Text("a chart"), ir.Image(ir.Source("base64", PNG, "image/png")))),
        ir.ToolResult("toolu_a", (ir.Text("no such city"),), is_error=True),
        ir.Text("And now?", cache=ir.CacheMark()),
    )
    assert results.parts[0].path == "messages.3.content.0"
    assert isinstance(request.tools[1], ir.Tool) and request.tools[1].unknown == {"defer_loading": True}
    assert isinstance(request.tools[2], ir.NativeTool) and request.tools[2].name == "web_search"
    assert (request.tool_choice, request.parallel_tool_calls) == (ir.ToolChoice("auto"), False)
    assert request.reasoning == ir.ReasoningAsk("adaptive", "high", None, False)
    assert request.response_format == ir.ResponseFormat("json_schema", {"type": "object"})
    assert (request.user, request.metadata, request.service_tier) == ("user-1", None, "standard_only")
    assert request.unknown.keys() == {"output_config.task_budget", "context_management"}
    assert (request.stream, request.include_usage, request.unread) == (True, True, ())


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({"max_tokens": 9, "messages": [HI]}, "model"),
        ({"model": "m"}, "messages"),
        (body({"role": "user"}), "messages.0.content"),
        (body({"content": "Hi"}), "messages.0.role"),
        (body({"role": "tool", "content": "Hi"}), "messages.0.role"),
        (body({"role": "user", "content": {}}), "messages.0.content"),
        (body({"role": "user", "content": ["Hi"]}), "messages.0.content.0"),
        (body({"role": "user", "content": [{"type": "image"}]}), "messages.0.content.0.source"),
        (body({"role": "user", "content": [{"type": "image", "source": {"type": "ftp"}}]}), "messages.0.content.0.source.type"),
        (body({"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}), "messages.0.content.0.source.url"),
        (body({"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}), "messages.0.content.0.name"),
        (body({"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}), "messages.0.content.0"),
        (body({"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}), "messages.0.content.0"),
        (
            body(HI, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}),
            "messages.1.content.0.tool_use_id",
        ),
        (body(HI, USE, HI, USE), "messages.3.content.0.id"),
        (body(max_tokens="many"), "max_tokens"),
        (body(system=5), "system"),
        (body(tools=[{"name": "f"}]), "tools.0.input_schema"),
        (body(tools=[{"input_schema": {}}]), "tools.0.name"),
        (body(tool_choice="auto"), "tool_choice"),
        (body(tool_choice={"type": "tool"}), "tool_choice.name"),
        (body(thinking={"budget_tokens": 2000}), "thinking.type"),
        (body(thinking={"type": "enabled", "budget_tokens": "2000"}), "thinking.budget_tokens"),
        (body(output_config={"effort": "extreme"}), "output_config.effort"),
        (body(metadata={"user_id": 5}), "metadata.user_id"),
    ],
)
def test_a_wrong_body_is_refused_by_the_path_of_what_is_wrong(document: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_request(document)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message


@pytest.mark.parametrize(
    ("given", "choice", "parallel"),
    [
        ({"type": "any"}, ir.ToolChoice("required"), None),
        ({"type": "none"}, ir.ToolChoice("none"), None),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": True}, ir.ToolChoice("named", "f"), False),
    ],
)
def test_the_forms_of_tool_choice(given: dict[str, Any], choice: ir.ToolChoice, parallel: bool | None) -> None:
    request = parse_request(body(tool_choice=given))
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


def test_blocks_that_only_messages_knows_are_kept_as_they_came() -> None:
    blocks = [
        {"type": "search_result", "source": "https://a.test", "title": "A", "content": []},
        {"type": "document", "source": {"type": "content", "content": "x"}},
    ]
    assert parse_request(body({"role": "user", "content": blocks})).messages[0].parts == tuple(
        ir.Opaque("anthropic_messages", block) for block in blocks
    )


def test_members_that_only_messages_knows_stay_with_their_part() -> None:
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "direct"}}
    (part,) = parse_request(body({"role": "assistant", "content": [use]})).messages[0].parts
    assert part.unknown == {"caller": {"type": "direct"}}


def test_results_may_come_in_another_order_than_the_calls() -> None:
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in "ab"]
    results = [{"type": "tool_result", "tool_use_id": name, "content": name} for name in "ba"]
    request = parse_request(body(HI, {"role": "assistant", "content": calls}, {"role": "user", "content": results}))
    assert [part.call_id for part in request.messages[2].parts if isinstance(part, ir.ToolResult)] == ["b", "a"]
