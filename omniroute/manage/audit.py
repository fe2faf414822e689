"""Who changed what: page by page, and as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from omniroute.clock import moment
from omniroute.edge.bodies import AUDIT_FILTERS, AUDIT_KINDS
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.export import Pages, columns_of, csv_file, jsonl_file
from omniroute.manage.usage import CSV, JSONL
from omniroute.models.paging import LONGEST, Page
from omniroute.security.audit import AuditFilters, AuditView
from omniroute.services import Services

PAGE = 50
COLUMNS = columns_of(AuditView)


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    before, limit = given.pop("before", None), given.pop("limit", PAGE)
    page = services.audit.page(AuditFilters(**given), before, limit)
    return {"entries": page.rows, "next": page.next}


def export_csv(services: Services, given: dict[str, Any]) -> Response:
    return _file(services, given, lambda pages: csv_file(pages, COLUMNS), "csv", CSV)


def export_jsonl(services: Services, given: dict[str, Any]) -> Response:
    return _file(services, given, jsonl_file, "jsonl", JSONL)


def _file(
    services: Services, given: dict[str, Any], write: Callable[[Pages], Iterator[bytes]], ending: str, media: str
) -> Response:
    filters = AuditFilters(**given)
    first = services.audit.page(filters, limit=LONGEST)  # what is wrong is told before the file begins
    name = f"omniroute-audit-{moment(services.clock.now())[:19].replace(':', '')}Z.{ending}"
    made = Response(write(_pages(services, filters, first)), content_type=media)
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made


def _pages(services: Services, filters: AuditFilters, page: Page[AuditView]) -> Iterator[Page[AuditView]]:
    yield page
    while page.next is not None:
        page = services.audit.page(filters, page.next, LONGEST)
        yield page


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
