"""Which curves are drawn, over which points, and what shape is asked of each: all as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

SECONDS = 2.0  # that a load lasts
FLAT, LINEAR = 1.25, 1.1  # how many times dearer the last point may be; how steep a curve may get on a scale of powers


@dataclass(frozen=True, slots=True)
class Point:
    """`x` is what the curve goes over, `stand` the gateway that is asked: what it is filled with, and how many of them."""

    x: float
    label: str
    stand: tuple[str, int]
    model: str = "chat/bench-model"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """`expected` is "flat" (then `bound` is how many times the first point's cost the last may have) or "linear" (then it is
    the steepest slope of cost over `x`, both as logarithms). `bare`: the bare relay gets the same load. `edits`: a key is
    switched off and on as well.
    """

    name: str
    title: str
    over: str
    expected: str
    bound: float
    points: tuple[Point, ...]
    bare: bool = False
    edits: bool = False

    def short(self) -> Curve:
        """Its smallest point and its largest, with little in the gateway; one where both are the same gateway's."""
        first, last = (
            replace(point, stand=(point.stand[0], min(point.stand[1], SHORT))) for point in (self.points[0], self.points[-1])
        )
        return replace(self, points=(first, last) if first.stand == last.stand else (last,))


SHORT = 50  # of anything in a short run
# kB of a body, and the turns of a conversation that make it (bench/load.py)
BODIES = ((1, 1), (10, 9), (100, 89), (1000, 890))
COMBO_STEPS = (1, 3, 10, 30)


def bodies(name: str, title: str, model: str) -> Curve:
    points = tuple(Point(size, f"{size:,} kB", ("nothing", 0), model, ("--kilobytes", str(turns))) for size, turns in BODIES)
    return Curve(name, title, "size of the body", "linear", LINEAR, points, bare=True)


def combos(strategy: str) -> Curve:
    points = tuple(Point(steps, f"{steps}", ("combos", 0), f"{strategy}-{steps}") for steps in COMBO_STEPS)
    return Curve(f"combo-{strategy}", f"A {strategy} combo", "steps", "linear", LINEAR, points)


def state(name: str, title: str, over: str, fill: str, counts: tuple[int, ...], expected: str, **more: object) -> Curve:
    """The same small request, while the gateway holds more and more of something."""
    model = str(more.pop("model", "chat/bench-model"))
    points = tuple(Point(count, f"{count:,}", (fill, count), model) for count in counts)
    return Curve(
        name, title, over, expected, FLAT if expected == "flat" else LINEAR, points, edits=bool(more.pop("edits", False))
    )


CURVES = {
    each.name: each
    for each in (
        bodies("body-native", "A Chat body to a Chat upstream", "chat/bench-model"),
        bodies("body-translated", "A Chat body to a Messages upstream", "messages/bench-model"),
        combos("priority"),
        combos("weighted"),
        combos("round-robin"),
        state("keys", "Client keys", "keys", "keys", (1, 100, 10_000), "flat", edits=True),
        state("connections", "Connections of the provider that is asked", "connections", "connections", (1, 100, 1000), "linear"),
        state("nodes", "Providers with a connection each, one asked by its prefix", "providers", "nodes", (1, 100, 1000), "flat"),
        state(
            "names",
            "The same, asked by the model's name alone",
            "providers",
            "nodes",
            (1, 100, 1000),
            "linear",
            model="bench-model",
        ),
        state("rows", "Rows of the log", "rows", "rows", (0, 10_000, 100_000, 1_000_000), "flat"),
    )
}
