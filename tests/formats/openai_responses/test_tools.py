from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.openai_responses import parse_request, render_request, render_response
from omniroute.formats.openai_responses.tools import spaces_of

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
CUSTOM = {"type": "custom", "name": "patch", "format": {"type": "text"}}
SEARCH = {"type": "web_search", "external_web_access": True}
SPACE = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers.",
    "tools": [{"type": "function", "name": "find", "description": "One."}],
}


def parse(**more: Any) -> ir.Request:
    return parse_request({"model": "m", "input": "Hi", **more})


def test_functions_are_tools_and_the_rest_is_native() -> None:
    function, custom, search = parse(tools=[FUNCTION, CUSTOM, SEARCH]).tools
    assert function == ir.Tool("f", schema={"type": "object"}, strict=False)
    assert custom == ir.NativeTool("openai_responses", CUSTOM, name="patch")
    assert search == ir.NativeTool("openai_responses", SEARCH, name="web_search")


def test_a_namespace_is_flat_elsewhere_and_comes_back_as_it_was() -> None:
    request = parse(tools=[FUNCTION, SPACE], tool_choice="required")
    assert request.tools[1] == ir.Tool("find", "Customers.\n\nOne.")
    assert render_request(request)[0]["tools"] == [FUNCTION, SPACE]
    body, dropped = FORMATS["openai_chat"].render_request(request)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "find"]
    assert dropped == ()


def test_a_call_of_a_function_in_a_namespace_names_it() -> None:
    called = [ir.Started(), ir.PartStarted(0, "tool_call", id="a", name="find"), ir.PartStopped(0), ir.Finished("tool_use")]
    (item,) = render_response(called, asked={"tools": [SPACE]})["output"]
    assert (item["name"], item["namespace"]) == ("find", "crm")
    (plain,) = render_response(called, asked={"tools": [FUNCTION]})["output"]
    assert "namespace" not in plain
    history = [{"role": "user", "content": "Hi"}, item]
    request = parse(tools=[SPACE], input=history)
    assert request.messages[1].parts[0].unknown == {}
    assert render_request(request)[0]["input"][1]["namespace"] == "crm"
    assert parse(input=history).messages[1].parts[0].unknown == {"namespace": "crm"}


def test_a_name_that_stands_twice_is_left_out_and_named() -> None:
    twin = {**SPACE, "name": "shop"}
    assert spaces_of({"tools": [SPACE, twin]}) == {}
    assert spaces_of({"tools": [SPACE, {**FUNCTION, "name": "find"}]}) == {}
    request = parse(tools=[FUNCTION, SPACE, twin])
    assert FORMATS["openai_chat"].render_request(request)[1] == ("tools.1.tools.0", "tools.2.tools.0")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("auto", ir.ToolChoice("auto")),
        ("required", ir.ToolChoice("required")),
        ({"type": "function", "name": "f"}, ir.ToolChoice("named", name="f")),
        ({"type": "custom", "name": "patch"}, ir.ToolChoice("named", name="patch")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ir.ToolChoice("required", allowed=("f",)),
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "s"}]}, None),
        ({"type": "mcp", "server_label": "s"}, None),
    ],
)
def test_a_choice_is_read_and_comes_back(given: Any, made: ir.ToolChoice | None) -> None:
    request = parse(tools=[FUNCTION, CUSTOM, SEARCH], tool_choice=given)
    assert request.tool_choice == made
    assert render_request(request)[0]["tool_choice"] == given


@pytest.mark.parametrize("given", ["any", 3, {}, {"type": "function"}, {"type": "allowed_tools", "mode": "none"}])
def test_a_wrong_choice_is_named(given: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(tools=[FUNCTION], tool_choice=given)
    assert str(caught.value.param).startswith("tool_choice")


def test_a_choice_that_no_upstream_of_another_format_can_meet_is_refused() -> None:
    request = parse(tools=[FUNCTION, CUSTOM], tool_choice={"type": "custom", "name": "patch"})
    for name in ("openai_chat", "anthropic_messages"):
        with pytest.raises(UnsupportedField) as caught:
            FORMATS[name].render_request(request)
        assert caught.value.param == "tool_choice"


def test_another_formats_tools_are_not_strict_unless_it_says_so() -> None:
    tools = (ir.Tool("f"), ir.Tool("g", "G.", {"type": "object"}, True, cache=ir.CacheMark(), path="tools.1"))
    native = ir.NativeTool("anthropic_messages", {"type": "web_search_20250305"}, "web_search", path="tools.2")
    message = ir.Message("user", (ir.Text("Hi"),))
    request = ir.Request(
        "m", (message,), tools=(*tools, native), tool_choice=ir.ToolChoice("named", name="f"), parallel_tool_calls=True
    )
    body, dropped = render_request(request)
    assert body["tools"] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "function", "name": "g", "description": "G.", "parameters": {"type": "object"}, "strict": True},
    ]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ({"type": "function", "name": "f"}, True)
    assert dropped == ("tools.1.cache_control", "tools.2")
    with pytest.raises(UnsupportedField):
        render_request(ir.Request("m", (message,), tools=(native,), tool_choice=ir.ToolChoice("required")))
    assert "tool_choice" not in render_request(ir.Request("m", (message,), tool_choice=ir.ToolChoice("auto")))[0]
