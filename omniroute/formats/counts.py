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
