"""Everything that goes out, and what may go wrong with it. Requests leave through the lines of lines.py.

A Session of requests would look at the environment, ~/.netrc, cookies and redirects, none of which may touch a call that carries
somebody's key. Bodies are read with `read1`: `iter_content(None)` and `iter_lines` hold back everything until the end when the
upstream does not use chunked encoding (psf/requests#5536).
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import gevent
import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from omniroute.address_guard import AddressGuard
from omniroute.errors import AddressRefused, UpstreamError, UpstreamNetwork, UpstreamNotJson, UpstreamRedirect
from omniroute.lines import Adapter, Body, Pieces, StaleLine, fresh, guarded, place_of

__all__ = ["Answer", "Body", "Pieces", "Transport"]

READ_SIZE = 65536
TURN = 256 * 1024  # bytes after which other requests get their turn, however fast more come
ERROR_BODY = 65536  # bytes of an error answer that are kept
ANSWER_BODY = 64 * 1024 * 1024  # bytes of an answer that is read whole, unless MAX_ANSWER_MB says otherwise

E = TypeVar("E", bound=BaseException)


class Transport:
    """Sends requests upstream. One per process: its pools hold the open connections, one pool a host.

    `connect_seconds` bounds resolving and connecting; `pool_size` is how many idle connections a host may keep; `answer_body`
    is how many bytes of an answer are read whole.
    """

    def __init__(
        self, guard: AddressGuard, connect_seconds: float = 5.0, pool_size: int = 1000, answer_body: int = ANSWER_BODY
    ) -> None:
        self._adapter = Adapter(guard, pool_connections=100, pool_maxsize=pool_size)
        self._guard = guard
        self._connect_seconds = connect_seconds
        self._answer_body = answer_body

    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: Body | None, *, seconds: float) -> Answer:
        """Send, at most `seconds` without a byte, and wait for the head of the answer, at most `seconds` in all.

        Any status is an Answer but 3xx. Raises UpstreamNetwork, AddressRefused, UpstreamRedirect.
        A reused line that died before an answer's head had come is replaced once, unseen: as a rule the request did not arrive.
        """
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = method, url, body  # type: ignore[assignment]  # it takes what can be iterated
        prepared.headers = headers  # type: ignore[assignment]  # each name is there once already
        try:
            return self._send(prepared, seconds)
        except StaleLine:
            token = fresh.set(True)
            try:
                return self._send(prepared, seconds)
            finally:
                fresh.reset(token)

    def _send(self, prepared: requests.PreparedRequest, seconds: float) -> Answer:
        try:
            place = place_of(str(prepared.url))
        except HTTPError as exc:
            raise UpstreamNetwork(
                "protocol", "", None, "the address of this provider can't be read as a URL", early=True
            ) from exc
        guarded.set(self._guard)
        try:
            response = self._adapter.send(prepared, timeout=(self._connect_seconds, seconds))
        except (requests.RequestException, http.client.HTTPException, HTTPError, OSError) as exc:
            if _cause(exc, StaleLine) and not fresh.get():
                raise StaleLine from exc
            raise _network_error(exc, place.host, place.port, early=True) from exc
        if 300 <= response.status_code < 400:
            location = response.headers.get("location", "")
            response.raw.close()
            raise UpstreamRedirect(response.status_code, location)
        return Answer(response, place.host, place.port, self._answer_body)

    def close_dropped(self) -> None:
        """Let go of the idle connections that upstreams have closed. To be called now and then."""
        self._adapter.close_dropped()

    def close(self) -> None:
        self._adapter.close()


class Answer:
    """An answer whose head has come. Read it with `read` or with `read1` until b"", or `close` it; both may follow each other.

    `headers` finds names without regard to case; `limit` is how many bytes are read whole.
    """

    __slots__ = ("_raw", "_since", "_socket", "headers", "host", "limit", "port", "status")

    def __init__(self, response: requests.Response, host: str, port: int, limit: int) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host, self.port, self.limit = host, port, limit
        self._raw = response.raw
        self._since = 0  # bytes that came since others had their turn
        self._socket: socket.socket | None = getattr(response.raw._original_response, "upstream_socket", None)

    def wait_at_most(self, seconds: float) -> None:
        """From now on a read may wait this long for the next byte."""
        if self._socket is not None:
            with suppress(OSError):  # closed already: the whole body has come
                self._socket.settimeout(seconds)

    def read1(self) -> bytes:
        """The bytes that are there, waiting for the first; b"" at the end. Raises UpstreamNetwork."""
        try:
            data: bytes = self._raw.read1(READ_SIZE, decode_content=True)
        except (HTTPError, OSError, http.client.HTTPException, ValueError) as exc:
            raise _network_error(exc, self.host, self.port, early=False) from exc
        self._since += len(data)
        if self._since > TURN:
            self._since = 0
            gevent.sleep(0)  # a read that need not wait gives way to nobody
        return data

    def read(self, seconds: float, limit: int | None = None, *, tick: Callable[[], float] = time.monotonic) -> bytes:
        """The whole body, within `seconds`. Raises UpstreamNetwork; UpstreamNotJson past `limit` bytes."""
        until, size = tick() + seconds, 0
        limit = self.limit if limit is None else limit
        parts: list[bytes] = []
        while True:
            self.wait_at_most(max(0.001, until - tick()))
            data = self.read1()
            if not data:
                return b"".join(parts)
            parts.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise UpstreamNotJson(
                    self.status, self.headers.get("content-type", ""), f"more than {limit} bytes, MAX_ANSWER_MB"
                )

    def read_error(self, seconds: float = 30.0) -> bytes:
        """The start of an error's body, never failing: an error about an error helps nobody."""
        parts: list[bytes] = []
        until, whole = time.monotonic() + seconds, False
        with suppress(UpstreamError):
            self.wait_at_most(seconds)
            while not whole and time.monotonic() < until and sum(map(len, parts)) < ERROR_BODY:
                data = self.read1()
                parts.append(data)
                whole = not data
        if not whole:
            self.close()
        return b"".join(parts)[:ERROR_BODY]

    def close(self) -> None:
        """Close the connection now, so that the upstream stops working for nobody."""
        self._raw.close()


