"""Combos within combos: no circles, and not too deep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from omniroute.errors import Invalid
from omniroute.routing.configuration import DEEPEST_COMBO, Combo


def require_nesting(name: str, combos: Mapping[str, Combo]) -> None:
    """Raises Invalid when the combo `name` is within itself, or on a chain that is too long; the message has the whole chain."""
    for number, step in enumerate(combos[name].steps):
        if not step.combo:
            continue
        circle = _way(step.combo, name, combos, (name,))
        if circle:
            _refuse(number, f"{' -> '.join(circle)} is a circle.")
        chain = (*_longest_above(name, combos), *_longest_below(step.combo, combos))
        if len(chain) > DEEPEST_COMBO:
            _refuse(number, f"Combos may be nested {DEEPEST_COMBO} deep, but {' -> '.join(chain)} is deeper.")


def containing(name: str, combos: Mapping[str, Combo]) -> tuple[str, ...]:
    """The combos that have `name` as a step."""
    return tuple(each.name for each in combos.values() if name in inner(each))


def inner(combo: Combo) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.combo for step in combo.steps if step.combo))


def _way(start: str, end: str, combos: Mapping[str, Combo], trail: tuple[str, ...]) -> tuple[str, ...]:
    """The way down from `start` to `end`, () when there is none."""
    seen: set[str] = set()

    def down(name: str, trail: tuple[str, ...]) -> tuple[str, ...]:
        if name == end:
            return (*trail, name)
        if name in seen or name not in combos:
            return ()
        seen.add(name)
        return next((found for each in inner(combos[name]) if (found := down(each, (*trail, name)))), ())

    return down(start, trail)


def _longest_below(name: str, combos: Mapping[str, Combo]) -> tuple[str, ...]:
    return max(_chains(name, {each: inner(combo) for each, combo in combos.items()}, ()), key=len)


def _longest_above(name: str, combos: Mapping[str, Combo]) -> tuple[str, ...]:
    above: dict[str, tuple[str, ...]] = dict.fromkeys(combos, ())
    for combo in combos.values():
        for each in inner(combo):
            above[each] = (*above.get(each, ()), combo.name)
    return tuple(reversed(max(_chains(name, above, ()), key=len)))


def _chains(name: str, edges: Mapping[str, tuple[str, ...]], trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every chain from `name` on, as far as it can matter."""
    trail = (*trail, name)
    following = [each for each in edges.get(name, ()) if each not in trail]
    if not following or len(trail) > DEEPEST_COMBO:
        yield trail
        return
    for each in following:
        yield from _chains(each, edges, trail)


def _refuse(number: int, message: str) -> None:
    raise Invalid(message, {f"steps[{number}].combo": message})
