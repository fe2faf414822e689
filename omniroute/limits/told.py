"""How a key's limits stand, as headers of its answers.

The OpenAI names are those of platform.openai.com/docs/guides/rate-limits, the Anthropic ones those of
docs.anthropic.com/en/api/rate-limits (both read 2026-11-27); `RateLimit` and `RateLimit-Policy` are those of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from omniroute.clock import moment
from omniroute.limits.limit import Limit, Line
from omniroute.limits.windows import Calendar, Rolling

Standing = tuple[Limit, Line, int]  # with what is spent and reserved in the window by now, this request included


def limit_headers(standings: Iterable[Standing], now: float, anthropic: bool) -> dict[str, str]:
    """Requests and tokens per minute in the words of the caller's SDK, and all of them in those of the IETF draft.

    `remaining` is never below 0; a reset is when the window holds nothing of now any more.
    """
    headers: dict[str, str] = {}
    policies, rates = [], []
    for limit, line, used in standings:
        if limit.unit == "concurrent":
            continue
        remaining, seconds = max(0, limit.limit - used), max(1, math.ceil(limit.window.room_at(line.bucket, now) - now))
        policies.append(f'"{limit.name}";q={limit.limit};w={_length(limit, now)}')
        rates.append(f'"{limit.name}";r={remaining};t={seconds}')
        if isinstance(limit.window, Rolling):
            headers |= _named(limit, remaining, seconds, now, anthropic)
    if policies:
        headers |= {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(rates)}
    return headers


def _named(limit: Limit, remaining: int, seconds: int, now: float, anthropic: bool) -> dict[str, str]:
    unit = limit.unit
    if anthropic:
        start = f"anthropic-ratelimit-{unit}"
        reset = moment(now + seconds)
        return {f"{start}-limit": str(limit.limit), f"{start}-remaining": str(remaining), f"{start}-reset": reset}
    return {
        f"x-ratelimit-limit-{unit}": str(limit.limit),
        f"x-ratelimit-remaining-{unit}": str(remaining),
        f"x-ratelimit-reset-{unit}": f"{seconds}s",
    }


def _length(limit: Limit, now: float) -> int:
    """Of the window, in seconds."""
    if isinstance(limit.window, Calendar):
        span = limit.window.span(now)
        return round(span.ends - span.bucket)
    return int(getattr(limit.window, "seconds", 0))
