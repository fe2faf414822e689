"""What a combo's name stands for: the tree of its steps, and the combos that are always there."""

from __future__ import annotations

import re
from itertools import zip_longest

from omniroute.routing.configuration import DEEPEST_COMBO, Combo, ComboConfig, ComboStep, Configuration
from omniroute.routing.listed import usable_models
from omniroute.routing.route import Branch, Route, Target

# Name -> strategy: combos over everything that is usable.
AUTO: dict[str, str] = {"auto": "lkgp", "auto/fast": "latency-optimized", "auto/cheap": "cost-optimized"}
# Models that answer no conversation; upstreams list them among the others.
NO_CONVERSATION = re.compile(
    r"embed|rerank|moderation|whisper|transcri|tts|speech|audio|realtime|dall-e|image|imagen|veo|sora|lyria|guard", re.IGNORECASE
)


def combo_route(combo: Combo, configuration: Configuration, above: tuple[str, ...] = ()) -> Route:
    """The targets of `combo`, combos within it as routes of their own. What can't be asked is a branch in trouble."""
    branches = tuple(_branch(step, combo, configuration, above) for step in combo.steps if step.enabled)
    return Route(branches, combo.name, combo.strategy, combo.config)


def automatic(name: str, configuration: Configuration) -> Route:
    """Every listed model of every usable provider that may answer a conversation, with the strategy that `name` stands for.

    Providers take turns: the list of one alone would use up all attempts while that one is down.
    """
    by_provider: dict[str, list[Target]] = {}
    for target in usable_models(configuration):
        if not NO_CONVERSATION.search(target.model):
            by_provider.setdefault(target.provider.id, []).append(target)
    turns = zip_longest(*by_provider.values())
    return Route(tuple(Branch(target) for turn in turns for target in turn if target), name, AUTO[name], ComboConfig())


def _branch(step: ComboStep, combo: Combo, configuration: Configuration, above: tuple[str, ...]) -> Branch:
    tags = frozenset(step.tags)
    if step.combo:
        inner, trail = configuration.combos.get(step.combo), (*above, combo.name)
        trouble = _nesting_trouble(step.combo, inner, trail)
        if inner is None or trouble:
            return Branch(weight=step.weight, tags=tags, step_id=step.id, named=f"combo/{step.combo}", trouble=trouble)
        route = combo_route(inner, configuration, trail)
        return Branch(route=route, weight=step.weight, tags=tags, step_id=step.id)
    provider = configuration.providers.get(step.provider_id)
    if provider is None:
        trouble = "its provider is gone"
    elif provider.cc and not configuration.cc_enabled:
        trouble = "ENABLE_CC_COMPATIBLE_PROVIDER is not set"
    elif not configuration.connections.get(provider.id):
        trouble = "no connection"
    else:
        return Branch(Target(provider, step.model), None, step.connection_id, step.weight, tags, step.id)
    named = f"{provider.prefix if provider else step.provider_id}/{step.model}"
    return Branch(weight=step.weight, tags=tags, step_id=step.id, named=named, trouble=trouble)


def _nesting_trouble(name: str, inner: Combo | None, trail: tuple[str, ...]) -> str:
    """Edits are checked when they are saved; what came about otherwise must not run in circles."""
    if inner is None:
        return "there is no such combo"
    if not inner.enabled:
        return "the combo is switched off"
    if name in trail:
        return "the combo is within itself"
    return "combos may be nested three deep" if len(trail) >= DEEPEST_COMBO else ""
