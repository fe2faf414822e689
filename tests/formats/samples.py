"""Answers as upstreams send them, written for these tests after the public references:

- Chat: https://platform.openai.com/docs/api-reference/chat-streaming, .../chat/object; reasoning_content after
  https://api-docs.deepseek.com/guides/reasoning_model, reasoning_details after https://openrouter.ai/docs/use-cases/reasoning-tokens
- Messages: https://platform.claude.com/docs/en/build-with-claude/streaming, .../api/messages

All read 2026-11-22. Each sample says the same twice, as a stream and as a whole answer.
"""

from __future__ import annotations

from typing import Any

import orjson

from tests.formats.sample import UNICODE, Sample
from tests.formats.samples_gemini import GEMINI
from tests.formats.samples_responses import RESPONSES

# Chat -----------------------------------------------------------------------------------


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One Chat chunk; `delta` None is the usage chunk without a choice."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-x", "choices": choices}
    return b"data: " + orjson.dumps(frame | more) + b"\n\n"


def completion(message: dict[str, Any], finish: str = "stop", usage: dict[str, Any] | None = None) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "refusal": None, **message}, "logprobs": None, "finish_reason": finish}
    frame = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-x", "choices": [choice]}
    return frame | ({} if usage is None else {"usage": usage})


def fragment(index: int, arguments: str, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    """A delta with a piece of one tool call."""
    function: dict[str, Any] = {"arguments": arguments}
    call: dict[str, Any] = {"index": index, "function": function}
    if call_id is not None:
        call |= {"id": call_id, "type": "function"}
        function["name"] = name
    return {"tool_calls": [call]}


def called(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


DONE = b"data: [DONE]\n\n"
CHAT_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
}
_ZEROS = {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 0}}

CHAT = (
    Sample(
        "text",
        chunk({"role": "assistant", "content": "", "refusal": None})
        + chunk({"content": "Hel"})
        + chunk({"content": "lo"})
        + chunk({}, "stop")
        + chunk(None, usage=CHAT_USAGE)
        + DONE,
        completion({"content": "Hello"}, usage=CHAT_USAGE),
    ),
    Sample(
        "unicode",
        b"".join(chunk({"content": UNICODE[at : at + 37]}) for at in range(0, len(UNICODE), 37)) + chunk({}, "length") + DONE,
        completion({"content": UNICODE}, "length"),
    ),
    Sample(
        "parallel tools, one after another",
        chunk({"role": "assistant", "content": None})
        + chunk(fragment(0, "", "call_a", "weather"))
        + chunk(fragment(0, '{"city":'))
        + chunk(fragment(0, '"Paris"}'))
        + chunk(fragment(1, "", "call_b", "weather"))
        + chunk(fragment(1, '{"city":"Rome"}'))
        + chunk({}, "tool_calls")
        + chunk(None, usage=CHAT_USAGE)
        + DONE,
        completion(
            {
                "content": None,
                "tool_calls": [
                    called("call_a", "weather", '{"city":"Paris"}'),
                    called("call_b", "weather", '{"city":"Rome"}'),
                ],
            },
            "tool_calls",
            CHAT_USAGE,
        ),
    ),
    Sample(
        "parallel tools, interleaved, text before, finish says stop",
        chunk({"role": "assistant", "content": "I look."})
        + chunk(fragment(0, "", "call_a", "weather"))
        + chunk(fragment(1, "", "call_b", "time"))
        + chunk(fragment(0, '{"city"'))
        + chunk(fragment(1, '{"zone":'))
        + chunk(fragment(2, "", "call_c", "now"))
        + chunk(fragment(0, ':"Paris"}'))
        + chunk(fragment(1, '"CET"}'))
        + chunk({}, "stop")
        + DONE,
        completion(
            {
                "content": "I look.",
                "tool_calls": [
                    called("call_a", "weather", '{"city":"Paris"}'),
                    called("call_b", "time", '{"zone":"CET"}'),
                    called("call_c", "now", ""),
                ],
            }
        ),
    ),
    Sample(
        "reasoning as plain text",
        chunk({"role": "assistant", "content": None, "reasoning_content": "Let me "})
        + chunk({"content": None, "reasoning_content": "see."})
        + chunk({"content": "42", "reasoning_content": None})
        + chunk({}, "stop", usage=CHAT_USAGE)
        + DONE,
        completion({"content": "42", "reasoning_content": "Let me see."}, usage=CHAT_USAGE),
    ),
    Sample(
        "reasoning with details, each text said twice",
        chunk(
            {"role": "assistant", "reasoning": "Le", "reasoning_details": [{"type": "reasoning.text", "text": "Le", "index": 0}]}
        )
        + chunk({"reasoning": "t", "reasoning_details": [{"type": "reasoning.text", "text": "t", "index": 0}]})
        + chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "U0lH+/=", "format": "anthropic-claude-v1"}]})
        + chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "RU5D", "format": "openai-responses-v1"}]})
        + chunk({"content": "ok"})
        + chunk({}, "stop")
        + DONE,
        completion(
            {
                "content": "ok",
                "reasoning": "Let",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "Let", "signature": "U0lH+/=", "format": "anthropic-claude-v1"},
                    {"type": "reasoning.encrypted", "data": "RU5D", "format": "openai-responses-v1"},
                ],
            }
        ),
    ),
    Sample(
        "refusal",
        chunk({"role": "assistant", "content": None, "refusal": "I can't "})
        + chunk({"refusal": "do that."})
        + chunk({}, "stop")
        + DONE,
        completion({"content": None, "refusal": "I can't do that."}),
    ),
    Sample(
        "content filter, told zeros",
        chunk({"role": "assistant", "content": ""}) + chunk({}, "content_filter") + chunk(None, usage=_ZEROS) + DONE,
        completion({"content": ""}, "content_filter", _ZEROS),
    ),
    Sample(
        "citations",
        chunk({"role": "assistant", "content": "It rains."})
        + chunk(
            {
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 9, "url": "https://a.test", "title": "A"},
                    }
                ]
            }
        )
        + chunk({}, "stop")
        + DONE,
        completion(
            {
                "content": "It rains.",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 9, "url": "https://a.test", "title": "A"},
                    }
                ],
            }
        ),
    ),
)

