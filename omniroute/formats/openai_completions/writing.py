"""Completions as a client reads them. A whole answer and a chunk have one shape, `text_completion`.

Source: types of openai-python 3.54.0, completion.py and completion_choice.py (read 2026-11-27). There is no place for reasoning
and for calls of tools (which nobody can offer here): only what is said to the user is written, a refusal as text.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import Problem
from omniroute.formats import ir
from omniroute.formats.answer import gather
from omniroute.formats.openai_error import render_error

_FINISH_REASONS: dict[ir.StopReason, str] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def render_response(
    events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Events as a whole answer. `model` is the name to show, if not the upstream's; `asked` is not needed here."""
    answer = gather(events)
    text = "".join(part.text for part in answer.parts if isinstance(part, ir.Text | ir.Refusal))
    started = ir.Started(answer.id, answer.model, answer.created)
    finish = _FINISH_REASONS.get(answer.stop_reason or "end_turn", "stop")
    document = _frame(started, model or "") | {"choices": [_choice(text, finish)]}
    return document if answer.usage is None else document | {"usage": write_usage(answer.usage)}


class StreamWriter:
    """Writes chunks for a client. `model` is the name to show, "" for the upstream's."""

    def __init__(self, model: str, include_usage: bool, asked: Mapping[str, Any] | None = None) -> None:
        self._model, self._include_usage = model, include_usage
        self._frame = _frame(ir.Started(), model)
        self._usage: ir.Usage | None = None
        self._finished = self._closed = False

    def write(self, event: ir.Event) -> bytes:
        """The bytes for one event; b"" for one that has no place in a completion."""
        if self._closed:
            return b""
        match event:
            case ir.Started():
                self._frame = _frame(event, self._model)
            case ir.TextDelta() | ir.RefusalDelta():
                return self._chunk(event.text, None)
            case ir.UsageSeen():
                self._usage = event.usage
            case ir.Finished():
                self._finished = True
                return self._chunk("", _FINISH_REASONS.get(event.stop_reason, "stop"))
        return b""

    def end(self) -> bytes:
        """The usage chunk, if asked for and known, and `[DONE]`. Nothing for an answer that never finished."""
        if self._closed or not self._finished:
            return b""
        self._closed = True
        usage = b""
        if self._include_usage and self._usage is not None:
            usage = _event(self._frame | {"choices": [], "usage": write_usage(self._usage)})
        return usage + b"data: [DONE]\n\n"

    def fail(self, problem: Problem) -> bytes:
        """The error, as the last thing in the stream."""
        if self._closed:
            return b""
        self._closed = True
        return _event(render_error(problem))

    def _chunk(self, text: str, finish: str | None) -> bytes:
        return _event(self._frame | {"choices": [_choice(text, finish)]})


def write_usage(usage: ir.Usage) -> dict[str, Any]:
    """What was not told is 0 in the three members that every client reads, and left out elsewhere."""
    prompt, completion = usage.input or 0, usage.output or 0
    written: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if usage.cached is not None:
        written["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


def _frame(started: ir.Started, model: str) -> dict[str, Any]:
    """The members that are the same in every chunk."""
    return {
        "id": started.id or f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()) if started.created is None else started.created,
        "model": model or started.model,
    }


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _event(document: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"
