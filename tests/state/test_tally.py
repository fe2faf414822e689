from __future__ import annotations

import json

from omniroute.limits.upstream import KEPT, Learned
from omniroute.routing.candidates import Figures
from omniroute.state.tally import CANDIDATES, LIMITED, RECENT, SAMPLES, Tally, p95
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


# What upstreams told ----------------------------------------------------------------------------------


def window(name: str, left: float, at: float = NOW, resets_at: float | None = None) -> Learned:
    return Learned(name, 100, round(left * 100), left, resets_at, at)


def test_the_newest_of_each_window_counts() -> None:
    tally = Tally()
    tally.told("c1", [window("requests", 0.5, NOW + 2), window("tokens", 0.3)])
    tally.told("c1", [window("requests", 0.9, NOW + 1)])
    tally.told("c2", [window("tokens", 0.7, NOW + 1)])
    assert tally.learned("c1", NOW + 3) == (window("requests", 0.5, NOW + 2), window("tokens", 0.3))
    tally.told("c1", [window("tokens", 0.2)])
    assert tally.learned("c1", NOW + 3)[1].left == 0.2
    assert tally.learned("c3", NOW) == ()


def test_a_window_is_forgotten_when_it_is_renewed_or_after_a_quarter_of_an_hour() -> None:
    tally = Tally()
    tally.told("c1", [window("requests", 0.5, resets_at=NOW + 5000), window("tokens", 0.5, resets_at=NOW + 9)])
    tally.told("c2", [window("tokens", 0.5)])
    assert [len(tally.learned(id, NOW + 8)) for id in ("c1", "c2")] == [2, 1]
    assert [len(tally.learned(id, NOW + KEPT - 1)) for id in ("c1", "c2")] == [1, 1]
    tally.tidy(NOW + KEPT)
    assert [len(tally.learned(id, NOW)) for id in ("c1", "c2")] == [1, 0]  # tidied, so even an earlier look finds none
    tally.tidy(NOW + 5000)
    assert tally.document(NOW) == {}


def test_a_report_has_the_connections_that_were_told_of_last() -> None:
    tally = Tally()
    for number in range(LIMITED + 5):
        tally.told(f"c{number}", [window("requests", 0.5, NOW + number), window("tokens", 0.5)])
    told = tally.document(NOW + 400)["limits"]
    assert len(told) == LIMITED and {each[0] for each in told} == {f"c{number}" for number in range(5, LIMITED + 5)}


def test_what_others_told_is_merged_and_told_on() -> None:
    tally, beside, third = Tally(), Tally(), Tally()
    tally.told("c1", [window("requests", 0.9, NOW + 1), window("tokens", 0.3)])
    beside.told("c1", [window("requests", 0.4, NOW + 2), window("5h", 0.8, resets_at=NOW + 50)])
    tally.take([json.loads(json.dumps(beside.document(NOW + 3)))], NOW + 3)
    expected = {window("requests", 0.4, NOW + 2), window("tokens", 0.3), window("5h", 0.8, resets_at=NOW + 50)}
    assert set(tally.learned("c1", NOW + 3)) == expected
    third.take([json.loads(json.dumps(tally.document(NOW + 3)))], NOW + 3)
    assert set(third.learned("c1", NOW + 3)) == expected
    third.take([], NOW + 4)
    assert set(third.learned("c1", NOW + 4)) == expected  # whoever told may be gone
    third.take([{"limits": [["c1", [["requests", 1]]]]}, {"limits": [["c1", [["tokens", 9, 9, "all", None, "now"]]]]}], NOW + 4)
    assert set(third.learned("c1", NOW + 4)) == expected


def test_what_is_in_flight_here_and_elsewhere() -> None:
    tally = Tally()
    tally.begin(("c1", "m"), NOW)
    tally.begin(("c2", "m"), NOW)
    tally.end(("c2", "m"), None, NOW)
    tally.take([{"in_flight": {"c1": 2, "c3": 1}}], NOW)
    assert tally.in_flight() == {"c1": 3, "c3": 1}
