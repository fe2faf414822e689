"""What somebody who only looks on learns from a Responses answer that goes by."""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir, sse
from omniroute.formats.answer import finishing
from omniroute.formats.openai_responses.error_events import error_in
from omniroute.formats.openai_responses.items import CALLS, dicts_in, text_in
from omniroute.formats.openai_responses.usage import ENDED, read_stop_reason, read_usage

# An event with none of these is plain content. In a text of the answer a quote is escaped (\"error\"), so it does not match.
TELLTALES: tuple[bytes, ...] = (b"response.completed", b"response.incomplete", b'"error"', b"event: error", b"event:error")
LAST_EVENT = b""  # response.completed is the last event, and has the answer in it: it can't be made up

_SAID = ("delta", "text", "refusal", "arguments", "input")


def inspect(document: dict[str, Any]) -> ir.Sighting:
    """Of one decoded event, or of one whole answer."""
    kind = text_in(document, "type")
    error = error_in(document, kind)
    if error is not None:
        return ir.Sighting(error=error, last=True)
    if not kind:
        return _response(document)
    response = document.get("response")
    if isinstance(response, dict):
        return _response(response)
    item = document.get("item")
    if isinstance(item, dict):
        return ir.Sighting(content=_says_something(item))
    content = kind.startswith("response.") and any(document.get(name) for name in _SAID)
    return ir.Sighting(content=content)


def sight(event: sse.Event) -> ir.Sighting | None:
    """`inspect` for an event as it came; None for one that says nothing: comments, `null`, broken JSON."""
    document = sse.read_document(event.data) if event.data else None
    if document is None:
        return None
    if "type" not in document and event.event is not None:
        document = {**document, "type": event.event}
    return inspect(document)


def _response(response: dict[str, Any]) -> ir.Sighting:
    """A response in progress only tells its id and model."""
    status = text_in(response, "status")
    items = dicts_in(response, "output")
    ended = status in ENDED or (bool(items) and not status)
    calls = sum(text_in(item, "type") in CALLS for item in items)
    stop_reason = finishing(read_stop_reason(response, status), calls) if ended else None
    return ir.Sighting(
        content=ended or any(map(_says_something, items)),
        usage=read_usage(response.get("usage")),
        stop_reason=stop_reason,
        last=ended,
        done=ended,
        model=text_in(response, "model") or None,
        id=text_in(response, "id") or None,
    )


def _says_something(item: dict[str, Any]) -> bool:
    """An added message or reasoning is empty as yet; any other item is content by itself."""
    kind = text_in(item, "type")
    if kind == "message":
        return any(part.get("text") or part.get("refusal") for part in dicts_in(item, "content"))
    if kind == "reasoning":
        return bool(item.get("encrypted_content") or item.get("summary") or item.get("content"))
    return bool(kind)
