"""Answers that say one thing, per upstream format: whole documents, as upstreams send them (sources: ../samples*.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.formats import samples_gemini, samples_responses
from tests.formats.conformance.ask import CHAT, GEMINI, MESSAGES, RESPONSES
from tests.formats.samples import called, completion, message

Answers = Mapping[str, Mapping[str, dict[str, Any]]]  # feature -> upstream format -> whole answer

_BLOB = "U0lH"
_ARGUMENTS = '{"city":"Paris"}'
_TEXT = {"type": "text", "text": "Hello"}
_CITED = {
    "type": "web_search_result_location",
    "url": "https://a.test",
    "title": "A",
    "encrypted_index": "ZW5j",
    "cited_text": "x",
}
_URL = {"start_index": 0, "end_index": 5, "url": "https://a.test", "title": "A"}
_GROUNDING = {"groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}]}
_GOOGLE = {"extra_content": {"google": {"thought_signature": _BLOB}}}
_DETAIL = {"type": "reasoning.text", "text": "Hm.", "signature": _BLOB, "format": "anthropic-claude-v1", "index": 0}
_PNG = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}


def _use(call_id: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": {"city": "Paris"} if given is None else given}


def _gemini(*parts: dict[str, Any], finish: str = "STOP", usage: Any = None, **more: Any) -> dict[str, Any]:
    return samples_gemini.answer(list(parts), finish, usage, **more)


def _responses(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return samples_responses.response(list(items), **{"usage": None, **more})


def _said(**more: Any) -> dict[str, Any]:
    return _responses(samples_responses.message(samples_responses.text("Hello", **more)))


_HELLO = samples_responses.message(samples_responses.text("Hello"))
_part, _thought, _call = samples_gemini.text, samples_gemini.thought, samples_gemini.call
_FUNCTION_CALL, _REASONING = samples_responses.call, samples_responses.reasoning
_WEATHER = {"city": "Paris"}

SAID: Answers = {
    "said": {
        CHAT: completion({"content": "Hello"}),
        MESSAGES: message([_TEXT], "end_turn"),
        RESPONSES: _said(),
        GEMINI: _gemini(_part("Hello")),
    },
    "nothing": {
        CHAT: completion({"content": ""}),
        MESSAGES: message([], "end_turn"),
        RESPONSES: _responses(),
        GEMINI: _gemini(),
    },
    "reasoning": {
        CHAT: completion({"content": "Hello", "reasoning_content": "Hm."}),
        MESSAGES: message([{"type": "thinking", "thinking": "Hm.", "signature": ""}, _TEXT], "end_turn"),
        RESPONSES: _responses(_REASONING("Hm.", blob=None), _HELLO),
        GEMINI: _gemini(_thought("Hm."), _part("Hello")),
    },
    "reasoning_signed": {
        CHAT: completion({"content": "Hello", "reasoning_content": "Hm.", "reasoning_details": [_DETAIL]}),
        MESSAGES: message([{"type": "thinking", "thinking": "Hm.", "signature": _BLOB}, _TEXT], "end_turn"),
        RESPONSES: _responses(_REASONING("Hm.", blob=_BLOB), _HELLO),
        GEMINI: _gemini(_thought("Hm.", thoughtSignature=_BLOB), _part("Hello")),
    },
    "reasoning_sealed": {
        MESSAGES: message([{"type": "redacted_thinking", "data": _BLOB}, _TEXT], "end_turn"),
        RESPONSES: _responses(_REASONING(blob=_BLOB), _HELLO),
    },
    "text_signed": {
        CHAT: completion({"content": "Hello", **_GOOGLE}),
        GEMINI: _gemini(_part("Hello", thoughtSignature=_BLOB)),
    },
    "refusal": {
        CHAT: completion({"content": None, "refusal": "No."}),
        RESPONSES: _responses(samples_responses.message({"type": "refusal", "refusal": "No."})),
    },
    "citation": {
        CHAT: completion({"content": "Hello", "annotations": [{"type": "url_citation", "url_citation": _URL}]}),
        MESSAGES: message([_TEXT | {"citations": [_CITED]}], "end_turn"),
        RESPONSES: _said(annotations=[{"type": "url_citation", **_URL}]),
        GEMINI: _gemini(_part("Hello"), groundingMetadata=_GROUNDING),
    },
    "hosted": {
        MESSAGES: message(
            [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}, _TEXT], "end_turn"
        ),
        RESPONSES: _responses({"type": "web_search_call", "id": "ws_1", "status": "completed"}, _HELLO),
        GEMINI: _gemini({"executableCode": {"language": "PYTHON", "code": "print(42)"}}, _part("Hello")),
    },
    "made_image": {GEMINI: _gemini(_part("Hello"), _PNG)},
}

CALLED: Answers = {
    "call": {
        CHAT: completion({"content": None, "tool_calls": [called("c1", "weather", _ARGUMENTS)]}, "tool_calls"),
        MESSAGES: message([_use("c1")], "tool_use"),
        RESPONSES: _responses(_FUNCTION_CALL("c1", "weather", _ARGUMENTS)),
        GEMINI: _gemini(_call("weather", _WEATHER, "c1")),
    },
    "calls": {
        CHAT: completion(
            {
                "content": "I look.",
                "tool_calls": [called("c1", "weather", _ARGUMENTS), called("c2", "weather", _ARGUMENTS)],
            },
            "tool_calls",
        ),
        MESSAGES: message([{"type": "text", "text": "I look."}, _use("c1"), _use("c2")], "tool_use"),
        RESPONSES: _responses(
            samples_responses.message(samples_responses.text("I look.")),
            _FUNCTION_CALL("c1", "weather", _ARGUMENTS),
            _FUNCTION_CALL("c2", "weather", _ARGUMENTS),
        ),
        GEMINI: _gemini(_part("I look."), _call("weather", _WEATHER, "c1"), _call("weather", _WEATHER, "c2")),
    },
    "call_bare": {
        CHAT: completion({"content": None, "tool_calls": [called("c1", "now", "")]}, "tool_calls"),
        MESSAGES: message([_use("c1", {})], "tool_use"),
        RESPONSES: _responses(_FUNCTION_CALL("c1", "now", "{}")),
        GEMINI: _gemini(_call("now", None, "c1")),
    },
    "call_signed": {
        CHAT: completion({"content": None, "tool_calls": [called("c1", "weather", _ARGUMENTS) | _GOOGLE]}, "tool_calls"),
        GEMINI: _gemini(_call("weather", _WEATHER, "c1", thoughtSignature=_BLOB)),
    },
    "call_custom": {
        CHAT: completion(
            {
                "content": None,
                "tool_calls": [{"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}],
            },
            "tool_calls",
        ),
        RESPONSES: _responses(
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "patch", "input": "*** Begin"}
        ),
    },
    "call_stopped_as_text": {
        CHAT: completion({"content": None, "tool_calls": [called("c1", "weather", _ARGUMENTS)]}, "stop"),
        MESSAGES: message([_use("c1")], "end_turn"),
    },
}

ENDED: Answers = {
    "ended_length": {
        CHAT: completion({"content": "Hello"}, "length"),
        MESSAGES: message([_TEXT], "max_tokens"),
        RESPONSES: _responses(_HELLO, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        GEMINI: _gemini(_part("Hello"), finish="MAX_TOKENS"),
    },
    "ended_refused": {
        CHAT: completion({"content": "Hello"}, "content_filter"),
        MESSAGES: message([_TEXT], "refusal"),
        RESPONSES: _responses(_HELLO, status="incomplete", incomplete_details={"reason": "content_filter"}),
        GEMINI: _gemini(_part("Hello"), finish="SAFETY"),
    },
    "ended_refused_why": {
        MESSAGES: message([_TEXT], "refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}),
    },
    "ended_at_sequence": {MESSAGES: message([_TEXT], "stop_sequence") | {"stop_sequence": "END"}},
    "ended_paused": {MESSAGES: message([_TEXT], "pause_turn")},
    "ended_window": {MESSAGES: message([_TEXT], "model_context_window_exceeded")},
}


def _chat_usage(**details: int) -> dict[str, Any]:
    usage: dict[str, Any] = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
    if "cached_tokens" in details or "cache_write_tokens" in details:
        usage["prompt_tokens_details"] = details
    elif details:
        usage["completion_tokens_details"] = details
    return completion({"content": "Hello"}, "stop", usage)


def _responses_usage(cached: int = 0, written: int = 0, reasoning: int = 0) -> dict[str, Any]:
    usage = {
        "input_tokens": 120,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": 150,
    }
    return _responses(_HELLO, usage=usage)


def _gemini_usage(**more: int) -> dict[str, Any]:
    counts = {"promptTokenCount": 120, "candidatesTokenCount": 30, "totalTokenCount": 150, **more}
    return _gemini(_part("Hello"), usage=counts)


def _messages_usage(**more: Any) -> dict[str, Any]:
    return message([_TEXT], "end_turn", {"input_tokens": 120, "output_tokens": 30, **more})


USED: Answers = {
    "used": {CHAT: _chat_usage(), MESSAGES: _messages_usage(), RESPONSES: _responses_usage(), GEMINI: _gemini_usage()},
    "used_cached": {
        CHAT: _chat_usage(cached_tokens=100),
        MESSAGES: _messages_usage(cache_read_input_tokens=100),
        RESPONSES: _responses_usage(cached=100),
        GEMINI: _gemini_usage(cachedContentTokenCount=100),
    },
    "used_cache_write": {
        CHAT: _chat_usage(cache_write_tokens=20),
        MESSAGES: _messages_usage(cache_creation_input_tokens=20),
        RESPONSES: _responses_usage(written=20),
    },
    "used_reasoning": {
        CHAT: _chat_usage(reasoning_tokens=8),
        MESSAGES: _messages_usage(output_tokens_details={"thinking_tokens": 8}),
        RESPONSES: _responses_usage(reasoning=8),
        GEMINI: _gemini_usage(candidatesTokenCount=22, thoughtsTokenCount=8),
    },
}