def _network_error(exc: BaseException, host: str, port: int, *, early: bool) -> UpstreamError:
    """What went wrong on the line, in one word and one sentence."""
    where = f"{host}:{port}"
    if refused := _cause(exc, AddressRefused):
        return refused
    if _cause(exc, NameResolutionError) or _cause(exc, socket.gaierror):
        return UpstreamNetwork("dns", host, port, f"the name {host} can't be resolved", early=early)
    if _cause(exc, ConnectionRefusedError):
        return UpstreamNetwork("refused", host, port, f"nothing listens at {where}", early=early)
    if tls := _cause(exc, ssl.SSLError) or _cause(exc, SSLError):
        return UpstreamNetwork("tls", host, port, f"TLS with {where} failed: {tls}", early=early)
    if _cause(exc, ConnectTimeoutError):
        return UpstreamNetwork("timeout", host, port, f"{where} did not accept a connection in time", early=early)
    if _cause(exc, ReadTimeoutError) or _cause(exc, TimeoutError):
        return UpstreamNetwork("timeout", host, port, f"{where} sent nothing for too long", early=early)
    if _cause(exc, DecodeError):
        return UpstreamNetwork("protocol", host, port, f"{where} sent a body that can't be decompressed", early=False)
    if _cause(exc, NewConnectionError):
        return UpstreamNetwork("refused", host, port, f"{where} can't be reached: {_cause(exc, OSError) or exc}", early=early)
    if _cause(exc, http.client.HTTPException) and not (
        _cause(exc, http.client.RemoteDisconnected) or _cause(exc, http.client.IncompleteRead)
    ):
        return UpstreamNetwork("protocol", host, port, f"{where} sent something that is no HTTP answer", early=early)
    if _cause(exc, ProtocolError) or _cause(exc, OSError) or _cause(exc, http.client.HTTPException):
        return UpstreamNetwork("reset", host, port, f"{where} closed the connection", early=early)
    return UpstreamNetwork("protocol", host, port, f"{where} broke the protocol ({type(exc).__name__})", early=early)


def _cause(exc: BaseException | None, kind: type[E]) -> E | None:
    """The first exception of `kind` in the chain of causes, contexts and wrapped arguments."""
    seen: set[int] = set()
    queue: list[object] = [exc]
    while queue:
        each = queue.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, kind):
            return each
        seen.add(id(each))
        queue += [each.__cause__, each.__context__, getattr(each, "reason", None)]
        queue += each.args
    return None
