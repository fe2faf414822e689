"""Spans for a collector that speaks OTLP over HTTP. Imported only where one is named.

A request leaves its log row here when it is over, its stream included; a greenlet of the worker makes spans of the rows
afterwards and sends them in batches. What the collector does not take is dropped and told in the log once a minute: no
request waits for a trace or fails for it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import gevent
from gevent.event import Event
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, set_value
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from omniroute import __version__
from omniroute.clock import Clock
from omniroute.observe.spans import Drawn, attempt_spans, request_span

log = logging.getLogger(__name__)

ROOM = 2000  # rows
BATCH = 64  # rows a message: to encode their spans holds the loop for some 5 ms
SLICE = 16  # rows that are made spans of before others get their turn: 3 ms
PAUSE = 1.0  # seconds in which a batch gathers
PATIENCE = 5.0  # seconds for one batch, tries included
TOLD_EVERY = 60.0  # seconds
CLOSING = 2.0  # seconds that a worker gives it at its end


class Traces:
    """`observe` from any greenlet; `close` before the worker ends. `headers` go to the collector with each batch.

    A row with a `traceparent` (W3C Trace Context) becomes a part of that trace, and of none if that one is not sampled.
    """

    def __init__(self, endpoint: str, headers: Iterable[tuple[str, str]], service: str, clock: Clock) -> None:
        self._clock = clock
        self._rows: deque[Mapping[str, Any]] = deque(maxlen=ROOM)
        self._filled, self._ending = Event(), Event()
        self._sender: gevent.Greenlet[..., None] | None = None
        self._heard = _Heard()
        self._lost, self._told_at = 0, float("-inf")
        self._exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", headers=dict(headers), timeout=PATIENCE)
        self._made = _Made()
        resource = Resource.create({"service.name": service, "service.version": __version__})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._made)
        self._tracer = provider.get_tracer("omniroute", __version__)

    def observe(self, row: Mapping[str, Any]) -> None:
        """Keep the row for later; the oldest goes when there is no room. Takes a microsecond."""
        if len(self._rows) == ROOM:
            self._lost += 1
        self._rows.append(row)
        if self._sender is None:
            self._sender = gevent.spawn(self._run)
        self._filled.set()

    def close(self) -> None:
        """Send what is left, as far as that is quick."""
        self._ending.set()
        self._filled.set()
        if self._sender is not None:
            self._sender.join(CLOSING)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # ends the waiting between two tries
        if self._sender is not None:
            self._sender.kill(timeout=CLOSING)

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # should somebody trace HTTP clients: not this one
        while not (self._ending.is_set() and not self._rows):
            self._filled.wait()
            self._ending.wait(PAUSE)
            self._filled.clear()
            while self._rows:
                self._send_batch()

    def _send_batch(self) -> None:
        count = min(BATCH, len(self._rows))
        for number in range(1, count + 1):
            self._draw(self._rows.popleft())
            if number % SLICE == 0:
                gevent.sleep(0)
        if (spans := self._made.taken()) and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            self._lost += count
        if self._lost and self._clock.tick() - self._told_at >= TOLD_EVERY:
            self._told_at = self._clock.tick()
            log.warning("traces of %d requests were not delivered: %s", self._lost, self._heard.last or "no room")
            self._lost = 0

    def _draw(self, row: Mapping[str, Any]) -> None:
        try:
            parent = TraceContextTextMapPropagator().extract({"traceparent": row.get("traceparent") or ""}, Context())
            within = self._span(request_span(row), SpanKind.SERVER, parent)
            for attempt in attempt_spans(row):
                self._span(attempt, SpanKind.CLIENT, within)
        except Exception as exc:  # whatever is wrong with this row: the next one may be fine
            self._lost += 1
            self._heard.last = f"{type(exc).__name__}: {exc}"

    def _span(self, drawn: Drawn, kind: SpanKind, parent: Context) -> Context:
        """Make a span of the past. Returns the context in which others are its children."""
        span = self._tracer.start_span(drawn.name, parent, kind, drawn.attributes, start_time=_nanoseconds(drawn.began))
        if drawn.failed:
            span.set_status(StatusCode.ERROR)
        span.end(_nanoseconds(drawn.ended))
        return set_span_in_context(span, parent)


class _Made(SpanProcessor):
    """Spans that are ended, until they are taken."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def taken(self) -> list[ReadableSpan]:
        spans, self._spans = self._spans, []
        return spans


class _Heard(logging.Handler):
    """What OpenTelemetry logs, which would be several lines for each batch: only the last is remembered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        quiet = logging.getLogger("opentelemetry")
        quiet.handlers[:] = [self]
        quiet.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def _nanoseconds(seconds: float) -> int:
    """By way of microseconds: a float holds no more of an epoch time."""
    return round(seconds * 1e6) * 1000
