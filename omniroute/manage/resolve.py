"""A dry run: which targets a request would try, in which order, and why. Nothing is sent."""

from __future__ import annotations

from typing import Any

from omniroute.edge.bodies import RESOLVE
from omniroute.errors import Missing
from omniroute.manage.endpoint import Endpoint
from omniroute.relay.explain import Terms
from omniroute.routing.configuration import ClientKey
from omniroute.services import Services


def resolve(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    terms = Terms(
        endpoint=given.get("endpoint", ""),
        tags=frozenset(tag for text in given.get("tags", "").split(",") if (tag := text.strip())),
        connection=given.get("connection") or None,
        input_tokens=given.get("input_tokens"),
        output_tokens=given.get("output_tokens"),
    )
    return services.explain.explain(given["model"], _key(services, given.get("key")), terms)


def _key(services: Services, key_id: str | None) -> ClientKey | None:
    if key_id is None:
        return None
    for key in services.configuration.current().keys.values():
        if key.id == key_id:
            return key
    raise Missing(f"There is no key with the id {key_id!r}.", {"key": "is the id of no key"})


ENDPOINTS = (Endpoint("GET", "/api/resolve", "What would be tried for a model, and why", resolve, dict, query=RESOLVE),)
