"""Everything that goes out: the one place that imports requests.

A request goes straight to requests' adapter: a Session would look at the environment, ~/.netrc, cookies and redirects,
none of which may touch a call that carries somebody's key. Bodies are read with `read1`: `iter_content(None)` and
`iter_lines` hold back everything until the end when the upstream does not use chunked encoding (psf/requests#5536).
"""

from __future__ import annotations

import contextvars
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import gevent
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
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

READ_SIZE = 65536
ERROR_BODY = 65536  # bytes of an error answer that are kept
ANSWER_BODY = 64 * 1024 * 1024  # bytes of an answer that is read whole, unless MAX_ANSWER_MB says otherwise
MOST_INTERIM = 20  # answers of status 1xx before the one that counts
MOST_TRAILERS = 100

E = TypeVar("E", bound=BaseException)


class Pieces(Protocol):
    """A body that is made while it is sent, from its start each time; its length is that in bytes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


Body = bytes | Pieces

_fresh: contextvars.ContextVar[bool] = contextvars.ContextVar("fresh", default=False)
_guard: contextvars.ContextVar[AddressGuard] = contextvars.ContextVar("guard")


class Transport:
    """Sends requests upstream. One per process: its pools hold the open connections, one pool a host.

    `connect_seconds` bounds resolving and connecting; `pool_size` is how many idle connections a host may keep; `answer_body`
    is how many bytes of an answer are read whole.
    """

    def __init__(
        self, guard: AddressGuard, connect_seconds: float = 5.0, pool_size: int = 1000, answer_body: int = ANSWER_BODY
    ) -> None:
        self._adapter = _Adapter(guard, pool_connections=100, pool_maxsize=pool_size)
        self._guard = guard
        self._connect_seconds = connect_seconds
        self._answer_body = answer_body

    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: Body | None, *, seconds: float) -> Answer:
        """Send, at most `seconds` without a byte, and wait for the head of the answer, at most `seconds` in all.

        Any status is an Answer but 3xx. Raises UpstreamNetwork, AddressRefused, UpstreamRedirect.
        A reused connection that died before a byte came back is replaced once, unseen: the request did not arrive.
        """
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = method, url, body  # type: ignore[assignment]  # it takes what can be iterated
        prepared.headers = CaseInsensitiveDict(headers)
        if body is not None:
            prepared.headers["Content-Length"] = str(len(body))
        try:
            return self._send(prepared, seconds)
        except _StaleSocket:
            token = _fresh.set(True)
            try:
                return self._send(prepared, seconds)
            finally:
                _fresh.reset(token)

    def _send(self, prepared: requests.PreparedRequest, seconds: float) -> Answer:
        place = urlsplit(str(prepared.url))
        host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
        _guard.set(self._guard)
        try:
            response = self._adapter.send(prepared, stream=True, timeout=(self._connect_seconds, seconds), verify=True)
        except (requests.RequestException, HTTPError, OSError) as exc:
            if _cause(exc, _StaleSocket) and not _fresh.get():
                raise _StaleSocket from exc
            raise _network_error(exc, host, port, early=True) from exc
        if 300 <= response.status_code < 400:
            location = response.headers.get("location", "")
            response.raw.close()
            raise UpstreamRedirect(response.status_code, location)
        return Answer(response, host, port, self._answer_body)

    def close(self) -> None:
        self._adapter.close()


class Answer:
    """An answer whose head has come. Read it with `read` or with `read1` until b"", or `close` it; both may follow each other.

    `headers` finds names without regard to case; `limit` is how many bytes are read whole.
    """

    __slots__ = ("_raw", "_socket", "headers", "host", "limit", "port", "status")

    def __init__(self, response: requests.Response, host: str, port: int, limit: int) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host, self.port, self.limit = host, port, limit
        self._raw = response.raw
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
        until = time.monotonic() + seconds
        try:
            self.wait_at_most(seconds)
            while time.monotonic() < until and sum(map(len, parts)) < ERROR_BODY and (data := self.read1()):
                parts.append(data)
        except UpstreamError:
            pass
        else:
            if sum(map(len, parts)) < ERROR_BODY:
                return b"".join(parts)
        self.close()
        return b"".join(parts)[:ERROR_BODY]

    def close(self) -> None:
        """Close the connection now, so that the upstream stops working for nobody."""
        self._raw.close()


# The adapter: guarded connections, and answers without what a gateway has no use for ---------------


class _StaleSocket(ConnectionResetError):
    """A connection kept from an earlier request died before this one's answer began."""


class _Response(http.client.HTTPResponse):
    """Python's own goes on for as long as there are interim answers, or lines of a trailer."""

    _interim = 0

    def _read_status(self) -> Any:
        self._interim += 1
        if self._interim > MOST_INTERIM:
            raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers")
        return super()._read_status()  # type: ignore[misc]

    def _read_and_discard_trailer(self) -> None:
        for _ in range(MOST_TRAILERS):
            line = self.fp.readline(65537)
            if line in (b"\r\n", b"\n", b""):
                return
            if len(line) > 65536:
                break
        raise http.client.HTTPException("a trailer without end")


class _Guarded(HTTPConnection):
    """Connects only to addresses that the guard admits, and remembers whether its socket has brought an answer before.

    urllib3 connects the same object anew when it finds that the peer has closed the socket in the meantime.
    """

    has_answered = False
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        self.has_answered = False
        return _connect(self, _guard.get())

    def request(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().request(*args, **kwargs)
        except (BrokenPipeError, ConnectionResetError) as exc:
            raise self._stale(exc) from exc

    def getresponse(self) -> Any:
        sock = self.sock
        try:
            with gevent.Timeout(sock.gettimeout(), TimeoutError):  # the socket's own starts anew with every byte
                response = super().getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError) as exc:
            raise self._stale(exc) from exc
        response._original_response.upstream_socket = sock  # type: ignore[union-attr]
        self.has_answered = True
        return response

    def _stale(self, exc: Exception) -> Exception:
        return _StaleSocket(str(exc)) if self.has_answered else exc


class _GuardedTLS(_Guarded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded

    def _get_conn(self, timeout: float | None = None) -> Any:
        return self._new_conn() if _fresh.get() else super()._get_conn(timeout)


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS

    def _get_conn(self, timeout: float | None = None) -> Any:
        return self._new_conn() if _fresh.get() else super()._get_conn(timeout)


class _Adapter(HTTPAdapter):
    def __init__(self, guard: AddressGuard, **pool: int) -> None:
        super().__init__(max_retries=0, pool_block=False, **pool)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """What is needed of requests' own: no cookie jar, no encoding guess, no history."""
        response = requests.Response()
        response.status_code, response.raw, response.headers = resp.status, resp, resp.headers
        return response


def _connect(connection: HTTPConnection, guard: AddressGuard) -> socket.socket:
    """Resolve, ask the guard about each address, connect to the first that answers."""
    host, timeout = connection._dns_host, connection.timeout
    seconds = float(timeout) if isinstance(timeout, int | float) else None
    try:
        found = socket.getaddrinfo(host, connection.port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise NameResolutionError(host, connection, exc) from exc  # type: ignore[arg-type]
    last: OSError | None = None
    for family, kind, protocol, _, place in found:
        guard.check(host, str(place[0]))
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(seconds)
            sock.connect(place)
        except OSError as exc:
            sock.close()
            last = exc
            continue
        return sock
    if isinstance(last, TimeoutError):
        raise ConnectTimeoutError(connection, f"no answer from {host}:{connection.port} within {seconds} s") from last
    raise NewConnectionError(connection, str(last)) from last


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
