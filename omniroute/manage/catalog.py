"""The native providers: what can be connected, what each asks for, which models it lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omniroute.manage.endpoint import Endpoint
from omniroute.providers.values import Field, Model, Provider
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Offer:
    """A native provider as it is shown. `notice` is what has to be said of the headers that its wire profile sends."""

    id: str
    name: str
    prefix: str
    aliases: tuple[str, ...]
    format: str
    base_url: str
    local: bool
    key_required: bool
    key_field: Field | None
    fields: tuple[Field, ...]
    models: tuple[Model, ...]
    wire: str | None
    notice: str
    website: str
    key_url: str
    docs_url: str
    notes: str
    free_note: str


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"providers": tuple(_offer(services, provider) for provider in services.catalog.all()), "next": None}


def _offer(services: Services, provider: Provider) -> Offer:
    notice = services.catalog.wires[provider.wire].notice if provider.wire else ""
    told = {name: getattr(provider, name) for name in Offer.__dataclass_fields__ if name != "notice"}
    return Offer(**told, notice=notice)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/provider-catalog",
        "The native providers, their fields and models",
        listed,
        {"providers": tuple[Offer, ...], "next": str | None},
    ),
)
