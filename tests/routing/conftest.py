"""A small made-up configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omniroute.providers.values import Model, Provider
from omniroute.routing.candidates import Candidate
from omniroute.routing.configuration import Combo, ComboConfig, ComboStep, Configuration, Connection
from omniroute.routing.route import Target


def provider(id: str, *models: str, prefix: str = "", **more: Any) -> Provider:
    made = Provider(id, id.title(), "native", "openai_chat", f"https://{id}.example", prefix=prefix or id)
    return replace(made, models=tuple(Model(name, name) for name in models), **more)


def connection(id: str, provider_id: str, **more: Any) -> Connection:
    return Connection(id, provider_id, f"{id} name", "sealed", **more)


def configuration(providers: list[Provider], *connections: Connection, **more: Any) -> Configuration:
    by_provider: dict[str, tuple[Connection, ...]] = {}
    for each in connections:
        by_provider[each.provider_id] = (*by_provider.get(each.provider_id, ()), each)
    prefixes = {name: each.id for each in providers for name in (each.id, each.prefix, *each.aliases)}
    return Configuration(1, {each.id: each for each in providers}, prefixes, by_provider, {}, more.pop("models", {}), **more)


def candidate(id: str, model: str = "m", **more: Any) -> Candidate:
    """A connection of a provider of its own. `more` is said of the model: its window, its prices."""
    owner = replace(provider(f"of-{id}"), models=(Model(model, model, **more),))
    return Candidate(Target(owner, model), connection(id, owner.id), f"step-{id}")


def step(named: str, **more: Any) -> ComboStep:
    """`alpha/big`, or `combo/inner`."""
    if named.startswith("combo/"):
        return ComboStep(more.pop("id", named), combo=named.removeprefix("combo/"), **more)
    provider_id, _, model = named.partition("/")
    return ComboStep(more.pop("id", named), provider_id, model, **more)


def combo(name: str, *steps: str | ComboStep, strategy: str = "priority", enabled: bool = True, **config: int) -> Combo:
    made = tuple(step(each) if isinstance(each, str) else each for each in steps)
    return Combo(f"id-{name}", name, strategy, made, ComboConfig(**config), enabled=enabled)


def with_combos(known: Configuration, *combos: Combo) -> Configuration:
    return replace(known, combos={each.name: each for each in combos})


@pytest.fixture
def usual() -> Configuration:
    """alpha with two connections, beta with one, gamma with none."""
    return configuration(
        [
            provider("alpha", "big", "small", aliases=("al",)),
            provider("beta", "big", "meta/llama"),
            provider("gamma", "solo"),
            provider("anthropic", "claude-opus-5"),
        ],
        connection("a1", "alpha", priority=1),
        connection("a2", "alpha"),
        connection("b1", "beta", priority=5),
    )
