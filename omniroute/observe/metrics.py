"""What Prometheus is told, and the one place that imports its client library.

`Metrics.observe` counts one settled or refused request. Under gunicorn the workers count into files that they share
(prometheus_client's multiprocess mode, which PROMETHEUS_MULTIPROC_DIR switches on before this is imported), so whichever worker
is asked tells for all of them, and what a killed worker has counted stays counted. Elsewhere each `Metrics` is by itself.

Labels are bounded: endpoints are rules of our own, providers are prefixes of the configuration, classes are those of
docs/routing.md; no key, no model, nothing that a client writes. Money is in whole micro-dollars, which a float adds up exactly
as far as 9 billion USD; dollars would be rounded with every request.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from omniroute.clock import Clock
from omniroute.routing.configuration import Configuration
from omniroute.routing.health import Condition, Health
from omniroute.threads import off_loop

log = logging.getLogger(__name__)

__all__ = ["CONTENT_TYPE", "Metrics"]

MOST = 500  # sets of labels a metric and worker; what comes after them counts under OTHER
OTHER, NONE = "other", "none"
NAMESPACE = "omniroute"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)

TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cached": "cached_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}

M = TypeVar("M", bound=MetricWrapperBase)


class Metrics:
    """One a worker. `look` gives the configuration, `health` what is held against whom: all workers know the same of it."""

    def __init__(self, look: Callable[[], Configuration], health: Callable[[], Health], clock: Clock) -> None:
        self._look, self._health, self._clock = look, health, clock
        self._registry = registry = CollectorRegistry()
        counter, histogram = _maker(Counter, registry), _maker(Histogram, registry, buckets=SECONDS)
        self._requests = counter("requests", "Requests, by what the client got", "endpoint", "provider", "status", "class")
        self._tokens = counter("tokens", "Tokens; cached ones are input too, reasoning ones output too", "type", "provider")
        self._cost = counter("cost_micro_dollars", "What requests cost, where that is known", "provider")
        self._unpriced = counter("unpriced_requests", "Answered requests whose cost is not known", "provider")
        self._attempts = counter("attempts", "Requests sent upstream, by what became of them", "provider", "class")
        self._duration = histogram("request_duration_seconds", "To the end of the answer", "endpoint")
        self._first = histogram("first_content_seconds", "To the first content", "provider")
        self._waiting = _live_gauge("log_queue_rows", "Requests that are over and not yet in the log", registry)
        self._streams = _live_gauge("open_streams", "Streamed answers that are under way", registry)
        self._database = _live_gauge("database_connections", "Connections to the database that are in use", registry)
        self._workers = _live_gauge("workers", "Worker processes that are alive", registry)
        self._dropped = Counter("log_rows_dropped", "Requests that the log had no room for", (), NAMESPACE, registry=registry)
        self._dropped_before = 0
        self.since = clock.now()  # when the gateway was started, as far as this process knows

    def observe(self, row: Mapping[str, Any]) -> None:
        """Count one request, of which a refused one tells less. Takes 15 microseconds in shared files, 8 without."""
        try:
            self._count(row)
        except Exception:  # whatever is wrong with counting: an answer that has gone out must not fail for it
            log.exception("a request was not counted")

    def _count(self, row: Mapping[str, Any]) -> None:
        provider, kind = row.get("provider_prefix") or NONE, row.get("kind") or NONE
        endpoint, cost = row.get("endpoint") or NONE, row.get("cost")
        self._requests[endpoint, provider, f"{(row.get('status') or 0) // 100}xx", kind].inc()
        for type, name in TOKENS.items():
            if count := row.get(name):
                self._tokens[type, provider].inc(count)
        if cost is not None:
            self._cost[(provider,)].inc(cost)
        elif kind == "ok":
            self._unpriced[(provider,)].inc()
        if (ms := row.get("total_ms")) is not None:
            self._duration[(endpoint,)].observe(ms / 1000)
        if (ms := row.get("first_ms")) is not None:
            self._first[(provider,)].observe(ms / 1000)
        for attempt in row.get("attempts") or ():
            self._attempts[attempt["target"].partition("/")[0], attempt["class"]].inc()

    def tell(self, waiting: int, dropped: int, streams: int, database: int = 0) -> None:
        """How this worker is doing: requests that wait for the log, those it had no room for since it began, open streams, and
        connections to the database that are in use.
        """
        self._workers.set(1)
        self._waiting.set(waiting)
        self._streams.set(streams)
        self._database.set(database)
        if dropped > self._dropped_before:
            self._dropped.inc(dropped - self._dropped_before)
            self._dropped_before = dropped

    def workers(self) -> int:
        """Worker processes of this machine that are alive, this one included."""
        told = f"{NAMESPACE}_workers"
        if not values.ValueClass._multiprocess:
            return 1
        return max(1, int(off_loop(lambda: _of_all().get_sample_value(told)) or 0))

    def text(self) -> bytes:
        """Everything, of all workers, in Prometheus' text format."""
        now = CollectorRegistry()
        now.register(_Now(tuple(_held(self._health(), self._look(), self._clock.now()))))
        return self._counted() + generate_latest(now)

    def _counted(self) -> bytes:
        if not values.ValueClass._multiprocess:
            return generate_latest(self._registry)
        return off_loop(lambda: generate_latest(_of_all()))  # reading the files of many workers takes a while


