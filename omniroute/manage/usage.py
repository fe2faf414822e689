"""What was used, from the sums by hour and day; and the log as a file."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from omniroute.connections.resilience import HeldView
from omniroute.edge.bodies import LOG_KINDS, USAGE
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.export import JSONL, as_csv, as_jsonl
from omniroute.services import Services
from omniroute.usage.alerts import Alert
from omniroute.usage.logs import LogFilters
from omniroute.usage.pulse import PulseView
from omniroute.usage.reports import UsageFilters, UsageSummary


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
    return as_csv("log", services.clock.now(), partial(services.logs.page, LogFilters(**given)))


def export_jsonl(services: Services, given: dict[str, Any]) -> Response:
    return as_jsonl("log", services.clock.now(), partial(services.logs.page, LogFilters(**given)))


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
