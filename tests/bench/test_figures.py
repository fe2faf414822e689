"""The product's numbers: how runs become a figure, and when a figure counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.figures import MEASUREMENTS, Round, judge


def shot(**seen: Any) -> dict[str, Any]:
    return {"lost": 0, "rps": 1000.0, "p50_ms": 2.0, **seen}


def rounds(*gateway_rps: float) -> list[Round]:
    return [{"gateway": shot(rps=rps), "bare": shot()} for rps in gateway_rps]


def test_the_median_of_the_runs_counts() -> None:
    (outcome,) = judge(MEASUREMENTS["plain-chat"], rounds(100, 710, 9000))
    assert (outcome.value, outcome.passed, outcome.target) == (0.71, True, 0.7)
    (outcome,) = judge(MEASUREMENTS["plain-chat"], rounds(100, 690, 9000))
    assert (outcome.value, outcome.passed) == (0.69, False)


def test_each_run_is_compared_with_its_own_peer() -> None:
    """A machine that halves its pace for one run slows both."""
    slow = {"gateway": shot(rps=350.0), "bare": shot(rps=500.0)}
    (outcome,) = judge(MEASUREMENTS["plain-chat"], [*rounds(700, 700), slow])
    assert outcome.value == 0.7


def test_added_time_is_beyond_the_bare_relays_own() -> None:
    seen: Round = {"gateway": shot(p50_ms=1.9), "bare": shot(p50_ms=1.4), "direct": shot(p50_ms=0.1)}
    (outcome,) = judge(MEASUREMENTS["single-chat"], [seen])
    assert (outcome.value, outcome.passed) == (0.5, True)


@pytest.mark.parametrize(
    ("gateway", "note"),
    [
        ({"lost": 2}, "lost 2 by gateway"),
        ({"events_per_stream": [52, 53]}, "streams of 52 to 53 events from gateway"),
    ],
)
def test_a_good_figure_of_a_bad_run_does_not_pass(gateway: dict[str, Any], note: str) -> None:
    common = {"events_per_s": 1000.0, "events_per_stream": [53, 53]}
    seen: Round = {"gateway": shot(**{**common, **gateway}), "bare": shot(**common)}
    (outcome,) = judge(MEASUREMENTS["stream-chat-chat"], [seen])
    assert (outcome.passed, outcome.note) == (False, note)


def paced(**gateway: Any) -> Round:
    common = {"seconds": 7.0, "first_p99_ms": 60.0, "events_per_stream": [103, 103]}
    return {"gateway": shot(**common, **{"memory_mb": 90.0, **gateway}), "bare": shot(**common), "direct": shot(**common)}


def test_the_paced_streams_have_four_figures() -> None:
    assert [outcome.value for outcome in judge(MEASUREMENTS["paced-500"], [paced()] * 3)] == [0, 1.0, 60.0, 90.0]
    assert all(outcome.passed for outcome in judge(MEASUREMENTS["paced-500"], [paced()] * 3))


def test_one_lost_stream_in_all_runs_is_one_too_many() -> None:
    lost = judge(MEASUREMENTS["paced-500"], [paced(), paced(lost=1), paced()])[0]
    assert (lost.value, lost.passed) == (1, False)


def test_memory_that_was_never_seen_is_no_figure() -> None:
    assert judge(MEASUREMENTS["paced-500"], [paced(memory_mb=0)])[-1].note == "the streams were never all open at once"


def test_the_table_says_what_was_missed() -> None:
    outcomes = [judge(MEASUREMENTS["plain-chat"], rounds(rps))[0] for rps in (700, 500)]
    lines = report.table(outcomes).splitlines()
    assert lines[2].split()[-5:] == ["0.700", "at", "least", "0.7", "pass"]
    assert lines[3].split()[-5:] == ["0.500", "at", "least", "0.7", "MISS"]
    assert lines[-1] == "1 of 2 targets met, 1 MISSED"


def test_results_are_kept_with_what_they_were_taken_on(tmp_path: Path) -> None:
    seen = rounds(700)
    path = report.keep(judge(MEASUREMENTS["plain-chat"], seen), {"plain-chat": seen}, 0.1, tmp_path)
    kept = json.loads(path.read_text())
    assert path.name == f"{kept['date'][:10]}-{kept['commit']}.json"
    assert json.loads((tmp_path / "latest.json").read_text()) == kept
    assert kept["rounds"]["plain-chat"] == seen
    assert kept["passed"] is True
    assert {"cpu", "cores", "python", "stack"} <= kept.keys()
