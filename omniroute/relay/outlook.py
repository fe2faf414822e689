"""What an ordering may look at, found out for one request: only what the strategies on its route need."""

from __future__ import annotations

import random

from omniroute.errors import BadRequest
from omniroute.formats.estimate import estimate_tokens
from omniroute.formats.prefix import prompt_prefix
from omniroute.relay.ask import Ask
from omniroute.relay.fitting import NAMES
from omniroute.routing.candidates import Size, View
from omniroute.routing.route import Route
from omniroute.routing.strategies import STRATEGIES
from omniroute.state.health import HealthBoard

USUAL_OUTPUT = 1024  # tokens, of an answer whose request names no limit


def view_for(ask: Ask, route: Route, board: HealthBoard, now: float, chance: random.Random) -> View:
    """Raises BadRequest when steps are asked for by tag and there is none that has them all."""
    if not route.combo:
        return View(now, chance, board.figures)
    if ask.tags and not tagged(route, ask.tags):
        named = ", ".join(sorted(ask.tags))[:200]
        raise BadRequest(
            f"No step of '{route.combo}' has the tags {named}.", remedy="Leave X-OmniRoute-Tags out, or tag a step of the combo."
        )
    needs = {need for each in route.routes() for need in STRATEGIES[each.strategy].needs}
    return View(
        now,
        chance,
        board.figures,
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
    names = NAMES.get(ask.format)
    limits = ask.document if names is None or not names.within else ask.document.get(names.within)
    asked = [limits.get(name) for name in names.limits] if names is not None and isinstance(limits, dict) else []
    output = next((limit for limit in asked if type(limit) is int and limit > 0), USUAL_OUTPUT)  # -1 is "no limit" for some
    return Size(estimate_tokens(ask.document), output)


def tagged(route: Route, tags: frozenset[str]) -> bool:
    """Whether a step has all of `tags`, its own and those of the steps that lead to it."""
    for branch in route.branches:
        left = tags - branch.tags
        if not left or (branch.route is not None and tagged(branch.route, left)):
            return True
    return False
