"""The orders in which a combo's steps may be tried: one pure function each, and the table of them.

A strategy takes the choices as listed and gives them back in the order to try them. What is wrong with any of them is not
its business: plan.py puts those last, or leaves them out. The first line of its docstring is the help in the form.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from omniroute.routing.candidates import Candidate, Choice, Figures, View
from omniroute.routing.cost import exact_cost

Order = Callable[[list[Choice], View, str], list[Choice]]  # the text is the combo's name

UNKNOWN_FIRST = 0.1  # how often `latency-optimized` finds out about one that it knows nothing of
UNKNOWN_LEFT = 0.5  # what `headroom` takes for a quota that it knows nothing of


@dataclass(frozen=True, slots=True)
class Strategy:
    """`per_connection`: each connection is a choice by itself. `as_listed`: the connections of a step come by priority
    alone, however busy they are. `needs` names what of `View` has to be found out for it: turn, size, prefix. `leaves_out`
    is why it may give back fewer choices than it got.
    """

    order: Order
    per_connection: bool = False
    as_listed: bool = False
    needs: frozenset[str] = frozenset()
    leaves_out: str = ""

    @property
    def help(self) -> str:
        return (self.order.__doc__ or "").strip().partition("\n")[0]


def priority(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """Always in the order of the list: the next step is asked only when the one before it can't answer."""
    return choices


