"""What others are told of the requests: counters for Prometheus, spans for OpenTelemetry. Nothing here decides anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omniroute.clock import Clock
from omniroute.settings import Settings

if TYPE_CHECKING:
    from omniroute.observe.traces import Traces


def traces_for(settings: Settings, clock: Clock) -> Traces | None:
    """Where a collector is named. Without one OpenTelemetry is not even imported: it takes 40 ms and 4 MB a worker."""
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from omniroute.observe.traces import Traces

    endpoint, headers = settings.otel_exporter_otlp_endpoint, settings.otel_exporter_otlp_headers
    return Traces(endpoint, headers, settings.otel_service_name, clock)
