"""A reply is closed when the server is done with it, however that came about: its stream holds an upstream's connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from omniroute.api.outgoing import respond
from omniroute.relay.ask import Reply


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


@pytest.mark.parametrize("body", [b"whole", pieces()], ids=["whole", "streamed"])
@pytest.mark.parametrize("read", [True, False], ids=["read", "left unread"])
def test_a_reply_is_closed_once_the_server_is_done(body: bytes | Iterator[bytes], read: bool) -> None:
    closed: list[str] = []
    response = respond(Reply(200, {}, body, [lambda: closed.append("first"), lambda: closed.append("second")]))
    parts, status, _ = run_wsgi_app(response, create_environ(), buffered=False)
    if read:
        list(parts)
    parts.close()  # type: ignore[attr-defined]
    assert (status, closed) == ("200 OK", ["first", "second"])
