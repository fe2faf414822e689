"""OpenAI Responses, as the upstream speaks it; what it made it keeps, unless told `store: false`.

Events and members: https://platform.openai.com/docs/api-reference/responses-streaming,
types of openai-python 3.54.0 (read 2026-11-27).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream import chat
from tests.upstream.answer import (
    CACHE_READ,
    CACHE_WRITE,
    OUTPUT,
    PROMPT,
    REASONING,
    Answer,
    Ask,
    Image,
    as_text,
    inline_image,
    pieces,
)

name = "responses"
path = "/responses"
SSE = "text/event-stream; charset=utf-8"
error = chat.error

INCOMPLETE = {"length": "max_output_tokens", "refusal": "content_filter"}
RESULTS = ("function_call_output", "custom_tool_call_output")
EMPTY: dict[str, dict[str, Any]] = {"message": {"content": []}, "function_call": {"arguments": ""}, "reasoning": {"summary": []}}

Event = tuple[str | None, Any]
Kept = dict[str, tuple[list[Any], dict[str, Any]]]  # id -> its input with all before it, the response


def read(document: Mapping[str, Any]) -> Ask:
    items = items_of(document)
    users = [item for item in items if item.get("role") == "user"]
    recent = items[max((at + 1 for at, item in enumerate(items) if of_model(item)), default=0) :]
    results = [item for item in recent if item.get("type") in RESULTS]
    shown = [part for item in recent for name in ("content", "output") for part in as_parts(item.get(name))]
    choice = document.get("tool_choice")
    wanted = (document.get("text") or {}).get("format") or {}
    return Ask(
        model=str(document.get("model", "")),
        stream=document.get("stream") is True,
        prompt=text_of(users[-1].get("content")) if users else "",
        tool_result="\n".join(text_of(item.get("output")) for item in results) if results else None,
        tools=tuple(
            (str(tool["name"]), tool.get("parameters") or {})
            for tool in document.get("tools") or []
            if tool["type"] == "function"
        ),
        forced=choice.get("name") if isinstance(choice, Mapping) else {"required": "any"}.get(choice or ""),
        images=tuple(image(part) for part in shown if part.get("type") == "input_image"),
        schema=wanted.get("schema"),
    )


def whole(answer: Answer) -> dict[str, Any]:
    reason = INCOMPLETE.get(answer.stop)
    status = "completed" if reason is None else "incomplete"
    return frame(answer, status, {"reason": reason} if reason else None, items(answer, status)) | usage(answer)


def events(answer: Answer, ask: Ask) -> Iterator[Event]:
    """(event name, data) from response.created to response.completed or response.incomplete."""
    ended = whole(answer)
    begun = frame(answer, "in_progress", None, []) | {"usage": None}
    listed = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
    runs = [list(item_events(index, item, answer.script.pieces)) for index, item in enumerate(ended["output"])]
    others = len(runs) - len(answer.calls)
    listed += itertools.chain(*runs[:others], *(taking_turns(runs[others:]) if answer.script.interleaved else runs[others:]))
    listed.append((f"response.{ended['status']}", {"response": ended}))
    for number, (kind, members) in enumerate(listed):
        yield kind, {"type": kind, "sequence_number": number, **members}


def taking_turns(runs: list[list[Any]]) -> Iterator[list[Any]]:
    """The pieces of all runs in turn."""
    turns = itertools.zip_longest(*runs)
    return ([each for each in turn if each is not None] for turn in turns)


def error_event(type: str | None, code: str | int | None, message: str | None) -> Event:
    told = {"type": type or "server_error", "code": code or "server_error", "message": message or "scripted error"}
    response = {"id": "resp_scripted", "object": "response", "created_at": chat.CREATED, "status": "failed", "error": told}
    return "response.failed", {"type": "response.failed", "response": response | {"output": [], "usage": None}}


# What is kept ---------------------------------------------------------------------------


def continued(kept: Kept, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The request with the conversation that it goes on from; None when that is not kept."""
    previous = document.get("previous_response_id")
    if previous is None:
        return dict(document)
    if previous not in kept:
        return None
    before, response = kept[previous]
    return {**document, "input": [*before, *response["output"], *items_of(document)]}


def keep(kept: Kept, document: Mapping[str, Any], answer: Answer) -> None:
    if document.get("store") is not False:
        made = whole(answer)
        kept[made["id"]] = items_of(document), made


