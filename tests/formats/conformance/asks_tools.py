"""Requests whose feature is in the tools that are offered and in the choice among them."""

from __future__ import annotations

from typing import Any

from tests.formats.conformance.ask import CHAT, GEMINI, MESSAGES, RESPONSES, Ask, Asks

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CLOSED = {**SCHEMA, "required": ["city"], "additionalProperties": False}


def _function(schema: dict[str, Any] | None = SCHEMA, name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "The weather."} | ({} if schema is None else {"parameters": schema}) | more


def chat_tool(schema: dict[str, Any] | None = SCHEMA, name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": _function(schema, name, **more)}


def messages_tool(schema: dict[str, Any] | None = SCHEMA, name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "The weather.", "input_schema": schema or {"type": "object"}, **more}


def responses_tool(schema: dict[str, Any] | None = SCHEMA, name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", **_function(schema, name), **more}


def gemini_tool(schema: dict[str, Any] | None = SCHEMA, name: str = "weather") -> dict[str, Any]:
    declaration = {"name": name, "description": "The weather."} | ({} if schema is None else {"parametersJsonSchema": schema})
    return {"functionDeclarations": [declaration]}


def _each(schema: dict[str, Any] | None, field: str = "tools") -> dict[str, Ask]:
    return {
        CHAT: Ask(field, {"tools": [chat_tool(schema)]}),
        MESSAGES: Ask(field, {"tools": [messages_tool(schema)]}),
        RESPONSES: Ask(field, {"tools": [responses_tool(schema)]}),
        GEMINI: Ask(field, {"tools": [gemini_tool(schema)]}),
    }


_TWO_CHAT = [chat_tool(), chat_tool(None, "now")]
_TWO_MESSAGES = [messages_tool(), messages_tool(None, "now")]
_TWO_RESPONSES = [responses_tool(), responses_tool(None, "now")]
_TWO_GEMINI = [gemini_tool(), gemini_tool(None, "now")]


def _choice(chat: Any, messages: Any, responses: Any, gemini: Any) -> dict[str, Ask]:
    """One tool choice in each format's words; None where a format has no such."""
    made = {}
    if chat is not None:
        made[CHAT] = Ask("tool_choice", {"tools": _TWO_CHAT, "tool_choice": chat})
    if messages is not None:
        made[MESSAGES] = Ask("tool_choice", {"tools": _TWO_MESSAGES, "tool_choice": messages})
    if responses is not None:
        made[RESPONSES] = Ask("tool_choice", {"tools": _TWO_RESPONSES, "tool_choice": responses})
    if gemini is not None:
        made[GEMINI] = Ask("toolConfig", {"tools": _TWO_GEMINI, "toolConfig": {"functionCallingConfig": gemini}})
    return made


_NAMED_CHAT = {"type": "function", "function": {"name": "now"}}
_CUSTOM_CHAT = {"type": "custom", "custom": {"name": "patch", "description": "Edits files."}}
_CUSTOM = {"type": "custom", "name": "patch", "description": "Edits files."}
_PATTERN = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}}
_REFERENCE = {
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}},
    "$defs": {"City": {"type": "string", "description": "A city."}},
}
_CONST = {"type": "object", "properties": {"unit": {"const": "C"}}}

