"""Two probes for whoever keeps the server running. They tell nothing that is worth hiding, and need no key."""

from __future__ import annotations

from typing import Any

from flask import Response
from orjson import dumps

from omniroute.errors import DatabaseAway
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def alive(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"status": "ok"}


def ready(services: Services, given: dict[str, Any]) -> dict[str, Any] | Response:
    """Whether this worker should get requests: 503 while it is stopping, or its database is away or of another schema.

    With a database that takes no writes, and without Redis, requests are served: that is only told, of Redis only where
    REDIS_URL is set.
    """
    database, schema = "ok", "unknown"
    try:
        schema = services.database.schema()
        if services.database.not_written:
            database = "not written"
    except DatabaseAway:
        database = "away"
    checks: dict[str, Any] = {"database": database, "schema": schema, "draining": services.relay.draining}
    if services.settings.redis_url:
        checks["redis"] = "ok" if services.board.reachable() else "away"
    if schema == "current" and not services.relay.draining:
        return {"status": "ready", **checks}
    return Response(dumps({"status": "unready", **checks}), 503, mimetype="application/json")


ENDPOINTS = (
    Endpoint("GET", "/healthz", "The process is alive", alive, {"status": str}),
    Endpoint(
        "GET",
        "/readyz",
        "It can serve: database reachable, schema current, not stopping; else 503",
        ready,
        {"status": str, "database": str, "schema": str, "draining": bool},  # and "redis", where there is one
    ),
)
