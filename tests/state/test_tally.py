from __future__ import annotations

from omniroute.routing.candidates import Figures
from omniroute.state.tally import CANDIDATES, RECENT, SAMPLES, Tally, p95
from tests.routing.conftest import candidate

NOW = 1_800_000_000.0
HERE = candidate("c1")


def test_p95_is_by_nearest_rank() -> None:
    assert p95([]) is None
    assert p95([7.0]) == 7.0
    assert p95([float(number) for number in range(100, 0, -1)]) == 95.0
    assert p95([1.0] * 19 + [9.0]) == 1.0


def test_the_last_minute_moves_on() -> None:
    tally = Tally()
    for second in range(0, 90, 30):
        tally.begin(HERE.key, NOW + second)
        tally.begin(HERE.key, NOW + second + 0.9)
    assert tally.figures(HERE, NOW + 60).last_minute == 4
    assert tally.figures(HERE, NOW + 89.9).last_minute == 4
    assert tally.figures(HERE, NOW + 90).last_minute == 2
    assert tally.figures(HERE, NOW + 200) == Figures(in_flight=6, last_minute=0, first_ms=None)


def test_the_newest_samples_count() -> None:
    tally = Tally()
    for number in range(SAMPLES + 4):
        tally.begin(HERE.key, NOW)
        tally.end(HERE.key, 1000.0 - number, NOW + number)
    assert tally.figures(HERE, NOW + 20).first_ms == 1000.0 - 4
    tally.take([], NOW + RECENT + 10)
    assert tally.figures(HERE, NOW + RECENT + 10).first_ms == 1000.0 - 11


def test_reports_of_another_version_are_passed_over_as_far_as_they_are_not_understood() -> None:
    tally = Tally()
    good = {"in_flight": {"c1": 2}, "candidates": [["c1", "m", 3, [[NOW, 40.0]]]], "weather": "fine"}
    tally.take([{"candidates": [["c1"]]}, {"in_flight": 7}, {"good": None}, good, {}], NOW)
    assert tally.figures(HERE, NOW) == Figures(2, 3, 40.0)


def test_a_report_names_the_busiest_and_is_empty_after_a_while() -> None:
    tally = Tally()
    for number in range(CANDIDATES + 5):
        for _ in range(2 if number else 1):
            tally.begin(("c1", f"m{number}"), NOW)
    told = tally.document(NOW)
    assert len(told["candidates"]) == CANDIDATES and told["in_flight"] == {"c1": 2 * CANDIDATES + 9}
    assert ["c1", "m0", 1, []] not in told["candidates"]
    for number in range(CANDIDATES + 5):
        for _ in range(2 if number else 1):
            tally.end(("c1", f"m{number}"), None, NOW)
    assert tally.document(NOW + 61) == {}
    tally.tidy(NOW + 61)
    assert tally.figures(HERE, NOW + 61) == Figures()
