"""Who changed what."""

from __future__ import annotations

from typing import Any

from omniroute.edge.bodies import AUDIT_FILTERS
from omniroute.manage.endpoint import Endpoint
from omniroute.security.audit import AuditView
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    page = services.audit.page(**given)
    return {"entries": page.rows, "next": page.next}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/audit",
        "Changes, newest first",
        listed,
        {"entries": tuple[AuditView, ...], "next": str | None},
        query=AUDIT_FILTERS,
    ),
)