def _of_all() -> CollectorRegistry:
    """What all workers have counted."""
    shared = CollectorRegistry()
    shared.register(multiprocess.MultiProcessCollector(None))  # type: ignore[no-untyped-call]
    return shared


# Counters with bounded labels -----------------------------------------------------------------------


class _Series(dict[tuple[str, ...], M]):
    """The children of one metric by their labels, made when they are first asked for, at most MOST and one more."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric

    def __missing__(self, labels: tuple[str, ...]) -> M:
        if len(self) < MOST:
            made: M = self._metric.labels(*labels)
            self[labels] = made
            return made
        rest = (OTHER,) * len(labels)
        if rest not in self:
            self[rest] = self._metric.labels(*rest)
        return self[rest]


def _maker(kind: type[M], registry: CollectorRegistry, **more: Any) -> Callable[..., _Series[M]]:
    def make(name: str, meaning: str, *labels: str) -> _Series[M]:
        return _Series(kind(name, meaning, labels, NAMESPACE, registry=registry, **more))

    return make


def _live_gauge(name: str, meaning: str, registry: CollectorRegistry) -> Gauge:
    """The sum over the workers that are alive."""
    return Gauge(name, meaning, namespace=NAMESPACE, registry=registry, multiprocess_mode="livesum")


# What is held against whom, now ---------------------------------------------------------------------


class _Now:
    """Families that are made for one answer, as a registry takes them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _held(health: Health, configuration: Configuration, now: float) -> Iterator[Metric]:
    """Breakers and cooldowns by provider and connection, "" for the provider as a whole. What is well is not among them."""
    names = _names(configuration)
    breakers: Tally[tuple[str, ...]] = Tally()
    cooldowns: Tally[tuple[str, ...]] = Tally()
    for place, condition in list(health.items()):
        who = names.get(place.id)
        if who is None:
            continue  # deleted since
        if (state := _breaker(condition, now)) != "closed":
            breakers[*_bounded(breakers, who), state] += 1
        if condition.mark is not None and condition.mark.active(now):
            cooldowns[*_bounded(cooldowns, who), place.kind] += 1
    yield _family("breakers", "Breakers that are not closed", ("provider", "connection", "state"), breakers)
    yield _family(
        "cooldowns", "Connections that cool down, and models locked on one", ("provider", "connection", "kind"), cooldowns
    )


def _names(configuration: Configuration) -> dict[str, tuple[str, str]]:
    """By the id of a connection, or of a provider as a whole: the provider's prefix, and the connection's name."""
    providers = configuration.providers
    found = {id: (provider.prefix, "") for id, provider in providers.items()}
    for id, connections in configuration.connections.items():
        if id in providers:
            found |= {each.id: (providers[id].prefix, each.name) for each in connections}
    return found


def _breaker(condition: Condition, now: float) -> str:
    return "closed" if condition.breaker is None else condition.breaker.state(now)


def _bounded(counted: Tally[tuple[str, ...]], who: tuple[str, str]) -> tuple[str, str]:
    return who if len(counted) < MOST else (OTHER, OTHER)


def _family(name: str, meaning: str, labels: tuple[str, ...], counted: Tally[tuple[str, ...]]) -> Metric:
    family = GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, labels=labels)
    for label_values, count in sorted(counted.items()):
        family.add_metric(label_values, count)
    return family
