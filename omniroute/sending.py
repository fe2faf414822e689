"""All of some bytes into a socket."""

from __future__ import annotations

import socket


def send_all(sock: socket.socket, data: bytes) -> None:
    """The same as `sock.sendall`, for less where the kernel takes all at once, as it mostly does: gevent's own asks it first how
    large its buffer is, and cuts what there is into such pieces.
    """
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])
