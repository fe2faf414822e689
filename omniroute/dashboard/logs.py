"""The request log: newest first, filtered by plain links and forms, and each request with its attempts."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.errors import Invalid
from omniroute.services import Services
from omniroute.usage.logs import LogFilters

OUTCOMES = (("", "All"), ("ok", "Answered"), ("failed", "Failed"))
FILTERS = ("model", "provider", "outcome", "key_id")


def logs(services: Services) -> ResponseReturnValue:
    asked = {name: value for name in FILTERS if (value := request.args.get(name, "").strip())}
    filters = LogFilters(
        model=asked.get("model"), provider=asked.get("provider"), outcome=asked.get("outcome"), key_id=asked.get("key_id")
    )
    try:
        found = services.logs.page(filters, before=request.args.get("before") or None)
    except Invalid:  # an old bookmark: its cursor or filter means nothing any more
        asked = {}
        found = services.logs.page()
    nodes = {node.id: node.name for node in services.nodes.list()}
    names = {row.provider_id: row.provider_name for row in services.connections.list()}
    return page(
        "logs.html",
        here="logs",
        title="Logs",
        rows=found.rows,
        older=found.next,
        asked=asked,
        first_page="before" not in request.args,
        outcomes=OUTCOMES,
        providers=sorted((names | nodes).items(), key=lambda row: row[1].lower()),
        keys=services.keys.list(),
    )


def log(services: Services, log_id: str) -> ResponseReturnValue:
    row = services.logs.get(log_id)
    return page("log.html", here="logs", title=row.requested_model or row.path or row.id, row=row)


ROUTES = (
    Route("GET", "/dashboard/logs", "logs", logs),
    Route("GET", "/dashboard/logs/<log_id>", "log", log),
)
