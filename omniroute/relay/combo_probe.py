"""The Test of a combo: every step's model is asked, through the connection that a request would use first for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from omniroute.combos.operations import Combos
from omniroute.errors import FeatureOff, Missing, VaultError
from omniroute.relay.probe import Probe
from omniroute.routing.candidates import Candidate, View
from omniroute.routing.combos import combo_route
from omniroute.routing.configuration import Combo, Configuration
from omniroute.routing.plan import Plan, plan
from omniroute.routing.resolve import Resolution
from omniroute.routing.route import Branch, Route
from omniroute.routing.verdict import Verdict
from omniroute.security.audit import SYSTEM, Actor
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard

AT_ONCE = 8
MOST = 100  # targets that one Test asks


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """Of a target of a step; a step that is a combo has one for each of its targets, all under its own id.

    `target` is as people type it. Without a `verdict` nobody was asked, and `trouble` says why. `ms` is how long it took.
    """

    step_id: str
    target: str
    connection_id: str | None
    connection_name: str | None
    verdict: Verdict | None
    trouble: str
    ms: int

    @property
    def answered(self) -> bool:
        """Whether the model answered; a valid verdict alone may mean that the key works and the model does not."""
        return self.verdict is not None and self.verdict.diagnosis.type == "ok"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A target below a step, to be asked for it; `branch` is in trouble where there is none."""

    step_id: str
    branch: Branch


@dataclass(frozen=True, slots=True)
class ComboProbe:
    """What a Test does to health and statuses, `probe.test` decides: a failing one never worsens them."""

    probe: Probe
    combos: Combos
    configuration: ConfigurationStore
    board: HealthBoard

    def step(self, combo_id: str, step_id: str, by: Actor = SYSTEM) -> StepVerdict:
        """Of a step that is a combo, its first target that answers, else the first one. Raises Missing."""
        combo, configuration = self._combo(combo_id)
        one = tuple(replace(step, enabled=True) for step in combo.steps if step.id == step_id)
        if not one:
            raise Missing(f"The combo {combo.name} has no step {step_id[:80]!r}.")
        verdicts = self._ask(replace(combo, steps=one), configuration, by)
        nothing = StepVerdict(step_id, f"combo/{one[0].combo}", None, None, None, "that combo has no step", 0)
        return next((each for each in verdicts if each.answered), (*verdicts, nothing)[0])

    def test(self, combo_id: str, by: Actor = SYSTEM) -> tuple[StepVerdict, ...]:
        """Every step that is switched on, several at once, in their order. Raises Missing."""
        combo, configuration = self._combo(combo_id)
        return self._ask(combo, configuration, by)

    def test_given(self, given: Mapping[str, Any], by: Actor = SYSTEM) -> tuple[StepVerdict, ...]:
        """The same for steps that are not saved yet. Raises Invalid."""
        combo = self.combos.draft(given)
        return self._ask(combo, self.configuration.current(), by)

    def _combo(self, combo_id: str) -> tuple[Combo, Configuration]:
        for look in (self.configuration.current, self.configuration.refresh):  # made a moment ago, perhaps by another worker
            configuration = look()
            for combo in configuration.combos.values():
                if combo.id == combo_id:
                    return combo, configuration
        raise Missing(f"There is no combo {combo_id[:80]!r}.")

    def _ask(self, combo: Combo, configuration: Configuration, by: Actor) -> tuple[StepVerdict, ...]:
        """Each connection and model is asked once, however many steps lead to it."""
        route = combo_route(combo, configuration)
        leaves = [Leaf(top.step_id, branch) for top in route.branches for branch in _leaves(top)]
        chosen = [self._choose(leaf, configuration) for leaf in leaves]
        asked = {each.key: each for each in chosen if isinstance(each, Candidate)}
        asked = dict(list(asked.items())[:MOST])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(zip(asked, pool.map(lambda candidate: self._one(candidate, by), asked.values()), strict=True))
        return tuple(_told(leaf, each, found) for leaf, each in zip(leaves, chosen, strict=True))

    def _choose(self, leaf: Leaf, configuration: Configuration) -> Candidate | str:
        """Whom a request would ask first. Where it would ask nobody now, one that a good Test brings back; else why not."""
        branch = leaf.branch
        target = branch.target
        if target is None:
            return branch.trouble or "nothing to ask"
        planned = self._plan(branch, configuration)
        if planned.candidates:
            return planned.candidates[0]
        for row in configuration.connections.get(target.provider.id, ()):
            if row.is_active and branch.connection_id in (None, row.id):
                return Candidate(target.through(row), row, branch.step_id)
        if planned.left_out:
            return planned.left_out[0].why
        return "its connection is gone" if branch.connection_id else "no connection"

    def _plan(self, branch: Branch, configuration: Configuration) -> Plan:
        view = View(self.probe.clock.now(), figures=self.board.figures)
        return plan(Resolution(Route((branch,)), "test"), configuration, self.board.health, view)

    def _one(self, candidate: Candidate, by: Actor) -> Verdict | str:
        try:
            verdict = self.probe.test(candidate.connection.id, candidate.target.model, by=by)
        except (Missing, FeatureOff) as exc:
            return exc.message
        except VaultError as exc:
            return str(exc)
        if verdict.diagnosis.type == "ok":  # it could be reached as well: what was held against its address is over
            self.board.reset(provider_id=candidate.target.provider.id)
        return verdict


def _leaves(branch: Branch) -> Iterator[Branch]:
    if branch.route is None:
        yield branch
        return
    for inner in branch.route.branches:
        yield from _leaves(inner)


def _told(leaf: Leaf, chosen: Candidate | str, found: Mapping[tuple[str, str], Verdict | str]) -> StepVerdict:
    branch = leaf.branch
    if isinstance(chosen, str):
        named = branch.target.shown if branch.target is not None else branch.named
        return StepVerdict(leaf.step_id, named, None, None, None, chosen, 0)
    answer = found.get(chosen.key, f"not asked: a Test asks at most {MOST} targets")
    verdict, trouble = (answer, "") if isinstance(answer, Verdict) else (None, answer)
    return StepVerdict(
        step_id=leaf.step_id,
        target=chosen.target.shown,
        connection_id=chosen.connection.id,
        connection_name=chosen.connection.name,
        verdict=verdict,
        trouble=trouble,
        ms=verdict.latency_ms if verdict is not None else 0,
    )
