"""The arithmetic of counters: which line has no room, when there is some again, and what one transaction does to each bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from omniroute.limits.limit import Line
from omniroute.state.shared import Part, Reserved


class Step(NamedTuple):
    """What is added to a bucket, and how much of what is reserved in it is taken away."""

    spent: int = 0
    reserved: int = 0
    taken: int = 0
    expires: float = 0.0


class Reservation(NamedTuple):
    """What a ticket of that name is to hold, until then; `held` is what it holds already, where it was there before."""

    ticket: str
    lines: tuple[Line, ...]
    document: Mapping[str, Any]
    until: float
    held: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(Part(line.counter, line.bucket, line.amount, line.expires) for line in self.lines)

    def with_more(self, asked: Reservation) -> Reservation:
        held = (*self.held, *self.parts)
        return Reservation(self.ticket, asked.lines, {**self.document, **asked.document}, max(self.until, asked.until), held)


Window = tuple[str, int, int]  # a counter, and its buckets from here to there


def window_of(line: Line) -> Window:
    """Lines that count the same things."""
    return line.counter, line.since, line.upto


class Granting:
    """Requests let in one after the other before anything of them is written. `used` is what was spent and reserved in each
    window before the first.
    """

    def __init__(self, used: Mapping[Window, int]) -> None:
        self._used = used
        self._granted: dict[str, list[tuple[int, int]]] = {}

    def ask(self, lines: Sequence[Line]) -> Reserved:
        """All lines, or the first that has no room; which bucket is in its way is not told."""
        used = tuple(map(self._used_by_now, lines))
        if (refused := refusing(lines, used)) is not None:
            return Reserved(refused, used[: refused + 1])
        for line in lines:
            self._granted.setdefault(line.counter, []).append((line.bucket, line.amount))
        return Reserved(None, used)

    def _used_by_now(self, line: Line) -> int:
        granted = self._granted.get(line.counter, ())
        return self._used[window_of(line)] + sum(amount for bucket, amount in granted if line.since <= bucket <= line.upto)


def refusing(lines: Sequence[Line], used: Sequence[int]) -> int | None:
    """The first line whose window holds its limit or more; `used` is what is spent and reserved in each."""
    return next((index for index, line in enumerate(lines) if used[index] >= line.limit), None)


def blocking(held: Mapping[int, int], limit: int) -> int | None:
    """The bucket of a window whose end makes room: the first without which, and without all before it, the rest is below `limit`.

    None where that is never so, as with a limit of 0.
    """
    rest = sum(held.values())
    for bucket in sorted(held):
        rest -= held[bucket]
        if rest < limit:
            return bucket
    return None


def steps(spent: Iterable[Part] = (), reserved: Iterable[Part] = (), taken: Iterable[Part] = ()) -> dict[tuple[str, int], Step]:
    """By counter and bucket, in order."""
    found: dict[tuple[str, int], list[Any]] = {}
    for place, parts in enumerate((spent, reserved, taken)):
        for counter, bucket, amount, expires in parts:
            step = found.setdefault((counter, bucket), [0, 0, 0, 0.0])
            step[place] += amount
            step[-1] = max(step[-1], expires)
    return {bucket: Step(*found[bucket]) for bucket in sorted(found)}
