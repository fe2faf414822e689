"""Calls that are done together, under the loop that gunicorn runs: each as if it had been alone."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.processes import ROOT

# In a process of its own: gevent patches what the rest of the suite uses unpatched.
PRELUDE = """
from gevent import monkey
monkey.patch_all()
import json
import gevent
from omniroute.errors import DatabaseAway
from omniroute.state.together import Together

def told(greenlets):
    gevent.joinall(greenlets, timeout=20)
    return [repr(each.exception) if each.exception else each.value for each in greenlets]

turns, gate = [], gevent.event.Event()
"""


def under_the_loop(program: str) -> object:
    run = subprocess.run([sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_those_who_come_while_one_is_under_way_are_done_in_one_turn() -> None:
    assert under_the_loop("""
def work(turn):
    turns.append(list(turn))
    gate.wait()
    return [number * 10 for number in turn]

together = Together(work)
asked = [gevent.spawn(together, number) for number in range(100)]
gevent.sleep(0)
gevent.sleep(0)
gate.set()
print(json.dumps([told(asked), [len(turn) for turn in turns]]))
""") == [[number * 10 for number in range(100)], [32, 32, 32, 4]]


def test_a_caller_who_is_told_to_stop_takes_nothing_from_the_others() -> None:
    assert under_the_loop("""
def work(turn):
    turns.append(list(turn))
    gate.wait()
    return [number * 10 for number in turn]

together = Together(work)
asked = [gevent.spawn(together, number) for number in range(3)]
gevent.sleep(0)
asked[0].kill()
gate.set()
print(json.dumps([told(asked[1:]), told([gevent.spawn(together, 7)]), turns]))
""") == [[10, 20], [70], [[0, 1, 2], [7]]]


def test_a_fault_of_one_is_not_that_of_the_others_but_an_outage_is() -> None:
    assert under_the_loop("""
def work(turn):
    turns.append(list(turn))
    if "bad" in turn:
        raise ValueError("bad")
    if "away" in turn:
        raise DatabaseAway("away")
    return list(turn)

together = Together(work)
first = told([gevent.spawn(together, each) for each in ("a", "bad", "b")])
second = told([gevent.spawn(together, each) for each in ("a", "away", "b")])
print(json.dumps([first, [text.partition("(")[0] for text in second], turns]))
""") == [
        ["a", "ValueError('bad')", "b"],
        ["DatabaseAway"] * 3,
        [["a", "bad", "b"], ["a"], ["bad"], ["b"], ["a", "away", "b"]],
    ]


def test_those_who_come_while_there_is_other_work_share_a_turn_and_nobody_waits_for_its_end() -> None:
    """Five come one after the other out of work that goes on in every round of the loop, until it is told to stop."""
    assert under_the_loop("""
def work(turn):
    turns.append(list(turn))
    return list(turn)

together = Together(work)
asked, over = [], []

def busy():
    while not over:
        if len(asked) < 5:
            asked.append(gevent.spawn(together, len(asked)))
        gevent.sleep(0)

rounds = gevent.spawn(busy)
while len(asked) < 5:
    gevent.sleep(0)
answers = told(asked)
over.append(True)
rounds.join()
print(json.dumps([answers, [number for turn in turns for number in turn], len(turns) < 5]))
""") == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], True]
