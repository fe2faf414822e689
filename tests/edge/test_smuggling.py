"""Requests that two readers could cut in two ways: each is refused, or read in its one way, and nothing hidden is carried out.

Behind or within every request stands another one, which asks for the model SMUGGLED. The upstream that it would reach counts.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream

PATH = b"/v1/chat/completions"
HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"


def body(model: bytes) -> bytes:
    return b'{"model": "chat/%b", "messages": [{"role": "user", "content": "Hi"}]}' % model


OWN = body(b"own")
SIZE = b"%d" % len(OWN)
HIDDEN = b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (PATH, HEAD, len(body(b"SMUGGLED")), body(b"SMUGGLED"))
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN)


def post(headers: bytes, content: bytes = OWN, *, line: bytes = b"POST %b HTTP/1.1" % PATH) -> bytes:
    return line + b"\r\n" + HEAD + headers + b"\r\n\r\n" + content + HIDDEN


def sized(headers: bytes = b"X-A: b", *, line: bytes = b"POST %b HTTP/1.1" % PATH) -> bytes:
    """With a right length beside what is wrong."""
    return post(headers + b"\r\nContent-Length: " + SIZE, line=line)


def length(value: bytes) -> bytes:
    return post(b"Content-Length: " + value)


def coded(value: bytes, more: bytes = b"") -> bytes:
    return post(b"Transfer-Encoding: " + value + more, CHUNKS)


def chunked(content: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", content)


def chunk(size: bytes) -> bytes:
    """One chunk whose size line is this, and the end."""
    return chunked(size + b"\r\n" + OWN + b"\r\n0\r\n\r\n")


HEX = b"%x" % len(OWN)
CODING = b"Transfer-Encoding: chunked"

# What is sent, and the statuses that are an answer to it. The connection ends with it, and nobody asks the upstream anything.
REFUSED: dict[str, tuple[bytes, tuple[int, ...]]] = {
    # Two lengths
    "length and chunks": (post(b"Content-Length: 5\r\n" + CODING, b"0\r\n\r\n"), (400,)),
    "chunks and length": (post(CODING + b"\r\nContent-Length: %d" % len(CHUNKS), CHUNKS), (400,)),
    "length and chunks behind a tab": (post(b"Content-Length: 5\r\nTransfer-Encoding:\tchunked", b"0\r\n\r\n"), (400,)),
    "two lengths that differ": (sized(b"Content-Length: 0"), (400,)),
    "two lengths that agree": (sized(b"Content-Length: " + SIZE), (400,)),
    "a list of lengths": (length(SIZE + b", " + SIZE), (400,)),
    # Lengths that are none
    "a negative length": (length(b"-1"), (400,)),
    "a length with a plus": (length(b"+" + SIZE), (400,)),
    "a hexadecimal length": (length(b"0x" + HEX), (400,)),
    "a length with a point": (length(b"5.0"), (400,)),
    "a length with an underscore": (length(b"1_0"), (400,)),
    "a length with a space within": (length(b"1 0"), (400,)),
    "a length after a hard space": (length(b"\xa0" + SIZE), (400,)),
    "a superscript length": (length(b"\xb2"), (400,)),
    "an empty length": (length(b""), (400,)),
    "a huge length": (length(b"9" * 30), (413,)),
    "a length of 5,000 digits": (length(b"9" * 5000), (400,)),
    # Transfer codings
    "two codings": (coded(b"chunked", b"\r\n" + CODING), (400,)),
    "two codings in a list": (coded(b"chunked, chunked"), (400,)),
    "a space before the colon": (post(b"Transfer-Encoding : chunked", CHUNKS), (400,)),
    "a vertical tab before the coding": (coded(b"\x0bchunked"), (400,)),
    "an unknown coding": (coded(b"xchunked"), (501,)),
    "a quoted coding": (coded(b'"chunked"'), (501,)),
    "an empty coding": (sized(b"Transfer-Encoding: "), (501,)),
    "no coding beside a length": (sized(b"Transfer-Encoding: identity"), (400,)),
    "no coding after chunks": (coded(b"chunked, identity"), (400,)),
    "no coding before chunks": (coded(b"identity, chunked", b"\r\nConnection: close"), (400,)),
    "a coding that is compressed": (coded(b"gzip, chunked"), (400,)),
    "a coding over two lines": (post(b"Transfer-Encoding:\r\n chunked", CHUNKS), (400,)),
    "chunks in HTTP/1.0": (post(CODING, CHUNKS, line=b"POST %b HTTP/1.0" % PATH), (400,)),
    # Lines and characters
    "a bare CR in a value": (sized(b"X-A: b\rContent-Length: 5"), (400,)),
    "CR CR between headers": (sized(b"X-A: b\r\rX-B: c"), (400,)),
    "a bare LF between headers": (sized(b"X-A: b\nTransfer-Encoding: chunked"), (400,)),
    "LF only": (sized().replace(b"\r\n", b"\n"), (400,)),
    "LF before the empty line": (post(b"Content-Length: " + SIZE + b"\r\nX-A: b\n"), (400,)),
    "a folded header": (sized(b"X-A: b\r\n c"), (400,)),
    "a first header behind a space": (sized().replace(b"\r\nHost", b"\r\n Host", 1), (400,)),
    "NUL in a value": (sized(b"X-A: a\x00b"), (400,)),
    "NUL in a name": (sized(b"Content\x00-Length: 0"), (400,)),
    "a header without a colon": (sized(b"Junk"), (400,)),
    "two hosts": (sized(b"Host: elsewhere.example"), (400,)),
    "an expectation that nobody has": (sized(b"Expect: 200-ok"), (417,)),
    # Request lines
    "a space in the target": (sized(line=b"POST %b x HTTP/1.1" % PATH), (400,)),
    "two spaces": (sized(line=b"POST  %b HTTP/1.1" % PATH), (400,)),
    "a tab": (sized(line=b"POST\t%b HTTP/1.1" % PATH), (400,)),
    "NUL in the target": (sized(line=b"POST %b\x00 HTTP/1.1" % PATH), (400,)),
    "CR in the target": (sized(line=b"POST %b\r HTTP/1.1" % PATH), (400,)),
    "a byte above ASCII in the target": (sized(line=b"POST %b\xff HTTP/1.1" % PATH), (400,)),
    "no version": (sized(line=b"POST %b" % PATH), (400,)),
    "HTTP/2": (sized(line=b"POST %b HTTP/2.0" % PATH), (400,)),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN, (400,)),
    "an asterisk": (sized(line=b"POST * HTTP/1.1"), (400,)),
    "a tunnel": (sized(line=b"CONNECT localhost:80 HTTP/1.1"), (404,)),
    "a method in small letters": (sized(line=b"post %b HTTP/1.1" % PATH), (400,)),
    # Chunks
    "a chunk of 2**64 - 1 bytes": (chunk(b"f" * 16), (408,)),  # all that comes is its, and too little
    "a chunk size beyond 64 bits": (chunk(b"1" + b"0" * 16 + HEX), (408,)),
    "a negative chunk": (chunk(b"-1"), (400,)),
    "a chunk size with a plus": (chunk(b"+" + HEX), (400,)),
    "a chunk size with 0x": (chunk(b"0x" + HEX), (400,)),
    "a chunk size with an underscore": (chunk(b"0_" + HEX), (400,)),
    "a chunk size with a space": (chunk(HEX + b" "), (400,)),
    "no chunk size": (chunk(b""), (400,)),
    "LF after a chunk size": (chunked(HEX + b"\n" + OWN + b"\n0\n\n"), (400,)),
    "LF in an extension": (chunked(HEX + b";a\n" + OWN + b"\r\n0\r\n\r\n"), (400,)),
    "CR in an extension": (chunk(HEX + b";a=\rb"), (400,)),
    "an extension without end": (chunk(HEX + b";" + b"a" * 100_000), (400,)),
    "a chunk that is longer than it says": (chunk(b"%x" % (len(OWN) - 5)), (400,)),
    "no line end after a chunk": (chunked(HEX + b"\r\n" + OWN + b"XX0\r\n\r\n"), (400,)),
    "a coding in the trailer": (chunked(CHUNKS[:-2] + CODING + b"\r\n\r\n"), (400,)),
    "a length in the trailer": (chunked(CHUNKS[:-2] + b"Content-Length: 5\r\n\r\n"), (400,)),
    "a key in the trailer": (chunked(CHUNKS[:-2] + b"Authorization: Bearer x\r\n\r\n"), (400,)),
    "LF in the trailer": (chunked(CHUNKS[:-2] + b"X-A: b\n\n"), (400,)),
    "a trailer without end": (chunked(CHUNKS[:-2] + b"X-A: b\r\n" * 300_000), (400,)),
}

CLOSE = b"\r\nConnection: close"
# What has one reading, however odd it looks: it is answered, and the connection closes on what stands behind it.
READ: dict[str, bytes] = {
    "a tab before the coding": post(b"Transfer-Encoding:\tchunked" + CLOSE, CHUNKS),
    "a coding in capitals": post(b"Transfer-Encoding: CHUNKED" + CLOSE, CHUNKS),
    "zeros before a length": post(b"Content-Length: 000" + SIZE + CLOSE),
    "an extension": post(CODING + CLOSE, HEX + b';a="b"\r\n' + OWN + b"\r\n0\r\n\r\n"),
    "zeros before a chunk size": post(CODING + CLOSE, b"0000" + CHUNKS),
    "a trailer": post(CODING + CLOSE, CHUNKS[:-2] + b"X-A: b\r\n\r\n"),
    "a coding with an underscore in its name": sized(b"Transfer_Encoding: chunked" + CLOSE),  # no header that anybody reads
    "a length with an underscore in its name": sized(b"Content_Length: 0" + CLOSE),
    "an absolute target": sized(CLOSE[2:], line=b"POST http://elsewhere.example%b HTTP/1.1" % PATH),
    "HTTP/2 over HTTP/1.1": sized(b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ" + CLOSE),
}

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
END = GET + b"Connection: close\r\n\r\n"
# The hidden request is the body of another one, which is answered without a look at it. What comes after it counts again.
WITHIN: dict[str, tuple[bytes, list[int]]] = {
    "the body of a GET": (GET + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + END, [200, 200]),
    "the body of a HEAD": (
        b"HEAD" + GET[3:] + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + END,
        [200, 200],
    ),
    "the body of a path that is none": (
        b"POST /nowhere HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + END,
        [404, 200],
    ),
    "the body of a refused one": (
        b"POST /api/providers HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN + END,
        [401, 200],
    ),
    "a chunk of a refused one": (
        b"POST /api/providers HTTP/1.1\r\n" + HEAD + CODING + b"\r\n\r\n%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n" + END,
        [401],  # how much is left of it nobody knows, so the connection ends
    ),
    "the body of one that is too large": (
        b"POST /api/auth/login HTTP/1.1\r\n" + HEAD + b"Content-Length: 50000000\r\n\r\n" + HIDDEN * 20,
        [413],
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("smuggling"), BODY_SECONDS="1") as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        yield gateway
        assert not [row for row in gateway.api("GET", "/api/usage/logs?limit=200")["logs"] if "SMUGGLED" in str(row)]


@pytest.fixture
def here(shared: Gateway, upstream: Upstream) -> Iterator[Gateway]:
    """Serves on afterwards, whatever was sent."""
    yield shared
    upstream.reset()
    assert statuses(shared, sized(CLOSE[2:])) == [200]
    assert [each.model for each in upstream.requests()] == ["own"]


def statuses(gateway: Gateway, sent: bytes) -> list[int]:
    """Of all answers until the gateway closes the connection, which it must do within the time-out."""
    return [int(status) for status in re.findall(rb"(?:^|[\r\n}>])HTTP/1\.[01] (\d{3}) ", answers_to(gateway, sent))]


def answers_to(gateway: Gateway, sent: bytes, *, ends: bool = False) -> bytes:
    """`ends`: so does the client's side of the connection, behind what was sent."""
    place, came = urlsplit(gateway.url), b""
    with socket.create_connection((place.hostname, place.port), timeout=20) as line:
        try:
            line.sendall(sent)
            if ends:
                line.shutdown(socket.SHUT_WR)
            while data := line.recv(65536):
                came += data
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may close before all is sent
    return came


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused(here: Gateway, upstream: Upstream, name: str) -> None:
    sent, answers = REFUSED[name]
    came = statuses(here, sent)
    assert len(came) == 1 and came[0] in answers
    assert not upstream.requests()


@pytest.mark.parametrize("name", READ)
def test_what_has_one_reading_is_read_so(here: Gateway, upstream: Upstream, name: str) -> None:
    assert statuses(here, READ[name]) == [200]
    seen = upstream.requests()
    assert [each.model for each in seen] == ["own"] and b"SMUGGLED" not in seen[0].body


@pytest.mark.parametrize("name", WITHIN)
def test_a_body_is_no_request(here: Gateway, upstream: Upstream, name: str) -> None:
    sent, answers = WITHIN[name]
    assert statuses(here, sent) == answers
    assert not upstream.requests()


@pytest.mark.parametrize("sent", [HIDDEN[:-5], post(CODING, CHUNKS[:-4]).removesuffix(HIDDEN)], ids=["a length", "chunks"])
def test_a_body_that_breaks_off_is_not_carried_out(here: Gateway, upstream: Upstream, sent: bytes) -> None:
    """gunicorn takes an early end of the connection for the end of the body."""
    came = answers_to(here, sent, ends=True)
    assert b" 400 " in came[:20] and b"breaks off" in came
    assert not upstream.requests()
