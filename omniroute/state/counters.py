"""The arithmetic of counters: whether lines have room, and what one transaction changes in each bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from omniroute.limits.limit import Line
from omniroute.state.shared import Part, Reserved


class Step(NamedTuple):
    """What is added to a bucket, and how much of what is reserved in it is taken away."""

    spent: int
    reserved: int
    taken: int
    expires: float


def room(lines: Sequence[Line], counters: Mapping[str, Mapping[int, int]]) -> Reserved:
    """`counters` is what is spent and reserved, by counter and bucket."""
    used: list[int] = []
    for index, line in enumerate(lines):
        held = {bucket: amount for bucket, amount in counters.get(line.counter, {}).items() if bucket >= line.since}
        used.append(sum(held.values()))
        if used[-1] >= line.limit:
            return Reserved(index, tuple(used), _blocking(held, line.limit))
    return Reserved(None, tuple(used))


def _blocking(held: Mapping[int, int], limit: int) -> int | None:
    """The bucket without which, and without all before it, the rest is below `limit`."""
    rest = sum(held.values())
    for bucket in sorted(held):
        rest -= held[bucket]
        if rest < limit:
            return bucket
    return None


def steps(spent: Iterable[Part] = (), reserved: Iterable[Part] = (), taken: Iterable[Part] = ()) -> dict[tuple[str, int], Step]:
    """By counter and bucket, in order."""
    found: dict[tuple[str, int], Step] = {}
    for member, parts in (("spent", spent), ("reserved", reserved), ("taken", taken)):
        for part in parts:
            before = found.get((part.counter, part.bucket), Step(0, 0, 0, part.expires))
            amount = getattr(before, member) + part.amount
            found[part.counter, part.bucket] = before._replace(**{member: amount}, expires=max(before.expires, part.expires))
    return dict(sorted(found.items()))
