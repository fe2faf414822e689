"""Token counts and stop reasons as Chat writes them.

`prompt_tokens` INCLUDES what was read from or written to a cache; `completion_tokens` includes reasoning, though not
everybody's (formats/counts.py: all_output). Source: types of openai-python 3.54.0. DeepSeek and others name cached tokens
differently (https://api-docs.deepseek.com/guides/kv_cache; read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.formats import ir
from omniroute.formats.counts import all_output, count

STOP_REASONS: dict[str, ir.StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
FINISH_REASONS: dict[ir.StopReason, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def read_stop_reason(finish_reason: Any) -> ir.StopReason | None:
    """None for null and "" (some upstreams send it in every chunk); a word that is not known is a plain end."""
    if not isinstance(finish_reason, str) or not finish_reason:
        return None
    return STOP_REASONS.get(finish_reason, "end_turn")


def read_usage(usage: Any) -> ir.Usage | None:
    """None if there is no count in it: some upstreams send empty usage objects on the way."""
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _inner(usage, "prompt_tokens_details"), _inner(usage, "completion_tokens_details")
    input, reasoning = count(usage, "prompt_tokens"), count(completion, "reasoning_tokens")
    told = ir.Usage(
        input=input,
        output=all_output(usage, input, count(usage, "completion_tokens"), reasoning),
        cached=_first(count(prompt, "cached_tokens"), count(usage, "prompt_cache_hit_tokens"), count(usage, "cached_tokens")),
        cache_write=_first(count(prompt, "cache_write_tokens"), count(usage, "cache_creation_input_tokens")),
        reasoning=reasoning,
    )
    return None if told == ir.Usage() else told


def write_usage(usage: ir.Usage) -> dict[str, Any]:
    """What was not told is 0 in the three members that every client reads, and left out elsewhere."""
    prompt, completion = usage.input or 0, usage.output or 0
    written: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    prompt_details = {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write}
    if any(told is not None for told in prompt_details.values()):
        written["prompt_tokens_details"] = {name: told for name, told in prompt_details.items() if told is not None}
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written


def _inner(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = usage.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _first(*counts: int | None) -> int | None:
    return next((each for each in counts if each is not None), None)
