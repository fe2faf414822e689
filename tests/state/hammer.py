"""A worker process that uses a store as fast as it can: `python -m tests.state.hammer URL WHAT COUNT`.

It says "ready", waits for a line, works, and prints what happened as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from omniroute.errors import UpstreamStatus
from omniroute.limits.limit import Line
from omniroute.routing.failures import classify
from omniroute.routing.health import Condition, Harm, Mark, Place, after_failure
from omniroute.state.shared import Part, Settlement, SharedState
from tests.state.stores import opened

NOW, MOST, LIMIT, AMOUNT = 1_800_000_000.0, 3, 1000, 10
THEN = NOW + 60
COUNTERS, EXPIRED = [f"counter {letter}" for letter in "abcdef"], [f"expired {letter}" for letter in "abcdef"]
TICKETS = [f"shared {number}" for number in range(40)]
PLACES = [Place("connection", "c1"), Place("model", "c1", "m"), Place("node", "n1")]


def turns(shared: SharedState, count: int) -> list[int]:
    return [shared.turn("combo") for _ in range(count)]


def holds(shared: SharedState, count: int) -> list[tuple[float, float]]:
    """When each was surely held, by the clock that all processes of a machine share."""
    spans = []
    for _ in range(count):
        if (hold := shared.hold("connection", MOST, NOW, NOW + 60)) is not None:
            began = time.monotonic()
            time.sleep(0.002)  # long enough for the others to come by
            spans.append((began, time.monotonic()))
            shared.let_go([hold])
    return spans


def reservations(shared: SharedState, count: int) -> dict[str, int]:
    """Every third is given back, so that there is room for others."""
    done = {"admitted": 0, "spent": 0}
    for number in range(count):
        ticket = f"{os.getpid()} {number}"
        lines = [Line("wide", 0, 0, 1, 10**9, THEN), Line("key", 60 + number % 5, 60, AMOUNT, LIMIT, THEN)]
        if shared.reserve(ticket, lines, {}, NOW, THEN).refused is not None:
            continue
        done["admitted"] += 1
        parts = [Part("key", 60 + number % 5, AMOUNT, THEN)] if number % 3 else []
        assert shared.settle([Settlement(ticket, tuple(parts))]) == {ticket}
        done["spent"] += len(parts) * AMOUNT
    return done


def levels(shared: SharedState, count: int) -> list[tuple[float, float]]:
    """As `holds`, with tickets."""
    spans = []
    for number in range(count):
        ticket = f"{os.getpid()} {number}"
        if shared.reserve(ticket, [Line("at once", 0, 0, 1, MOST, THEN)], {}, NOW, THEN).refused is None:
            began = time.monotonic()
            time.sleep(0.002)
            spans.append((began, time.monotonic()))
            assert shared.settle([Settlement(ticket, ())])
    return spans


def crossing(shared: SharedState, count: int) -> dict[str, int]:
    """Everything that touches several counters or tickets, in every order, on tickets that belong to all. What was spent, by
    counter.
    """
    chance, spent = random.Random(os.getpid()), Counter[str]()
    for number in range(count):
        for many in (4, 2):
            lines = [Line(name, chance.randrange(3), 0, 5, 10**9, THEN) for name in chance.sample(COUNTERS, many)]
            assert shared.reserve(chance.choice(TICKETS), lines, {"number": number}, NOW, NOW + number).refused is None
        if number % 2 == 0:
            shared.keep(chance.sample(TICKETS, 30), NOW + number + 10)
            shared.release(chance.choice(TICKETS), chance.sample(COUNTERS, 3))
        if number % 3 == 0:
            settlements = [Settlement(ticket, crossed(chance)) for ticket in chance.sample(TICKETS, 20)]
            found = shared.settle(settlements)
            spent.update(part.counter for each in settlements if each.ticket in found for part in each.parts)
        if number % 5 == 0:
            shared.spend([Part(name, 0, 1, NOW) for name in chance.sample(EXPIRED, len(EXPIRED))])
            shared.sweep(NOW)
            shared.recount(EXPIRED[0], dict.fromkeys(range(4), 1), NOW)
            shared.forget_counters(EXPIRED[1])
    return dict(spent)


def crossed(chance: random.Random) -> tuple[Part, ...]:
    """One each of three counters, and of some that are swept away."""
    parts = [Part(name, chance.randrange(3), 1, THEN) for name in chance.sample(COUNTERS, 3)]
    return (*parts, *(Part(name, chance.randrange(4), 1, NOW) for name in chance.sample(EXPIRED, 3)))


def together(shared: SharedState, count: int) -> int:
    """All processes reserve on the same tickets."""
    for number in range(count):
        line = Line(f"of {number % 3}", 0, 0, 2, 10**9, THEN)
        assert shared.reserve(f"ticket {number}", [line], {str(os.getpid()): number}, NOW, THEN).refused is None
    return os.getpid()


def changes(shared: SharedState, count: int) -> int:
    for _ in range(count):
        shared.change_health(dict.fromkeys(PLACES, counted))
    return count


def counted(condition: Condition) -> Condition:
    return Condition(Mark("k", "r", NOW, NOW + 60, count=condition.mark.count + 1 if condition.mark else 1))


def failures(shared: SharedState, count: int) -> int:
    """All within one second."""
    failure, harm = classify(UpstreamStatus(429, {}, b"{}"), now=NOW), Harm(PLACES[0], True, False)
    for number in range(count):
        at = NOW + number / count
        shared.change_health({PLACES[0]: partial(after_failure, failure=failure, harm=harm, now=at)})
    return count


WORK: dict[str, Callable[[SharedState, int], Any]] = {
    "turns": turns,
    "holds": holds,
    "reservations": reservations,
    "levels": levels,
    "crossing": crossing,
    "together": together,
    "changes": changes,
    "failures": failures,
}

if __name__ == "__main__":
    _, url, what, count = sys.argv
    with opened(url) as store:
        store.health_mark()
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(WORK[what](store, int(count))), flush=True)
