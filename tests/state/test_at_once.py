"""Several processes on one store at once: what has to be exact is."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from contextlib import ExitStack
from itertools import accumulate
from typing import Any

from bench.processes import PYTHON, ROOT, environment
from omniroute.state.shared import Settlement, SharedState
from tests.state.hammer import AMOUNT, COUNTERS, LIMIT, MOST, NOW, PLACES

PROCESSES = 4


def hammered(url: str, what: str, count: int) -> list[Any]:
    """What each of the processes said, all of them started at the same moment."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [PYTHON, "-m", "tests.state.hammer", url, what, str(count)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env=environment(),
                )
            )
            for _ in range(PROCESSES)
        ]
        for process in running:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=60)[0] for process in running]
        assert [process.returncode for process in running] == [0] * PROCESSES
    return [json.loads(text) for text in said]


def test_each_turn_is_given_out_once(shared: SharedState, store_url: str) -> None:
    given = [number for numbers in hammered(store_url, "turns", 100) for number in numbers]
    assert sorted(given) == list(range(PROCESSES * 100))
    assert shared.next_turn("combo") == PROCESSES * 100


def most_at_once(spans: list[tuple[float, float]]) -> int:
    steps = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    return max(accumulate(step for _, step in steps))


def test_never_more_are_held_than_may_be(shared: SharedState, store_url: str) -> None:
    spans = [(began, ended) for spans in hammered(store_url, "holds", 60) for began, ended in spans]
    assert len(spans) > MOST >= most_at_once(spans)
    assert shared.held(["connection"], NOW) == {"connection": 0}


def test_never_more_are_let_in_at_once_than_the_limit(shared: SharedState, store_url: str) -> None:
    spans = [(began, ended) for spans in hammered(store_url, "levels", 60) for began, ended in spans]
    assert len(spans) > MOST >= most_at_once(spans)
    assert shared.counted([("at once", 0)]) == {"at once": (0, 0)}


def test_no_more_is_admitted_than_the_limit_allows(shared: SharedState, store_url: str) -> None:
    done = hammered(store_url, "reservations", 120)
    spent = sum(each["spent"] for each in done)
    assert spent == LIMIT  # there were tries enough, and each was of a tenth of what is left or less
    assert shared.counted([("key", 0), ("wide", 0)]) == {"key": (spent, 0), "wide": (0, 0)}
    assert sum(each["admitted"] for each in done) >= LIMIT // AMOUNT


def test_nobody_waits_for_ever_and_the_sums_are_right(shared: SharedState, store_url: str) -> None:
    spent = sum((Counter(each) for each in hammered(store_url, "crossing", 60)), Counter())
    left = shared.lapsed(NOW * 2, 10_000)
    reserved: Counter[str] = Counter()
    for line in (line for ticket in left for line in ticket.lines):
        reserved[line.counter] += line.amount
    assert shared.counted([(name, 0) for name in COUNTERS]) == {name: (spent[name], reserved[name]) for name in COUNTERS}
    assert sum(spent.values()) > 0
    shared.settle([Settlement(ticket.ticket, ()) for ticket in left])
    assert shared.counted([(name, 0) for name in COUNTERS]) == {name: (spent[name], 0) for name in COUNTERS}


def test_all_who_reserve_on_one_ticket_are_in_it(shared: SharedState, store_url: str) -> None:
    processes = {str(pid) for pid in hammered(store_url, "together", 60)}
    found = shared.lapsed(NOW * 2, 10_000)
    assert {ticket.ticket for ticket in found} == {f"ticket {number}" for number in range(60)}
    assert all(ticket.document.keys() == processes and len(ticket.lines) == PROCESSES for ticket in found)
    names = [f"of {n}" for n in range(3)]
    assert shared.counted([(name, 0) for name in names]) == dict.fromkeys(names, (0, 20 * PROCESSES * 2))


def test_no_change_of_health_is_lost(shared: SharedState, store_url: str) -> None:
    assert hammered(store_url, "changes", 50) == [50] * PROCESSES
    conditions = shared.read_health()
    assert conditions.keys() == set(PLACES)
    assert {condition.mark and condition.mark.count for condition in conditions.values()} == {PROCESSES * 50}


def test_failures_of_one_second_count_once(shared: SharedState, store_url: str) -> None:
    hammered(store_url, "failures", 20)
    mark = shared.read_health()[PLACES[0]].mark
    assert mark is not None and (mark.kind, mark.count) == ("rate_limited", 1)
