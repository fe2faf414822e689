"""Settings that are kept in the database. What the environment decides is not among them."""

from __future__ import annotations

from typing import Any

from omniroute.edge import current
from omniroute.edge.bodies import SETTINGS
from omniroute.edge.hosts import Hosts
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.shapes import as_json
from omniroute.services import Services


def shown(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"settings": as_json(services.preferences.all())}


def update(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    Hosts(services.settings).need_way(current.host(), given)
    return {"settings": as_json(services.preferences.update(given, current.actor()))}


ONE = {"settings": dict[str, str | int | tuple[str, ...]]}

ENDPOINTS = (
    Endpoint("GET", "/api/settings", "All settings", shown, ONE),
    Endpoint("PUT", "/api/settings", "Change some settings", update, ONE, body=SETTINGS, partial=True),
)