# Messages -------------------------------------------------------------------------------


def event(kind: str, **members: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **members}) + b"\n\n"


def message_start(usage: dict[str, Any] | None = None) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None}
    return event(
        "message_start", message=message | {"stop_sequence": None, "usage": usage or {"input_tokens": 9, "output_tokens": 1}}
    )


def block(index: int, opened: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    return (
        event("content_block_start", index=index, content_block=opened)
        + b"".join(event("content_block_delta", index=index, delta=delta) for delta in deltas)
        + event("content_block_stop", index=index)
    )


def text_block(index: int, *texts: str) -> bytes:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def thinking_block(index: int, signature: str, *texts: str) -> bytes:
    deltas = [{"type": "thinking_delta", "thinking": text} for text in texts]
    signed = {"type": "signature_delta", "signature": signature}
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas, signed)


def tool_block(index: int, call_id: str, name: str, *pieces: str) -> bytes:
    opened = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return block(index, opened, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def message_end(stop_reason: str, usage: dict[str, Any] | None = None, **more: Any) -> bytes:
    delta = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    return event("message_delta", delta=delta, usage=usage or {"output_tokens": 30}) + event("message_stop")


def message(content: list[dict[str, Any]], stop_reason: str, usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    frame = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content}
    used = usage or {"input_tokens": 9, "output_tokens": 30}
    return frame | {"stop_reason": stop_reason, "stop_sequence": None, "usage": used, **more}


SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3h/+==" + "Zm9v" * 60
_SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}}
_HIT = {"type": "web_search_result", "url": "https://a.test", "title": "A", "encrypted_content": "ZW5j", "page_age": None}
_FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [_HIT]}
_CITED = {
    "type": "web_search_result_location",
    "url": "https://a.test",
    "title": "A",
    "encrypted_index": "ZW5j",
    "cited_text": "rain",
}

MESSAGES = (
    Sample(
        "text",
        message_start() + event("ping") + text_block(0, "Hel", "lo") + message_end("end_turn"),
        message([{"type": "text", "text": "Hello"}], "end_turn"),
    ),
    Sample(
        "unicode and a stop sequence",
        message_start()
        + text_block(0, *(UNICODE[at : at + 41] for at in range(0, len(UNICODE), 41)))
        + message_end("stop_sequence", stop_sequence="END"),
        message([{"type": "text", "text": UNICODE}], "stop_sequence") | {"stop_sequence": "END"},
    ),
    Sample(
        "thinking, text, parallel tools, cache",
        message_start({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 1})
        + thinking_block(0, SIGNATURE, "Let me ", "see.")
        + text_block(1, "I look.")
        + tool_block(2, "toolu_a", "weather", '{"city":', '"Paris"}')
        + tool_block(3, "toolu_b", "now", "")
        + message_end("tool_use", {"output_tokens": 44, "output_tokens_details": {"thinking_tokens": 12}}),
        message(
            [
                {"type": "thinking", "thinking": "Let me see.", "signature": SIGNATURE},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_a", "name": "weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "toolu_b", "name": "now", "input": {}},
            ],
            "tool_use",
            {
                "input_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens": 44,
                "output_tokens_details": {"thinking_tokens": 12},
            },
        ),
    ),
    Sample(
        "redacted and empty thinking",
        message_start()
        + block(0, {"type": "redacted_thinking", "data": "UkVEQUNURUQ="})
        + thinking_block(1, SIGNATURE)
        + text_block(2, "Done.")
        + message_end("max_tokens"),
        message(
            [
                {"type": "redacted_thinking", "data": "UkVEQUNURUQ="},
                {"type": "thinking", "thinking": "", "signature": SIGNATURE},
                {"type": "text", "text": "Done."},
            ],
            "max_tokens",
        ),
    ),
    Sample(
        "a server's own search, cited",
        message_start()
        + block(0, _SEARCH | {"input": {}}, {"type": "input_json_delta", "partial_json": '{"query":"weather"}'})
        + block(1, _FOUND)
        + block(
            2,
            {"type": "text", "text": ""},
            {"type": "text_delta", "text": "It rains."},
            {"type": "citations_delta", "citation": _CITED},
        )
        + message_end("end_turn"),
        message([_SEARCH, _FOUND, {"type": "text", "text": "It rains.", "citations": [_CITED]}], "end_turn"),
    ),
    Sample(
        "refusal",
        message_start()
        + text_block(0, "No")
        + message_end("refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}),
        message(
            [{"type": "text", "text": "No"}], "refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}
        ),
    ),
    Sample("nothing to say", message_start() + message_end("end_turn"), message([], "end_turn")),
)

SAMPLES = {"openai_chat": CHAT, "anthropic_messages": MESSAGES, "openai_responses": RESPONSES, "gemini": GEMINI}
