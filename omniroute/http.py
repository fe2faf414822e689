"""Everything that goes out: the one place that imports requests.

A request goes straight to requests' adapter: a Session would look at the environment, ~/.netrc, cookies and redirects,
none of which may touch a call that carries somebody's key. Bodies are read with `read1`: `iter_content(None)` and
`iter_lines` hold back everything until the end when the upstream does not use chunked encoding (psf/requests#5536).
"""

from __future__ import annotations

import contextvars
import http.client
import io
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import gevent
import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
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
from urllib3.response import HTTPResponse
from urllib3.util import parse_url

from omniroute.address_guard import AddressGuard
from omniroute.errors import AddressRefused, UpstreamError, UpstreamNetwork, UpstreamNotJson, UpstreamRedirect

READ_SIZE = 65536
TURN = 256 * 1024  # bytes after which other requests get their turn, however fast more come
ERROR_BODY = 65536  # bytes of an error answer that are kept
ANSWER_BODY = 64 * 1024 * 1024  # bytes of an answer that is read whole, unless MAX_ANSWER_MB says otherwise
MOST_INTERIM = 20  # answers of status 1xx before the one that counts
MOST_HEADERS = 100  # as Python's own
MOST_TRAILERS = 100
LONGEST_LINE = 65536  # bytes of a header
IN_ONE_PIECE = 262_144  # bytes of a body that goes out together with its head
MOST_POOLS = 100
DEFAULT_PORTS = {"http": 80, "https": 443}

E = TypeVar("E", bound=BaseException)


