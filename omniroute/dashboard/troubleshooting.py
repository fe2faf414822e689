"""Troubleshooting: what can be behind each failure, searched by the text of an error."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.remedies import Where, explained
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page, part, wants_part
from omniroute.routing.troubleshooting import names, search
from omniroute.services import Services

LONGEST = 2000  # characters of an error that is pasted


def troubleshooting(services: Services) -> ResponseReturnValue:
    """`?provider=` leaves only what can be so for that one, and lets the links lead to it."""
    wanted = request.args.get("q", "")[:LONGEST]
    provider = services.configuration.current().providers.get(request.args.get("provider", ""))
    found = tuple(explained(services, each, Where(provider)) for each in search(wanted))
    values: dict[str, Any] = {"found": found, "wanted": wanted.strip(), "provider": provider, "names": names}
    if wants_part():
        return part("parts/troubles.html", **values)
    return page("troubleshooting.html", here="health", title="Troubleshooting", **values)


ROUTES = (Route("GET", "/dashboard/troubleshooting", "troubleshooting", troubleshooting),)
