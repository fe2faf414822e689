"""What was used, from the sums by hour and day; and the log as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from omniroute.clock import moment
from omniroute.connections.resilience import HeldView
from omniroute.edge.bodies import LOG_KINDS, USAGE
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.export import Pages, csv_file, jsonl_file
from omniroute.models.paging import LONGEST, Page
from omniroute.services import Services
from omniroute.usage.alerts import Alert
from omniroute.usage.logs import LogFilters, LogView
from omniroute.usage.pulse import PulseView
from omniroute.usage.reports import UsageFilters, UsageSummary

CSV, JSONL = "text/csv; charset=utf-8; header=present", "application/x-ndjson"


def summary(services: Services, given: dict[str, Any]) -> UsageSummary:
    since, until, group = (given.pop(name, None) for name in ("since", "until", "group"))
    return services.usage.summary(since, until, group, UsageFilters(**given))


def pulse(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "pulse": services.pulse.current(),
        "held": services.resilience.overview().held,
        "alerts": services.alerts.current(),
    }


def export_csv(services: Services, given: dict[str, Any]) -> Response:
    return _file(services, given, csv_file, "csv", CSV)


def export_jsonl(services: Services, given: dict[str, Any]) -> Response:
    return _file(services, given, jsonl_file, "jsonl", JSONL)


def _file(
    services: Services, given: dict[str, Any], write: Callable[[Pages], Iterator[bytes]], ending: str, media: str
) -> Response:
    filters = LogFilters(**given)
    first = services.logs.page(filters, limit=LONGEST)  # what is wrong is told before the file begins
    name = f"omniroute-log-{moment(services.clock.now())[:19].replace(':', '')}Z.{ending}"
    made = Response(write(_pages(services, filters, first)), content_type=media)
    made.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return made


def _pages(services: Services, filters: LogFilters, page: Page[LogView]) -> Iterator[Page[LogView]]:
    yield page
    while page.next is not None:
        page = services.logs.page(filters, page.next, LONGEST)
        yield page


ENDPOINTS = (
    Endpoint("GET", "/api/usage/summary", "Sums, by group and over time", summary, UsageSummary, query=USAGE),
    Endpoint(
        "GET",
        "/api/usage/pulse",
        "What is going on now, over all workers: as Home shows it",
        pulse,
        {"pulse": PulseView, "held": tuple[HeldView, ...], "alerts": tuple[Alert, ...]},
    ),
    Endpoint("GET", "/api/usage/export.csv", "The log as CSV", export_csv, str, query=LOG_KINDS, mimetype="text/csv"),
    Endpoint("GET", "/api/usage/export.jsonl", "The log as JSON Lines", export_jsonl, str, query=LOG_KINDS, mimetype=JSONL),
)
