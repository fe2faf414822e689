"""Requests whose feature is in what came before: calls and their results, reasoning and its proofs sent back."""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir
from omniroute.formats.gemini.signature import write_signature
from omniroute.formats.reasoning import seal, seal_call
from tests.formats.conformance.ask import (
    CHAT,
    GEMINI,
    MESSAGES,
    RESPONSES,
    Ask,
    Asks,
    chat,
    gemini,
    messages,
    responses,
    said,
    turn,
)
from tests.formats.full_requests import PNG

HI, GO_ON = said("user", "Hi"), said("user", "Go on.")
_ARGUMENTS = '{"city":"Paris"}'
_BLOB = "U0lH"  # the same letters in each alphabet of base64
_PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}


def _chat_calls(*calls: tuple[str, str], **more: Any) -> dict[str, Any]:
    made = [
        {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": arguments}}
        for call_id, arguments in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": made, **more}


def _chat_result(call_id: str, content: Any = "rain") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def _uses(*ids: str) -> dict[str, Any]:
    return said("assistant", [{"type": "tool_use", "id": each, "name": "weather", "input": {"city": "Paris"}} for each in ids])


def _results(*ids: str, content: Any = "rain", **more: Any) -> dict[str, Any]:
    return said("user", [{"type": "tool_result", "tool_use_id": each, "content": content, **more} for each in ids])


def _call(call_id: str, arguments: str = _ARGUMENTS) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": arguments}


def _output(call_id: str, output: Any = "rain") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def _gemini_call(call_id: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"id": call_id, "name": "weather", "args": {"city": "Paris"}}, **more}


def _gemini_result(call_id: str, response: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"id": call_id, "name": "weather", "response": response or {"output": "rain"}, **more}}


def _gemini(*parts: dict[str, Any], result: dict[str, Any], field: str) -> Ask:
    return gemini(turn("user", {"text": "Hi"}), turn("model", *parts), turn("user", result), field=field)


# Reasoning that came with an answer and is sent back in a turn of its own, or before a call.


def _thought(blob: ir.Reasoning | None) -> dict[str, Ask]:
    """The same reasoning as the clients of each format keep it; None is one without a proof."""
    detail: dict[str, Any] = {}
    if blob is not None:
        tag = {
            "anthropic_messages": "anthropic-claude-v1",
            "openai_responses": "openai-responses-v1",
            "gemini": "google-gemini-v1",
        }
        kind = {"type": "reasoning.text", "text": blob.text, "signature": blob.signature}
        if blob.data is not None:
            kind = {"type": "reasoning.encrypted", "data": blob.data}
        detail = {"reasoning_details": [kind | {"format": tag[blob.origin or ""], "index": 0}]}
    text = "Hm." if blob is None else blob.text
    own = blob is not None and blob.origin == MESSAGES
    thinking: dict[str, Any] = {"type": "thinking", "thinking": text, "signature": ""}
    if blob is not None and own and blob.data is not None:
        thinking = {"type": "redacted_thinking", "data": blob.data}
    elif blob is not None:
        thinking["signature"] = blob.signature if own else seal(blob)
    item: dict[str, Any] = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}] if text else []}
    part: dict[str, Any] = {"text": text, "thought": True}
    if blob is not None:
        item["encrypted_content"] = (blob.signature or blob.data) if blob.origin == RESPONSES else seal(blob)
        part["thoughtSignature"] = write_signature(blob)
    said_too = {"reasoning_content": text} if text else {}
    return {
        CHAT: chat(HI, said("assistant", "Yes?") | said_too | detail, GO_ON, field="messages.1"),
        MESSAGES: messages(HI, said("assistant", [thinking, {"type": "text", "text": "Yes?"}]), GO_ON, field="messages.1"),
        RESPONSES: responses(HI, item, said("assistant", "Yes?"), GO_ON, field="input.1"),
        GEMINI: gemini(
            turn("user", {"text": "Hi"}),
            turn("model", part, {"text": "Yes?"}),
            turn("user", {"text": "Go on."}),
            field="contents.1.parts.0",
        ),
    }


_GOOGLE = {"extra_content": {"google": {"thought_signature": _BLOB}}}
_SIGNED_CALL: dict[str, Ask] = {
    CHAT: chat(
        HI,
        {"role": "assistant", "content": None, "tool_calls": [{**_chat_calls(("c1", _ARGUMENTS))["tool_calls"][0], **_GOOGLE}]},
        _chat_result("c1"),
        field="messages.1.tool_calls.0",
    ),
    MESSAGES: messages(
        HI,
        said(
            "assistant",
            [{"type": "thinking", "thinking": "", "signature": seal_call(_BLOB, GEMINI)}, *_uses("c1")["content"]],
        ),
        _results("c1"),
        field="messages.1.content.1",
    ),
    RESPONSES: responses(
        HI,
        {"type": "reasoning", "summary": [], "encrypted_content": seal_call(_BLOB, GEMINI)},
        _call("c1"),
        _output("c1"),
        field="input.2",
    ),
    GEMINI: _gemini(_gemini_call("c1", thoughtSignature=_BLOB), result=_gemini_result("c1"), field="contents.1.parts.0"),
}

_CUSTOM = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
_SEARCHED = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "text", "text": "It rains."},
]
_CITED = {
    "type": "web_search_result_location",
    "url": "https://a.test",
    "title": "A",
    "encrypted_index": "ZW5j",
    "cited_text": "rain",
}
_ANNOTATION = {"type": "url_citation", "start_index": 0, "end_index": 9, "url": "https://a.test", "title": "A"}

