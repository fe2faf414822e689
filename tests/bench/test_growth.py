"""How a curve's shape is told, and a short run of the curves: each kind of filling, each kind of figure."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.growth import told
from bench.growth.curves import CURVES, SHORT, Curve
from bench.growth.fit import shape
from bench.growth.stands import FILLS
from bench.processes import PYTHON, ROOT, environment
from tests.bench.test_run import left_over, without_warning

FLAT, LINEAR = CURVES["keys"], CURVES["connections"]  # over 1, 100, 10,000 and over 1, 100, 1,000


@pytest.mark.parametrize(
    ("curve", "costs", "passed", "said"),
    [
        (FLAT, (1.0, 1.0, 1.1), True, "Flat: 1.10 times"),
        (FLAT, (1.0, 1.0, 1.3), False, "Nearly flat: 1.30 times"),
        (FLAT, (1.0, 2.0, 4.0), False, "Slower than in proportion: 4.00 times"),
        (FLAT, (1.0, 1.0, 100.0), False, "In proportion at the end: 100.00 times"),
        (LINEAR, (1.0, 1.0, 1.0), True, "Flat: 1.00 times"),
        (LINEAR, (1.0, 1.5, 5.0), True, "Slower than in proportion: 5.00 times"),
        (LINEAR, (1.0, 100.0, 1000.0), True, "In proportion at the end: 1000.00 times"),
        (LINEAR, (1.0, 1.2, 25.0), False, "FASTER THAN IN PROPORTION: 25.00 times"),  # a square that begins late
        (LINEAR, (1.0, 10_000.0, 1_000_000.0), False, "FASTER THAN IN PROPORTION: 1000000.00 times"),
    ],
    ids=lambda given: given.name if isinstance(given, Curve) else None,
)
def test_a_shape_and_whether_it_is_the_one_asked(curve: Curve, costs: tuple[float, ...], passed: bool, said: str) -> None:
    found = shape(curve, costs)
    assert (found.passed, found.words.startswith(said)) == (passed, True), found.words
    assert found.words.endswith("met." if passed else "MISSED.")


def test_nothing_is_a_point_too_though_it_has_no_logarithm() -> None:
    rows = CURVES["rows"]
    assert shape(rows, (1.0, 1.0, 1.0, 1.0)).passed
    assert not shape(rows, (1.0, 1.5, 1.5, 1.5)).passed  # from none to some


def test_every_curve_can_be_filled_and_says_what_is_asked() -> None:
    for curve in CURVES.values():
        assert curve.expected in ("flat", "linear")
        assert {point.stand[0] for point in curve.points} <= FILLS.keys()
        assert [point.x for point in curve.points] == sorted({point.x for point in curve.points})
        assert all(point.stand[1] <= SHORT for point in curve.short().points)


def test_a_log_may_be_empty(tmp_path: Path) -> None:
    FILLS["rows"](tmp_path / "none.db", 0)
    assert list(tmp_path.iterdir()) == []


def kept(**figures: float) -> dict[str, Any]:
    rounds = [{"keys": {point.label: {"cpu_ms": each, **figures} for point in FLAT.points}} for each in (1.0, 2.0, 9.0)]
    about = {"date": "2026-11-27T00:00:00", "commit": "abc", "cpu": "a cpu", "cores": 2, "python": "3.11", "load_before": 0.1}
    return {**about, "rounds": rounds}


def test_the_median_of_the_runs_is_told_and_only_what_there_is() -> None:
    lines = told.markdown(kept(edit_ms=30.0)).splitlines()
    assert "Median of 3 runs" in lines[0]
    (head,) = [line for line in lines if line.startswith("| keys |")]
    assert head == "| keys | processor time a request, ms | an edit is obeyed everywhere after, ms | processor time |"
    assert sum(line.startswith("| 10,000 | 2.00 | 30.00 | ███") for line in lines) == 1


SOME = ("body-translated", "combo-weighted", "keys", "names", "rows")


@pytest.mark.timeout(300)
def test_a_short_run(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "bench.growth", "--short"]
    for name in SOME:
        command += ["--only", name]
    env = environment({"TMPDIR": str(tmp_path)})
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert (ran.returncode, without_warning(ran.stderr)) == (0, ""), ran.stdout
    assert all(f"\n{CURVES[name].title}: " in ran.stdout for name in SOME)
    assert f" of {len(SOME)} curves have the shape that is asked" in ran.stdout
    assert ran.stdout.endswith("not kept.\n")
    assert left_over(tmp_path) == [] and list(tmp_path.iterdir()) == []
