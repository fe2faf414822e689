"""How connections, models and nodes are doing: immutable values, the next one returned. Time is an argument.

Three layers, kept by place. A cooldown is a mark on a connection, a lockout one on a connection and model; the breaker
of a connection and model, or of a node, counts failures. A mark that the upstream stated (a Retry-After, a reset) leaves
its target out; a guessed one, and an open breaker, only put it last, so a guess never leaves a request with nothing to try.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from omniroute.clock import AHEAD
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import Failure

SAME_FAILURE = 1.0  # seconds: failures closer together are one, seen by several requests at once
WHY = {"connection": "cooling", "model": "model locked", "node": "breaker open"}


class Place(NamedTuple):
    """What suffers: a `connection`, a `model` on one, or a `node`: a provider as a whole, or its address that `model` names."""

    kind: str
    id: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class ResilienceSettings:
    """A breaker opens after so many failures within so many seconds, for `first` seconds, doubling to `most`."""

    breaker_failures: int = 5
    breaker_window_s: int = 60
    breaker_first_s: int = 30
    breaker_most_s: int = 300


@dataclass(frozen=True, slots=True)
class Mark:
    """A cooldown or lockout. Times are epoch seconds. `count` is how many times in a row, for the doubling."""

    kind: str
    reason: str
    since: float
    until: float
    stated: bool = False
    count: int = 1

    def active(self, now: float) -> bool:
        return self.since - AHEAD <= now < self.until


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` are the times of those counted since the last success; `count` is how often it has opened in a row."""

    failures: tuple[float, ...] = ()
    kind: str = ""
    reason: str = ""
    since: float = 0.0
    until: float = 0.0
    count: int = 0

    def state(self, now: float) -> str:
        """closed, open, or half-open: then one request at a time may find out."""
        if not self.count:
            return "closed"
        return "open" if self.since - AHEAD <= now < self.until else "half-open"


@dataclass(frozen=True, slots=True)
class Condition:
    """All that is known of one place."""

    mark: Mark | None = None
    breaker: Breaker | None = None

    @property
    def fine(self) -> bool:
        return self.mark is None and self.breaker is None


Health = Mapping[Place, Condition]
FINE = Condition()


class Harm(NamedTuple):
    """What a failure does to a place: leave a mark there, count on its breaker, or both."""

    place: Place
    marks: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a candidate is not asked first. `stated`: it is not asked at all before `until`."""

    why: str
    kind: str
    reason: str
    since: float
    until: float
    stated: bool = False


def places(candidate: Candidate) -> tuple[Place, Place, Place]:
    """Those whose condition matters for it."""
    connection, target = candidate.connection, candidate.target
    return (
        Place("connection", connection.id),
        Place("model", connection.id, target.model),
        Place("node", target.provider.id, connection.base_url),  # a connection at its own address is down by itself
    )


def harms(failure: Failure, candidate: Candidate) -> Iterator[Harm]:
    """What `failure` at `candidate` does, and where."""
    rule, (connection, model, node) = failure.rule, places(candidate)
    if rule.health == "cooldown":
        limited_by_model = failure.kind == "rate_limited" and candidate.target.provider.limits_per_model
        yield Harm(model if limited_by_model else connection, True, False)
    elif rule.health == "lockout":
        yield Harm(model, True, False)
    elif rule.health == "breaker":
        yield Harm(node if rule.scope == "node" else model, rule.first > 0, True)


def after_failure(
    condition: Condition, failure: Failure, harm: Harm, now: float, settings: ResilienceSettings = ResilienceSettings()
) -> Condition:
    """The condition of `harm.place` once `failure` has happened there."""
    mark, breaker = condition.mark, condition.breaker
    if harm.marks:
        mark = _marked(mark, failure, now)
    if harm.counts:
        breaker = _counted(breaker or Breaker(), failure, now, settings)
    return Condition(mark, breaker)


def after_success(condition: Condition, began: float, now: float | None = None) -> Condition:
    """The condition once a request that began at `began` has been answered: what was learned since then stays, unless it was
    learned by a clock that was set back since.
    """
    mark, breaker = condition.mark, condition.breaker
    latest = math.inf if now is None else now + AHEAD
    if mark is not None and not began < mark.since <= latest:
        mark = None
    if breaker is not None and not began < breaker.since <= latest:
        later = tuple(at for at in breaker.failures if began < at <= latest)
        breaker = Breaker(later, breaker.kind, breaker.reason) if later else None
    return Condition(mark, breaker)


def standing(health: Health, candidate: Candidate, now: float) -> Standing | None:
    """What keeps `candidate` from being asked first; of several things the one that holds longest, the stated before guesses."""
    if not health:
        return None
    found = [
        each
        for place in places(candidate)
        if (condition := health.get(place)) is not None
        for each in _standings(place, condition, now)
    ]
    return max(found, key=lambda each: (each.stated, each.until)) if found else None


def probes(health: Health, candidate: Candidate, now: float) -> tuple[Place, ...]:
    """The half-open breakers on the way to `candidate`: its request has to be the only one that finds out."""
    if not health:
        return ()
    return tuple(
        place
        for place in places(candidate)
        if (condition := health.get(place)) is not None
        and condition.breaker is not None
        and condition.breaker.state(now) == "half-open"
    )


def _standings(place: Place, condition: Condition, now: float) -> Iterator[Standing]:
    mark, breaker = condition.mark, condition.breaker
    if mark is not None and mark.active(now):
        yield Standing(WHY[place.kind], mark.kind, mark.reason, mark.since, mark.until, mark.stated)
    if breaker is not None and breaker.state(now) == "open":
        yield Standing("breaker open", breaker.kind, breaker.reason, breaker.since, breaker.until)


def _marked(previous: Mark | None, failure: Failure, now: float) -> Mark | None:
    rule = failure.rule
    if not rule.first:
        return previous
    told = failure.retry_after is not None and previous is not None and not previous.stated  # better than our guess
    if previous is not None and -AHEAD < now - previous.since < SAME_FAILURE and not told:
        return previous
    if failure.retry_after is not None:
        until = now + min(failure.retry_after, rule.limit)
        return Mark(failure.kind, failure.message, now, until, stated=True)
    if previous is not None and previous.stated and previous.active(now):
        return previous
    count = previous.count + 1 if previous is not None and previous.kind == failure.kind else 1
    seconds = min(rule.first * 2 ** min(count - 1, 20), rule.most)
    return Mark(failure.kind, failure.message, now, now + seconds, count=count)


def _counted(breaker: Breaker, failure: Failure, now: float, settings: ResilienceSettings) -> Breaker:
    """One failure more. While it is open nothing is counted: a guess was tried because nothing else was left."""
    state = breaker.state(now)
    if state == "open":
        return breaker
    recent = (*(at for at in breaker.failures if -AHEAD < now - at < settings.breaker_window_s), now)[
        -settings.breaker_failures :
    ]
    if state == "closed" and len(recent) < settings.breaker_failures:
        return replace(breaker, failures=recent, kind=failure.kind, reason=failure.message)
    seconds = min(settings.breaker_first_s * 2 ** min(breaker.count, 20), settings.breaker_most_s)
    return Breaker((), failure.kind, failure.message, now, now + seconds, breaker.count + 1)
