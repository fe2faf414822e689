"""How busy and how fast connections are, and what their upstreams told of limits: counted here exactly, and beside it what the
other workers last reported.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from omniroute.clock import AHEAD
from omniroute.limits.upstream import Learned
from omniroute.routing.candidates import Candidate, CandidateKey, Figures

MINUTE = 60.0
RECENT = 300.0  # seconds that a time to first content counts
SET_BACK = 2 * AHEAD  # seconds by which something newer is so much newer that its clock has been set back since
SAMPLES = 16  # of these, for each candidate and worker
CANDIDATES, COMBOS, LIMITED = 100, 500, 200  # in a report: the busiest; the newest; connections whose limits were told last


class Sample(NamedTuple):
    at: float
    ms: float


@dataclass(slots=True)
class _Record:
    """A candidate as this worker knows it. `seconds` are [a whole second, the attempts begun in it]; `begun` is their sum."""

    in_flight: int = 0
    begun: int = 0
    seconds: deque[list[int]] = field(default_factory=deque)
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def begin(self, now: float) -> None:
        second = int(now)
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1][1] += 1
        else:
            self.seconds.append([second, 1])
        self.begun += 1
        self.in_flight += 1

    def last_minute(self, now: float) -> int:
        while self.seconds and not now - MINUTE < self.seconds[0][0] <= now + AHEAD:
            self.begun -= self.seconds.popleft()[1]
        return self.begun

    def recent(self, now: float) -> list[Sample]:
        while self.samples and not now - RECENT < self.samples[0].at <= now + AHEAD:
            self.samples.popleft()
        return list(self.samples)


@dataclass(slots=True)
class _Others:
    """The sums of all reports."""

    in_flight: Counter[str] = field(default_factory=Counter)
    last_minute: Counter[CandidateKey] = field(default_factory=Counter)
    samples: dict[CandidateKey, list[Sample]] = field(default_factory=dict)


class Tally:
    """One a worker. All times are epoch seconds."""

    def __init__(self) -> None:
        self._records: dict[CandidateKey, _Record] = {}
        self._in_flight: Counter[str] = Counter()
        self._others = _Others()
        self._first_ms: dict[CandidateKey, float | None] = {}  # found out since the last report or sample
        self._good: dict[str, tuple[float, CandidateKey]] = {}
        self.last_good: dict[str, CandidateKey] = {}
        self._learned: dict[str, dict[str, Learned]] = {}  # by connection and name of the window

    def begin(self, key: CandidateKey, now: float) -> None:
        self._in_flight[key[0]] += 1
        self._records.setdefault(key, _Record()).begin(now)

    def end(self, key: CandidateKey, first_ms: float | None, now: float) -> None:
        """`begin` was called before."""
        self._in_flight[key[0]] -= 1
        record = self._records[key]
        record.in_flight -= 1
        if first_ms is not None:
            record.samples.append(Sample(now, first_ms))
            self._first_ms.pop(key, None)

    def own(self, connection_id: str) -> int:
        """Requests of this worker that are in flight on a connection."""
        return self._in_flight[connection_id]

    def in_flight(self) -> Counter[str]:
        """By connection: those of this worker, and those of the others as they last reported."""
        return self._in_flight + self._others.in_flight

    def answered(self, combo: str, key: CandidateKey, now: float) -> None:
        self._good[combo] = (now, key)
        self.last_good[combo] = key

    def told(self, connection_id: str, windows: Iterable[Learned]) -> None:
        """What an upstream told of a connection's limits, here or to another worker; the newest of each window counts."""
        known = self._learned.setdefault(connection_id, {})
        for window in windows:
            before = known.get(window.name)
            if before is None or not window.at < before.at <= window.at + SET_BACK:
                known[window.name] = window

    def has_learned_of(self, connection_id: str) -> bool:
        """Whether a window of this connection is known, renewed or not."""
        return connection_id in self._learned

    def learned(self, connection_id: str, now: float) -> tuple[Learned, ...]:
        """The windows of a connection that were not renewed since."""
        known = self._learned.get(connection_id)
        return () if known is None else tuple(each for each in known.values() if each.at <= now + AHEAD and each.until > now)

    def figures(self, candidate: Candidate, now: float) -> Figures:
        """`in_flight` is of the whole connection, the rest of this model on it.

        What others reported may be over by now, so that alone never makes a connection look full: taking a place is exact.
        """
        key, most = candidate.key, candidate.connection.max_concurrent
        own = self._in_flight[key[0]]
        in_flight = own + self._others.in_flight[key[0]]
        if most is not None and own < most <= in_flight:
            in_flight = most - 1
        record = self._records.get(key)
        last_minute = self._others.last_minute[key] + (record.last_minute(now) if record is not None else 0)
        if key not in self._first_ms:
            samples = [*self._others.samples.get(key, ()), *(record.recent(now) if record is not None else ())]
            self._first_ms[key] = p95([sample.ms for sample in samples])
        return Figures(in_flight, last_minute, self._first_ms[key])

    def document(self, now: float) -> dict[str, Any]:
        """For the other workers; {} when there is nothing to tell."""
        begun = [(record.last_minute(now), key, record.recent(now)) for key, record in self._records.items()]
        told = heapq.nlargest(CANDIDATES, (each for each in begun if each[0] or each[2]), key=lambda each: each[0])
        good = sorted(((at, combo, *key) for combo, (at, key) in self._good.items()), reverse=True)[:COMBOS]
        parts: dict[str, Any] = {
            "in_flight": {id: count for id, count in self._in_flight.items() if count},
            "candidates": [
                [*key, count, [[round(each.at), round(each.ms, 1)] for each in samples]] for count, key, samples in told
            ],
            "good": [list(each) for each in good],
            "limits": self._limits(now),
        }
        return {name: part for name, part in parts.items() if part}

    def take(self, reports: Iterable[Mapping[str, Any]], now: float) -> None:
        """What the other workers tell, in place of what they told before."""
        self._others, self._first_ms = _Others(), {}
        for report in reports:
            try:
                self._add(report, now)
            except (TypeError, ValueError, AttributeError):
                continue  # another version's: what it tells in another way is not known here

    def tidy(self, now: float) -> None:
        """Forget candidates that nothing is known of any more."""
        idle = [
            key
            for key, record in self._records.items()
            if not (record.in_flight or record.last_minute(now) or record.recent(now))
        ]
        for key in idle:
            del self._records[key]
        self._in_flight = +self._in_flight
        current = {id: self.learned(id, now) for id in self._learned}
        self._learned = {id: {each.name: each for each in windows} for id, windows in current.items() if windows}

    def _limits(self, now: float) -> list[list[Any]]:
        """What upstreams told, also what others reported: a worker that begins or ends is nobody's loss."""
        told = ((id, self.learned(id, now)) for id in self._learned)
        newest = heapq.nlargest(LIMITED, (each for each in told if each[1]), key=lambda each: max(one.at for one in each[1]))
        return [[id, [list(window) for window in windows]] for id, windows in newest]

    def _add(self, report: Mapping[str, Any], now: float) -> None:
        self._others.in_flight.update(report.get("in_flight", {}))
        for connection_id, model, last_minute, samples in report.get("candidates", ()):
            key = (connection_id, model)
            self._others.last_minute[key] += last_minute
            recent = [Sample(at, ms) for at, ms in samples if now - RECENT < at <= now + AHEAD]
            self._others.samples.setdefault(key, []).extend(recent)
        for at, combo, connection_id, model in report.get("good", ()):
            if combo not in self._good or self._good[combo][0] < at:
                self.answered(combo, (connection_id, model), at)
        for connection_id, windows in report.get("limits", ()):
            known = self._learned.get(connection_id, {})
            fresh = (each for window in windows if (each := Learned(*window)).until > now)
            self.told(connection_id, [each for each in fresh if each.name not in known or known[each.name].at < each.at])


def p95(values: list[float]) -> float | None:
    """By nearest rank; None of nothing."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None
