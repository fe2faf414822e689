"""What shape a curve has, and whether it is the one that is asked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.growth.curves import Curve

BARELY = 0.15  # a slope that nobody would call growth


@dataclass(frozen=True, slots=True)
class Shape:
    """`growth` is the last cost over the first. `slope` is that of the line through all points and `steepest` that between two
    neighbours, on logarithms: 0 is flat, 1 in proportion, 2 with the square. None where there are no two points above 0.
    """

    growth: float
    slope: float | None
    steepest: float | None
    passed: bool
    words: str


def shape(curve: Curve, costs: Sequence[float]) -> Shape:
    """`costs` are those of the curve's points, in their order; all above 0."""
    points = [(math.log(point.x), math.log(cost)) for point, cost in zip(curve.points, costs, strict=True) if point.x > 0]
    growth = costs[-1] / costs[0]
    slope = _slope(points) if len(points) > 1 else None
    steepest = max((_slope(pair) for pair in itertools.pairwise(points)), default=None)
    if curve.expected == "flat":
        passed = growth <= curve.bound and (slope is None or slope < BARELY)
    else:
        passed = steepest is None or steepest <= curve.bound
    return Shape(round(growth, 3), _rounded(slope), _rounded(steepest), passed, _words(curve, growth, slope, steepest, passed))


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line through them with the least squares."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    across = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / across


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _words(curve: Curve, growth: float, slope: float | None, steepest: float | None, passed: bool) -> str:
    reach = f"{curve.points[0].label} to {curve.points[-1].label}"
    if growth <= curve.bound and (slope is None or slope < BARELY):
        said = "Flat"
    elif steepest is None or steepest <= BARELY:
        said = "Nearly flat"
    elif steepest <= 0.9:
        said = "Slower than in proportion"
    else:
        said = "In proportion at the end" if steepest <= 1.1 else "FASTER THAN IN PROPORTION"
    told = f"{said}: {growth:.2f} times the processor time from {reach}"
    if steepest is not None:
        told += f", steepest slope {steepest:.2f}"
    asked = f"flat, at most {curve.bound:g} times" if curve.expected == "flat" else f"a slope of at most {curve.bound:g}"
    return f"{told}. Asked: {asked}; {'met' if passed else 'MISSED'}."
