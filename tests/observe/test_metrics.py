"""What is counted of a row, and that no client can make up labels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from omniroute.observe.metrics import MOST, Metrics
from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.health import Breaker, Condition, Mark, Place
from tests.observe.conftest import AT, Read, attempt, refused, row
from tests.parts import HandClock


def configuration(connections: int = 2) -> Any:
    """As much of one as names are taken from."""
    rows = tuple(Connection(f"connection-{number}", "node-1", f"number {number}", "") for number in range(connections))
    providers = {"node-1": SimpleNamespace(prefix="chat"), "openai": SimpleNamespace(prefix="openai")}
    return Configuration(1, providers, {}, {"node-1": rows}, {}, {})  # type: ignore[arg-type]  # a prefix is all that is asked for


@dataclass
class Counted:
    health: dict[Place, Condition] = field(default_factory=dict)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.metrics = Metrics(configuration, lambda: self.health, self.clock)

    def __call__(self, *rows: dict[str, Any]) -> Read:
        for each in rows:
            self.metrics.observe(each)
        return Read(self.metrics.text().decode())


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_a_request_is_counted_under_all_its_names(counted: Counted) -> None:
    failed = attempt("openai/small", kind="overloaded", ms=40)
    told = counted(row(attempts=[failed, attempt()]), row(streamed=True, cost=1, total_ms=20_000))
    assert told("requests_total", endpoint="/v1/chat/completions", provider="chat", status="2xx", class_="ok") == 2
    assert {type: told("tokens_total", type=type) for type in ("input", "output", "cached", "cache_write", "reasoning")} == {
        "input": 20,
        "output": 40,
        "cached": 8,
        "cache_write": 0,
        "reasoning": 0,
    }
    assert told("cost_micro_dollars_total", provider="chat") == 1_235
    assert told("unpriced_requests_total") == 0
    assert told("attempts_total", provider="openai", class_="overloaded") == 1
    assert told("attempts_total", provider="chat", class_="ok") == 2
    assert told("request_duration_seconds_count", endpoint="/v1/chat/completions") == 2
    assert told("request_duration_seconds_sum") == pytest.approx(20.905)
    assert told("request_duration_seconds_bucket", le="1.0") == 1
    assert told("first_content_seconds_sum", provider="chat") == pytest.approx(0.6)


def test_an_unknown_price_is_no_price_of_nothing(counted: Counted) -> None:
    told = counted(row(cost=None), row(cost=0), row(cost=None, kind="stream_cut"))
    assert told("unpriced_requests_total", provider="chat") == 1
    assert told("cost_micro_dollars_total", provider="chat") == 0 and len(told.labels("cost_micro_dollars_total")) == 1


def test_sums_of_money_stay_exact(counted: Counted) -> None:
    much = 4_000_000_000_000_001  # 4 billion USD and a millionth of one
    assert counted(row(cost=much), row(cost=much), row(cost=1))("cost_micro_dollars_total") == 2 * much + 1


def test_a_refused_request_is_counted_by_what_is_known(counted: Counted) -> None:
    told = counted(refused(), refused(endpoint="", kind="not_found", status=404))
    assert told("requests_total", endpoint="/v1/messages", provider="none", status="4xx", class_="unauthorized") == 1
    assert told("requests_total", endpoint="none", class_="not_found") == 1
    assert told("request_duration_seconds_count") == told("tokens_total") == 0


def test_labels_are_bounded_and_the_rest_is_counted_all_the_same(counted: Counted) -> None:
    rows = [row(provider_prefix=f"node-{number}", attempts=[attempt(f"node-{number}/m")]) for number in range(MOST + 40)]
    told = counted(*rows, *rows)
    for name in ("requests_total", "attempts_total", "cost_micro_dollars_total", "first_content_seconds_count"):
        assert len(told.labels(name)) == MOST + 1, name
        assert told(name, provider="other") > 0, name
    assert told("requests_total") == told("attempts_total") == 2 * len(rows)
    assert told("requests_total", provider="other", class_="other", status="other", endpoint="other") == 80
    assert told("requests_total", provider="node-0") == 2


def test_nothing_that_a_client_writes_gets_in(counted: Counted) -> None:
    mine = "sent-by-a-client"
    told = counted(row(requested_model=mine, upstream_model=mine, key_name=mine, key_id=mine, client=mine, path=f"/{mine}"))
    assert mine not in told.text and "large" not in told.text


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    kept, logger = Kept(), logging.getLogger("omniroute.observe.metrics")
    logger.addHandler(kept)
    yield kept.records
    logger.removeHandler(kept)


def test_an_odd_row_is_logged_and_hurts_nobody(counted: Counted, logged: list[logging.LogRecord]) -> None:
    told = counted(row(cost="much"), row())
    assert len(logged) == 1 and logged[0].exc_info is not None
    assert told("request_duration_seconds_count") == 1


def test_how_the_worker_is_doing(counted: Counted) -> None:
    counted.metrics.tell(7, 3, 2)
    counted.metrics.tell(5, 3, 1)
    counted.metrics.tell(6, 4, 2)
    told = counted()
    assert (told("log_queue_rows"), told("log_rows_dropped_total"), told("open_streams")) == (6, 4, 2)


def test_what_is_held_against_whom(counted: Counted) -> None:
    now = counted.clock.now()
    opened = Condition(breaker=Breaker((), "server_error", "", now - 5, now + 25, 1))
    marked = Condition(mark=Mark("rate_limited", "", now, now + 30))
    counted.health.update(
        {
            Place("model", "connection-0", "model-one"): opened,
            Place("model", "connection-0", "model-two"): opened,
            Place("model", "connection-1", "model-one"): Condition(
                breaker=Breaker((), "server_error", "", now - 60, now - 30, 1)
            ),
            Place("node", "node-1"): opened,
            Place("connection", "connection-1"): marked,
            Place("model", "connection-1", "model-two"): marked,
            Place("connection", "connection-0"): Condition(mark=Mark("rate_limited", "", now - 60, now - 30)),  # over
            Place("model", "connection-0", "model-three"): Condition(breaker=Breaker((now,))),  # closed
            Place("connection", "deleted"): marked,
        }
    )
    told = counted()
    assert told("breakers", provider="chat", connection="number 0", state="open") == 2
    assert told("breakers", provider="chat", connection="number 1", state="half-open") == 1
    assert told("breakers", connection="", state="open") == 1
    assert told("cooldowns", connection="number 1", kind="connection") == told("cooldowns", kind="model") == 1
    assert len(told.labels("breakers")) == 3 and len(told.labels("cooldowns")) == 2
    assert "model-" not in told.text


def test_what_is_held_is_bounded_too() -> None:
    clock = HandClock()
    held = Condition(mark=Mark("rate_limited", "", AT, AT + 30))
    health = {Place("connection", f"connection-{number}"): held for number in range(MOST + 40)}
    metrics = Metrics(lambda: configuration(MOST + 40), lambda: health, clock)
    told = Read(metrics.text().decode())
    assert len(told.labels("cooldowns")) == MOST + 1
    assert told("cooldowns", provider="other") == 40 and told("cooldowns") == MOST + 40
