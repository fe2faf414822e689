"""Aliases: other names for models and combos."""

from __future__ import annotations

from typing import Any

from omniroute.combos.aliases import AliasView
from omniroute.edge import current
from omniroute.edge.bodies import ALIASES
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"aliases": services.aliases.list(), "next": None}


def replace(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"aliases": services.aliases.replace(given["aliases"], current.actor()), "next": None}


LIST = {"aliases": tuple[AliasView, ...], "next": str | None}

ENDPOINTS = (
    Endpoint("GET", "/api/models/alias", "All aliases, in the order in which they are looked at", listed, LIST),
    Endpoint("PUT", "/api/models/alias", "These aliases instead of all there were", replace, LIST, body=ALIASES),
)
