"""Who changed what: page by page, and as a file."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from omniroute.edge.bodies import AUDIT_FILTERS, AUDIT_KINDS
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.export import JSONL, as_csv, as_jsonl, columns_of
from omniroute.security.audit import AuditFilters, AuditView
from omniroute.services import Services

PAGE = 50
COLUMNS = columns_of(AuditView)


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    before, limit = given.pop("before", None), given.pop("limit", PAGE)
    page = services.audit.page(AuditFilters(**given), before, limit)
    return {"entries": page.rows, "next": page.next}


def export_csv(services: Services, given: dict[str, Any]) -> Response:
    return as_csv("audit", services.clock.now(), partial(services.audit.page, AuditFilters(**given)), COLUMNS)


def export_jsonl(services: Services, given: dict[str, Any]) -> Response:
    return as_jsonl("audit", services.clock.now(), partial(services.audit.page, AuditFilters(**given)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/audit",
        "Changes, newest first",
        listed,
        {"entries": tuple[AuditView, ...], "next": str | None},
        query=AUDIT_FILTERS,
    ),
    Endpoint("GET", "/api/audit/export.csv", "Changes as CSV", export_csv, str, query=AUDIT_KINDS, mimetype="text/csv"),
    Endpoint("GET", "/api/audit/export.jsonl", "Changes as JSON Lines", export_jsonl, str, query=AUDIT_KINDS, mimetype=JSONL),
)