class Pieces(Protocol):
    """A body that is made while it is sent, from its start each time; its length is that in bytes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


Body = bytes | Pieces

_poll = get_original("select", "poll")
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
        prepared.headers = headers  # type: ignore[assignment]  # each name is there once already
        try:
            return self._send(prepared, seconds)
        except _StaleSocket:
            token = _fresh.set(True)
            try:
                return self._send(prepared, seconds)
            finally:
                _fresh.reset(token)

    def _send(self, prepared: requests.PreparedRequest, seconds: float) -> Answer:
        place = _place(str(prepared.url))
        _guard.set(self._guard)
        try:
            response = self._adapter.send(prepared, timeout=(self._connect_seconds, seconds))
        except (requests.RequestException, http.client.HTTPException, HTTPError, OSError) as exc:
            if _cause(exc, _StaleSocket) and not _fresh.get():
                raise _StaleSocket from exc
            raise _network_error(exc, place.host, place.port, early=True) from exc
        if 300 <= response.status_code < 400:
            location = response.headers.get("location", "")
            response.raw.close()
            raise UpstreamRedirect(response.status_code, location)
        return Answer(response, place.host, place.port, self._answer_body)

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


class _Gate(io.RawIOBase):
    """Stands between a socket and the buffer over it. While it is shut the buffer finds that nothing has come."""

    shut = False

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        return None if self.shut else self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Head(http.client.HTTPResponse):
    """An answer's head, and the reader of its body. Python's own parses a head as if it were mail, in a third of the time of a
    whole request, gives chunks out one by one, though most of a fast stream has come with the first, and goes on for as long as
    there are interim answers, or lines of a trailer.
    """

    upstream_socket: socket.socket

    def __init__(self, sock: Any, method: str) -> None:
        super().__init__(sock, method=method)
        self._gate = _Gate(self.fp.detach())
        self.fp = io.BufferedReader(self._gate)

    def begin(self) -> None:
        """Raises HTTPException for a head that is none, or has no end."""
        for _ in range(MOST_INTERIM):
            version, self.status, reason = self._read_status()  # type: ignore[attr-defined]
            headers = self._read_headers()
            if self.status >= 200 or self.status == http.client.SWITCHING_PROTOCOLS:
                break
        else:
            raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers")
        self.code, self.reason, self.headers = self.status, reason.strip(), headers
        self.msg = headers
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = None if self.chunked else _length(headers)
        if self.status in (http.client.NO_CONTENT, http.client.NOT_MODIFIED) or self._method == "HEAD":  # type: ignore[attr-defined]
            self.length = 0
        self.will_close = self._check_close() or (not self.chunked and self.length is None)  # type: ignore[attr-defined]

    def _read_headers(self) -> Any:
        """Names without regard to case, in the order they came; what has no colon is passed over."""
        headers, name = HTTPHeaderDict(), ""
        for _ in range(MOST_HEADERS):
            line = self.fp.readline(LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return headers
            if len(line) > LONGEST_LINE:
                raise http.client.LineTooLong("header line")
            text = line.decode("iso-8859-1")
            if text[0] in " \t":  # goes on with the line before
                if name:
                    headers[name] = f"{headers[name]} {text.strip()}"
                continue
            name, colon, value = text.partition(":")
            if colon:
                headers.add(name.rstrip(), value.strip())
            name = name.rstrip() if colon else ""
        raise http.client.HTTPException(f"more than {MOST_HEADERS} headers")

    def _read1_chunked(self, n: int) -> bytes:
        first: bytes = super()._read1_chunked(n)  # type: ignore[misc]
        if not first or self.chunk_left or len(first) + io.DEFAULT_BUFFER_SIZE > n:
            return first
        return first + self._chunks_here()

    def _chunks_here(self) -> bytes:
        """What more chunks have come as a whole. The last one, which is empty, and what is odd is left for a read by itself."""
        self._gate.shut = True
        try:
            here = self.fp.peek()
        finally:
            self._gate.shut = False
        parts, at = [], 0
        while here[at : at + 2] == b"\r\n" and (begin := here.find(b"\n", at + 2) + 1):
            try:
                size = int(here[at + 2 : begin].partition(b";")[0], 16)
            except ValueError:
                break
            if size <= 0 or begin + size > len(here):
                break
            at = begin + size
            parts.append(here[begin:at])
        self.fp.read(at)
        return b"".join(parts)

    def _read_and_discard_trailer(self) -> None:
        for _ in range(MOST_TRAILERS):
            line = self.fp.readline(LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return
            if len(line) > LONGEST_LINE:
                break
        raise http.client.HTTPException("a trailer without end")


class _Guarded(HTTPConnection):
    """Connects only to addresses that the guard admits, and remembers whether its socket has brought an answer before.

    urllib3 connects the same object anew when it finds that the peer has closed the socket in the meantime. A request goes out
    in one piece, head and body: a second packet costs a system call on both sides.
    """

    has_answered = False
    _asked = "GET"

    def _new_conn(self) -> socket.socket:
        self.has_answered = False
        return _connect(self, _guard.get())

    @property
    def is_connected(self) -> bool:
        """Whether a request may go over this line: what can be read before one was sent is the end, or not meant for it."""
        return self.sock is not None and not _readable(self.sock)

    def ask(self, method: str, head: bytes, body: Body | None) -> None:
        """Send a request. Raises _StaleSocket, or what the socket says."""
        self._asked = method
        self.sock.settimeout(self.timeout)
        try:
            if isinstance(body, bytes) and len(body) < IN_ONE_PIECE:
                self.sock.sendall(head + body)
                return
            self.sock.sendall(head)
            for piece in (body,) if isinstance(body, bytes) else body or ():
                self.sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError) as exc:
            if self.has_answered:
                raise _StaleSocket(str(exc)) from exc
            # Whoever refuses a request early may have said why before closing.

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
        """The answer's head, within the time-out in all: the socket's own starts anew with every byte."""
        sock = self.sock
        sock.settimeout(self.timeout)
        head = _Head(sock, method=self._asked)
        try:
            with gevent.Timeout(self.timeout, TimeoutError):
                head.begin()
        except BaseException as exc:
            head.close()
            if self.has_answered and isinstance(exc, http.client.RemoteDisconnected | ConnectionResetError):
                raise _StaleSocket(str(exc)) from exc
            raise
        head.upstream_socket = sock
        self.has_answered = True
        if head.will_close:
            self.close()  # the body keeps the socket until it is read
        return HTTPResponse(
            body=head,
            headers=head.headers,  # type: ignore[arg-type]
            status=head.status,
            version=head.version,
            reason=head.reason,
            preload_content=False,
            original_response=head,
            request_method=self._asked,
        )


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
    """requests' adapter for the pools, their connections and TLS; the way of a request through them is this one's own.

    requests and urllib3 look at proxies, redirects, retries and encodings on that way, none of which there is here: that took
    as long as all that the gateway does with a request (measured 2026-11-27, py-spy).
    """

    def __init__(self, guard: AddressGuard, **pool: int) -> None:
        self._pools: dict[tuple[str, str, int], Any] = {}
        super().__init__(max_retries=0, pool_block=False, **pool)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = (5.0, 60.0), **__: Any) -> requests.Response:
        """`request.headers` are pairs; the head of the answer is there when this returns, and its body is read from `raw`."""
        place = _place(str(request.url))
        head = _request_head(str(request.method), place, request.headers, request.body)
        pool = self._pool(request, place)
        line = pool._get_conn()
        try:
            line.timeout = timeout[0]
            pool._validate_conn(line)  # connects TLS
            if line.sock is None:
                line.connect()
            line.timeout = timeout[1]
            line.ask(request.method, head, request.body)
            raw = line.getresponse()
        except BaseException:
            line.close()
            pool._put_conn(None)
            raise
        raw._connection, raw._pool = line, pool  # where the line goes when the body has been read
        response = requests.Response()
        response.status_code, response.raw, response.headers = raw.status, raw, raw.headers
        return response

    def _pool(self, request: requests.PreparedRequest, place: _Place) -> Any:
        pool = self._pools.get(place.origin)
        if pool is None or pool.pool is None:  # closed: the manager keeps so many hosts
            pool = self.get_connection_with_tls_context(request, verify=True)
            self.cert_verify(pool, request.url, True, None)  # type: ignore[no-untyped-call]
            if len(self._pools) >= MOST_POOLS:
                self._pools.clear()
            self._pools[place.origin] = pool
        return pool


class _Place(NamedTuple):
    """Where a URL leads to, as it is written in a request."""

    origin: tuple[str, str, int]
    host: str
    port: int
    target: str
    authority: str


@lru_cache(maxsize=1024)
def _place(url: str) -> _Place:
    """Raises LocationParseError, which is an HTTPError, for a URL that is none."""
    parsed = parse_url(url)
    scheme, host = parsed.scheme or "http", parsed.host or ""
    port = parsed.port or DEFAULT_PORTS[scheme]
    authority = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return _Place((scheme, host, port), host.strip("[]"), port, parsed.request_uri, authority)


def _request_head(method: str, place: _Place, headers: Any, body: Any) -> bytes:
    """Raises ValueError for a line break where none may be."""
    lines = [f"{method} {place.target} HTTP/1.1", f"Host: {place.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") + 1 != len(lines) or head.count("\r") + 1 != len(lines) or "\0" in head:
        raise ValueError("a header with a line break in it")
    return head.encode("iso-8859-1") + b"\r\n\r\n"


def _length(headers: Mapping[str, str]) -> int | None:
    try:
        length = int(headers.get("content-length", ""))
    except ValueError:
        return None
    return length if length >= 0 else None


def _readable(sock: socket.socket) -> bool:
    """Now, without a wait: gevent's own poll would look at its loop first."""
    looked = _poll()
    looked.register(sock, select.POLLIN)
    return bool(looked.poll(0))


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
