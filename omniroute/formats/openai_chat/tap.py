"""What somebody who only looks on learns from a Chat answer that goes by."""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir, sse
from omniroute.formats.openai_chat.usage import read_stop_reason, read_usage

# An event with none of these is plain content. In a text of the answer a quote is escaped (\"usage\"), so it does not match.
TELLTALES: tuple[bytes, ...] = (
    b'"usage":{',
    b'"usage": {',
    b'"finish_reason":"',
    b'"finish_reason": "',
    b'"error"',
    b"[DONE]",
)

_CONTENT = (
    "content",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "function_call",
    "refusal",
    "audio",
)

LAST_EVENT = b"data: [DONE]\n\n"


def inspect(document: dict[str, Any]) -> ir.Sighting:
    """Of one decoded chunk, or of one whole answer."""
    if document.get("error"):
        return ir.Sighting(error=document, last=True)
    content, stop_reason = False, None
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        said = choice.get("delta") or choice.get("message")
        content = content or (isinstance(said, dict) and any(said.get(name) for name in _CONTENT))
        content = content or bool(choice.get("text"))  # the legacy completions endpoint
        stop_reason = stop_reason or read_stop_reason(choice.get("finish_reason"))
    model, answer_id = document.get("model"), document.get("id")
    return ir.Sighting(
        content=content or stop_reason is not None,
        usage=read_usage(document.get("usage")),
        stop_reason=stop_reason,
        last=stop_reason is not None,
        model=model if isinstance(model, str) else None,
        id=answer_id if isinstance(answer_id, str) else None,
    )


def sight(event: sse.Event) -> ir.Sighting | None:
    """`inspect` for an event as it came; None for one that says nothing: comments, `null`, broken JSON."""
    if event.data == b"[DONE]":
        return ir.Sighting(last=True, done=True)
    document = sse.read_document(event.data) if event.data else None
    return None if document is None else inspect(document)
