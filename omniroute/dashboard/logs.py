"""The request log: newest first, filtered by plain links and forms."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.dashboard.log_filters import CLASSES, CUSTOM, RANGES, Asked, exported, read
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.errors import Invalid
from omniroute.services import Services

OUTCOMES = (("", "All"), ("ok", "Answered"), ("failed", "Failed"))
# Filters that are folded away until one of them is set.
MORE = ("combo", "kind", "status", "endpoint", "request_id", "connection_id")


def logs(services: Services) -> ResponseReturnValue:
    now = services.clock.now()
    asked = read(request.args, now)
    before = request.args.get("before") or None
    try:
        found = services.logs.page(asked.filters, before)
    except Invalid:  # an old bookmark: its cursor means nothing any more
        before, found = None, services.logs.page(asked.filters)
    return page(
        "logs.html",
        here="logs",
        title="Logs",
        rows=found.rows,
        older=found.next,
        asked=asked.query,
        wrong=asked.wrong,
        exported=exported(asked.filters),
        first_page=before is None,
        folded=not any(name in asked.query for name in MORE),
        now=now,
        dropped=services.ledger.dropped,
        **choices(services, asked),
    )


def choices(services: Services, asked: Asked) -> dict[str, Any]:
    """What the form offers. What is gone since and still asked for stays in it."""
    connections = services.connections.list()
    providers = {row.provider_id: row.provider_name for row in connections} | {row.id: row.name for row in services.nodes.list()}
    keys = {key.id: key.name for key in services.keys.list()}
    combos = {name: name for name in services.configuration.current().combos}
    named = {
        "provider": providers,
        "key_id": keys,
        "combo": combos,
        "connection_id": {row.id: f"{row.provider_name}: {row.name}" for row in connections},
    }
    for name, known in named.items():
        if name in asked.query:
            known.setdefault(asked.query[name], asked.query[name])
    ranges = {"": "Any time", **{name: label for name, (label, _) in RANGES.items()}, CUSTOM: "From … until"}
    return {
        "ranges": ranges.items(),
        "outcomes": OUTCOMES,
        "classes": CLASSES,
        "providers": sorted(providers.items(), key=lambda row: row[1].lower()),
        "keys": keys.items(),
        "combos": combos.items(),
        "connections": named["connection_id"].items(),
    }


ROUTES = (Route("GET", "/dashboard/logs", "logs", logs),)
