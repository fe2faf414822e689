"""Bodies that are wrong in one place, per client format: (the base's members that differ, the field that the refusal names)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.formats.conformance.ask import BASES, CHAT, COMPLETIONS, GEMINI, MESSAGES, RESPONSES, said, turn

Wrong = tuple[dict[str, Any], str]

HI = said("user", "Hi")
_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
_RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "x"}
_ITEM = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
_FUNCTION = {"type": "function", "function": {"name": "f"}}


def _chat(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def _user(part: Any) -> dict[str, Any]:
    return said("user", [part])


_CHAT: list[Wrong] = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": {}}, "messages"),
    (_chat(5), "messages.0"),
    (_chat(None), "messages.0"),
    (_chat({"content": "Hi"}), "messages.0.role"),
    (_chat({"role": "king", "content": "Hi"}), "messages.0.role"),
    (_chat({"role": 5, "content": "Hi"}), "messages.0.role"),
    (_chat({"role": "user"}), "messages.0.content"),
    (_chat(said("user", 5)), "messages.0.content"),
    (_chat(said("user", {"type": "text", "text": "Hi"})), "messages.0.content"),
    (_chat(_user("Hi")), "messages.0.content.0"),
    (_chat(_user({"text": "Hi"})), "messages.0.content.0.type"),
    (_chat(_user({"type": "text"})), "messages.0.content.0.text"),
    (_chat(_user({"type": "text", "text": ["Hi"]})), "messages.0.content.0.text"),
    (_chat(_user({"type": "image_url", "image_url": {}})), "messages.0.content.0.image_url.url"),
    (_chat(_user({"type": "image_url", "image_url": {"url": "ftp://a.test/b.png"}})), "messages.0.content.0.image_url.url"),
    (_chat(_user({"type": "input_audio", "input_audio": {"data": 1}})), "messages.0.content.0.input_audio.data"),
    (_chat(_user({"type": "file", "file": {}})), "messages.0.content.0.file.file_data"),
    (_chat(HI, {"role": "tool", "tool_call_id": "c9", "content": "x"}), "messages.1.tool_call_id"),
    (_chat(HI, {"role": "tool", "content": "x"}), "messages.1.tool_call_id"),
    (_chat(HI, {"role": "assistant", "tool_calls": [_CALL, _CALL]}), "messages.1.tool_calls.1.id"),
    (_chat(HI, {"role": "assistant", "tool_calls": [{**_CALL, "id": None}]}), "messages.1.tool_calls.0.id"),
    (_chat(HI, {"role": "assistant", "tool_calls": {}}), "messages.1.tool_calls"),
    (_chat(HI, {"role": "assistant", "tool_calls": [{**_CALL, "type": "magic"}]}), "messages.1.tool_calls.0.type"),
    ({"tools": {}}, "tools"),
    ({"tools": [5]}, "tools.0"),
    ({"tools": [{"type": "function"}]}, "tools.0.function"),
    ({"tools": [{"type": "function", "function": {"name": 5}}]}, "tools.0.function.name"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools.0.function.parameters"),
    ({"tool_choice": "always", "tools": [_FUNCTION]}, "tool_choice"),
    ({"tool_choice": {"type": "function"}, "tools": [_FUNCTION]}, "tool_choice.function"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"temperature": "hot"}, "temperature"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"stop": [5]}, "stop.0"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ({"metadata": []}, "metadata"),
    ({"stream_options": 5}, "stream_options"),
    ({"logit_bias": [1]}, "logit_bias"),
]
_MESSAGES: list[Wrong] = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    (_chat(5), "messages.0"),
    (_chat({"content": "Hi"}), "messages.0.role"),
    (_chat(said("tool", "Hi")), "messages.0.role"),
    (_chat({"role": "user"}), "messages.0.content"),
    (_chat(said("user", 5)), "messages.0.content"),
    (_chat(_user("Hi")), "messages.0.content.0"),
    (_chat(_user({"type": "text"})), "messages.0.content.0.text"),
    (_chat(_user({"type": "image"})), "messages.0.content.0.source"),
    (_chat(_user({"type": "image", "source": {"type": "disk"}})), "messages.0.content.0.source.type"),
    (_chat(_user({"type": "image", "source": {"type": "base64"}})), "messages.0.content.0.source.data"),
    (_chat(_user(_USE)), "messages.0.content.0"),
    (_chat(HI, said("assistant", [_RESULT])), "messages.1.content.0"),
    (_chat(_user(_RESULT)), "messages.0.content.0.tool_use_id"),
    (_chat(HI, said("assistant", [_USE, _USE])), "messages.1.content.1.id"),
    (_chat(HI, said("assistant", [{**_USE, "input": "x"}])), "messages.1.content.0.input"),
    (_chat(HI, said("assistant", [{**_USE, "name": None}])), "messages.1.content.0.name"),
    (_chat(HI, said("assistant", [_USE]), _user({**_RESULT, "is_error": "no"})), "messages.2.content.0.is_error"),
    ({"system": 5}, "system"),
    ({"system": [{"type": "text"}]}, "system.0.text"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
    ({"tools": "f"}, "tools"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "deep"}}, "thinking.type"),
    ({"thinking": {}}, "thinking.type"),
    ({"thinking": {"type": "enabled", "budget_tokens": "all"}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "huge"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ({"metadata": "me"}, "metadata"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ({"stop_sequences": 5}, "stop_sequences"),
    ({"top_k": "all"}, "top_k"),
    ({"cache_control": {"type": "eternal"}}, "cache_control.type"),
]


def _items(*items: Any) -> dict[str, Any]:
    return {"input": list(items)}


_RESPONSES: list[Wrong] = [
    ({"input": None}, "input"),
    ({"input": 5}, "input"),
    ({"input": []}, "input"),
    (_items(5), "input.0"),
    (_items({}), "input.0.type"),
    (_items({"role": "king", "content": "Hi"}), "input.0.role"),
    (_items({"type": "message", "role": "user"}), "input.0.content"),
    (_items(said("user", 5)), "input.0.content"),
    (_items(_user(5)), "input.0.content.0"),
    (_items(_user({"type": "input_text"})), "input.0.content.0.text"),
    (_items(_user({"type": "voice"})), "input.0.content.0.type"),
    (_items(_user({"type": "input_image"})), "input.0.content.0.image_url"),
    (_items(_user({"type": "input_file", "file_data": 5})), "input.0.content.0.file_data"),
    (_items(HI, {**_ITEM, "call_id": None}), "input.1.call_id"),
    (_items(HI, {**_ITEM, "name": 5}), "input.1.name"),
    (_items(HI, {**_ITEM, "arguments": 5}), "input.1.arguments"),
    (_items(HI, _ITEM, _ITEM), "input.2.call_id"),
    (_items(HI, {"type": "function_call_output", "call_id": "c9", "output": "x"}), "input.1.call_id"),
    (_items(HI, _ITEM, {"type": "function_call_output", "call_id": "c1"}), "input.2.output"),
    (_items(HI, {"type": "reasoning", "summary": "Hm."}), "input.1.summary"),
    ({"instructions": 5}, "instructions"),
    ({"tools": [{}]}, "tools.0.type"),
    ({"tools": [{"type": "function"}]}, "tools.0.name"),
    ({"tools": {}}, "tools"),
    ({"tool_choice": "always"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
    ({"text": "json"}, "text"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"max_output_tokens": "many"}, "max_output_tokens"),
    ({"temperature": []}, "temperature"),
    ({"metadata": 5}, "metadata"),
    ({"store": "yes"}, "store"),
    ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
]


def _contents(*contents: Any) -> dict[str, Any]:
    return {"contents": list(contents)}


_GEMINI_CALL = {"functionCall": {"id": "c1", "name": "f"}}
_GEMINI: list[Wrong] = [
    ({"contents": None}, "contents"),
    ({"contents": []}, "contents"),
    ({"contents": 5}, "contents"),
    (_contents(5), "contents.0"),
    (_contents({"role": "king", "parts": [{"text": "Hi"}]}), "contents.0.role"),
    (_contents({"role": "user"}), "contents.0.parts"),
    (_contents(turn("user", {})), "contents.0.parts.0"),
    (_contents({"role": "user", "parts": [5]}), "contents.0.parts.0"),
    (_contents(turn("user", {"text": 5})), "contents.0.parts.0.text"),
    (_contents(turn("user", {"inlineData": {"data": "QQ=="}})), "contents.0.parts.0.inlineData.mimeType"),
    (_contents(turn("user", {"fileData": {}})), "contents.0.parts.0.fileData.fileUri"),
    (_contents(turn("user", _GEMINI_CALL)), "contents.0.parts.0"),
    (_contents(turn("model", {"functionResponse": {"name": "f", "response": {}}})), "contents.0.parts.0"),
    (_contents(turn("user", {"functionResponse": {"name": "f"}})), "contents.0.parts.0.functionResponse"),
    (_contents(turn("user", {"text": "Hi"}), turn("model", _GEMINI_CALL, _GEMINI_CALL)), "contents.1.parts.1.functionCall.id"),
    (_contents(turn("model", {"functionCall": {"args": {}}})), "contents.0.parts.0.functionCall.name"),
    (_contents(turn("model", {"functionCall": {"name": "f", "args": []}})), "contents.0.parts.0.functionCall.args"),
    ({"systemInstruction": 5}, "systemInstruction"),
    ({"tools": 5}, "tools"),
    ({"tools": [{"functionDeclarations": [{}]}]}, "tools.0.functionDeclarations.0.name"),
    ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": 5}]}]}, "tools.0.functionDeclarations.0.parameters"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "toolConfig"),
    ({"generationConfig": 5}, "generationConfig"),
    ({"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
    ({"generationConfig": {"maxOutputTokens": "many"}}, "generationConfig.maxOutputTokens"),
    ({"generationConfig": {"stopSequences": [5]}}, "generationConfig.stopSequences.0"),
    ({"generationConfig": {"responseSchema": 5}}, "generationConfig.responseSchema"),
    ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "DEEP"}}}, "generationConfig.thinkingConfig.thinkingLevel"),
    ({"labels": "a"}, "labels"),
]
_COMPLETIONS: list[Wrong] = [
    ({"prompt": None}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": []}, "prompt"),
    ({"prompt": ["a", "b"]}, "prompt"),
    ({"prompt": [1, 2]}, "prompt"),
    ({"prompt": [{}]}, "prompt.0"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"temperature": {}}, "temperature"),
    ({"stop": {}}, "stop"),
    ({"n": 0}, "n"),
    ({"logit_bias": 5}, "logit_bias"),
    ({"user": 5}, "user"),
    ({"stream_options": []}, "stream_options"),
]
MALFORMED: Mapping[str, list[Wrong]] = {
    CHAT: _CHAT,
    MESSAGES: _MESSAGES,
    RESPONSES: _RESPONSES,
    GEMINI: _GEMINI,
    COMPLETIONS: _COMPLETIONS,
}


# Absurd sizes ---------------------------------------------------------------------------


def turns(client: str, count: int, wrong: bool) -> tuple[dict[str, Any], str]:
    """A conversation of so many turns, wrong in the last if it is to be; the field where."""
    if client == COMPLETIONS:
        texts: list[Any] = ["Hi"] * count
        return {"prompt": [*texts, 5] if wrong else "Hi " * count}, "prompt"
    if client == GEMINI:
        last: dict[str, Any] = turn("user", {"text": 5 if wrong else "Hi"})
        contents = [turn("model" if number % 2 else "user", {"text": "Hi"}) for number in range(count)]
        return {**BASES[client], "contents": [*contents, last]}, f"contents.{count}.parts.0.text"
    name = "input" if client == RESPONSES else "messages"
    messages = [said("assistant" if number % 2 else "user", "Hi") for number in range(count)]
    return {**BASES[client], name: [*messages, said("user", 5 if wrong else "Hi")]}, f"{name}.{count}.content"


def tools(client: str, count: int, wrong: bool) -> tuple[dict[str, Any], str]:
    """So many tools, and one without a name if it is to be wrong."""
    names: list[str | None] = [f"f{number}" for number in range(count)] + ([None] if wrong else [])
    if client == CHAT:
        made = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
        return {**BASES[client], "tools": made}, f"tools.{count}.function.name"
    if client == MESSAGES:
        return {
            **BASES[client],
            "tools": [{"name": name, "input_schema": {"type": "object"}} for name in names],
        }, f"tools.{count}.name"
    if client == RESPONSES:
        return {**BASES[client], "tools": [{"type": "function", "name": name} for name in names]}, f"tools.{count}.name"
    declarations = [{"name": name, "description": "f"} for name in names]
    return {
        **BASES[client],
        "tools": [{"functionDeclarations": declarations}],
    }, f"tools.0.functionDeclarations.{count}.name"


def long_text(client: str, size: int) -> dict[str, Any]:
    """One text of so many bytes."""
    text = "x" * size
    if client == COMPLETIONS:
        return {"prompt": text}
    if client == GEMINI:
        return {"contents": [turn("user", {"text": text})]}
    return {**BASES[client], "input" if client == RESPONSES else "messages": [said("user", text)]}


def nested(depth: int) -> dict[str, Any]:
    """A schema, or any object, in which objects stand in objects so deep."""
    made: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        made = {"type": "object", "properties": {"a": made}}
    return made


def deep(client: str, depth: int) -> list[tuple[str, dict[str, Any]]]:
    """Bodies with something so deep in each place that takes any object."""
    schema = nested(depth // 2)
    tool = {
        CHAT: {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]},
        MESSAGES: {"tools": [{"name": "f", "input_schema": schema}]},
        RESPONSES: {"tools": [{"type": "function", "name": "f", "parameters": schema}]},
        GEMINI: {"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]},
    }
    answer = {
        CHAT: {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
        MESSAGES: {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
        RESPONSES: {"text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}},
        GEMINI: {"generationConfig": {"responseMimeType": "application/json", "responseSchema": schema}},
    }
    call = {
        CHAT: _chat(HI, {"role": "assistant", "tool_calls": [{**_CALL, "function": {"name": "f", "arguments": schema}}]}),
        MESSAGES: _chat(HI, said("assistant", [{**_USE, "input": schema}])),
        RESPONSES: _items(HI, {**_ITEM, "arguments": schema}),
        GEMINI: _contents(turn("user", {"text": "Hi"}), turn("model", {"functionCall": {"name": "f", "args": schema}})),
    }
    places = [("unknown", {"made_up": schema}), ("metadata", {"labels" if client == GEMINI else "metadata": schema})]
    places += [(name, made[client]) for name, made in (("tool", tool), ("answer", answer), ("call", call)) if client in made]
    return [(name, {**BASES[client], **members}) for name, members in places]


def deep_text(depth: int) -> str:
    """JSON in a text: arguments that are read before they are sent on."""
    return '{"a":' * depth + "1" + "}" * depth


def as_json(value: Any) -> bytes:
    """As json.dumps, which gives up where this goes on: without recursion."""
    pieces: list[str] = []
    stack: list[Any] = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, _Said):
            pieces.append(each)
        elif isinstance(each, dict):
            inner: list[Any] = []
            for number, (name, held) in enumerate(each.items()):
                inner += [_Said(("," if number else "") + json.dumps(name) + ":"), held]
            stack += [_Said("}"), *reversed(inner), _Said("{")]
        elif isinstance(each, list):
            inner = []
            for number, held in enumerate(each):
                inner += [_Said("," if number else ""), held]
            stack += [_Said("]"), *reversed(inner), _Said("[")]
        else:
            pieces.append(json.dumps(each))
    return "".join(pieces).encode()


class _Said(str):
    """A piece of JSON that is written already."""
