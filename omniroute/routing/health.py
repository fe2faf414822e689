"""How a connection or model is doing: immutable marks, the next one returned. Time is an argument.

A mark says since when, until when and why something should not be asked first. One that the upstream stated (a
Retry-After, a reset) leaves its target out; a guessed one only puts it last, so a guess never leaves a request with
nothing to try. Success clears.
"""

from __future__ import annotations

from dataclasses import dataclass

from omniroute.routing.failures import Failure

SAME_FAILURE = 1.0  # seconds: failures closer together are one, seen by several requests at once


@dataclass(frozen=True, slots=True)
class Mark:
    """Times are epoch seconds. `count` is how many times in a row, for the doubling."""

    kind: str
    reason: str
    since: float
    until: float
    stated: bool = False
    count: int = 1

    def active(self, now: float) -> bool:
        return now < self.until


def after_failure(failure: Failure, previous: Mark | None, now: float) -> Mark | None:
    """The mark that `failure` leaves on what its rule names; None when it leaves none."""
    rule = failure.rule
    if rule.health == "none" or not rule.first:
        return previous
    if previous is not None and now - previous.since < SAME_FAILURE:
        return previous
    if failure.retry_after is not None:
        until = now + min(failure.retry_after, rule.limit)
        return Mark(failure.kind, failure.message, now, until, stated=True)
    count = previous.count + 1 if previous is not None and previous.kind == failure.kind else 1
    seconds = min(rule.first * 2 ** min(count - 1, 20), rule.most)
    return Mark(failure.kind, failure.message, now, now + seconds, count=count)
