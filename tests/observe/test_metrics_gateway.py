"""/metrics of a real gateway with two workers: it tells for both, whichever is asked, and also of one that was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge.conftest import House, Open, house, opened
from tests.gateway import Gateway, running_gateway
from tests.observe.conftest import Read, read
from tests.relay.chaos.workers import each_worker
from tests.relay.ways import CHAT
from tests.upstream.client import Upstream, until
from tests.upstream.raw import post

__all__ = ["house", "opened"]

MODEL = "chat/scripted-large"
PATH = "/v1/chat/completions"


@pytest.fixture
def two(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    here = gateway(workers=2)
    here.add_upstream("chat", upstream.v1)
    return here


def ask_both(here: Gateway, times: int = 3) -> None:
    """So many requests to each worker, and as many that are refused."""
    with each_worker(here) as workers:
        for line in workers.lines * times:
            assert CHAT.post(line).read().status == 200
            assert line.post(PATH, {"model": "nobody/nothing", "messages": []}).read().status == 404


def told_by_each(here: Gateway) -> list[Read]:
    with each_worker(here) as workers:
        return [Read(line.get("/metrics").read().body.decode()) for line in workers.lines]


def test_each_worker_tells_for_both(two: Gateway) -> None:
    ask_both(two)
    for told in told_by_each(two):
        assert told("requests_total", endpoint=PATH, provider="chat", status="2xx", class_="ok") == 6
        assert told("requests_total", provider="none", status="4xx", class_="model_not_found") == 6
        assert told("attempts_total", provider="chat", class_="ok") == 6
        assert told("request_duration_seconds_count", endpoint=PATH) == 12
        assert told("first_content_seconds_count", provider="chat") == 6
        tokens = sum(log["inputTokens"] + log["outputTokens"] for log in two.log_rows(12) if log["inputTokens"])
        assert told("tokens_total", type="input") + told("tokens_total", type="output") == tokens > 0


def test_what_a_killed_worker_has_counted_stays_counted(two: Gateway) -> None:
    ask_both(two)
    before = two.server.children()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(two.server.children()) - set(before)) == 1, 10, lambda: "another worker in its place")
    with each_worker(two) as workers:  # the new one has begun
        assert len(workers.lines) == 2
    assert [told("requests_total", class_="ok") for told in told_by_each(two)] == [6, 6]
    assert [told("workers") for told in told_by_each(two)] == [2, 2]
    assert two.api("GET", "/api/about")["about"]["workers"] == 2
    ask_both(two)
    assert [told("requests_total", class_="ok") for told in told_by_each(two)] == [12, 12]


def test_open_streams_of_all_workers_and_none_of_a_killed_one(two: Gateway, upstream: Upstream) -> None:
    upstream.always({"name": "text", "stall_after": 3})

    def streams(count: int) -> Callable[[], bool]:
        return lambda: read(two.url)("open_streams") == count

    with each_worker(two) as workers:
        for line in workers.lines:
            CHAT.post(line, stream=True).read_until(b"Hello")
        until(streams(2), 5, lambda: f"two open streams; there are {read(two.url).labels('open_streams')}")
        os.kill(two.server.children()[0], signal.SIGKILL)
        until(streams(1), 10, lambda: "one open stream")
    until(streams(0), 10, lambda: "none, when the clients have left")


def test_counters_begin_with_the_gateway(tmp_path: Path, upstream: Upstream) -> None:
    with running_gateway(tmp_path) as here:
        here.add_upstream("chat", upstream.v1)
        assert post(here.url, PATH, model=MODEL).status == 200
        assert read(here.url)("requests_total") == 1
    with running_gateway(tmp_path) as here:
        assert read(here.url)("requests_total") == 0


def test_breakers_are_told(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    here = gateway()
    here.add_upstream("chat", upstream.v1)
    upstream.always("500")
    for _ in range(6):
        assert post(here.url, PATH, model=MODEL).status >= 500
    told = read(here.url)
    assert told("breakers", provider="chat", connection="first", state="open") == 1
    assert told("requests_total", provider="chat", status="5xx", class_="server_error") == 6
    assert "scripted-large" not in told.text


def test_a_folder_that_can_not_be_made_is_no_reason_not_to_start(
    gateway: Callable[..., Gateway], upstream: Upstream, tmp_path: Path
) -> None:
    here = gateway(PROMETHEUS_MULTIPROC_DIR="/proc/nothing/metrics", TMPDIR=str(tmp_path))
    here.add_upstream("chat", upstream.v1)
    assert post(here.url, PATH, model=MODEL).status == 200
    assert read(here.url)("requests_total") == 1
    assert list(tmp_path.glob("omniroute-metrics-*/counter_*.db"))


# Who may look ---------------------------------------------------------------------------------------


def test_this_machine_needs_no_key_and_others_need_one_for_managing(house: House) -> None:
    away = {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}
    assert house.client.get("/metrics").status_code == 200
    for headers in ({}, {"x-api-key": "sk-or-nobody-has-made-this"}):
        refused = house.client.get("/metrics", headers=headers, **away)
        assert (refused.status_code, refused.mimetype) == (401, "application/json")
    assert house.client.get("/metrics", headers={"x-api-key": house.key("relay")}, **away).status_code == 403
    allowed = house.client.get("/metrics", headers={"Authorization": f"Bearer {house.key('manage')}"}, **away)
    assert allowed.status_code == 200 and "omniroute_requests_total" in allowed.text


def test_a_proxy_makes_a_stranger_of_anybody(opened: Open) -> None:
    house = opened(require_api_key="false")
    assert house.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert house.client.get("/metrics", headers={"Origin": "http://evil.example"}).status_code == 401
