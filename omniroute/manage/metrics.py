"""What Prometheus asks for: the counters of all workers, in its text format."""

from __future__ import annotations

from typing import Any

from flask import Response

from omniroute.manage.endpoint import Endpoint
from omniroute.observe.metrics import CONTENT_TYPE
from omniroute.services import Services


def metrics(services: Services, given: dict[str, Any]) -> Response:
    ledger, streams = services.ledger, len(services.relay.live.flows)
    services.metrics.tell(ledger.waiting, ledger.dropped, streams, services.database.in_use)
    return Response(services.metrics.text(), content_type=CONTENT_TYPE)


ENDPOINTS = (Endpoint("GET", "/metrics", "For Prometheus, of all workers", metrics, str, mimetype="text/plain"),)
