"""Budgets of client keys, and how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from omniroute.edge import current
from omniroute.edge.bodies import BUDGET, BUDGET_NAMED, BUDGETS_OF
from omniroute.edge.declarations import BadInput
from omniroute.keys.budgets import BudgetView
from omniroute.limits.limit import budget_limit
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.quota import Amount, told
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class BudgetTold:
    """A budget and how it stands: see LimitTold."""

    id: str
    api_key_id: str
    key_name: str
    period: str
    unit: str
    limit_usd: Decimal | None
    limit_tokens: int | None
    warn_at: float
    timezone: str
    created_at: float
    updated_at: float
    spent: Amount | None
    reserved: Amount | None
    left: Amount | None
    share: float | None
    state: str
    resets_at: float | None


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"budgets": _told(services, services.budgets.list(given.get("api_key_id"))), "next": None}


def put(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"budget": _told(services, [services.budgets.put(given, current.actor())])[0]}


def delete(services: Services, given: dict[str, Any]) -> None:
    if "id" not in given:
        words = {"api_key_id": "apiKeyId", "period": "period"}
        if missing := {word: "is missing, and so is id" for name, word in words.items() if name not in given}:
            raise BadInput("Which budget? Give its id, or apiKeyId and period.", missing)
        given["id"] = services.budgets.find(given["api_key_id"], given["period"]).id
    services.budgets.delete(given["id"], current.actor())


def _told(services: Services, views: Sequence[BudgetView]) -> tuple[BudgetTold, ...]:
    standings = services.standings.of([(budget_limit(view.api_key_id, view.value), view.warn_at) for view in views])
    return tuple(
        BudgetTold(**asdict(view), **{name: getattr(told(standing), name) for name in STANDS})
        for view, standing in zip(views, standings, strict=True)
    )


STANDS = tuple(field.name for field in fields(BudgetTold) if field.name not in BudgetView.__dataclass_fields__)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/usage/budget",
        "Budgets of client keys, and how they stand",
        listed,
        {"budgets": tuple[BudgetTold, ...], "next": str | None},
        query=BUDGETS_OF,
    ),
    Endpoint(
        "POST",
        "/api/usage/budget",
        "This budget in place of the key's of that period",
        put,
        {"budget": BudgetTold},
        status=201,
        body=BUDGET,
    ),
    Endpoint("DELETE", "/api/usage/budget", "Delete a budget", delete, status=204, query=BUDGET_NAMED),
)
