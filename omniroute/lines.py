"""The lines upstream: pools of guarded connections, what goes out over one of them, and what is read of the answer's head.

requests' adapter and urllib3 give the pools, TLS, decompression and the rules of reuse. The way of a request through them is
this module's own, see docs/adr/0002-straight-to-the-adapter.md.
"""

from __future__ import annotations

import contextvars
import http.client
import io
import select
import socket
import ssl
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import gevent
import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse
from urllib3.util import parse_url

from omniroute.address_guard import AddressGuard
from omniroute.sending import send_all

MOST_INTERIM = 20  # answers of status 1xx before the one that counts
MOST_HEADERS = 100  # as Python's own
MOST_TRAILERS = 100
LONGEST_LINE = 65536  # bytes of a header
IN_ONE_PIECE = 262_144  # bytes of a body that goes out together with its head
MOST_POOLS = 100
DEFAULT_PORTS = {"http": 80, "https": 443}
WITHOUT_BODY = (http.client.SWITCHING_PROTOCOLS, http.client.NO_CONTENT, http.client.NOT_MODIFIED)
GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)  # how a peer that has closed is found out
# What has no place in a header's value (RFC 9110 section 5.5) and would break the answer to the client.
CONTROLS = dict.fromkeys((*range(0x20), 0x7F), " ") | {0x09: "\t"}


class Pieces(Protocol):
    """A body that is made while it is sent, from its start each time; its length is that in bytes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


Body = bytes | Pieces

_poll = get_original("select", "poll")
fresh: contextvars.ContextVar[bool] = contextvars.ContextVar("fresh", default=False)  # no line that was used before
guarded: contextvars.ContextVar[AddressGuard] = contextvars.ContextVar("guarded")


class StaleLine(ConnectionResetError):
    """A line kept from an earlier request died before this one's answer had come as far as the end of its head."""


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
            if self.status >= 200 or self.status in WITHOUT_BODY:
                break
        else:
            raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers")
        self.code, self.reason, self.headers = self.status, reason.strip(), headers
        self.msg = headers
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.chunked = headers.get("transfer-encoding", "").lower().rpartition(",")[2].strip() == "chunked"
        self.chunk_left = None
        self.length = None if self.chunked else _length(headers)
        if self.status in WITHOUT_BODY or self._method == "HEAD":  # type: ignore[attr-defined]
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
                    headers[name] = f"{headers[name]} {text.strip().translate(CONTROLS)}"
                continue
            name, colon, value = text.partition(":")
            if colon:
                headers.add(name.rstrip(), value.strip().translate(CONTROLS))
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
        return _connect(self, guarded.get())

    @property
    def is_connected(self) -> bool:
        """Whether a request may go over this line: what can be read before one was sent is the end, or not meant for it."""
        return self.sock is not None and not _readable(self.sock)

    def ask(self, method: str, head: bytes, body: Body | None) -> None:
        """Send a request. Raises StaleLine, or what the socket says."""
        self._asked = method
        self.sock.settimeout(self.timeout)
        try:
            if isinstance(body, bytes) and len(body) < IN_ONE_PIECE:
                send_all(self.sock, head + body)
                return
            send_all(self.sock, head)
            for piece in (body,) if isinstance(body, bytes) else body or ():
                send_all(self.sock, piece)
        except GONE as exc:
            if self.has_answered:
                raise StaleLine(str(exc)) from exc
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
            if self.has_answered and isinstance(exc, (http.client.RemoteDisconnected, *GONE)):
                raise StaleLine(str(exc)) from exc
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
        return _anew(super()._get_conn(timeout))


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS

    def _get_conn(self, timeout: float | None = None) -> Any:
        return _anew(super()._get_conn(timeout))


def _anew(line: Any) -> Any:
    """The line itself, which will connect anew where only a fresh one is of use."""
    if fresh.get():
        line.close()
    return line


class Adapter(HTTPAdapter):
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
        place = place_of(str(request.url))
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

    def close(self) -> None:
        """Every line that nobody uses just now, at once."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        super().close()

    def close_dropped(self) -> None:
        """Every line whose other end was closed while nobody used it: the one that was used last is asked for first, so those
        below it might never be looked at again.
        """
        for pool in self._pools.values():
            for line in list(pool.pool.queue) if pool.pool is not None else ():
                if line is not None and line.sock is not None and not line.is_connected:
                    line.close()  # it stays in its place, and connects anew

    def _pool(self, request: requests.PreparedRequest, place: Place) -> Any:
        pool = self._pools.get(place.origin)
        if pool is None or pool.pool is None:
            pool = self.get_connection_with_tls_context(request, verify=True)
            self.cert_verify(pool, request.url, True, None)  # type: ignore[no-untyped-call]
            if len(self._pools) >= MOST_POOLS:
                self._pools.clear()
            self._pools[place.origin] = pool
        return pool


class Place(NamedTuple):
    """Where a URL leads to, as it is written in a request."""

    origin: tuple[str, str, int]
    host: str
    port: int
    target: str
    authority: str


@lru_cache(maxsize=1024)
def place_of(url: str) -> Place:
    """Raises LocationParseError, which is an HTTPError, for a URL that is none."""
    parsed = parse_url(url)
    scheme, host = parsed.scheme or "", parsed.host or ""
    if scheme not in DEFAULT_PORTS or not host:
        raise LocationParseError(url)
    port = parsed.port or DEFAULT_PORTS[scheme]
    authority = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return Place((scheme, host, port), host.strip("[]"), port, parsed.request_uri, authority)


def _request_head(method: str, place: Place, headers: Any, body: Any) -> bytes:
    """Raises ValueError for a line break where none may be."""
    lines = [f"{method} {place.target} HTTP/1.1", f"Host: {place.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines)
    if head.count("\n") + 1 != len(lines) or head.count("\r") + 1 != len(lines) or "\0" in head:
        raise ValueError("a header with a line break in it")
    return head.encode("iso-8859-1") + b"\r\n\r\n"


def _length(headers: Any) -> int | None:
    """Raises HTTPException for two that differ: the end of the body would be anybody's guess."""
    told = {each.strip() for each in headers.get("content-length", "").split(",")}
    if len(told) > 1:
        raise http.client.HTTPException("more than one length of the body")
    text = told.pop()
    if text.isdecimal():
        headers["content-length"] = text  # one line, however often it was there
        return int(text)
    return None


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
