"""A worker process that uses a store as fast as it can: `python -m tests.state.hammer URL WHAT COUNT`.

It says "ready", waits for a line, works, and prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from omniroute.errors import UpstreamStatus
from omniroute.routing.failures import classify
from omniroute.routing.health import Condition, Harm, Mark, Place, after_failure
from omniroute.state.shared import SharedState
from tests.state.stores import opened

NOW, MOST, LIMIT, AMOUNT = 1_800_000_000.0, 3, 1000, 10
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
        if (reservation := shared.reserve("key", AMOUNT, LIMIT, NOW, NOW + 60)) is None:
            continue
        done["admitted"] += 1
        if number % 3:
            assert shared.settle(reservation, AMOUNT)
            done["spent"] += AMOUNT
        else:
            assert shared.release(reservation)
    return done


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
