"""What becomes of a client's connection when the program breaks down before it answers: gunicorn writes a 500 and closes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import Any

import gevent
import pytest
from gevent import socket
from gunicorn.config import Config
from gunicorn.http import get_parser

from omniroute.edge.sockets import ClientSockets

ANSWER = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
UPLOAD = 4_000_000  # bytes; more than what is read after an answer so that the connection can go on


def breaks_down(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise environ["test.raised"]


def sends(client: Any) -> bytes:
    """The client: a whole upload, then what it is told, to the end. An OSError if the answer is taken back."""
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % UPLOAD + b"x" * UPLOAD)
    client.shutdown(socket.SHUT_WR)
    told = b""
    while data := client.recv(65536):
        told += data
    return told


@pytest.mark.parametrize("raised", [RuntimeError("in the error handler"), gevent.Timeout(None)], ids=["error", "timeout"])
def test_the_client_gets_the_500_and_its_socket_is_let_go(raised: BaseException) -> None:
    sockets = ClientSockets(breaks_down, body_seconds=60)
    client, server = socket.socketpair()
    with client:
        sending = gevent.spawn(sends, client)
        request = next(get_parser(Config(), server, ("127.0.0.1", 1)))
        environ = {
            "gunicorn.socket": server,
            "wsgi.input": request.body,
            "CONTENT_LENGTH": str(UPLOAD),
            "test.raised": raised,
        }
        with pytest.raises(type(raised)):
            sockets(environ, None)
        sockets.close_all()  # cuts off the busy ones: this is none any more
        server.sendall(ANSWER)
        server.close()
        assert sending.get(timeout=30) == ANSWER
    held = weakref.ref(server)
    del server, request, environ
    raised.__traceback__ = None  # its frames hold it too
    gc.collect()
    assert held() is None