def retrieve(kept: Kept, method: str, path: str) -> tuple[dict[str, Any], int]:
    """The document and the status for .../responses/{id} and .../{id}/input_items."""
    id, _, below = path.partition("/responses/")[2].partition("/")
    if id not in kept or (method, below) not in (("GET", ""), ("GET", "input_items"), ("DELETE", "")):
        return error(404, "invalid_request_error", None, f"Response with id '{id}' not found."), 404
    if method == "DELETE":
        del kept[id]
        return {"id": id, "object": "response", "deleted": True}, 200
    before, response = kept[id]
    if not below:
        return response, 200
    data = [{"id": f"item_{at}", **item} for at, item in reversed(list(enumerate(before)))]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return {"object": "list", "data": data, "has_more": False, **ends}, 200


# Requests -------------------------------------------------------------------------------


def items_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = document.get("input") or []
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return list(given)


def of_model(item: Mapping[str, Any]) -> bool:
    return item.get("role") == "assistant" or item.get("type") in ("reasoning", "function_call", "custom_tool_call")


def as_parts(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "input_text", "text": content}]
    return [part for part in content or [] if isinstance(part, Mapping)]


def text_of(content: Any) -> str:
    return "\n".join(str(part["text"]) for part in as_parts(content) if part.get("type") in ("input_text", "output_text"))


def image(part: Mapping[str, Any]) -> Image:
    url = part["image_url"]
    if not url.startswith("data:"):
        return Image("", None, url)
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return inline_image(media_type, data)


# Answers --------------------------------------------------------------------------------


def frame(answer: Answer, status: str, incomplete: dict[str, Any] | None, output: list[Any]) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": chat.CREATED,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": incomplete,
        "instructions": None,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
    }


def items(answer: Answer, status: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    if answer.thinking is not None:
        summary = [{"type": "summary_text", "text": answer.thinking}] if answer.thinking else []
        blob = answer.script.signature
        made.append({"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary, "encrypted_content": blob})
    if answer.text:
        part: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        if answer.stop == "refusal":
            part = {"type": "refusal", "refusal": answer.text}
        made.append({"id": f"msg_{answer.id}", "type": "message", "role": "assistant", "status": status, "content": [part]})
    for call in answer.calls:
        one = {"id": f"fc_{call.id}", "type": "function_call", "call_id": f"call_{call.id}", "name": call.name}
        made.append(one | {"arguments": as_text(call.input), "status": "completed"})
    return made


def item_events(index: int, item: dict[str, Any], count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """From output_item.added, where the item is still empty, to output_item.done."""
    place = {"item_id": item["id"], "output_index": index}
    opened = {**item, **EMPTY[item["type"]]} | ({"status": "in_progress"} if "status" in item else {})
    yield "response.output_item.added", {"output_index": index, "item": opened}
    if item["type"] == "function_call":
        for piece in pieces(item["arguments"], count):
            yield "response.function_call_arguments.delta", place | {"delta": piece}
        whole = {"arguments": item["arguments"], "name": item["name"]}
        yield "response.function_call_arguments.done", place | whole
    elif item["type"] == "reasoning":
        for at, part in enumerate(item["summary"]):
            yield from part_events("reasoning_summary_part", "reasoning_summary_text", place | {"summary_index": at}, part, count)
    else:
        for at, part in enumerate(item["content"]):
            yield from part_events("content_part", part["type"], place | {"content_index": at}, part, count)
    yield "response.output_item.done", {"output_index": index, "item": item}


def part_events(part_kind: str, text_kind: str, place: dict[str, Any], part: dict[str, Any], count: int) -> Iterator[Any]:
    member = "refusal" if part["type"] == "refusal" else "text"
    yield f"response.{part_kind}.added", place | {"part": part | {member: ""}}
    more = {"logprobs": []} if text_kind == "output_text" else {}
    for piece in pieces(part[member], count):
        yield f"response.{text_kind}.delta", place | {"delta": piece} | more
    yield f"response.{text_kind}.done", place | {member: part[member]} | more
    yield f"response.{part_kind}.done", place | {"part": part}


def usage(answer: Answer) -> dict[str, Any]:
    """The `usage` member. Here `input_tokens` counts what the cache served or took in."""
    plain = {"input_tokens": PROMPT, "output_tokens": OUTPUT, "total_tokens": PROMPT + OUTPUT}
    details = {
        "input_tokens_details": {"cached_tokens": CACHE_READ, "cache_write_tokens": CACHE_WRITE},
        "output_tokens_details": {"reasoning_tokens": REASONING if answer.thinking else 0},
    }
    kinds: dict[str, Any] = {"full": plain | details, "plain": plain, "zero": dict.fromkeys(plain, 0), "null": None}
    return {"usage": kinds.get(answer.script.usage)}  # without one it is null
