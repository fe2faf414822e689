"""Spans of a real gateway at a real collector: who is whose child, when each began and ended, and what happens without one."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import PYTHON, ROOT, environment, free_port
from omniroute.clock import Clock
from omniroute.observe.traces import ROOM, Traces
from tests.gateway import Gateway, running_gateway
from tests.observe.collector import Collector, Span, running_collector
from tests.observe.conftest import AT, attempt, refused, row
from tests.relay.ways import CHAT
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client, post
from tests.upstream.script import TEXT

PATH = "/v1/chat/completions"
PROMPT = "a prompt that nobody else may see"
SECRET = "sk-good-1"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture
def traced(gateway: Callable[..., Gateway], upstream: Upstream, collector: Collector) -> Gateway:
    """A gateway with a combo of two targets, each at a node of its own."""
    here = gateway(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="X-Team=traces%20and%20more,authorization=Basic%20abc",
        OTEL_SERVICE_NAME="our gateway",
    )
    here.add_upstream("one", upstream.v1, api_key=SECRET)
    here.add_upstream("two", upstream.v1, api_key="sk-good-2")
    here.add_combo("both", "one/small", "two/large")
    return here


def asked(gateway: Gateway, model: str = "both", **fields: Any) -> Any:
    return post(gateway.url, PATH, model=model, messages=[{"role": "user", "content": PROMPT}], **fields)


def about(span: Span) -> tuple[str, str, str]:
    return span.name, span.kind, span.status


def test_a_stream_that_falls_over_is_a_request_with_two_attempts(
    traced: Gateway, upstream: Upstream, collector: Collector
) -> None:
    upstream.queue({"name": "503", "delay": 0.3}, key=SECRET)
    upstream.queue({"name": "text", "gap": 0.1}, key="sk-good-2")
    before = time.time()
    answer = asked(traced, stream=True)
    after = time.time()
    assert answer.status == 200 and TEXT in CHAT.client.streamed(answer.events)
    spans = {span.name: span for span in collector.wait_for(3)}
    assert len(collector.spans) == 3
    request, first, second = spans["chat both"], spans["chat small"], spans["chat large"]
    assert [about(each)[1:] for each in (request, first, second)] == [
        ("server", "unset"),
        ("client", "error"),
        ("client", "unset"),
    ]
    assert request.parent == "" and {first.parent, second.parent} == {request.id}
    assert request.trace == first.trace == second.trace
    row = traced.log_rows(1)[0]
    assert request.ended - request.began == pytest.approx(row["totalMs"] / 1000, abs=1e-5)
    assert before - 0.1 < request.began <= first.began < first.ended <= second.began < second.ended <= request.ended + 0.002
    assert request.ended < after + 0.1
    assert first.ended - first.began >= 0.299 and second.ended - second.began >= 0.4
    assert first.attributes["http.response.status_code"] == 503 and second.attributes["http.response.status_code"] == 200
    assert first.attributes["error.type"] == row["attempts"][0]["class"]
    assert [each.attributes["gen_ai.provider.name"] for each in (request, first, second)] == ["two", "one", "two"]
    assert request.attributes["gen_ai.request.model"] == "both" and request.attributes["gen_ai.response.model"] == "large"
    assert request.attributes["gen_ai.usage.output_tokens"] == row["outputTokens"]
    assert request.attributes["omniroute.request_id"] == answer.headers["x-request-id"]
    assert request.attributes["gen_ai.response.time_to_first_chunk"] >= 0.3


def test_the_collector_is_told_who_sends_and_nothing_that_is_nobody_s_business(
    traced: Gateway, upstream: Upstream, collector: Collector
) -> None:
    upstream.queue("400", key=SECRET)
    for stream in (False, True):
        asked(traced, stream=stream, model="one/small")
    asked(traced, model="no-such-model")
    spans = collector.wait_for(5)
    assert {span.resource["service.name"] for span in spans} == {"our gateway"}
    assert all(head["x-team"] == "traces and more" and head["authorization"] == "Basic abc" for head in collector.heads)
    sent = b"".join(collector.raw)
    for word in (PROMPT, TEXT, TEXT[:12], SECRET, "127.0.0.1", "something is wrong with them"):
        assert word.encode() not in sent
    unknown = [span for span in spans if span.attributes.get("error.type") == "model_not_found"]
    assert [about(span) for span in unknown] == [("chat no-such-model", "server", "unset")]


def test_what_is_left_is_sent_when_the_gateway_ends(tmp_path: Path, upstream: Upstream, collector: Collector) -> None:
    with running_gateway(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as here:
        here.add_upstream("one", upstream.v1)
        assert asked(here, model="one/small").status == 200
    assert len(collector.spans) == 2
    assert collector.spans[0].resource["service.name"] == "omniroute"


@pytest.mark.parametrize("how", ["nobody listens", "it refuses", "it is overloaded"])
def test_without_a_collector_everything_else_works(tmp_path: Path, upstream: Upstream, collector: Collector, how: str) -> None:
    collector.status = {"it refuses": 401, "it is overloaded": 503}.get(how, 200)
    url = f"http://127.0.0.1:{free_port()}" if how == "nobody listens" else collector.url
    with running_gateway(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=url) as here:
        here.add_upstream("one", upstream.v1)
        with Client(here.url) as line:
            for _ in range(150):  # some batches
                assert line.post(PATH, {"model": "one/small", "messages": []}).read().status == 200
        assert len(here.log_rows(50)) == 50  # a page

        def told() -> list[dict[str, Any]]:
            return [json.loads(line) for line in here.output().splitlines() if "not delivered" in line]

        until(told, 15, lambda: f"a line about it; there is {here.output()}")
        for _ in range(3):
            assert asked(here, model="one/small").status == 200
    assert here.server.process.returncode == 0, "it had to be ended by force"
    assert len(told()) == 1, "once a minute is enough"
    assert told()[0]["level"] == "warning" and told()[0]["logger"] == "omniroute.observe.traces"
    assert "opentelemetry" not in here.output()


def test_nothing_of_it_is_loaded_where_no_collector_is_named(tmp_path: Path) -> None:
    look = "import sys, app; app.create_app(); print(sorted(name for name in sys.modules if name.startswith('opentelemetry')))"

    def loaded(**given: str) -> str:
        env = environment({"DATA_DIR": str(tmp_path), "HOME": str(tmp_path), **given}) | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run([PYTHON, "-c", look], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    assert loaded() == "[]"
    assert "opentelemetry.sdk.trace" in loaded(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")


# By itself ------------------------------------------------------------------------------------------

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sent(collector: Collector, *rows: dict[str, Any]) -> list[Span]:
    """What arrives of these rows."""
    traces = Traces(collector.url, (), "a test", Clock())
    for each in rows:
        traces.observe(each)
    traces.close()
    return collector.spans


def test_a_caller_s_trace_goes_on(collector: Collector) -> None:
    first, second = sent(collector, row(traceparent=PARENT))
    assert first.trace == second.trace == "0af7651916cd43dd8448eb211c80319c"
    assert (first.parent, second.parent) == ("b7ad6b7169203331", first.id)


def test_a_trace_that_is_not_sampled_stays_so(collector: Collector) -> None:
    assert sent(collector, row(traceparent=PARENT[:-1] + "0")) == []


@pytest.mark.parametrize("odd", ["", "x", "00-0-0-01", PARENT.replace("a", "\u00e4"), None])
def test_an_odd_parent_is_none(collector: Collector, odd: str | None) -> None:
    first, _ = sent(collector, row(traceparent=odd))
    assert first.parent == "" and first.trace != "0" * 32


def test_requests_do_not_share_a_trace(collector: Collector) -> None:
    spans = sent(collector, row(), row(), refused())
    assert len(spans) == 5 and len({span.trace for span in spans}) == 3


def test_times_are_those_of_the_row(collector: Collector) -> None:
    first, second = sent(collector, row(attempts=[attempt(at_ms=250, ms=500)]))
    assert (first.began, first.ended) == pytest.approx((AT, AT + 0.905), abs=1e-5)
    assert (second.began, second.ended) == pytest.approx((AT + 0.25, AT + 0.75), abs=1e-5)


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What is logged of traces."""
    kept, logger = Kept(), logging.getLogger("omniroute.observe.traces")
    logger.addHandler(kept)
    yield kept.told
    logger.removeHandler(kept)


def test_the_oldest_go_when_there_is_no_room(collector: Collector, told: list[str]) -> None:
    spans = sent(collector, *[refused(id="oldest")] * 40, *[refused(id="kept")] * ROOM)
    assert [span.attributes["omniroute.request_id"] for span in spans] == ["kept"] * ROOM
    assert told == ["traces of 40 requests were not delivered: no room"]


def test_an_odd_row_costs_nobody_else_the_trace(collector: Collector, told: list[str]) -> None:
    spans = sent(collector, refused(), {"kind": "odd"}, refused())
    assert len(spans) == 2
    assert told == ["traces of 1 requests were not delivered: KeyError: 'at'"]
