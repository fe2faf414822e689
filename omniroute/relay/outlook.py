"""What an ordering may look at, found out for one request: only what the strategies on its route need."""

from __future__ import annotations

import random
from dataclasses import replace

from omniroute.errors import BadRequest
from omniroute.formats.estimate import estimate_tokens
from omniroute.formats.prefix import prompt_prefix
from omniroute.relay.ask import Ask
from omniroute.relay.fitting import NAMES
from omniroute.routing.candidates import Size, View
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import price_at
from omniroute.routing.route import Route
from omniroute.routing.strategies import STRATEGIES
from omniroute.state.health import HealthBoard

USUAL_OUTPUT = 1024  # tokens, of an answer whose request names no limit


def view_for(ask: Ask, route: Route, configuration: Configuration, board: HealthBoard, now: float, chance: random.Random) -> View:
    """Raises BadRequest when steps are asked for by tag and there is none that has them all."""
    plain = View(now, chance, board.figures, board.quota, price=lambda target: price_at(configuration, target, now))
    if not route.combo:
        return plain
    if ask.tags and not tagged(route, ask.tags):
        named = ", ".join(sorted(ask.tags))[:200]
        raise BadRequest(
            f"No step of '{route.combo}' has the tags {named}.", remedy="Leave X-OmniRoute-Tags out, or tag a step of the combo."
        )
    needs = {need for each in route.routes() for need in STRATEGIES[each.strategy].needs}
    return replace(
        plain,
        size=size_of(ask) if "size" in needs else Size(),
        turns={combo: board.turn(combo) for combo in turning(route)},
        prefix=prompt_prefix(ask.document, ask.format) if "prefix" in needs else "",
        last_good=board.last_good,
    )


def turning(route: Route) -> list[str]:
    """The combos of a route whose order depends on whose turn it is."""
    return [each.combo for each in route.routes() if "turn" in STRATEGIES[each.strategy].needs]


def size_of(ask: Ask) -> Size:
    """The request's tokens: its texts, and the limit that it names for the answer."""
    asked = asked_output(ask)
    return Size(estimate_tokens(ask.document), USUAL_OUTPUT if asked is None else asked)


def asked_output(ask: Ask) -> int | None:
    """The limit that the request names for its answer, in tokens."""
    names = NAMES.get(ask.format)
    if names is None or ask.service:
        return 0 if ask.service else None  # vectors, scores, sound: no tokens come back
    limits = ask.document.get(names.within) if names.within else ask.document
    asked = [limits.get(name) for name in names.limits] if isinstance(limits, dict) else []
    return next((limit for limit in asked if type(limit) is int and limit > 0), None)  # -1 is "no limit" for some


def tagged(route: Route, tags: frozenset[str]) -> bool:
    """Whether a step has all of `tags`, its own and those of the steps that lead to it."""
    for branch in route.branches:
        left = tags - branch.tags
        if not left or (branch.route is not None and tagged(branch.route, left)):
            return True
    return False