HISTORY: Asks = {
    "tool_result": {
        CHAT: chat(HI, _chat_calls(("c1", _ARGUMENTS)), _chat_result("c1"), field=""),
        MESSAGES: messages(HI, _uses("c1"), _results("c1"), field=""),
        RESPONSES: responses(HI, _call("c1"), _output("c1"), field=""),
        GEMINI: _gemini(_gemini_call("c1"), result=_gemini_result("c1"), field=""),
    },
    "tool_results": {
        CHAT: chat(
            HI, _chat_calls(("c1", _ARGUMENTS), ("c2", _ARGUMENTS)), _chat_result("c2", "sun"), _chat_result("c1"), field=""
        ),
        MESSAGES: messages(HI, _uses("c1", "c2"), _results("c2", "c1"), field=""),
        RESPONSES: responses(HI, _call("c1"), _call("c2"), _output("c2", "sun"), _output("c1"), field=""),
        GEMINI: gemini(
            turn("user", {"text": "Hi"}),
            turn("model", _gemini_call("c1"), _gemini_call("c2")),
            turn("user", _gemini_result("c2", {"output": "sun"}), _gemini_result("c1")),
            field="",
        ),
    },
    "tool_result_empty": {
        CHAT: chat(HI, _chat_calls(("c1", _ARGUMENTS)), _chat_result("c1", ""), field=""),
        MESSAGES: messages(HI, _uses("c1"), _results("c1", content=""), field=""),
        RESPONSES: responses(HI, _call("c1"), _output("c1", ""), field=""),
    },
    "tool_result_image": {
        MESSAGES: messages(
            HI, _uses("c1"), _results("c1", content=[{"type": "text", "text": "a chart"}, _PICTURE]), field="messages.2.content.0"
        ),
        RESPONSES: responses(
            HI,
            _call("c1"),
            _output(
                "c1",
                [
                    {"type": "input_text", "text": "a chart"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                ],
            ),
            field="input.2",
        ),
        GEMINI: _gemini(
            _gemini_call("c1"),
            result=_gemini_result("c1", {"output": "a chart"}, parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}]),
            field="contents.2.parts.0",
        ),
    },
    "tool_result_error": {
        MESSAGES: messages(HI, _uses("c1"), _results("c1", content="no such city", is_error=True), field="messages.2.content.0"),
        GEMINI: _gemini(_gemini_call("c1"), result=_gemini_result("c1", {"error": "no such city"}), field="contents.2.parts.0"),
    },
    "broken_arguments": {
        CHAT: chat(HI, _chat_calls(("c1", '{"city": "Par')), _chat_result("c1"), field="messages.1.tool_calls.0"),
        RESPONSES: responses(HI, _call("c1", '{"city": "Par'), _output("c1"), field="input.1"),
    },
    "custom_call": {
        CHAT: chat(
            HI,
            {"role": "assistant", "content": None, "tool_calls": [_CUSTOM]},
            _chat_result("c1"),
            field="messages.1.tool_calls.0",
        ),
        RESPONSES: responses(
            HI,
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "rain"},
            field="input.1",
        ),
    },
    "hosted_steps": {
        MESSAGES: messages(HI, said("assistant", _SEARCHED), GO_ON, field="messages.1.content"),
        RESPONSES: responses(
            HI,
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "weather"}},
            said("assistant", "It rains."),
            GO_ON,
            field="input.1",
        ),
        GEMINI: gemini(
            turn("user", {"text": "Hi"}),
            turn("model", {"executableCode": {"language": "PYTHON", "code": "print(42)"}}, {"text": "42"}),
            turn("user", {"text": "Go on."}),
            field="contents.1.parts.0",
        ),
    },
    "refusal_before": {
        CHAT: chat(HI, {"role": "assistant", "content": None, "refusal": "No."}, GO_ON, field="messages.1.refusal"),
        RESPONSES: responses(HI, said("assistant", [{"type": "refusal", "refusal": "No."}]), GO_ON, field="input.1.content.0"),
    },
    "citations_before": {
        CHAT: chat(
            HI,
            said("assistant", "It rains.")
            | {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.test"}}]},
            GO_ON,
            field="messages.1.annotations",
        ),
        MESSAGES: messages(
            HI,
            said("assistant", [{"type": "text", "text": "It rains.", "citations": [_CITED]}]),
            GO_ON,
            field="messages.1.content.0.citations",
        ),
        RESPONSES: responses(
            HI,
            said("assistant", [{"type": "output_text", "text": "It rains.", "annotations": [_ANNOTATION]}]),
            GO_ON,
            field="input.1.content.0.citations",
        ),
    },
    "reasoning_before": _thought(None),
    "reasoning_before_taken": _thought(None),
    "claude_signature": _thought(ir.Reasoning("Hm.", signature=_BLOB, origin=MESSAGES)),
    "claude_signature_taken": _thought(ir.Reasoning("Hm.", signature=_BLOB, origin=MESSAGES)),
    "claude_redacted": _thought(ir.Reasoning("", data=_BLOB, origin=MESSAGES)),
    "openai_sealed": _thought(ir.Reasoning("", data=_BLOB, origin=RESPONSES)),
    "openai_signature": _thought(ir.Reasoning("Hm.", signature=_BLOB, origin=RESPONSES)),
    "gemini_signature": _thought(ir.Reasoning("Hm.", signature=_BLOB, origin=GEMINI)),
    "gemini_signed_call": _SIGNED_CALL,
    "gemini_signed_call_taken": _SIGNED_CALL,
}
