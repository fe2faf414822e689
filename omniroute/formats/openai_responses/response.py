"""Whole Responses answers: the events they stand for, and the object that an answer is shown as.

Source: https://platform.openai.com/docs/api-reference/responses/object and openai-python 3.54.0 (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.errors import UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import Answer, finishing, unfold
from omniroute.formats.counts import whole_number
from omniroute.formats.openai_responses.error_events import error_in
from omniroute.formats.openai_responses.items import dicts_in, read_items, text_in
from omniroute.formats.openai_responses.usage import ENDED, read_stop_reason, read_usage

# What a response says about its request, with what the API says where nothing was asked.
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
_NESTED: Mapping[str, Mapping[str, Any]] = {
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
}


def parse_response(document: dict[str, Any]) -> list[ir.Event]:
    """A whole answer as events.

    Raises UpstreamErrorEvent for an error with status 200, also for a response that failed; UpstreamEmpty for one that has
    not ended; UpstreamNotJson for what is no Responses answer at all.
    """
    error = error_in(document, "")
    if error is not None:
        raise UpstreamErrorEvent(error)
    if not isinstance(document.get("output"), list):
        raise UpstreamNotJson(200, "application/json", "no Responses answer: 'output' is missing")
    parts = tuple(read_items(dicts_in(document, "output")))
    status = text_in(document, "status")
    if status not in ENDED and not (parts and not status):
        raise UpstreamEmpty(f"upstream answered with a response that is {status or 'empty'}")
    calls = sum(isinstance(part, ir.ToolCall) for part in parts)
    return unfold(
        Answer(
            id=text_in(document, "id"),
            model=text_in(document, "model"),
            created=whole_number(document.get("created_at")),
            parts=parts,
            usage=read_usage(document.get("usage")),
            stop_reason=finishing(read_stop_reason(document, status), calls),
        )
    )


def write_frame(started: ir.Started, model: str, asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """A response in progress, without output. `asked` is the client's request; its `store` is said to be off unless it is
    literally true, since only then something is kept."""
    asked = asked or {}
    frame: dict[str, Any] = {
        "id": started.id,
        "object": "response",
        "created_at": started.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "store": asked.get("store") is True,
        "usage": None,
    }
    for name, default in _ECHOED.items():
        given = asked.get(name)
        frame[name] = default if given is None or (name == "service_tier" and given == "auto") else given
    for name, inner in _NESTED.items():
        given = asked.get(name)
        frame[name] = {**inner, **given} if isinstance(given, Mapping) else dict(inner)
    return frame
