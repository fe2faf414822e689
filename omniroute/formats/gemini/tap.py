"""What somebody who only looks on learns from a Gemini answer that goes by."""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir, sse
from omniroute.formats.gemini.usage import first_candidate, parts_of, read_block_reason, read_stop_reason, read_usage

# An event with none of these is plain content. In a text of the answer a quote is escaped (\"error\"), so it does not match.
TELLTALES: tuple[bytes, ...] = (b'"usageMetadata"', b'"finishReason"', b'"promptFeedback"', b'"error"')

LAST_EVENT = b""  # there is none: the stream ends after the chunk with the finish reason


def inspect(document: dict[str, Any]) -> ir.Sighting:
    """Of one decoded chunk, or of one whole answer: they have the same form."""
    if document.get("error"):
        return ir.Sighting(error=document, last=True)
    candidate = first_candidate(document)
    stop_reason = read_stop_reason(candidate.get("finishReason")) if candidate is not None else None
    if candidate is None and read_block_reason(document) is not None:
        stop_reason = "refusal"
    model, answer_id = document.get("modelVersion"), document.get("responseId")
    said = any(part.get("text") or any(isinstance(value, dict) for value in part.values()) for part in parts_of(candidate))
    return ir.Sighting(
        content=said or stop_reason is not None,
        usage=read_usage(document.get("usageMetadata")),
        stop_reason=stop_reason,
        last=stop_reason is not None,
        model=model if isinstance(model, str) else None,
        id=answer_id if isinstance(answer_id, str) else None,
    )


def sight(event: sse.Event) -> ir.Sighting | None:
    """`inspect` for an event as it came; None for one that says nothing: comments, `null`, broken JSON."""
    document = sse.read_document(event.data) if event.data else None
    return None if document is None else inspect(document)
