"""Combos and aliases of a document: read through the checks of their operations, steps by the ids that they are stored by.

A step may name a provider or connection that is gone: deleting one leaves such steps, and they say so. A combo that it names must
be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from omniroute.backup.kinds import Row
from omniroute.backup.reading_upstreams import PROVIDER, read_id
from omniroute.backup.refusals import Refusals, members_of
from omniroute.combos import aliases as alias_checks
from omniroute.combos import operations as combo_checks
from omniroute.combos.nesting import require_nesting
from omniroute.errors import Invalid
from omniroute.given import Given
from omniroute.models.combos import ComboRow
from omniroute.providers.catalog import Provider
from omniroute.routing.configuration import Combo, Configuration, Connection
from omniroute.state.rows import combo_value

COMBO = {**combo_checks.LABELS, "id": "Id", "sort_order": "Place", "created_at": "Made"}
STEP = ("id", "provider", "model", "combo", "connection_id", "weight", "label", "tags", "enabled")


def read_combos(given: list[Any], rest: Iterable[Row], refusals: Refusals, now: float) -> list[Row]:
    """`rest` are the rows that are here, of which those of the same id give way."""
    heads: list[tuple[str, dict[str, Any], Combo]] = []
    for number, each in enumerate(given):
        with refusals.at(f"combos[{number}]"):
            members = members_of(each, COMBO)
            heads.append((f"combos[{number}]", members, _head(members)))
    beside = {row["name"]: combo_value(ComboRow(**row)) for row in _others(rest, "id", given)}
    known = {**beside, **{head.name: head for _, _, head in heads}}
    rows: list[Row] = []
    combos = dict(beside)
    for place, members, head in heads:
        with refusals.at(place):
            combo = _combo(members, head, known)
            combos[combo.name] = combo
            made = Given(members, COMBO).moment("created_at", None)
            rows.append(
                {"id": combo.id, "sort_order": combo.sort_order, "created_at": made or now, **combo_checks.as_columns(combo)}
            )
    for place, _, head in heads:
        if head.name in combos:
            with refusals.at(place):
                require_nesting(head.name, combos)
    return rows


def _others(rest: Iterable[Row], identity: str, given: Iterable[Any]) -> Iterator[Row]:
    """Those of `rest` that none of the document's takes the place of."""
    own = {str(each.get(identity)) for each in given if isinstance(each, Mapping)}
    return (row for row in rest if row[identity] not in own)


def _head(members: Mapping[str, Any]) -> Combo:
    """What others need to know of a combo before its steps are read."""
    read = Given(members, COMBO)
    combo_id, name = read_id(read), read.text("name", needed=True)
    if name and (problem := combo_checks.name_problem(name)):
        read.refuse("name", problem)
    place = read.whole("sort_order", 0, -1_000_000_000, 1_000_000_000)
    read.moment("created_at", None)
    read.check()
    return Combo(combo_id, name, sort_order=place)


def _combo(members: Mapping[str, Any], head: Combo, known: Mapping[str, Combo]) -> Combo:
    given = {name: value for name, value in members.items() if name in combo_checks.LABELS}
    steps = given.get("steps", [])
    if not isinstance(steps, list):
        raise Invalid("Steps must be a list.", {"steps": "Steps must be a list."})
    read_steps, wrong = [], Refusals()
    for number, step in enumerate(steps):
        with wrong.at(f"steps[{number}]"):
            read_steps.append(_step(step))
    wrong.check()
    around = _around([step for step in read_steps if "model" in step], known)
    read = Given({**given, "steps": read_steps}, combo_checks.LABELS)
    return combo_checks.read_combo(read, head, around, new_id=lambda: "")  # a step has its id, or is refused


def _step(given: Any) -> dict[str, Any]:
    """As StepReader takes it: the model behind its provider's id, which has no slash in it."""
    members = members_of(given, STEP, "A step")
    if members.get("combo"):
        return members
    provider, model = members.pop("provider", None), members.get("model")
    if not isinstance(provider, str) or not PROVIDER.fullmatch(provider):
        raise Invalid("Provider must be the id of a provider.", {"provider": "Provider must be the id of a provider."})
    return {**members, "model": f"{provider}/{model}" if isinstance(model, str) else model}


def _around(steps: list[dict[str, Any]], known: Mapping[str, Combo]) -> Configuration:
    """All combos, and whatever these steps name, by id alone: prefixes lead nowhere here."""
    providers: dict[str, Provider] = {}
    connections: dict[str, tuple[Connection, ...]] = {}
    for step in steps:
        provider_id, wanted = str(step["model"]).partition("/")[0], step.get("connection_id")
        providers[provider_id] = Provider(id=provider_id, name=provider_id, kind="native", format="openai_chat", base_url="")
        if isinstance(wanted, str):
            connections[provider_id] = (*connections.get(provider_id, ()), Connection(wanted, provider_id, wanted, ""))
    return Configuration(0, providers, {}, connections, {}, {}, combos=known)


ALIAS = tuple(alias_checks.LABELS)


def read_aliases(given: list[Any], rest: Iterable[Row], combos: Iterable[str], refusals: Refusals) -> list[Row]:
    """An alias whose name a combo has taken since is kept, as elsewhere: it is never looked at."""
    members: list[Mapping[str, Any]] = []
    for number, each in enumerate(given):
        with refusals.at(f"aliases[{number}]"):
            members.append(members_of(each, ALIAS))
    if len(members) < len(given):
        return []
    own = {str(each.get("pattern")) for each in members}
    beside = [{name: row[name] for name in ALIAS} for row in _others(rest, "pattern", members)]
    try:
        read = alias_checks.read_all([*members, *beside], [name for name in combos if name not in own])
    except Invalid as exc:
        for name, text in exc.fields.items():
            refusals.note(name, text)
        return []
    return [{"pattern": alias.pattern, "model": alias.model, "priority": alias.priority} for alias in read[: len(members)]]
