"""The end of a worker: open streams get an error event, rows are written, and idle connections don't hold it up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gateway import start
from tests.gateway import Gateway
from tests.relay.conftest import connect, moved
from tests.relay.ways import CHAT, WAYS
from tests.upstream.client import Upstream
from tests.upstream.raw import Client


@contextmanager
def ending_gateway(folder: Path, **env: str) -> Iterator[Gateway]:
    """A gateway that may end within the block."""
    server = start(folder, env=env)
    try:
        yield Gateway(server, folder)
    finally:
        server.stop()
    assert "Traceback" not in server.output(), server.tail(80)


def test_streams_end_with_an_error_event_and_a_row(tmp_path: Path, upstream: Upstream) -> None:
    upstream.always({"text": "word " * 5000, "pieces": 5000, "gap": 0.02})
    with ending_gateway(tmp_path, DRAIN_SECONDS="0.5", **moved(upstream)) as here:
        connect(here, upstream)
        idle = Client(here.url)
        assert idle.get("/v1/models").read().status == 200
        clients = []
        for way in WAYS.values():
            client = Client(here.url, timeout=30)
            way.post(client, stream=True)
            client.read_until(b"word")
            clients.append((way, client))
        here.server.process.terminate()
        for way, client in clients:
            with client:
                rest = client.read_until(b"\r\n0\r\n\r\n")
            named = way.client.error_event
            assert b'"class":"draining"' in rest and (named is None or f"event: {named}".encode() in rest)
            assert not any(end in rest for end in way.client.clean_ends)
        assert here.server.process.wait(20) == 0
        idle.leave()
    with sqlite3.connect(here.data_dir / "omniroute.db") as database:
        assert database.execute("SELECT status, kind FROM log_rows").fetchall() == [(200, "draining")] * len(WAYS)
    database.close()


def test_a_connection_that_never_asked_holds_up_nobody(tmp_path: Path) -> None:
    with ending_gateway(tmp_path) as here, Client(here.url) as silent:
        with Client(here.url) as client:
            assert client.get("/v1/models").read().status == 200  # so the silent one, who came first, has been accepted too
        here.server.process.terminate()
        assert here.server.process.wait(20) == 0  # the master kills after 27 s
        silent.leave()


def test_a_whole_answer_in_flight_is_finished(tmp_path: Path, upstream: Upstream) -> None:
    upstream.always({"delay": 1.0})
    with ending_gateway(tmp_path) as here:
        here.add_upstream("chat", upstream.v1)
        with Client(here.url, timeout=30) as client:
            CHAT.post(client)
            upstream.wait_for(1)
            here.server.process.terminate()
            assert client.read().status == 200
        assert here.server.process.wait(20) == 0
