"""What is held against connections, models and providers, and when breakers open."""

from __future__ import annotations

from typing import Any

from omniroute.connections.resilience import HeldView, Reset
from omniroute.edge import current
from omniroute.edge.bodies import RESILIENCE, RESILIENCE_RESET
from omniroute.manage.endpoint import Endpoint
from omniroute.routing.health import ResilienceSettings
from omniroute.services import Services


def shown(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"held": services.resilience.overview().held, "settings": services.resilience.settings()}


def update(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"settings": services.resilience.change_settings(given, current.actor())}


def reset(services: Services, given: dict[str, Any]) -> Reset:
    return services.resilience.reset(given, current.actor())


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/resilience",
        "What is held against whom, until when, and when breakers open",
        shown,
        {"held": tuple[HeldView, ...], "settings": ResilienceSettings},
    ),
    Endpoint(
        "PATCH",
        "/api/resilience",
        "Change when breakers open; null is the default",
        update,
        {"settings": ResilienceSettings},
        body=RESILIENCE,
    ),
    Endpoint(
        "POST",
        "/api/resilience/reset",
        "Forget what is held: {} for all, or against a connection, a provider, a model",
        reset,
        Reset,
        body=RESILIENCE_RESET,
    ),
)
