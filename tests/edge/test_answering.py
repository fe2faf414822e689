"""How an answer leaves: gunicorn writes the head by itself, and the client gets it with the first of the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.wsgi import FileWrapper, Response

from omniroute.edge.worker import Answering
from omniroute.sending import send_all


class Line:
    """A client and what answers it, on a socket that keeps apart what was sent apart."""

    def __init__(self, request: bytes) -> None:
        self.client, self.server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.client.settimeout(30)
        self.client.send(request)
        self.answering = Answering(self.server)
        parsed: Any = next(get_parser(Config(), self.server, ("127.0.0.1", 1)))
        self.response = Response(parsed, self.answering, Config())

    def packets(self) -> list[bytes]:
        """All that was sent, once the answer is over."""
        self.server.close()
        with self.client:
            return list(iter(lambda: self.client.recv(65536), b""))


@pytest.mark.parametrize("length", [["Content-Length", "5"], ["X-Streamed", "yes"]], ids=["whole", "streamed"])
def test_the_head_goes_with_the_first_piece(length: list[str]) -> None:
    line = Line(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    write = line.response.start_response("200 OK", [(length[0], length[1])])
    write(b"He")
    write(b"llo")
    line.response.close()
    line.answering.flush()
    first, *rest = line.packets()
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [body, *rest] == ([b"He", b"llo"] if length[1] == "5" else [b"2\r\nHe\r\n", b"3\r\nllo\r\n", b"0\r\n\r\n"])


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")])
def test_a_head_without_a_body_goes_in_the_end(method: str, status: str) -> None:
    line = Line(f"{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    line.response.start_response(status, [("Content-Length", "5")])
    line.response.close()
    line.answering.flush()
    line.answering.flush()
    (only,) = line.packets()
    assert only.startswith(f"HTTP/1.1 {status}\r\n".encode())
    assert only.endswith(b"\r\n\r\n")


def test_a_file_comes_after_the_head(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"Hello")
    line = Line(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line.response.start_response("200 OK", [("Content-Length", "5")])
    with (tmp_path / "page").open("rb") as file:
        line.response.write_file(FileWrapper(file))
    line.answering.flush()
    head, body = line.packets()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"Hello"


def test_nothing_is_sent_where_nothing_was_written() -> None:
    line = Line(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line.answering.flush()
    assert line.packets() == []


def test_what_the_kernel_does_not_take_at_once_goes_all_the_same() -> None:
    data = bytes(range(256)) * 20_000
    client, server = socket.socketpair()
    with client, server:
        sending = gevent.spawn(send_all, server, data)
        got = bytearray()
        while len(got) < len(data):
            got += client.recv(65536)
        sending.get(timeout=30)
    assert bytes(got) == data
