"""Completions as an upstream answers them: the events they stand for, and what somebody learns who only looks on.

Source: types of openai-python 3.54.0, completion.py: whole answers and chunks have one shape (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omniroute.errors import StreamCut, UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir, sse
from omniroute.formats.answer import Answer, unfold
from omniroute.formats.counts import all_output, count, whole_number

TELLTALES: tuple[bytes, ...] = (
    b'"usage":{',
    b'"usage": {',
    b'"finish_reason":"',
    b'"finish_reason": "',
    b'"error"',
    b"[DONE]",
)
LAST_EVENT = b"data: [DONE]\n\n"

_STOP_REASONS: dict[str, ir.StopReason] = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def parse_response(document: dict[str, Any]) -> list[ir.Event]:
    """A whole answer as events. Of several choices only the first is read.

    Raises UpstreamErrorEvent for an error with status 200, UpstreamEmpty without a choice, UpstreamNotJson for what is no
    completion at all.
    """
    if document.get("error"):
        raise UpstreamErrorEvent(document)
    if not isinstance(document.get("choices"), list):
        raise UpstreamNotJson(200, "application/json", "no completion: 'choices' is missing")
    choice = next(_choices(document), None)
    if choice is None:
        raise UpstreamEmpty("upstream sent an answer without a choice")
    text = _text(choice.get("text"))
    return unfold(
        Answer(
            id=_text(document.get("id")),
            model=_text(document.get("model")),
            created=whole_number(document.get("created")),
            parts=(ir.Text(text),) if text else (),
            usage=read_usage(document.get("usage")),
            stop_reason=read_stop_reason(choice.get("finish_reason")) or "end_turn",
        )
    )


class StreamReader:
    """Reads an upstream's chunks; of several choices only the first. `[DONE]` or `end()` tell that the answer is over."""

    def __init__(self) -> None:
        self._started = self._open = self._finished = False
        self._stop_reason: ir.StopReason | None = None
        self._usage = ir.Usage()
        self._skips = sse.Skips()

    def feed(self, event: sse.Event) -> list[ir.Event]:
        """Raises UpstreamErrorEvent for an error."""
        if event.data == b"[DONE]":
            return self._finish() if self._started else []
        if self._finished or not event.data:
            return []
        document = sse.read_document(event.data)
        if document is None:
            self._skips.note(event.data)
            return []
        if document.get("error"):
            raise UpstreamErrorEvent(document)
        return list(self._chunk(document))

    def end(self) -> list[ir.Event]:
        """The upstream closed. Raises StreamCut if the answer had not finished, UpstreamEmpty if it had not begun."""
        if self._finished:
            return []
        if not self._started:
            raise UpstreamEmpty("upstream sent a stream without an answer")
        if self._stop_reason is None:
            raise StreamCut("upstream closed the stream before its finish reason")
        return self._finish()

    def _chunk(self, document: dict[str, Any]) -> Iterator[ir.Event]:
        if not self._started:
            self._started = True
            created = whole_number(document.get("created"))
            yield ir.Started(_text(document.get("id")), _text(document.get("model")), created)
        for choice in _choices(document):
            if choice.get("index"):
                continue
            if text := _text(choice.get("text")):
                if not self._open:
                    self._open = True
                    yield ir.PartStarted(0, "text")
                yield ir.TextDelta(0, text)
            self._stop_reason = self._stop_reason or read_stop_reason(choice.get("finish_reason"))
        usage = read_usage(document.get("usage"))
        if usage is not None:
            self._usage = self._usage.merged(usage)
            yield ir.UsageSeen(self._usage)

    def _finish(self) -> list[ir.Event]:
        if self._finished:
            return []
        self._finished = True
        stopped: list[ir.Event] = [ir.PartStopped(0)] if self._open else []
        return [*stopped, ir.Finished(self._stop_reason or "end_turn")]


def inspect(document: dict[str, Any]) -> ir.Sighting:
    """Of one decoded chunk, or of one whole answer."""
    if document.get("error"):
        return ir.Sighting(error=document, last=True)
    content, stop_reason = False, None
    for choice in _choices(document):
        content = content or bool(choice.get("text"))
        stop_reason = stop_reason or read_stop_reason(choice.get("finish_reason"))
    return ir.Sighting(
        content=content or stop_reason is not None,
        usage=read_usage(document.get("usage")),
        stop_reason=stop_reason,
        last=stop_reason is not None,
        model=_text(document.get("model")) or None,
        id=_text(document.get("id")) or None,
    )


def sight(event: sse.Event) -> ir.Sighting | None:
    """`inspect` for an event as it came; None for one that says nothing: comments, `null`, broken JSON."""
    if event.data == b"[DONE]":
        return ir.Sighting(last=True, done=True)
    document = sse.read_document(event.data) if event.data else None
    return None if document is None else inspect(document)


def read_stop_reason(finish_reason: Any) -> ir.StopReason | None:
    if not isinstance(finish_reason, str) or not finish_reason:
        return None
    return _STOP_REASONS.get(finish_reason, "end_turn")


def read_usage(usage: Any) -> ir.Usage | None:
    """None if there is no count in it."""
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _inner(usage, "prompt_tokens_details"), _inner(usage, "completion_tokens_details")
    input, reasoning = count(usage, "prompt_tokens"), count(completion, "reasoning_tokens")
    told = ir.Usage(
        input=input,
        output=all_output(usage, input, count(usage, "completion_tokens"), reasoning),
        cached=count(prompt, "cached_tokens"),
        reasoning=reasoning,
    )
    return None if told == ir.Usage() else told


def _choices(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    choices = document.get("choices")
    yield from (choice for choice in (choices if isinstance(choices, list) else ()) if isinstance(choice, Mapping))


def _inner(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = usage.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
