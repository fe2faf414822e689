"""Whole Messages answers: the events they stand for, and the other way round.

Source: https://platform.claude.com/docs/en/api/messages and anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import Answer, finishing, gather, unfold
from omniroute.formats.anthropic_messages.parse import read_citation
from omniroute.formats.anthropic_messages.usage import NAME, read_stop_reason, read_usage, write_usage
from omniroute.formats.arguments import object_of
from omniroute.formats.reasoning import seal, seal_call


def parse_response(document: dict[str, Any]) -> list[ir.Event]:
    """A whole answer as events.

    Raises UpstreamErrorEvent for an error with status 200, UpstreamEmpty for an answer with neither content nor stop
    reason, UpstreamNotJson for what is no Messages answer at all.
    """
    if document.get("type") == "error" or document.get("error"):
        raise UpstreamErrorEvent(document)
    content = document.get("content")
    if not isinstance(content, list):
        raise UpstreamNotJson(200, "application/json", "no Messages answer: 'content' is missing")
    stop_reason = read_stop_reason(document.get("stop_reason"))
    parts = tuple(read_block(block) for block in content if isinstance(block, dict))
    if not parts and stop_reason is None:
        raise UpstreamEmpty("upstream sent an answer without content")
    calls = sum(isinstance(part, ir.ToolCall) for part in parts)
    answer_id, model, sequence = document.get("id"), document.get("model"), document.get("stop_sequence")
    return unfold(
        Answer(
            id=answer_id if isinstance(answer_id, str) else "",
            model=model if isinstance(model, str) else "",
            parts=parts,
            usage=read_usage(document.get("usage")),
            stop_reason=finishing(stop_reason or "end_turn", calls),
            stop_sequence=sequence if isinstance(sequence, str) else None,
            details=read_details(document),
        )
    )


def render_response(
    events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Events as a whole answer. `model` is the name to show, if not the upstream's; `asked` is not needed here."""
    answer = gather(events)
    parts = without_last_blob(answer.parts)
    document: dict[str, Any] = {
        "id": answer.id or new_id(),
        "type": "message",
        "role": "assistant",
        "model": model or answer.model,
        "content": [block for part in parts for block in (*signing_block(part), write_block(part)) if block is not None],
        "stop_reason": answer.stop_reason or "end_turn",
        "stop_sequence": answer.stop_sequence,
        "usage": write_usage(answer.usage),
    }
    if answer.details is not None:
        document["stop_details"] = answer.details
    return document


def without_last_blob(parts: tuple[ir.AnyPart, ...]) -> tuple[ir.AnyPart, ...]:
    """Parts without a last one that is but the blob of another format after a text.

    Gemini signs its last text, and does not need that back (https://ai.google.dev/gemini-api/docs/thought-signatures, read
    2026-11-27). Messages never ends in a thinking block, and Claude Code 2.1.330 takes one there for an empty answer (measured
    2026-11-27).
    """
    last = parts[-1] if parts else None
    if not isinstance(last, ir.Reasoning) or last.text or last.origin == NAME:
        return parts
    before = next((part for part in reversed(parts[:-1]) if write_block(part) is not None), None)
    return parts[:-1] if isinstance(before, ir.Text | ir.Refusal) else parts


# Shared with the stream -----------------------------------------------------------------


def read_block(block: dict[str, Any]) -> ir.AnyPart:
    match block.get("type"):
        case "text":
            citations = block.get("citations")
            found = [item for item in citations if isinstance(item, dict)] if isinstance(citations, list) else []
            return ir.Text(text_in(block, "text"), citations=tuple(read_citation(item) for item in found))
        case "thinking":
            signature = text_in(block, "signature") or None
            return ir.Reasoning(text_in(block, "thinking"), signature=signature, origin=NAME if signature else None)
        case "redacted_thinking":
            return ir.Reasoning("", data=text_in(block, "data"), origin=NAME)
        case "tool_use":
            return ir.ToolCall(text_in(block, "id") or new_id("toolu"), text_in(block, "name"), read_input(block) or "{}")
    return ir.Opaque(NAME, block)


def read_input(block: Mapping[str, Any]) -> str:
    """A call's arguments as text; "" if there are none. Some hosts send the text itself."""
    given = block.get("input")
    if isinstance(given, str):
        return given
    return orjson.dumps(given).decode() if isinstance(given, dict) and given else ""


def write_block(part: ir.AnyPart) -> dict[str, Any] | None:
    """None for a part that Messages has no place for."""
    match part:
        case ir.Text():
            cited = [dict(citation.document) for citation in part.citations if citation.origin == NAME]
            return {"type": "text", "text": part.text} | ({"citations": cited} if cited else {})
        case ir.Refusal():
            return {"type": "text", "text": part.text}
        case ir.Reasoning() if part.data is not None and part.origin == NAME:
            return {"type": "redacted_thinking", "data": part.data}
        case ir.Reasoning():
            return {"type": "thinking", "thinking": part.text, "signature": write_signature(part)}
        case ir.ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": object_of(part)}
        case ir.Opaque() if part.origin == NAME:
            return dict(part.document)
    return None


def signing_block(part: ir.AnyPart | ir.PartStarted) -> list[dict[str, Any]]:
    """A signature on a tool call has no place in Messages: it goes sealed in a thinking block right before the call."""
    if not isinstance(part, ir.ToolCall | ir.PartStarted) or part.signature is None:
        return []
    return [{"type": "thinking", "thinking": "", "signature": seal_call(part.signature, part.origin)}]


def write_signature(part: ir.Reasoning) -> str:
    """Messages has one place that clients send back untouched: what is not Anthropic's goes there sealed."""
    if part.signature is not None and part.origin == NAME:
        return part.signature
    return seal(part)


def read_details(holder: Mapping[str, Any]) -> dict[str, Any] | None:
    details = holder.get("stop_details")
    return details if isinstance(details, dict) else None


def new_id(kind: str = "msg") -> str:
    return f"{kind}_{uuid.uuid4().hex[:24]}"


def text_in(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""
