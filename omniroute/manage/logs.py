"""The log of requests: a page of it, and one with its attempts."""

from __future__ import annotations

from typing import Any

from omniroute.edge.bodies import LOG_FILTERS
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services
from omniroute.usage.bodies import StoredBodies
from omniroute.usage.logs import LogFilters, LogView

PAGE = 50


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    before, limit = given.pop("before", None), given.pop("limit", PAGE)
    page = services.logs.page(LogFilters(**given), before, limit)
    return {"logs": page.rows, "next": page.next}


def shown(services: Services, given: dict[str, Any], log_id: str) -> dict[str, Any]:
    return {"log": services.logs.get(log_id), "bodies": services.books.bodies.has(log_id)}


def bodies(services: Services, given: dict[str, Any], log_id: str) -> dict[str, Any]:
    return {"bodies": services.books.bodies.get(log_id)}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/usage/logs",
        "Requests, newest first",
        listed,
        {"logs": tuple[LogView, ...], "next": str | None},
        query=LOG_FILTERS,
    ),
    Endpoint(
        "GET",
        "/api/usage/logs/<log_id>",
        "One request and its attempts, and whether its bodies are stored",
        shown,
        {"log": LogView, "bodies": bool},
    ),
    Endpoint("GET", "/api/usage/logs/<log_id>/bodies", "What was sent and answered", bodies, {"bodies": StoredBodies}),
)
