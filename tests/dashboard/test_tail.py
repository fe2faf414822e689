"""The live tail of the log: rows of all workers as a stream, which ends by itself and holds nothing while it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from omniroute.dashboard.tail import tail
from omniroute.dashboard.watchers import AT_ONCE, LASTS, QUIET
from tests.dashboard.conftest import Desk
from tests.gateway import Gateway
from tests.parts import START, HandClock
from tests.relay.test_draining import ending_gateway
from tests.upstream.client import until
from tests.upstream.raw import Client, post

HOSTILE = "<img src=x onerror=alert(1)>\n</tr><script>alert(2)</script>\r\ndata: x"


def watch(here: Gateway, query: str = "", **headers: str) -> Client:
    """A stream that has begun."""
    if here.cookie is None:
        here.log_in()
    client = Client(here.url, timeout=30)
    client.get(f"/dashboard/logs/tail?{query}", {"Cookie": here.cookie or "", **headers})
    client.read_until(b"\n\n")
    return client


def ask(here: Gateway, key: str, model: str) -> None:
    post(here.url, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, model=model)


def test_rows_of_all_workers_come_as_they_are_written(gateway: Callable[..., Gateway]) -> None:
    here = gateway(workers=2)
    key = here.make_key("laptop")
    with watch(here, "key_id=&model=nobody") as client:
        for number in range(6):
            ask(here, key, f"nobody/{number}")
            told = client.read_until(b"</tr>").decode()
            assert "event: rows\n" in told and "\nid: " in told
            assert f">nobody/{number}</a>" in told and 'href="/dashboard/logs/' in told and ">laptop<" in told


def test_the_filters_hold(gateway: Callable[..., Gateway]) -> None:
    here = gateway()
    key = here.make_key()
    with watch(here, "model=second") as client:
        ask(here, key, "nobody/first")
        ask(here, key, "nobody/second")
        told = client.read_until(b"</tr>")
        assert b"nobody/second" in told and b"nobody/first" not in told


def test_names_are_escaped_and_stay_within_their_event(gateway: Callable[..., Gateway]) -> None:
    here = gateway()
    with watch(here) as client:
        ask(here, here.make_key("<b>key</b>"), HOSTILE)
        told = client.read_until(b"</tr>").decode()
    assert "&lt;img src=x onerror=alert(1)&gt;" in told and "&lt;b&gt;key" in told
    assert "<img" not in told and "<script" not in told and "<b>" not in told
    lines = told.partition("event: rows")[2].strip().splitlines()
    assert [line for line in lines if line and not line.startswith("data:")] == []


def test_a_browser_that_comes_again_gets_what_it_has_missed(gateway: Callable[..., Gateway]) -> None:
    here = gateway()
    ask(here, here.make_key(), "nobody/missed")
    row = here.log_rows(1)[0]
    assert row["requestedModel"] == "nobody/missed"
    with Client(here.url) as client:
        client.get("/dashboard/logs/tail", {"Cookie": here.cookie or "", "Last-Event-ID": "1000.5"})
        assert b"nobody/missed" in client.read_until(b"</tr>")


def test_so_many_watch_one_worker_and_who_leaves_makes_room(gateway: Callable[..., Gateway]) -> None:
    here = gateway()
    here.log_in()
    clients = [watch(here) for _ in range(AT_ONCE)]

    def one_more() -> bytes:
        with Client(here.url, timeout=30) as client:
            client.get("/dashboard/logs/tail", {"Cookie": here.cookie or ""})
            return client.read_until(b"\n\n")

    assert b"event: full" in one_more()
    clients.pop().leave()
    until(lambda: b"event: full" not in one_more(), 10, lambda: "the seat of the one that has left")
    for client in clients:
        client.leave()


def test_a_worker_that_stops_waits_for_nobody_who_watches(tmp_path: Path) -> None:
    with ending_gateway(tmp_path, DRAIN_SECONDS="20") as here:
        here.log_in()
        with watch(here) as client:
            here.server.process.terminate()
            client.read_until(b"0\r\n\r\n")
        assert here.server.process.wait(15) == 0


def test_it_is_for_the_session(desk: Desk) -> None:
    answer = desk.visitor().client.get("/dashboard/logs/tail")
    assert answer.status_code == 303 and "/login" in answer.headers["Location"]


# In this process, with a clock that the test moves ------------------------------------------------


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def desk_at(open_desk: Callable[..., Desk], clock: HandClock) -> Desk:
    return open_desk(clock=clock)


def begun(app: Flask, desk: Desk) -> tuple[Iterator[bytes], Callable[[], None]]:
    """A stream whose request is over: nothing of it may be asked for any more. And how it is closed."""
    with app.test_request_context("/dashboard/logs/tail", headers={"Host": "localhost"}):
        response = tail(desk.services)
    parts = iter(response.response)  # type: ignore[union-attr]  # it is a whole Response
    assert next(parts).startswith(b"retry: ")
    return parts, response.close  # type: ignore[union-attr]


def test_it_ends_after_a_while_so_that_an_ended_session_sees_no_more(desk_at: Desk, clock: HandClock) -> None:
    parts, close = begun(desk_at.app, desk_at)
    clock.move(LASTS)
    assert list(parts) == []
    close()


def test_a_quiet_log_is_told_to_be_alive(desk_at: Desk, clock: HandClock) -> None:
    parts, close = begun(desk_at.app, desk_at)
    clock.move(QUIET)
    assert next(parts) == b": keep-alive\n\nid: %.3f\n\n" % clock.now()
    close()


def test_it_takes_a_seat_until_it_is_closed(desk_at: Desk) -> None:
    live = desk_at.services.relay.live
    _, close = begun(desk_at.app, desk_at)
    assert live.tails == 1
    close()
    assert live.tails == 0


def test_a_database_that_was_away_has_its_rows_told_afterwards(desk_at: Desk, clock: HandClock) -> None:
    file = Path(desk_at.services.database.url.removeprefix("sqlite:///"))
    parts, close = begun(desk_at.app, desk_at)
    desk_at.services.database.close()
    file.rename(file.with_suffix(".away"))
    clock.move(QUIET)
    assert next(parts).startswith(b": keep-alive")
    desk_at.services.database.close()
    file.unlink(missing_ok=True)
    file.with_suffix(".away").rename(file)
    desk_at.log_row("after", at=START, total_ms=1, requested_model="some/model")
    assert b"some/model" in next(parts)
    close()
