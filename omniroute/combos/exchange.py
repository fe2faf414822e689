"""Combos and aliases as a document that goes from one installation to another: models by prefix, connections by name, no ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from omniroute.given import Given
from omniroute.routing.configuration import Alias, Combo, ComboConfig, ComboStep, Configuration

VERSION = 1
MOST_COMBOS = 500
MOST_ALIASES = 1000
DEFAULT = asdict(ComboConfig())


@dataclass(frozen=True, slots=True)
class Refused:
    """A combo or alias that was not taken in; `field` is the first that was wrong."""

    name: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """Names of combos and patterns of aliases, in the order in which they were taken in or refused."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


def document(combos: Iterable[Combo], aliases: Iterable[Alias], configuration: Configuration) -> dict[str, Any]:
    """What `Combos.import_` takes."""
    return {
        "version": VERSION,
        "combos": [_combo(combo, configuration) for combo in combos],
        "aliases": [{"pattern": alias.pattern, "model": alias.model, "priority": alias.priority} for alias in aliases],
    }


def read(given: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Any]]:
    """The combos and aliases of a document. Raises Invalid when it is none, or too large."""
    checked = Given(given, {"version": "Version", "combos": "Combos", "aliases": "Aliases"})
    if checked["version"] != VERSION:
        checked.refuse("version", f"must be {VERSION}: this is not what an export of combos looks like")
    lists = {}
    for name, most in (("combos", MOST_COMBOS), ("aliases", MOST_ALIASES)):
        lists[name] = checked[name] if checked[name] is not None else []
        if not isinstance(lists[name], list) or not all(isinstance(each, Mapping) for each in lists[name]):
            checked.refuse(name, "must be a list of objects")
        elif len(lists[name]) > most:
            checked.refuse(name, f"may be at most {most} at once")
    checked.check()
    return lists["combos"], lists["aliases"]


def innermost_first(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The combos of a document so that each comes after those it contains. Circles keep their order, and are refused later."""
    pending, ordered = list(entries), list[Mapping[str, Any]]()
    while pending:
        names = {_name(entry) for entry in pending}
        free = [entry for entry in pending if not (_within(entry) & (names - {_name(entry)}))] or pending
        ordered += free
        pending = [entry for entry in pending if not any(entry is each for each in free)]
    return ordered


def _combo(combo: Combo, configuration: Configuration) -> dict[str, Any]:
    return {
        "name": combo.name,
        "strategy": combo.strategy,
        "steps": [_step(step, configuration) for step in combo.steps],
        "config": {name: value for name, value in asdict(combo.config).items() if value != DEFAULT[name]},
        "tags": list(combo.tags),
        "enabled": combo.enabled,
    }


def _step(step: ComboStep, configuration: Configuration) -> dict[str, Any]:
    made: dict[str, Any] = {"combo": step.combo} if step.combo else {"model": _shown(step, configuration)}
    if step.connection_id is not None:
        connection = configuration.connection(step.connection_id)
        made["connection"] = connection.name if connection is not None else step.connection_id
    return made | {"weight": step.weight, "label": step.label, "tags": list(step.tags), "enabled": step.enabled}


def _shown(step: ComboStep, configuration: Configuration) -> str:
    """By prefix, unless that leads to another provider here."""
    provider = configuration.providers.get(step.provider_id)
    leads = provider is not None and configuration.prefixes.get(provider.prefix.lower()) == provider.id
    return f"{provider.prefix if provider and leads else step.provider_id}/{step.model}"


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name")).casefold()


def _within(entry: Mapping[str, Any]) -> set[str]:
    """What may be combos among its steps, as far as the document is well formed."""
    steps = entry.get("steps")
    named = [each.get("combo") or each.get("model") if isinstance(each, Mapping) else each for each in steps or ()]
    return {each.casefold().removeprefix("combo/") for each in named if isinstance(each, str)}
