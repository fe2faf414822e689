"""Health: what is held against whom, why, since when and until when, and a way to forget it."""

from __future__ import annotations

from typing import Any

from flask import flash, request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import confirmation, go, page, part, refused, wants_part
from omniroute.edge.current import actor
from omniroute.errors import OperationError
from omniroute.services import Services

# What is reset of one place: names of the operation, as the row's form sends them.
PLACE = ("connection_id", "provider", "model")


def health(services: Services) -> ResponseReturnValue:
    """The page; for htmx, which asks every few seconds, only the list."""
    values: dict[str, Any] = {"held": services.resilience.overview().held, "now": services.clock.now()}
    if wants_part():
        return part("parts/held.html", **values)
    return page("health.html", here="health", title="Health", **values)


def reset(services: Services) -> ResponseReturnValue:
    """One place."""
    given = {name: value for name in PLACE if (value := request.form.get(name))}
    if given:
        forget(services, given, "Reset. It is asked again from the next request on.")
    return go("health")


def reset_all(services: Services) -> ResponseReturnValue:
    if request.method == "POST":
        forget(services, {}, "Everything is reset.")
        return go("health")
    held = services.resilience.overview().held
    lost = [
        f"{len(held)} {'entry is' if len(held) == 1 else 'entries are'} forgotten, and every target is asked again at once.",
        "One that still fails is found out anew, at the price of a failed attempt.",
        "Nothing else changes: connections, keys and combos stay.",
    ]
    values = {"question": "Reset everything?", "lost": lost, "verb": "Reset all"}
    return confirmation(values, title="Reset all", back=("health", {}), here="health")


def forget(services: Services, given: dict[str, Any], said: str) -> None:
    try:
        services.resilience.reset(given, actor())
    except OperationError as refusal:
        refused(refusal)
    else:
        flash(said, "good")


ROUTES = (
    Route("GET", "/dashboard/health", "health", health),
    Route("POST", "/dashboard/health/reset", "health_reset", reset),
    Route("GET POST", "/dashboard/health/reset-all", "health_reset_all", reset_all),
)
