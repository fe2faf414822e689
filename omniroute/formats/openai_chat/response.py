"""Whole Chat answers: the events they stand for, and the other way round.

Source: https://platform.openai.com/docs/api-reference/chat/object and openai-python 3.54.0 (read 2026-11-22).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import Answer, finishing, gather, unfold
from omniroute.formats.counts import whole_number
from omniroute.formats.openai_chat.details import (
    NAME,
    read_details,
    read_signature,
    signs_text,
    text_signature,
    write_details,
    write_signature,
)
from omniroute.formats.openai_chat.usage import FINISH_REASONS, read_stop_reason, read_usage, write_usage


def parse_response(document: dict[str, Any]) -> list[ir.Event]:
    """A whole answer as events. Of several choices only the first is read.

    Raises UpstreamErrorEvent for an error with status 200, UpstreamEmpty without a choice, UpstreamNotJson for what is no
    Chat answer at all.
    """
    if document.get("error"):
        raise UpstreamErrorEvent(document)
    choices = document.get("choices")
    if not isinstance(choices, list):
        raise UpstreamNotJson(200, "application/json", "no Chat answer: 'choices' is missing")
    choice = choices[0] if choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UpstreamEmpty("upstream sent an answer without a message")
    if choice.get("finish_reason") == "error":
        raise UpstreamErrorEvent(document)
    parts = tuple(_parts(message))
    calls = sum(isinstance(part, ir.ToolCall) for part in parts)
    stop_reason = read_stop_reason(choice.get("finish_reason")) or "end_turn"
    return unfold(
        Answer(
            id=_text(document.get("id")),
            model=_text(document.get("model")),
            created=whole_number(document.get("created")),
            parts=parts,
            usage=read_usage(document.get("usage")),
            stop_reason=finishing(stop_reason, calls),
        )
    )


def render_response(
    events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Events as a whole answer. `model` is the name to show, if not the upstream's; `asked` is not needed here."""
    answer = gather(events)
    document: dict[str, Any] = {
        "id": answer.id or new_id(),
        "object": "chat.completion",
        "created": answer.created if answer.created is not None else int(time.time()),
        "model": model or answer.model,
        "choices": [
            {
                "index": 0,
                "message": _message(answer.parts),
                "logprobs": None,
                "finish_reason": FINISH_REASONS[answer.stop_reason or "end_turn"],
            }
        ],
    }
    if answer.usage is not None:
        document["usage"] = write_usage(answer.usage)
    return document


# Shared with the stream -----------------------------------------------------------------


def content_pieces(content: Any) -> Iterator[tuple[ir.PartKind, str]]:
    """The kinds and texts in a `content`: a text, or Mistral's list of text and thinking parts.

    Source: https://docs.mistral.ai/capabilities/reasoning (read 2026-11-22).
    """
    if isinstance(content, str):
        yield "text", content
    elif isinstance(content, list):
        for part in content:
            if not isinstance(part, Mapping):
                continue
            if part.get("type") == "thinking":
                for kind, text in content_pieces(part.get("thinking")):
                    yield "reasoning" if kind == "text" else kind, text
            elif part.get("type") == "text":
                yield "text", _text(part.get("text"))


def reasoning_text(message: Mapping[str, Any]) -> str:
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def read_citations(message: Mapping[str, Any]) -> list[ir.Citation]:
    found = []
    annotations = message.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else ():
        if isinstance(annotation, dict):
            inner = annotation.get("url_citation")
            inner = inner if isinstance(inner, dict) else {}
            url, title = inner.get("url"), inner.get("title")
            found.append(
                ir.Citation(NAME, annotation, url if isinstance(url, str) else None, title if isinstance(title, str) else None)
            )
    return found


def write_citations(citations: Iterable[ir.Citation], start: int, end: int) -> list[dict[str, Any]]:
    """Chat's own citations as they came; others that have a URL as url_citation for the text from `start` to `end`."""
    written: list[dict[str, Any]] = []
    for citation in citations:
        if citation.origin == NAME:
            written.append(dict(citation.document))
        elif citation.url is not None:
            inner = {"start_index": start, "end_index": end, "url": citation.url, "title": citation.title or citation.url}
            written.append({"type": "url_citation", "url_citation": inner})
    return written


def new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def arguments_text(arguments: Any) -> str:
    """A call's arguments; some upstreams send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return orjson.dumps(arguments).decode() if isinstance(arguments, dict | list) else ""


# Parts ----------------------------------------------------------------------------------


def _parts(message: Mapping[str, Any]) -> Iterator[ir.AnyPart]:
    details = message.get("reasoning_details")
    yield from read_details(details if isinstance(details, list) else (), reasoning_text(message))
    pieces = list(content_pieces(message.get("content")))
    yield from (ir.Reasoning(text) for kind, text in pieces if kind == "reasoning" and text)
    text = "".join(text for kind, text in pieces if kind == "text")
    if text:
        yield ir.Text(text, citations=tuple(read_citations(message)))
    yield from text_signature(message)
    if refusal := _text(message.get("refusal")):
        yield ir.Refusal(refusal)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, Mapping):
            yield _tool_call(call)


def _tool_call(call: Mapping[str, Any]) -> ir.ToolCall:
    custom = call.get("type") == "custom"
    inner = call.get("custom" if custom else "function")
    inner = inner if isinstance(inner, Mapping) else {}
    arguments = arguments_text(inner.get("input" if custom else "arguments"))
    call_id = _text(call.get("id")) or f"call_{uuid.uuid4().hex[:24]}"
    return ir.ToolCall(call_id, _text(inner.get("name")), arguments, custom=custom, **read_signature(call))


def _message(parts: tuple[ir.AnyPart, ...]) -> dict[str, Any]:
    texts: list[str] = []
    reasoning: list[str] = []
    refusals: list[str] = []
    details: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    signed: dict[str, Any] = {}
    length = 0
    for part in parts:
        match part:
            case ir.Text():
                annotations += write_citations(part.citations, length, length + len(part.text))
                texts.append(part.text)
                length += len(part.text)
            case ir.Reasoning() if signs_text(part):
                signed = signed or write_signature(part)
            case ir.Reasoning():
                reasoning.append(part.text)
                details += write_details(part, len(details))
            case ir.Refusal():
                refusals.append(part.text)
            case ir.ToolCall():
                calls.append(write_tool_call(part))
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls or refusals else "")}
    if "".join(reasoning):
        message["reasoning_content"] = "".join(reasoning)
    if details:
        message["reasoning_details"] = details
    message["refusal"] = "".join(refusals) if refusals else None
    if annotations:
        message["annotations"] = annotations
    if calls:
        message["tool_calls"] = calls
    return message | signed


def write_tool_call(part: ir.ToolCall) -> dict[str, Any]:
    if part.custom:
        return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    return {"id": part.id, "type": "function", "function": function, **write_signature(part)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
