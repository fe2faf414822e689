"""The curves in words, figures and bars: for the terminal, and for docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.growth.curves import CURVES, Curve, Point
from bench.growth.fit import Shape, shape

BAR = 24  # characters of the longest
# Figure -> head of its column. A column without a figure is left out.
COLUMNS = {
    "cpu_ms": "processor time a request, ms",
    "bare_cpu_ms": "the bare relay's, ms",
    "p50_ms": "p50, ms",
    "added_ms": "p50 beyond the bare relay's, ms",
    "memory_mb": "memory of a worker, MB",
    "edit_ms": "an edit is obeyed everywhere after, ms",
    "pause_ms": "slowest request meanwhile, ms",
}
ABOUT = """\
{runs}, {date}, commit {commit}, {cpu}, {cores} cores, Python {python}, load average {load_before} before the start. One
request at a time; processor time is that of all processes of the gateway.
"""
Seen = Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]  # rounds: curve -> label -> figures


def figure(rounds: Seen, curve: str, label: str, name: str) -> float | None:
    """The median of the rounds."""
    values = [each[curve][label][name] for each in rounds if name in each.get(curve, {}).get(label, {})]
    return statistics.median(values) if values else None


def costs(rounds: Seen, curve: Curve) -> list[float]:
    """Processor time at each point; the smallest that can be told where there is less."""
    return [max(figure(rounds, curve.name, point.label, "cpu_ms") or 0.0, 0.001) for point in curve.points]


def drawn(document: Mapping[str, Any]) -> list[Curve]:
    """The curves of which something was kept, as they were then: points that are no more in the data are no more on the page."""
    rounds: Seen = document["rounds"]
    return [_with_points(curve, rounds) for curve in CURVES.values() if any(curve.name in each for each in rounds)]


def _with_points(curve: Curve, rounds: Seen) -> Curve:
    kept = tuple(point for point in curve.points if any(point.label in each.get(curve.name, {}) for each in rounds))
    return Curve(curve.name, curve.title, curve.over, curve.expected, curve.bound, kept, curve.bare, curve.edits)


def shapes(document: Mapping[str, Any]) -> dict[str, Shape]:
    return {curve.name: shape(curve, costs(document["rounds"], curve)) for curve in drawn(document)}


def text(document: Mapping[str, Any]) -> str:
    """For the terminal."""
    lines = []
    for curve in drawn(document):
        head, *rows = _table(document["rounds"], curve)
        lines += ["", f"{curve.title}: {shape(curve, costs(document['rounds'], curve)).words}", "  " + " | ".join(head)]
        lines += ["  " + " | ".join(row) for row in rows]
    found = shapes(document)
    return "\n".join(
        [*lines, "", f"{sum(each.passed for each in found.values())} of {len(found)} curves have the shape that is asked"]
    )


def markdown(document: Mapping[str, Any]) -> str:
    """For the page."""
    runs = len(document["rounds"])
    about = ABOUT.format(
        **{**document, "date": document["date"][:10], "runs": f"Median of {runs} runs" if runs > 1 else "One run"}
    )
    lines = [about]
    for curve in drawn(document):
        head, *rows = _table(document["rounds"], curve)
        lines += [f"**{curve.title}.** {shape(curve, costs(document['rounds'], curve)).words}", ""]
        lines += ["| " + " | ".join(row) + " |" for row in (head, ["---:"] * (len(head) - 1) + ["---"], *rows)]
        lines.append("")
    return "\n".join(lines)


def _table(rounds: Seen, curve: Curve) -> list[list[str]]:
    names = [name for name in COLUMNS if any(figure(rounds, curve.name, point.label, name) is not None for point in curve.points)]
    most = max(costs(rounds, curve))
    head = [curve.over, *(COLUMNS[name] for name in names), "processor time"]
    return [
        head,
        *(_row(rounds, curve, point, names, cost / most) for point, cost in zip(curve.points, costs(rounds, curve), strict=True)),
    ]


def _row(rounds: Seen, curve: Curve, point: Point, names: Sequence[str], share: float) -> list[str]:
    values = [figure(rounds, curve.name, point.label, name) for name in names]
    return [point.label, *("" if value is None else f"{value:.2f}" for value in values), "█" * max(1, round(BAR * share))]
