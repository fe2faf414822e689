"""OpenAI Chat Completions, as the upstream speaks it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT, REASONING, Answer, Ask, Image, as_text, inline_image, pieces

name = "chat"
path = "/chat/completions"
SSE = "text/event-stream"

STOPS = {"end": "stop", "tool": "tool_calls", "length": "length", "refusal": "content_filter"}
TYPES = {401: "authentication_error", 403: "permission_error", 429: "requests"}
CREATED = 1760000000

Event = tuple[str | None, Any]


def read(document: Mapping[str, Any]) -> Ask:
    turns = document.get("messages") or []
    users = [turn for turn in turns if turn.get("role") == "user"]
    recent = turns[max((at + 1 for at, turn in enumerate(turns) if turn.get("role") == "assistant"), default=0) :]
    results = [turn for turn in recent if turn.get("role") == "tool"]
    choice = document.get("tool_choice")
    wanted = document.get("response_format") or {}
    forced = choice.get("function", {}).get("name") if isinstance(choice, Mapping) else {"required": "any"}.get(choice or "")
    return Ask(
        model=str(document.get("model", "")),
        stream=document.get("stream") is True,
        prompt=text_of(users[-1].get("content")) if users else "",
        tool_result="\n".join(text_of(turn.get("content")) for turn in results) if results else None,
        tools=tuple(offered(tool.get("function") or {}) for tool in document.get("tools") or []),
        forced=forced,
        images=tuple(image(part) for turn in recent for part in as_parts(turn.get("content")) if part.get("type") == "image_url"),
        schema=(wanted.get("json_schema") or {}).get("schema"),
        wants_usage=bool((document.get("stream_options") or {}).get("include_usage")),
    )


def whole(answer: Answer) -> dict[str, Any]:
    choice = {"index": 0, "message": message(answer), "logprobs": None, "finish_reason": STOPS[answer.stop]}
    return base(answer, "chat.completion") | {"choices": [choice]} | usage(answer)


def events(answer: Answer, ask: Ask) -> Iterator[Event]:
    """Chunks from the role to the usage (if asked for) and `[DONE]`. The last item is not JSON."""
    counted = ask.wants_usage and answer.script.usage != "none"
    opening = base(answer, "chat.completion.chunk") | ({"usage": None} if counted else {})

    def chunk(delta: dict[str, Any], finish: str | None = None) -> Event:
        return None, opening | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    yield from (chunk({"reasoning_content": piece}) for piece in pieces(answer.thinking or "", answer.script.pieces))
    kind = "refusal" if answer.stop == "refusal" else "content"
    yield from (chunk({kind: piece}) for piece in pieces(answer.text, answer.script.pieces))
    yield from (chunk({"tool_calls": [fragment]}) for fragment in fragments(answer))
    yield chunk({}, STOPS[answer.stop])
    if counted:
        yield None, opening | {"choices": []} | usage(answer)
    if answer.script.done:
        yield None, "[DONE]"


def error(status: int, type: str | None, code: str | int | None, message: str | None) -> dict[str, Any]:
    told = {"message": message or f"scripted error {status}", "type": type or TYPES.get(status, "invalid_request_error")}
    return {"error": told | {"param": None, "code": code}}


def error_event(type: str | None, code: str | int | None, message: str | None) -> Event:
    return None, error(500, type or "server_error", code, message)


# Requests -------------------------------------------------------------------------------


def as_parts(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content or [] if isinstance(part, Mapping)]


def text_of(content: Any) -> str:
    return "\n".join(str(part["text"]) for part in as_parts(content) if part.get("type") == "text")


def offered(function: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return str(function.get("name")), function.get("parameters") or {}


def image(part: Mapping[str, Any]) -> Image:
    url = part["image_url"]["url"]
    if not url.startswith("data:"):
        return Image("", None, url)
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return inline_image(media_type, data)


# Answers --------------------------------------------------------------------------------


def base(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer.id}", "object": kind, "created": CREATED, "model": answer.model}


def message(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.stop == "refusal":
        made |= {"content": None, "refusal": answer.text}
    if answer.thinking is not None:
        made["reasoning_content"] = answer.thinking
    if answer.calls:
        made["tool_calls"] = [
            {"id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": as_text(call.input)}}
            for call in answer.calls
        ]
    return made


def fragments(answer: Answer) -> Iterator[dict[str, Any]]:
    """Tool calls in pieces: one call after the other, or the pieces of all of them in turn."""
    runs = []
    for index, call in enumerate(answer.calls):
        first = {"index": index, "id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": ""}}
        rest = [{"index": index, "function": {"arguments": piece}} for piece in pieces(as_text(call.input), answer.script.pieces)]
        runs.append([first, *rest])
    if not answer.script.interleaved:
        return itertools.chain.from_iterable(runs)
    turns = itertools.zip_longest(*runs)
    return (fragment for turn in turns for fragment in turn if fragment is not None)


def usage(answer: Answer) -> dict[str, Any]:
    """The `usage` member, or nothing. Here `prompt_tokens` counts what the cache served or took in."""
    plain = {"prompt_tokens": PROMPT, "completion_tokens": OUTPUT, "total_tokens": PROMPT + OUTPUT}
    details = {
        "prompt_tokens_details": {"cached_tokens": CACHE_READ},
        "completion_tokens_details": {"reasoning_tokens": REASONING if answer.thinking else 0},
    }
    zero = dict.fromkeys(plain, 0)
    kinds: dict[str, Any] = {"full": {**plain, **details}, "plain": plain, "zero": zero, "null": None}
    return {} if answer.script.usage == "none" else {"usage": kinds[answer.script.usage]}
