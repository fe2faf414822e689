"""What somebody who only looks on learns from a Messages answer that goes by."""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir, sse
from omniroute.formats.anthropic_messages.usage import read_stop_reason, read_usage

# An event with none of these is plain content. In a text of the answer a quote is escaped (\"error\"), so it does not match.
TELLTALES: tuple[bytes, ...] = (b"message_start", b"message_delta", b"message_stop", b'"error"', b"event: error", b"event:error")
LAST_EVENT = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def inspect(document: dict[str, Any]) -> ir.Sighting:
    """Of one decoded event, or of one whole answer."""
    kind = document.get("type")
    if kind == "error" or document.get("error"):
        return ir.Sighting(error=document, last=True)
    if kind == "message_stop":
        return ir.Sighting(last=True, done=True)
    if kind == "message_start":
        message = document.get("message")
        return _whole(message if isinstance(message, dict) else {})
    if kind == "message_delta":
        delta = document.get("delta")
        stop_reason = read_stop_reason(delta.get("stop_reason")) if isinstance(delta, dict) else None
        finished = stop_reason is not None
        return ir.Sighting(content=finished, usage=read_usage(document.get("usage")), stop_reason=stop_reason, last=finished)
    if kind == "content_block_start":
        return ir.Sighting(content=_says_something(document.get("content_block")))
    if kind == "content_block_delta":
        delta = document.get("delta")
        content = isinstance(delta, dict) and any(value for name, value in delta.items() if name != "type")
        return ir.Sighting(content=content)
    return _whole(document) if kind == "message" or "content" in document else ir.Sighting()


def sight(event: sse.Event) -> ir.Sighting | None:
    """`inspect` for an event as it came; None for one that says nothing: comments, `null`, broken JSON."""
    document = sse.read_document(event.data) if event.data else None
    if document is None:
        return None
    if "type" not in document and event.event is not None:
        document = {**document, "type": event.event}
    return inspect(document)


def _whole(message: dict[str, Any]) -> ir.Sighting:
    content, stop_reason = message.get("content"), read_stop_reason(message.get("stop_reason"))
    model, answer_id = message.get("model"), message.get("id")
    said = isinstance(content, list) and any(_says_something(block) for block in content)
    return ir.Sighting(
        content=said or stop_reason is not None,
        usage=read_usage(message.get("usage")),
        stop_reason=stop_reason,
        last=stop_reason is not None,
        model=model if isinstance(model, str) else None,
        id=answer_id if isinstance(answer_id, str) else None,
    )


def _says_something(block: Any) -> bool:
    """An opened text or thinking block is empty as yet; any other block is content by itself."""
    if not isinstance(block, dict):
        return False
    if block.get("type") in ("text", "thinking"):
        return bool(block.get("text") or block.get("thinking") or block.get("signature"))
    return True
