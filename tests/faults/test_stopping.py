"""Every way in which a gateway, or one of its workers, is told to stop while streams are open: each client gets its end or an
error event, every row is written, nothing stays reserved, and it is over in time.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.processes import Server
from tests.faults.conftest import ending_house, stored
from tests.faults.streams import Stream, all_asked, drained, furnish, read_all, streams
from tests.relay.chaos.workers import worker_of
from tests.relay.limits.houses import House, ask
from tests.relay.ways import CHAT
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client

LONGEST = 28.0  # seconds: Heroku kills at 30
COUNT = 50
BIG = {"text": "x" * 16_000_000, "pieces": 160}  # more than sockets between a client that does not read and us hold


def in_the_books(house: House, opened: list[Stream]) -> None:
    """A row for each, with what it used; the sums are those of the rows, and nothing is reserved. The gateway has ended."""
    rows = {row["id"]: row for row in stored(house, "SELECT * FROM log_rows")}
    assert len(rows) >= len(opened) and {each.request_id for each in opened} <= rows.keys()
    for each in opened:
        row = rows[each.request_id]
        want = {
            "ending": ("ok", {"reported"}),
            "silent": ("draining", {"absent"}),
            "talking": ("draining", {"estimated", "partial"}),
        }
        kind, sources = want[each.model]
        assert row["kind"] == kind and row["usage_source"] in sources, row
        assert row["status"] == each.over.status and row["total_ms"] >= 0
        assert (row["output_tokens"] or 0) > 0 or each.model == "silent"
        assert (row["cost"] or 0) > 0 or each.model == "silent"
    assert stored(house, "SELECT id FROM tickets") == []
    told = house.reconcile()
    assert told.returncode == 0 and " 0 requests hold reservations" in told.stdout, told.stdout + told.stderr


def test_sigterm_with_the_usual_settings(tmp_path: Path, upstream: Upstream) -> None:
    """Fifty streams, a client that reads nothing, and one that waits for a whole answer."""
    with ending_house(tmp_path, upstream) as house:
        server, keys = house.gateway.server, furnish(house, upstream)
        upstream.always(BIG, model="big")
        upstream.always({"fault": "hang"}, model="whole")
        waiting, deaf = Client(house.gateway.url, timeout=60), Client(house.gateway.url, timeout=60)
        with waiting, deaf, streams(house.gateway, keys, ["talking", "silent"], COUNT - 8) as opened:
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            CHAT.post(waiting, "whole", headers={"Authorization": f"Bearer {keys[1]}"})
            CHAT.post(deaf, "big", stream=True, headers={"Authorization": f"Bearer {keys[1]}"})
            all_asked(upstream, COUNT - 8 + 2)
            with streams(house.gateway, keys, ["ending"], 8) as more:
                opened += more
                until(lambda: len(upstream.requests()) >= COUNT + 2, 20, lambda: "the last streams to begin")
                began = time.monotonic()
                server.process.terminate()
                read_all(opened)
                whole = waiting.read()
                assert server.process.wait(60) == 0
                took = time.monotonic() - began
                drained(opened)
        assert took < LONGEST, f"it took {took:.1f} s"
        assert whole.status == 503 and whole.json["omniroute"]["class"] == "draining", whole
        in_the_books(house, opened)
        kinds = Counter(row["kind"] for row in stored(house, "SELECT kind FROM log_rows"))
        assert kinds.total() == COUNT + 2 and kinds["ok"] == 8


def to_all(server: Server, *signals: signal.Signals) -> None:
    """As a terminal's Ctrl-C does it, or whoever stops a container's processes: the first process and its workers."""
    for each in signals:
        os.killpg(server.pid, each)  # its own session


STOPS: dict[str, Callable[[Server], None]] = {
    "SIGTERM to all, twice": lambda server: to_all(server, signal.SIGTERM, signal.SIGTERM),
    "SIGINT to all": lambda server: to_all(server, signal.SIGINT),
    "SIGTERM, then SIGINT": lambda server: to_all(server, signal.SIGTERM, signal.SIGINT),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
def test_other_stops(tmp_path: Path, upstream: Upstream, stop: Callable[[Server], None]) -> None:
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5") as house:
        server, keys = house.gateway.server, furnish(house, upstream)
        with streams(house.gateway, keys, ["talking", "silent"], 16) as opened:
            all_asked(upstream, 16)
            began = time.monotonic()
            stop(server)
            read_all(opened)
            assert server.process.wait(60) == 0
            assert time.monotonic() - began < LONGEST
            drained(opened)
        in_the_books(house, opened)


@contextmanager
def asking(house: House, key: str) -> Iterator[Counter[int | None]]:
    """A client that asks for a whole answer again and again; the statuses so far, None for a connection that broke."""
    seen, stop = Counter[int | None](), threading.Event()

    def client() -> None:
        while not stop.is_set():
            answer = ask(house.gateway.url, key, "chat/whole")
            seen[None if answer is None else answer.status] += 1

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client)
        try:
            yield seen
        finally:
            stop.set()
            running.result()


def test_one_worker_is_told_to_stop(tmp_path: Path, upstream: Upstream) -> None:
    """Its streams end, those of the other go on, and another takes its place; nobody is refused."""
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5") as house:
        server, keys = house.gateway.server, furnish(house, upstream)
        with streams(house.gateway, keys, ["talking", "silent"], 16) as opened, asking(house, keys[0]) as seen:
            all_asked(upstream, 16)
            leaving, staying = server.children()
            theirs = [each for each in opened if worker_of(each.client, [leaving, staying]) == leaving]
            others = [each for each in opened if each not in theirs]
            assert theirs and others
            until(lambda: seen[200] > 10, 20, lambda: "requests to be answered")
            os.kill(leaving, signal.SIGTERM)
            read_all(theirs)
            drained(theirs)
            until(lambda: leaving not in (now := server.children()) and len(now) == 2, 20, lambda: "another worker")
            before = seen[200]
            until(lambda: seen[200] > before + 10, 20, lambda: "requests to be answered")
            assert seen.keys() == {200}, f"nobody is refused for one worker: {seen}"
            server.process.terminate()  # this is for all, and refuses whoever comes
            read_all(others)
            drained(others)
        assert server.process.wait(30) == 0
        in_the_books(house, opened)


def reload(house: House, key: str) -> None:
    house.gateway.server.process.send_signal(signal.SIGHUP)


def use_up(house: House, key: str) -> None:
    """As many requests as make each worker end by itself (`--max-requests`)."""
    server = house.gateway.server
    first = set(server.children())
    until(lambda: ask(house.gateway.url, key, "chat/whole") and not first & set(server.children()), 60, lambda: "new workers")


RENEWALS: dict[str, tuple[Callable[[House, str], None], dict[str, str]]] = {
    "SIGHUP": (reload, {}),
    "max_requests": (use_up, {"GUNICORN_CMD_ARGS": "--max-requests 40"}),
}


@pytest.mark.parametrize("renewal", RENEWALS.values(), ids=RENEWALS.keys())
def test_workers_are_renewed(
    tmp_path: Path, upstream: Upstream, renewal: tuple[Callable[[House, str], None], dict[str, str]]
) -> None:
    """The old ones end their streams, and requests are answered all the while."""
    renew, env = renewal
    with ending_house(tmp_path, upstream, DRAIN_SECONDS="0.5", **env) as house:
        server, keys = house.gateway.server, furnish(house, upstream)
        first = set(server.children())
        with streams(house.gateway, keys, ["talking", "silent"], 16) as opened:
            all_asked(upstream, 16)
            with asking(house, keys[0]) as seen:
                renew(house, keys[0])
                read_all(opened)
                drained(opened)
                until(lambda: not first & (now := set(server.children())) and len(now) == 2, 30, lambda: "two new workers")
                before = seen[200]
                until(lambda: seen[200] > before + 10, 20, lambda: "requests to be answered")
            assert seen.keys() == {200}, seen
        server.process.terminate()
        assert server.process.wait(30) == 0
        in_the_books(house, opened)
