"""The management API: JSON under `/api`, and the two health probes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from omniroute import __version__
from omniroute.manage import (
    about,
    aliases,
    audit,
    auth,
    backup,
    budgets,
    catalog,
    combos,
    health,
    keys,
    logs,
    metrics,
    models,
    nodes,
    openapi,
    pricing,
    providers,
    quota,
    resilience,
    resolve,
    settings,
    usage,
)
from omniroute.manage.endpoint import Endpoint, register
from omniroute.services import Services


def blueprint(services: Services) -> Blueprint:
    """Every endpoint of `ENDPOINTS`. Who may use them says edge/tiers.py, errors are written by edge/problems.py."""
    made = Blueprint("manage", __name__)
    register(made, services, ENDPOINTS)
    return made


def described(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return openapi.document(ENDPOINTS, __version__)


ENDPOINTS: tuple[Endpoint, ...] = (
    *auth.ENDPOINTS,
    *nodes.ENDPOINTS,
    *providers.ENDPOINTS,
    *catalog.ENDPOINTS,
    *models.ENDPOINTS,
    *pricing.ENDPOINTS,
    *combos.ENDPOINTS,
    *aliases.ENDPOINTS,
    *resilience.ENDPOINTS,
    *keys.ENDPOINTS,
    *budgets.ENDPOINTS,
    *quota.ENDPOINTS,
    *resolve.ENDPOINTS,
    *logs.ENDPOINTS,
    *usage.ENDPOINTS,
    *settings.ENDPOINTS,
    *backup.ENDPOINTS,
    *audit.ENDPOINTS,
    *about.ENDPOINTS,
    *health.ENDPOINTS,
    *metrics.ENDPOINTS,
    Endpoint("GET", "/api/openapi.json", "This description", described, dict),
)