def round_robin(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """Each request begins one step further down the list, and each round one key further; all workers share the turn."""
    if not choices:
        return choices
    round_number, first = divmod(view.turns.get(combo, 0), len(choices))
    turned = [each if each.nested else _turned(each, round_number) for each in choices]
    return turned[first:] + turned[:first]


def weighted(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """One step is drawn by weight, then the others likewise; a step of weight 0 is asked only when all others failed.

    Whoever waits shortest, at a rate that is the weight, comes first: that is the same as drawing without putting back.
    """
    waits = [view.chance.expovariate(choice.weight) if choice.weight > 0 else math.inf for choice in choices]
    return [choices[index] for index in sorted(range(len(choices)), key=waits.__getitem__)]


def shuffled(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """A new random order for each request, whatever the weights say."""
    return view.chance.sample(choices, len(choices))


def least_used(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The connection with the fewest requests running now, then with the fewest in the last minute."""

    def used(choice: Choice) -> tuple[int, int]:
        figures = view.figures(choice.first)
        return figures.in_flight, figures.last_minute

    return sorted(choices, key=used)


def p2c(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """Two random connections are compared, and the one with fewer requests running, else the quicker one, goes first."""
    if len(choices) < 2:
        return choices
    one, other = view.chance.sample(range(len(choices)), 2)
    better = _better(view.figures(choices[one].first), view.figures(choices[other].first))
    return _first(choices, one if better else other)


def fill_first(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The same connection until its quota is used up, then the next one in the list."""
    return sorted(choices, key=lambda choice: _spent(choice, view))


def cost_optimized(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The cheapest step for the estimated tokens of each request; steps without a known price come last."""

    def price(choice: Choice) -> tuple[bool, int]:
        found = exact_cost(view.price(choice.first.target), view.size)
        return found is None, found or 0

    return sorted(choices, key=price)


def latency_optimized(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The connection that was quickest to its first words lately; now and then one that nothing is known of yet."""
    waits = [view.figures(choice.first).first_ms for choice in choices]
    unknown = [index for index, wait in enumerate(waits) if wait is None]
    order = sorted(range(len(choices)), key=lambda index: math.inf if (wait := waits[index]) is None else wait)
    ordered = [choices[index] for index in order]
    if 0 < len(unknown) < len(choices) and view.chance.random() < UNKNOWN_FIRST:
        return _first(ordered, order.index(view.chance.choice(unknown)))
    return ordered


def headroom(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The connection with the largest share of its quota left; one that nothing is known of counts as half full.

    An upstream's window is forgotten when it is renewed, and a connection that was never asked has told nothing: were these
    first or last, they would get everything or nothing. So one of them is asked once the others are below the half, and then
    it is known.
    """

    def left(choice: Choice) -> float:
        share = _left(choice, view)
        return UNKNOWN_LEFT if share is None else share

    return sorted(choices, key=left, reverse=True)


def reset_window(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The connection whose quota is renewed soonest, so that nothing of it is lost; used-up ones come last."""

    def resets(choice: Choice) -> tuple[bool, bool, float]:
        quota = view.quota(choice.first.connection.id)
        at = quota.resets_at if quota is not None else None
        known = at is not None and at > view.now
        return _spent(choice, view), not known, at if known and at is not None else 0.0

    return sorted(choices, key=resets)


def context_optimized(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The model with the smallest context window that holds the request; those too small for it are not asked."""
    needed = view.size.input + view.size.output
    fitting = []
    for choice in choices:
        kept = tuple(each for each in choice.candidates if _holds(each, needed))
        if kept:
            fitting.append(choice if len(kept) == len(choice.candidates) else replace(choice, candidates=kept))
    return sorted(fitting, key=lambda choice: choice.first.target.window or math.inf)


def cache_optimized(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """Requests that begin alike go to the same connection, so that its prompt cache makes them cheaper and quicker.

    Each connection gets a number for each beginning, and the highest one goes first (rendezvous hashing): nothing has to be
    remembered, every worker finds the same, and a connection that goes away moves only its own beginnings.
    """
    if not view.prefix:
        return choices
    return sorted(choices, key=lambda choice: _affinity(view.prefix, choice.first), reverse=True)


def lkgp(choices: list[Choice], view: View, combo: str) -> list[Choice]:
    """The one that answered last goes first, as long as it answers; after it the others as listed."""
    good = view.last_good.get(combo)
    for index, choice in enumerate(choices):
        for candidate in choice.candidates:
            if candidate.key == good:
                others = tuple(each for each in choice.candidates if each is not candidate)
                found = replace(choice, candidates=(candidate, *others))
                return [found, *choices[:index], *choices[index + 1 :]]
    return choices


STRATEGIES: dict[str, Strategy] = {
    "priority": Strategy(priority),
    "round-robin": Strategy(round_robin, as_listed=True, needs=frozenset({"turn"})),
    "weighted": Strategy(weighted),
    "random": Strategy(shuffled),
    "least-used": Strategy(least_used, per_connection=True),
    "p2c": Strategy(p2c, per_connection=True),
    "fill-first": Strategy(fill_first, per_connection=True, as_listed=True),
    "cost-optimized": Strategy(cost_optimized, needs=frozenset({"size"})),
    "latency-optimized": Strategy(latency_optimized, per_connection=True),
    "headroom": Strategy(headroom, per_connection=True),
    "reset-window": Strategy(reset_window, per_connection=True),
    "context-optimized": Strategy(context_optimized, needs=frozenset({"size"}), leaves_out="does not fit"),
    "cache-optimized": Strategy(cache_optimized, per_connection=True, needs=frozenset({"prefix"})),
    "lkgp": Strategy(lkgp),
}


def _turned(choice: Choice, by: int) -> Choice:
    at = by % len(choice.candidates)
    return replace(choice, candidates=choice.candidates[at:] + choice.candidates[:at]) if at else choice


def _first(choices: list[Choice], index: int) -> list[Choice]:
    return [choices[index], *choices[:index], *choices[index + 1 :]]


def _better(one: Figures, other: Figures) -> bool:
    """Whether `one` goes before `other`. With a time that is not known, luck has decided: the first one drawn does."""
    if one.in_flight != other.in_flight:
        return one.in_flight < other.in_flight
    return one.first_ms is None or other.first_ms is None or one.first_ms <= other.first_ms


def _left(choice: Choice, view: View) -> float | None:
    """The share of its quota that is left; None where it is not known, or was renewed since."""
    quota = view.quota(choice.first.connection.id)
    if quota is None or (quota.resets_at is not None and quota.resets_at <= view.now):
        return None
    return quota.left


def _spent(choice: Choice, view: View) -> bool:
    share = _left(choice, view)
    return share is not None and share <= 0


def _holds(candidate: Candidate, tokens: int) -> bool:
    window = candidate.target.window
    return window is None or window >= tokens


def _affinity(prefix: str, candidate: Candidate) -> bytes:
    text = f"{prefix}\0{candidate.connection.id}\0{candidate.target.model}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
