"""Anthropic Messages, as the upstream speaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.answer import (
    CACHE_READ,
    CACHE_WRITE,
    INPUT,
    OUTPUT,
    PROMPT,
    Answer,
    Ask,
    Image,
    as_text,
    inline_image,
    pieces,
)

name = "messages"
path = "/messages"
SSE = "text/event-stream; charset=utf-8"

STOPS = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "refusal": "refusal"}
# The type that the API gives each status: https://docs.claude.com/en/api/errors, 2026-11-22
TYPES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
TYPES |= {413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error"}
EMPTY: dict[str, dict[str, Any]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}

Event = tuple[str | None, Any]


def read(document: Mapping[str, Any]) -> Ask:
    turns = [turn for turn in document.get("messages") or [] if turn.get("role") != "system"]
    users = [turn for turn in turns if turn.get("role") == "user" and not holds_result(turn)]
    recent = turns[max((at + 1 for at, turn in enumerate(turns) if turn.get("role") == "assistant"), default=0) :]
    blocks = [block for turn in recent for block in as_blocks(turn.get("content"))]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    inner = [block for result in results for block in as_blocks(result.get("content"))]
    choice = document.get("tool_choice") or {}
    wanted = (document.get("output_config") or {}).get("format") or {}
    return Ask(
        model=str(document.get("model", "")),
        stream=document.get("stream") is True,
        prompt=text_of(users[-1].get("content")) if users else "",
        tool_result="\n".join(text_of(result.get("content")) for result in results) if results else None,
        tools=tuple((str(tool.get("name")), tool.get("input_schema") or {}) for tool in document.get("tools") or []),
        forced=choice.get("name") or ("any" if choice.get("type") == "any" else None),
        images=tuple(image(block) for block in blocks + inner if block.get("type") == "image"),
        schema=wanted.get("schema"),
    )


def whole(answer: Answer) -> dict[str, Any]:
    message = {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": blocks_of(answer),
        "stop_reason": STOPS[answer.stop],
        "stop_sequence": None,
    }
    return message | usage(answer, OUTPUT)


def events(answer: Answer, ask: Ask) -> Iterator[Event]:
    """(event name, data) from message_start to message_stop."""
    message = whole(answer)
    yield event("message_start", message=message | {"content": [], "stop_reason": None} | usage(answer, 1))
    if answer.script.pings != "none":
        yield event("ping")
    for index, block in enumerate(message["content"]):
        yield event("content_block_start", index=index, content_block=opened(block))
        for delta in deltas(block, answer.script.pieces):
            if answer.script.pings == "many":
                yield event("ping")
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": message["stop_reason"], "stop_sequence": None}, **usage(answer, OUTPUT))
    yield event("message_stop")


def error(status: int, type: str | None, code: str | int | None, message: str | None) -> dict[str, Any]:
    told = {"type": type or TYPES.get(status, "api_error"), "message": message or f"scripted error {status}"}
    return {"type": "error", "error": told | ({} if code is None else {"code": code}), "request_id": "req_scripted"}


def error_event(type: str | None, code: str | int | None, message: str | None) -> Event:
    return "error", error(500, type, code, message)


def count(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"input_tokens": PROMPT}


# Requests -------------------------------------------------------------------------------


def as_blocks(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or [] if isinstance(block, Mapping)]


def text_of(content: Any) -> str:
    return "\n".join(str(block["text"]) for block in as_blocks(content) if block.get("type") == "text")


def holds_result(turn: Mapping[str, Any]) -> bool:
    return any(block.get("type") == "tool_result" for block in as_blocks(turn.get("content")))


def image(block: Mapping[str, Any]) -> Image:
    source = block["source"]
    return Image("", None, source["url"]) if source["type"] == "url" else inline_image(source["media_type"], source["data"])


# Answers --------------------------------------------------------------------------------


def blocks_of(answer: Answer) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if answer.thinking is not None:
        made.append({"type": "thinking", "thinking": answer.thinking, "signature": answer.script.signature})
    if answer.text:
        made.append({"type": "text", "text": answer.text})
    made += [{"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": call.input} for call in answer.calls]
    return made


def opened(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block as content_block_start shows it: there, and still empty."""
    return {**block, **EMPTY[block["type"]]}


def deltas(block: Mapping[str, Any], count: int) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"], count))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"], count))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        yield {"type": "input_json_delta", "partial_json": ""}
        fragments = pieces(as_text(block["input"]), count) if block["input"] else []
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in fragments)


def usage(answer: Answer, output: int) -> dict[str, Any]:
    """The `usage` member, or nothing. Here `input_tokens` leaves out what the cache served or took in."""
    cached = {"cache_creation_input_tokens": CACHE_WRITE, "cache_read_input_tokens": CACHE_READ}
    kinds: dict[str, Any] = {
        "full": {"input_tokens": INPUT, **cached, "output_tokens": output},
        "plain": {"input_tokens": PROMPT, "output_tokens": output},
        "zero": {"input_tokens": 0, "output_tokens": 0},
        "null": None,
    }
    return {} if answer.script.usage == "none" else {"usage": kinds[answer.script.usage]}


def event(kind: str, **more: Any) -> Event:
    return kind, {"type": kind, **more}
