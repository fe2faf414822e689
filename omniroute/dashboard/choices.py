"""What can be asked for, by name: the models of what is connected, in blocks by provider, and the combos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omniroute.dashboard.home import offered
from omniroute.providers.values import Model
from omniroute.routing.combos import AUTO
from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.listed import usable_models

AT_ONCE = 40  # names in the list of a search


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is what a step or a client says; `model` what the catalogue knows of it, None for the rest."""

    value: str
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The names that fit `wanted`, cut to what a page bears. `typed` is `wanted` itself, when it could be a model's name."""

    wanted: str
    groups: tuple[Group, ...]
    shown: int
    total: int

    @property
    def typed(self) -> str:
        prefix, slash, model = self.wanted.partition("/")
        listed = any(choice.value == self.wanted for group in self.groups for choice in group.choices)
        return self.wanted if prefix and slash and model and " " not in self.wanted and not listed else ""


@dataclass(frozen=True, slots=True)
class Through:
    """The connections of one provider or node. `prefixes` are the texts before a slash that lead to it."""

    provider: str
    prefixes: tuple[str, ...]
    connections: tuple[Connection, ...]


def find(configuration: Configuration, wanted: str, but: str = "") -> Found:
    """Models and combos whose names hold every word of `wanted`; without the combo `but`, which can't be within itself."""
    wanted = wanted.strip()
    parts = wanted.lower().split()
    groups: dict[str, list[Choice]] = {}
    shown = total = 0
    for label, choice in _all(configuration, but):
        if all(part in f"{label} {choice.value}".lower() for part in parts):
            total += 1
            if shown < AT_ONCE:
                shown += 1
                groups.setdefault(label, []).append(choice)
    return Found(wanted, tuple(Group(label, tuple(choices)) for label, choices in groups.items()), shown, total)


def _all(configuration: Configuration, but: str) -> Iterator[tuple[str, Choice]]:
    for target in usable_models(configuration):
        prefix = target.provider.prefix or target.provider.id
        yield target.provider.name, Choice(f"{prefix}/{target.model}", target.provider.model(target.model))
    for name in configuration.combos:
        if name != but:
            yield "Combos", Choice(f"combo/{name}")


def through(configuration: Configuration) -> tuple[Through, ...]:
    """Every provider that has connections, for the choice of one of them."""
    found = []
    for provider_id, rows in configuration.connections.items():
        provider = configuration.providers.get(provider_id)
        if provider is not None and rows:
            prefixes = tuple(prefix for prefix, owner in configuration.prefixes.items() if owner == provider_id)
            found.append(Through(provider.name, tuple(dict.fromkeys((*prefixes, provider_id.lower()))), rows))
    return tuple(found)


def askable(configuration: Configuration) -> tuple[str, ...]:
    """What a client may name: combos, the ones that are always there, models."""
    return (*configuration.combos, *AUTO, *offered(configuration))