TOOLS: Asks = {
    "function": _each(SCHEMA),
    "function_bare": _each(None),
    "schema_closed": _each(CLOSED),
    "schema_reference": _each(_REFERENCE),
    "schema_const": _each(_CONST),
    "schema_pattern": _each(_PATTERN),
    "strict": {
        CHAT: Ask("tools.0", {"tools": [chat_tool(CLOSED, strict=True)]}),
        MESSAGES: Ask("tools.0", {"tools": [messages_tool(CLOSED, strict=True)]}),
        RESPONSES: Ask("tools.0", {"tools": [responses_tool(CLOSED, strict=True)]}),
        GEMINI: Ask(
            "toolConfig.functionCallingConfig.mode",
            {"tools": [gemini_tool(CLOSED)], "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}},
        ),
    },
    "tool_cache_mark": {
        CHAT: Ask("tools.0", {"tools": [{**chat_tool(), "cache_control": {"type": "ephemeral"}}]}),
        MESSAGES: Ask("tools.0", {"tools": [messages_tool(cache_control={"type": "ephemeral"})]}),
    },
    "tool_deferred": {
        MESSAGES: Ask("tools.0", {"tools": [messages_tool(defer_loading=True)]}),
        RESPONSES: Ask("tools.0", {"tools": [responses_tool(defer_loading=True)]}),
    },
    "choice_auto": _choice("auto", {"type": "auto"}, "auto", {"mode": "AUTO"}),
    "choice_none": _choice("none", {"type": "none"}, "none", {"mode": "NONE"}),
    "choice_required": _choice("required", {"type": "any"}, "required", {"mode": "ANY"}),
    "choice_named": _choice(
        _NAMED_CHAT,
        {"type": "tool", "name": "now"},
        {"type": "function", "name": "now"},
        {"mode": "ANY", "allowedFunctionNames": ["now"]},
    ),
    "choice_some": _choice(
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [_NAMED_CHAT]}},
        None,
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "now"}]},
        {"mode": "VALIDATED", "allowedFunctionNames": ["now"]},
    ),
    "choice_one_of_some": _choice(
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [_NAMED_CHAT, {"type": "function", "function": {"name": "weather"}}],
            },
        },
        None,
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "now"}, {"type": "function", "name": "weather"}],
        },
        {"mode": "ANY", "allowedFunctionNames": ["now", "weather"]},
    ),
    "parallel_off": {
        CHAT: Ask("parallel_tool_calls", {"tools": [chat_tool()], "parallel_tool_calls": False}),
        MESSAGES: Ask(
            "tool_choice", {"tools": [messages_tool()], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
        ),
        RESPONSES: Ask("parallel_tool_calls", {"tools": [responses_tool()], "parallel_tool_calls": False}),
    },
    "parallel_on": {
        CHAT: Ask("parallel_tool_calls", {"tools": [chat_tool()], "parallel_tool_calls": True}),
        MESSAGES: Ask(
            "tool_choice", {"tools": [messages_tool()], "tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}
        ),
        RESPONSES: Ask("parallel_tool_calls", {"tools": [responses_tool()], "parallel_tool_calls": True}),
    },
    "custom_tool": {
        CHAT: Ask("tools.1", {"tools": [chat_tool(), _CUSTOM_CHAT]}),
        RESPONSES: Ask("tools.1", {"tools": [responses_tool(), _CUSTOM]}),
    },
    "choice_custom": {
        CHAT: Ask("tool_choice", {"tools": [_CUSTOM_CHAT], "tool_choice": {"type": "custom", "custom": {"name": "patch"}}}),
        RESPONSES: Ask("tool_choice", {"tools": [_CUSTOM], "tool_choice": {"type": "custom", "name": "patch"}}),
    },
    "hosted_tool": {
        MESSAGES: Ask("tools.1", {"tools": [messages_tool(), {"type": "web_search_20250305", "name": "web_search"}]}),
        RESPONSES: Ask("tools.1", {"tools": [responses_tool(), {"type": "web_search"}]}),
        GEMINI: Ask("tools.1", {"tools": [gemini_tool(), {"googleSearch": {}}]}),
    },
    "choice_hosted": {
        MESSAGES: Ask(
            "tool_choice",
            {
                "tools": [{"type": "web_search_20250305", "name": "web_search"}],
                "tool_choice": {"type": "tool", "name": "web_search"},
            },
        ),
        RESPONSES: Ask("tool", {"tools": [responses_tool(), {"type": "web_search"}], "tool_choice": {"type": "web_search"}}),
    },
    "namespace": {
        RESPONSES: Ask("tools.0", {"tools": [{"type": "namespace", "name": "sky", "tools": [responses_tool()]}]}),
    },
}
