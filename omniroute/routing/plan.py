"""The full list of attempts, made before anything is sent, with what was left out and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from omniroute.routing.candidates import Candidate, CandidateKey, Choice, LeftOut, View
from omniroute.routing.configuration import MOST_ATTEMPTS, ComboConfig, Configuration, Connection
from omniroute.routing.failures import Failure
from omniroute.routing.health import Health, standing
from omniroute.routing.resolve import Resolution
from omniroute.routing.route import PLAIN, Branch, Route, Target
from omniroute.routing.strategies import STRATEGIES, Strategy


@dataclass(frozen=True, slots=True)
class Plan:
    """`candidates` in the order to try them, the first `ready` of them without anything against them. `soonest` is when the
    next of all the others is free again (epoch seconds), None when time frees none. `strategy` and `reason` say why so.
    """

    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    reason: str
    strategy: str = "priority"
    combo: str = ""
    config: ComboConfig = field(default=PLAIN)
    ready: int = 0
    soonest: float | None = None

    @property
    def most_attempts(self) -> int:
        return min(self.config.max_attempts, MOST_ATTEMPTS)


def plan(
    resolution: Resolution,
    configuration: Configuration,
    health: Health,
    view: View,
    *,
    pinned: str | None = None,
    tags: frozenset[str] = frozenset(),
) -> Plan:
    """Every step's connections in the order of its strategy; those that a guess speaks against last, the soonest first.

    `pinned` keeps only the connection with that id or name, `tags` only a combo's steps that have all of them. A stated
    cooldown, a terminal status and the operator's quota, used up, leave a connection out.
    """
    planning = _Planning(configuration, view, pinned, tags if resolution.route.combo else frozenset())
    ordered = planning.ordered(resolution.route)
    left_out = planning.left_out
    ready: list[Candidate] = []
    hindered: list[tuple[float, Candidate]] = []
    for candidate in ordered:
        against = standing(health, candidate, view.now)
        if against is None:
            ready.append(candidate)
        elif against.stated:
            left_out.append(candidate.left_out(against.why, against.kind, against.until))
        else:
            hindered.append((against.until, candidate))
    hindered.sort(key=lambda pair: pair[0])
    frees = [until for until, _ in hindered] + [each.until for each in left_out if each.until is not None]
    return Plan(
        candidates=(*ready, *(candidate for _, candidate in hindered)),
        left_out=tuple(left_out),
        reason=resolution.reason,
        strategy=resolution.route.strategy,
        combo=resolution.route.combo,
        config=resolution.route.config,
        ready=len(ready),
        soonest=min(frees, default=None),
    )


def worth_trying(
    remaining: tuple[Candidate, ...], failed: Candidate, failure: Failure, earlier: list[Failure]
) -> tuple[Candidate, ...]:
    """Which of `remaining` may still be tried after `failure` at `failed`; `earlier` are the failures before it."""
    again = failure.rule.again
    if failure.kind == "context_too_long":
        return tuple(each for each in remaining if _bigger(each.target, failed.target))
    if again == "any":
        return remaining
    if again == "once_elsewhere" and any(each.rule.again == "once_elsewhere" for each in earlier):
        return ()
    elsewhere = tuple(each for each in remaining if _elsewhere(each, failed, failure))
    return elsewhere[:1] if again == "once_elsewhere" else elsewhere


@dataclass(slots=True)
class _Planning:
    """What is gone through on the way down a route. `seen` has what is in the plan already: each is tried once."""

    configuration: Configuration
    view: View
    pinned: str | None
    tags: frozenset[str]
    left_out: list[LeftOut] = field(default_factory=list)
    seen: set[CandidateKey] = field(default_factory=set)

    def ordered(self, route: Route) -> Iterator[Candidate]:
        """The candidates of a route, put in order by its strategy, each once."""
        strategy = STRATEGIES[route.strategy]
        choices = [choice for branch in route.branches if (choice := self._choice(branch, strategy)) is not None]
        if strategy.per_connection:
            choices = [Choice((each,), choice.weight) for choice in choices for each in choice.candidates]
        arranged = strategy.order(choices, self.view, route.combo)
        if strategy.leaves_out:
            self._note_left(choices, arranged, strategy.leaves_out)
        for choice in arranged:
            for candidate in choice.candidates:
                if candidate.key not in self.seen:
                    self.seen.add(candidate.key)
                    yield candidate

    def _choice(self, branch: Branch, strategy: Strategy) -> Choice | None:
        """The candidates of one step, None when there is nobody to ask. A nested combo orders its own."""
        if branch.route is None and not self.tags <= branch.tags:
            return None
        if branch.trouble:
            self.left_out.append(LeftOut(branch.named, branch.trouble, "not_there"))
            return None
        if branch.route is not None:
            inner = _Planning(self.configuration, self.view, self.pinned, self.tags - branch.tags, self.left_out)
            found = tuple(inner.ordered(branch.route))
        else:
            found = tuple(self._through(branch, strategy.as_listed))
        return Choice(found, branch.weight, nested=branch.route is not None) if found else None

    def _through(self, branch: Branch, as_listed: bool) -> Iterator[Candidate]:
        """The connections that may be asked for a target: by priority, then the fewest in flight or as listed."""
        target = branch.target
        assert target is not None
        rows = self.configuration.connections.get(target.provider.id, ())
        found = []
        for row in rows:
            if self.pinned is not None and self.pinned not in (row.id, row.name):
                continue
            if branch.connection_id is not None and row.id != branch.connection_id:
                continue
            candidate = Candidate(target.through(row), row, branch.step_id)
            if reason := self._unusable(candidate):
                self.left_out.append(candidate.left_out(*reason))
            else:
                found.append(candidate)
        if len(found) > 1 and as_listed:
            found.sort(key=lambda each: each.connection.priority)
        elif len(found) > 1:
            found.sort(key=lambda each: (each.connection.priority, self.view.figures(each).in_flight))
        yield from found

    def _unusable(self, candidate: Candidate) -> tuple[str, str, float | None] | None:
        """Why not, in words and as a kind, and until when."""
        row: Connection = candidate.connection
        if not row.is_active:
            return "disabled", "disabled", None
        if row.terminal:
            return row.status_reason or row.test_status, row.test_status, None
        if row.max_concurrent is not None and self.view.figures(candidate).in_flight >= row.max_concurrent:
            return "busy", "busy", None
        quota = self.view.quota(row.id)
        if quota is not None and quota.over_until is not None and quota.over_until > self.view.now:
            return "over quota", "over_quota", quota.over_until
        return None

    def _note_left(self, before: list[Choice], after: list[Choice], why: str) -> None:
        kept = {candidate.key for choice in after for candidate in choice.candidates}
        for choice in before:
            self.left_out.extend(each.left_out(why, why.replace(" ", "_")) for each in choice.candidates if each.key not in kept)


def _elsewhere(candidate: Candidate, failed: Candidate, failure: Failure) -> bool:
    """At another provider; where only an address has failed, also at another address that a connection brings itself."""
    if failure.rule.scope == "node" and candidate.connection.base_url != failed.connection.base_url:
        return True
    return candidate.target.provider.id != failed.target.provider.id


def _bigger(target: Target, than: Target) -> bool:
    """Whether its window may hold what the other's did not; one that is not known may, unless it is the same one."""
    return target != than and (target.window is None or than.window is None or target.window > than.window)
