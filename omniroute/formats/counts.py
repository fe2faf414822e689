"""Counts and times in what upstreams send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# No answer has a million million tokens, and sums and columns of 64 bits must hold what is let in here.
MOST = 10**12


def whole_number(value: Any) -> int | None:
    """A number as an int, 0 at least; None for what is none or absurd."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        return None
    return max(0, int(value))


def count(holder: Mapping[str, Any], name: str) -> int | None:
    """One member as a count; None: not told."""
    return whole_number(holder.get(name))


def all_output(usage: Mapping[str, Any], input: int | None, output: int | None, reasoning: int | None) -> int | None:
    """`output` with the reasoning tokens, which most upstreams of OpenAI's formats count in it already.

    xAI counts them beside it, and `total_tokens` is the sum of all three
    (https://docs.x.ai/docs/key-information/consumption-and-rate-limits, as quoted in vercel/ai#12425 of 2026-02-11; that they are
    billed so: Wei-Shaw/sub2api#5771 of 2026-08-18; read 2026-11-27). So the sum decides, whoever the upstream is.
    """
    if input is None or output is None or not reasoning:
        return output
    return output + reasoning if count(usage, "total_tokens") == input + output + reasoning else output
