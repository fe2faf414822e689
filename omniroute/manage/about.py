"""What is known of the gateway itself."""

from __future__ import annotations

from typing import Any

from omniroute.about import AboutView, about
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def shown(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"about": about(services)}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/about",
        "Versions, and how the database, Redis and the processes are",
        shown,
        {"about": AboutView},
    ),
)
