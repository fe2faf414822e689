"""Token counts and stop reasons as Messages writes them.

`input_tokens` EXCLUDES what was read from or written to a cache: the total is the sum of the three. Counts of a
message_delta are cumulative, and those it leaves out are still those of message_start.
Source: https://platform.claude.com/docs/en/api/messages and anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from omniroute.formats import ir
from omniroute.formats.counts import count

NAME = "anthropic_messages"


def read_stop_reason(stop_reason: Any) -> ir.StopReason | None:
    """The ir's names are Anthropic's. A word that is not known is a plain end."""
    if not isinstance(stop_reason, str) or not stop_reason:
        return None
    return cast(ir.StopReason, stop_reason) if stop_reason in get_args(ir.StopReason) else "end_turn"


def read_usage(usage: Any) -> ir.Usage | None:
    """None if there is no count in it."""
    if not isinstance(usage, Mapping):
        return None
    fresh, cached = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    cache_write = count(usage, "cache_creation_input_tokens")
    details = usage.get("output_tokens_details")
    told = ir.Usage(
        input=None if fresh is None else fresh + (cached or 0) + (cache_write or 0),
        output=count(usage, "output_tokens"),
        cached=cached,
        cache_write=cache_write,
        reasoning=count(details, "thinking_tokens") if isinstance(details, Mapping) else None,
        fresh=fresh,
    )
    return None if told == ir.Usage() else told


def write_usage(usage: ir.Usage | None) -> dict[str, Any]:
    """Both totals are always there: clients break without them. The rest only if it was told."""
    usage = usage or ir.Usage()
    written: dict[str, Any] = {
        "input_tokens": max(0, (usage.input or 0) - (usage.cached or 0) - (usage.cache_write or 0)),
        "output_tokens": usage.output or 0,
    }
    if usage.cache_write is not None:
        written["cache_creation_input_tokens"] = usage.cache_write
    if usage.cached is not None:
        written["cache_read_input_tokens"] = usage.cached
    if usage.reasoning is not None:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return written
