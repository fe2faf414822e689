"""Combos: their steps, order and Test, and the way out and in as a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omniroute.combos.operations import ComboView, Refused
from omniroute.edge import current
from omniroute.edge.bodies import COMBO, COMBO_EXPORT, COMBO_IMPORT, COMBO_ORDER, COMBO_TEST
from omniroute.edge.declarations import BadInput, camel
from omniroute.errors import Invalid, Missing
from omniroute.manage.endpoint import Endpoint
from omniroute.relay.combo_probe import StepVerdict
from omniroute.services import Services

# How the API, and OmniRoute's users in their scripts, spell the members of a step.
STEP_WORDS = {
    "connectionId": "connection_id",
    "connectionName": "connection_name",
    "providerId": "provider",
    "comboName": "combo",
}


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"combos": services.combos.list(), "next": None}


def create(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    with as_spelt():
        return {"combo": services.combos.create(_combo(given), current.actor())}


def shown(services: Services, given: dict[str, Any], combo_id: str) -> dict[str, Any]:
    return {"combo": services.combos.get(combo_id)}


def update(services: Services, given: dict[str, Any], combo_id: str) -> dict[str, Any]:
    with as_spelt():
        return {"combo": services.combos.update(combo_id, _combo(given), current.actor())}


def delete(services: Services, given: dict[str, Any], combo_id: str) -> None:
    services.combos.delete(combo_id, current.actor())


def duplicate(services: Services, given: dict[str, Any], combo_id: str) -> dict[str, Any]:
    return {"combo": services.combos.duplicate(combo_id, current.actor())}


def reorder(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    ids = given.get("ids", given.get("combo_ids"))
    if ids is None:
        raise BadInput("ids: is missing.", {"ids": "is missing"})
    return {"combos": services.combos.reorder(ids, current.actor()), "next": None}


def test(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    """Every step of a saved combo, or of one that is just being made."""
    by = current.actor()
    with as_spelt():
        if "steps" in given:
            results = services.combo_probe.test_given({"steps": _steps(given["steps"])}, by)
        else:
            results = services.combo_probe.test(_named(services, given), by)
    passed = sum(each.answered for each in results)
    return {"results": results, "summary": Summary(len(results), passed, len(results) - passed)}


def export(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    ids = given.get("ids")
    return services.combos.export([each for each in ids.split(",") if each] if ids is not None else None)


def import_(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    replace = given.pop("replace", False)
    with as_spelt():
        done = services.combos.import_(given, current.actor(), replace=replace)
    return {"created": done.created, "updated": done.updated, "refused": done.refused}


@dataclass(frozen=True, slots=True)
class Summary:
    total: int
    passed: int
    failed: int


@contextmanager
def as_spelt() -> Iterator[None]:
    """Refusals by the names that the caller used: all in camelCase but the members of `config`."""
    try:
        yield
    except Invalid as exc:
        fields = {name if name.startswith("config.") else camel(name): text for name, text in exc.fields.items()}
        raise BadInput(exc.message, fields) from exc


def _combo(given: dict[str, Any]) -> dict[str, Any]:
    combo = {name: value for name, value in given.items() if name not in ("steps", "models")}
    if "steps" in given and "models" in given:
        raise BadInput("models: is another name for steps; give one of them.", {"models": "is another name for steps"})
    for name in ("steps", "models"):
        if name in given:
            combo["steps"] = _steps(given[name])
    return combo


def _steps(steps: list[Any]) -> list[Any]:
    return [
        {STEP_WORDS.get(name, name): value for name, value in step.items()} if isinstance(step, dict) else step for step in steps
    ]


def _named(services: Services, given: dict[str, Any]) -> str:
    if combo_id := given.get("combo_id"):
        return str(combo_id)
    name = given.get("combo_name")
    if not name:
        raise BadInput("comboId: is missing; or give steps.", {"comboId": "is missing; or give steps"})
    for combo in services.combos.list():
        if combo.name == name:
            return combo.id
    raise Missing(f"There is no combo {name!r}.", {"combo_name": "is the name of no combo"})


ONE = {"combo": ComboView}
ALL = {"combos": tuple[ComboView, ...], "next": str | None}

ENDPOINTS = (
    Endpoint("GET", "/api/combos", "All combos, in their order", listed, ALL),
    Endpoint("POST", "/api/combos", "Add a combo", create, ONE, status=201, body=COMBO),
    Endpoint("POST", "/api/combos/reorder", "Put the combos in another order", reorder, ALL, body=COMBO_ORDER),
    Endpoint(
        "POST",
        "/api/combos/test",
        "Ask every step of a combo",
        test,
        {"results": tuple[StepVerdict, ...], "summary": Summary},
        body=COMBO_TEST,
    ),
    Endpoint(
        "GET",
        "/api/combos/export",
        "Combos and aliases as a document for another installation",
        export,
        {"version": int, "combos": list[dict[str, Any]], "aliases": list[dict[str, Any]]},
        query=COMBO_EXPORT,
    ),
    Endpoint(
        "POST",
        "/api/combos/import",
        "Take in such a document; each combo and alias is taken or refused by itself",
        import_,
        {"created": tuple[str, ...], "updated": tuple[str, ...], "refused": tuple[Refused, ...]},
        body=COMBO_IMPORT,
    ),
    Endpoint("GET", "/api/combos/<combo_id>", "One combo", shown, ONE),
    Endpoint("PUT", "/api/combos/<combo_id>", "Change a combo", update, ONE, body=COMBO, partial=True),
    Endpoint("DELETE", "/api/combos/<combo_id>", "Delete a combo", delete, status=204),
    Endpoint("POST", "/api/combos/<combo_id>/duplicate", "The same combo under another name", duplicate, ONE, status=201),
)
