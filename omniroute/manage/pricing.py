"""What models cost: the operator's own prices, and which price counts for each model that can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omniroute.edge import current
from omniroute.edge.bodies import PRICE, PRICE_NAMED, PRICES_OF, PRICES_PUT
from omniroute.edge.declarations import BadInput
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services
from omniroute.usage.prices import PricedView, PriceView


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model that can be asked, and nobody knows what it costs."""

    provider: str
    model: str


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    wanted = given.get("provider")
    models = [view for view in services.prices.models() if wanted in (None, view.provider_id)]
    return {
        "prices": [view for view in services.prices.list() if wanted in (None, view.provider_id)],
        "models": [view for view in models if view.source is not None],
        "unknown": [Unpriced(view.provider_id, view.model) for view in models if view.source is None],
        "next": None,
    }


def put(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    if "prices" in given:
        if extra := [field.json for field in PRICE if field.name in given]:
            wrong = dict.fromkeys(extra, "belongs to one price: leave it out, or leave prices out")
            raise BadInput("Either one price, or a list of them in prices.", wrong)
        return {"prices": services.prices.put_all(given["prices"], current.actor()), "next": None}
    if missing := {name: "is missing" for name in ("provider", "model") if name not in given}:
        raise BadInput("Whose price? Give provider and model, or a list of prices.", missing)
    provider, model = given.pop("provider"), given.pop("model")
    return {"prices": [services.prices.put(provider, model, given, current.actor())], "next": None}


def delete(services: Services, given: dict[str, Any]) -> None:
    services.prices.delete(given["provider"], given["model"], current.actor())


SET = {"prices": tuple[PriceView, ...], "next": str | None}
LIST = {"prices": tuple[PriceView, ...], "models": tuple[PricedView, ...], "unknown": tuple[Unpriced, ...], "next": str | None}

ENDPOINTS = (
    Endpoint(
        "GET", "/api/pricing", "Prices of your own, and the price that counts for each model", listed, LIST, query=PRICES_OF
    ),
    Endpoint("PUT", "/api/pricing", "Set one price of your own, or many; others stay", put, SET, body=PRICES_PUT),
    Endpoint("DELETE", "/api/pricing", "Delete a price of your own", delete, status=204, query=PRICE_NAMED),
)
