"""What is odd about a combo, in sentences: it may be meant, but it should be seen. Nothing of how things are doing now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from omniroute.routing.candidates import Candidate, Size, View
from omniroute.routing.configuration import Configuration
from omniroute.routing.cost import cost, price_at
from omniroute.routing.listed import usable_models
from omniroute.routing.plan import Plan, plan
from omniroute.routing.resolve import Resolution
from omniroute.routing.route import Branch, Route, Target

SHOWN = 5  # names in one sentence
FEW = 0.5  # windows are mixed where the smallest is at most this share of the largest
ONE_OF_EACH = Size(1, 1)


def lint(resolution: Resolution, configuration: Configuration, at: float) -> tuple[str, ...]:
    """The sentences for a combo, the weightiest first; none for a plain model, which nobody put together. `at` is the moment
    whose prices count, in epoch seconds.
    """
    if not resolution.route.combo:
        return ()
    steps = plan(resolution, configuration, {}, View(at))

    def priced(target: Target) -> bool:
        return cost(price_at(configuration, target, at), ONE_OF_EACH) is not None

    return tuple(
        dict.fromkeys(
            (
                *_never_falls_back(resolution.route, steps),
                *_not_asked(resolution.route, configuration),
                *_attempts(steps, configuration),
                *_same_name(resolution.route.combo, configuration),
                *(sentence for route in resolution.route.routes() for sentence in _of_route(route, priced)),
            )
        )
    )


def _never_falls_back(route: Route, steps: Plan) -> Iterator[str]:
    """Candidates that stand and fall together."""
    found = steps.candidates
    if not found:
        yield f"Nothing can be asked: no step of '{route.combo}' has a connection that is switched on and in order."
        return
    connections = {each.connection.id: each.connection.name for each in found}
    providers = {each.target.provider.id: each.target.provider.name for each in found}
    if len(found) == 1:
        yield f"This combo can never fall back, because only {_through(found[0])} can be asked."
    elif len(connections) == 1:
        name = next(iter(connections.values()))
        yield f"This combo can never fall back when a key fails, because all its steps go to the same connection, {name}."
    elif len(providers) == 1:
        name = next(iter(providers.values()))
        yield f"This combo can never fall back when {name} is down, because all its steps go to that provider."


def _not_asked(route: Route, configuration: Configuration) -> Iterator[str]:
    """Steps that nobody is asked for."""
    for branch in _leaves(route):
        if branch.trouble:
            yield f"The step {branch.named} is passed over: {branch.trouble}."
        elif branch.target is not None and (why := _no_connection(branch, branch.target, configuration)):
            yield f"The step {branch.target.shown} is passed over: {why}."


def _no_connection(branch: Branch, target: Target, configuration: Configuration) -> str:
    rows = configuration.connections.get(target.provider.id, ())
    bound = [row for row in rows if branch.connection_id in (None, row.id)]
    if not bound:
        return "the connection that it is bound to is gone"
    if any(row.is_active and not row.terminal for row in bound):
        return ""
    whose = "its connection is" if len(bound) == 1 else "all its connections are"
    return f"{whose} switched off or in error"


def _attempts(steps: Plan, configuration: Configuration) -> Iterator[str]:
    """`auto` and its like have more candidates than anybody would try."""
    if steps.combo in configuration.combos and steps.most_attempts < len(steps.candidates):
        yield f"Only {steps.most_attempts} of {len(steps.candidates)} targets are tried for a request: max_attempts ends it then."


def _same_name(name: str, configuration: Configuration) -> Iterator[str]:
    """What can't be reached any more under the combo's name."""
    if name not in configuration.combos:
        return
    owners = list(dict.fromkeys(target.shown for target in usable_models(configuration) if target.model == name))
    if owners:
        yield f"The combo has the name of a model: '{name}' means the combo, and {_listed(owners)} that model."
    if any(alias.pattern == name for alias in configuration.aliases):
        yield f"The alias '{name}' is never used, because the combo has the same name."


def _of_route(route: Route, priced: Callable[[Target], bool]) -> Iterator[str]:
    """What its strategy makes of the steps of one combo."""
    where = f"In '{route.combo}', " if route.combo else ""
    branches = [branch for branch in route.branches if not branch.trouble]
    targets = list({each.target.canonical: each.target for each in branches if each.target is not None}.values())
    for (name, _), times in Counter((_named(each), each.connection_id) for each in branches).items():
        if times > 1:
            yield f"{where}the step {name} stands {times} times; a request tries it once."
    if route.strategy == "weighted":
        yield from _weights(where, branches)
    elif route.strategy == "cost-optimized":
        unknown = [target.shown for target in targets if not priced(target)]
        yield from _unknown(where, "price", unknown, len(targets))
    elif route.strategy == "context-optimized":
        unknown = [target.shown for target in targets if target.window is None]
        yield from _unknown(where, "context window", unknown, len(targets))
    elif route.strategy == "priority":
        yield from _windows(where, targets)


def _weights(where: str, branches: list[Branch]) -> Iterator[str]:
    drawn = [branch for branch in branches if branch.weight > 0]
    if len(branches) > 1 and not drawn:
        yield f"{where}all weights are 0, so the steps are tried as listed."
    elif len(branches) > 1 and len(drawn) == 1:
        yield f"{where}only {_named(drawn[0])} has a weight above 0, so it always goes first."


def _unknown(where: str, what: str, unknown: list[str], of: int) -> Iterator[str]:
    if unknown and len(unknown) == of:
        yield f"{where}no {what} is known, so the steps are tried as listed."
    elif unknown:
        yield f"{where}the {what} of {_listed(unknown)} is not known, so it comes after the others."


def _windows(where: str, targets: list[Target]) -> Iterator[str]:
    known = sorted((target.window, target.shown) for target in targets if target.window is not None)
    if known and known[0][0] <= known[-1][0] * FEW:
        (least, small), (most, large) = known[0], known[-1]
        yield f"{where}a long prompt fits only some of the steps: {small} holds {least:,} tokens, {large} {most:,}."


def _leaves(route: Route) -> Iterator[Branch]:
    for each in route.routes():
        yield from (branch for branch in each.branches if branch.route is None)


def _named(branch: Branch) -> str:
    if branch.route is not None:
        return f"combo/{branch.route.combo}"
    shown = branch.target.shown if branch.target is not None else branch.named
    return f"{shown} (bound to one connection)" if branch.connection_id else shown


def _through(candidate: Candidate) -> str:
    return f"{candidate.target.shown} through {candidate.connection.name}"


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
