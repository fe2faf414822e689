"""Token counts and stop reasons as Responses writes them.

`input_tokens` INCLUDES what was read from or written to a cache; `output_tokens` includes reasoning, and
where it does not, it is added (formats/counts.py: all_output). There is no stop reason: a response is `completed`, or
`incomplete` and `incomplete_details` says why.
Source: types of openai-python 3.54.0, responses/response.py and response_usage.py (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.formats import ir
from omniroute.formats.counts import all_output, count

NAME = "openai_responses"

_STOP_REASONS: dict[str, ir.StopReason] = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}
_INCOMPLETE: dict[ir.StopReason, str] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
ENDED = ("completed", "incomplete")
FAILED = ("failed", "cancelled")


def read_stop_reason(response: Mapping[str, Any], status: str) -> ir.StopReason:
    """Of a response that has ended. A reason for `incomplete` that is not known still means that something is missing."""
    if status != "incomplete":
        return "end_turn"
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return _STOP_REASONS.get(reason, "max_tokens") if isinstance(reason, str) else "max_tokens"


def write_incomplete(stop_reason: ir.StopReason) -> dict[str, str] | None:
    """`incomplete_details`; None for a response that is completed."""
    reason = _INCOMPLETE.get(stop_reason)
    return None if reason is None else {"reason": reason}


def read_usage(usage: Any) -> ir.Usage | None:
    """None if there is no count in it."""
    if not isinstance(usage, Mapping):
        return None
    inputs, outputs = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    input, reasoning = count(usage, "input_tokens"), count(outputs, "reasoning_tokens") if isinstance(outputs, Mapping) else None
    told = ir.Usage(
        input=input,
        output=all_output(usage, input, count(usage, "output_tokens"), reasoning),
        cached=count(inputs, "cached_tokens"),
        cache_write=count(inputs, "cache_write_tokens"),
        reasoning=reasoning,
    )
    return None if told == ir.Usage() else told


def write_usage(usage: ir.Usage | None) -> dict[str, Any]:
    """All of it, always, zero for what was not told: the SDK's types and codex need every member once `usage` is there,
    and the AI SDK needs `usage`."""
    usage = usage or ir.Usage()
    total_in, total_out = usage.input or 0, usage.output or 0
    return {
        "input_tokens": total_in,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": usage.cache_write or 0},
        "output_tokens": total_out,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": total_in + total_out,
    }
