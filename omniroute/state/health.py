"""Marks and counts of requests in flight, in this worker's memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from omniroute.routing.failures import Failure
from omniroute.routing.health import Mark, after_failure


class HealthBoard:
    """What this worker has learned of its connections. Keys of `marks` are (connection id, model or "")."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], Mark] = {}
        self._in_flight: Counter[str] = Counter()

    @property
    def marks(self) -> Mapping[tuple[str, str], Mark]:
        return self._marks

    def in_flight(self, connection_id: str) -> int:
        return self._in_flight[connection_id]

    def begin(self, connection_id: str) -> None:
        self._in_flight[connection_id] += 1

    def end(self, connection_id: str) -> None:
        self._in_flight[connection_id] -= 1

    def failed(self, connection_id: str, model: str, failure: Failure, now: float) -> None:
        key = (connection_id, "" if failure.rule.health == "cooldown" else model)
        mark = after_failure(failure, self._marks.get(key), now)
        if mark is not None:
            self._marks[key] = mark

    def succeeded(self, connection_id: str, model: str) -> None:
        if self._marks:
            self._marks.pop((connection_id, ""), None)
            self._marks.pop((connection_id, model), None)

    def reset(self, connection_id: str) -> None:
        for key in [key for key in self._marks if key[0] == connection_id]:
            del self._marks[key]
