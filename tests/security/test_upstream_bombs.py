"""What an upstream may send without end, or blown up: it is cut off within bounds and told in the caller's format.

Every bomb goes through all lanes: each client format to an upstream of its own format, and to one of another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import pytest

from tests.api.clients import PATHS, PREFIXES
from tests.formats.conformance.ask import BASES, CHAT, GEMINI, MESSAGES, RESPONSES
from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import connect, moved
from tests.security.memory import MB, growth_below
from tests.upstream.client import Upstream
from tests.upstream.hostile import Hostile
from tests.upstream.raw import Answer, Client

LANES = {
    **{f"{client}, native": (client, client) for client in PREFIXES},
    f"{CHAT} of {MESSAGES}": (CHAT, MESSAGES),
    f"{MESSAGES} of {RESPONSES}": (MESSAGES, RESPONSES),
    f"{RESPONSES} of {GEMINI}": (RESPONSES, GEMINI),
    f"{GEMINI} of {CHAT}": (GEMINI, CHAT),
}
STREAMED = {**PATHS, GEMINI: "/v1beta/models/{model}:streamGenerateContent?alt=sse"}
ROOM = 60 * MB  # that a worker may grow by, with MAX_ANSWER_MB=4
FILL = b"x" * 65536
COMMENT = b": " + b"x" * 500 + b"\n\n"
EMPTY = b'data: {"padding": "' + b"x" * 500 + b'"}\n\n'


def event(document: Any, name: str | None = None) -> bytes:
    data = b"data: " + json.dumps(document).encode() + b"\n\n"
    return data if name is None else b"event: " + name.encode() + b"\n" + data


def named(*documents: dict[str, Any]) -> bytes:
    return b"".join(event(each, each["type"]) for each in documents)


_ITEM = {"type": "message", "id": "m", "role": "assistant", "status": "in_progress", "content": []}
_PLACE = {"item_id": "m", "output_index": 0, "content_index": 0}
# How a stream of each format begins, and the event that says a word. The word is long, so that the text is most of it.
WORD = "word " * 2000
BEGIN: dict[str, bytes] = {
    CHAT: b"",
    MESSAGES: named(
        {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ),
    RESPONSES: named(
        {"type": "response.created", "response": {"id": "r", "object": "response", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": _ITEM},
        {"type": "response.content_part.added", **_PLACE, "part": {"type": "output_text", "text": "", "annotations": []}},
    ),
    GEMINI: b"",
}
SAYS: dict[str, bytes] = {
    CHAT: event({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": WORD}}]}),
    MESSAGES: named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}),
    RESPONSES: named({"type": "response.output_text.delta", **_PLACE, "delta": WORD}),
    GEMINI: event({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": WORD}]}}]}),
}


def head(kind: str, *more: str, status: str = "200 OK") -> bytes:
    """The body ends with the connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more, "", ""]).encode()


EVENTS, JSON = "text/event-stream", "application/json"


def endless(start: bytes, again: bytes) -> Iterator[bytes]:
    yield start
    yield from repeat(again * (1 + 65536 // len(again)))


def packed(start: bytes, again: bytes) -> Iterator[bytes]:
    """The same compressed: a thousandth of the size."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    yield packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(again * (1 + MB // len(again))) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from repeat(block)


def after(start: bytes, more: Iterable[bytes]) -> Iterator[bytes]:
    yield start
    yield from more


GZIP = "Content-Encoding: gzip"
CHUNKED = "Transfer-Encoding: chunked"
Bomb = Callable[[str], Iterable[bytes]]

# Of a stream before it has said anything: a failed attempt. By the class that the caller is told.
SILENT: dict[str, tuple[Bomb, str]] = {
    "a line without end": (lambda _: endless(head(EVENTS) + b"data: ", FILL), "stream_cut"),
    "a JSON text without end": (lambda _: endless(head(EVENTS) + b'data: {"a": "', FILL), "stream_cut"),
    "an event of lines without end": (lambda _: endless(head(EVENTS), b"data: x\n"), "stream_cut"),
    "comments without end": (lambda _: endless(head(EVENTS), COMMENT), "stream_cut"),
    "events without content without end": (lambda _: endless(head(EVENTS), EMPTY), "stream_cut"),
    "empty lines without end": (lambda _: endless(head(EVENTS), b"\n"), "upstream_empty"),
    "compressed empty lines": (lambda _: after(head(EVENTS, GZIP), packed(b"", b"\n")), "upstream_empty"),
    "a compressed line": (lambda _: after(head(EVENTS, GZIP), packed(b"data: ", b"x")), "stream_cut"),
}
# Of an answer that was to come whole.
WHOLE: dict[str, tuple[Bomb, str]] = {
    "a body without end": (lambda _: endless(head(JSON) + b'{"a": "', FILL), "upstream_not_json"),
    "white space without end": (lambda _: endless(head(JSON), b" "), "upstream_not_json"),
    "a compressed body": (lambda _: after(head(JSON, GZIP), packed(b'{"a": "', b"x")), "upstream_not_json"),
    "compressed fifty times": (lambda _: after(head(JSON, *[GZIP] * 50), packed(b"", b"x")), "stream_cut"),
    "deep arrays": (lambda _: [head(JSON) + b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"], "upstream_not_json"),
    "deep objects": (lambda _: [head(JSON) + b'{"a":' * 100_000 + b"1" + b"}" * 100_000], "upstream_not_json"),
    "900 levels": (lambda _: [head(JSON) + b'{"a":' * 900 + b"1" + b"}" * 900], "upstream_not_json"),
    "a million lists": (lambda _: [head(JSON) + b'{"a":[' + b"[]," * 1_000_000 + b"1]}"], "upstream_not_json"),
    "a million names": (
        lambda _: [head(JSON) + b'{"a":1' + b"".join(b',"%x":1' % n for n in range(400_000)) * 2 + b"}"],
        "upstream_not_json",
    ),
    "a number of a million digits": (lambda _: [head(JSON) + b'{"a":' + b"9" * 1_000_000 + b"}"], "upstream_not_json"),
}
# Of the head, or of what frames the body: the same for streams.
FRAMES: dict[str, tuple[Bomb, str]] = {
    "headers without end": (lambda _: endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), "network_error"),
    "a header without end": (lambda _: endless(b"HTTP/1.1 200 OK\r\nX-A: ", FILL), "network_error"),
    "a status without end": (lambda _: endless(b"HTTP/1.1 200 ", FILL), "network_error"),
    "interim answers without end": (lambda _: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "network_error"),
    "a chunk size without end": (lambda _: endless(head(JSON, CHUNKED), b"0"), "stream_cut"),
    "a trailer without end": (lambda _: endless(head(JSON, CHUNKED) + b"2\r\n{}\r\n0\r\n", b"X-A: b\r\n"), "stream_cut"),
    "a trailing line without end": (lambda _: endless(head(JSON, CHUNKED) + b"2\r\n{}\r\n0\r\nX-A: ", FILL), "stream_cut"),
    "an error without end": (lambda _: endless(head(JSON, status="500 Oh") + b'{"error": "', FILL), "server_error"),
    "a compressed error": (
        lambda _: after(head(JSON, GZIP, status="500 Oh"), packed(b'{"error": "', b"x")),
        "server_error",
    ),
}
# Behind content: the stream ends with an error event.
BEHIND: dict[str, Bomb] = {
    "a line without end": lambda upstream: endless(begun(upstream) + b"data: ", FILL),
    "a compressed line": lambda upstream: after(head(EVENTS, GZIP), packed(BEGIN[upstream] + SAYS[upstream] + b"data: ", b"x")),
    "content without end": lambda upstream: endless(begun(upstream), SAYS[upstream]),
    "comments without end": lambda upstream: endless(begun(upstream), COMMENT),
    "two events of a million lists": lambda upstream: after(
        begun(upstream), [b'data: {"choices":[' + b"[]," * 1_000_000 + b"1]}\n\n"] * 2
    ),
    "two deep events": lambda upstream: after(begun(upstream), [b"data: " + b'{"a":' * 100_000 + b"\n\n"] * 2),
}


def begun(upstream: str) -> bytes:
    return head(EVENTS) + BEGIN[upstream] + SAYS[upstream]


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with Hostile() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, hostile: Hostile) -> Iterator[Gateway]:
    given = {"MAX_ANSWER_MB": "4", "FIRST_EVENT_SECONDS": "20", "IDLE_SECONDS": "20", "ANSWER_SECONDS": "20"}
    given |= moved(hostile)  # type: ignore[arg-type]
    with running_gateway(tmp_path_factory.mktemp("bombs"), **given) as gateway:  # type: ignore[arg-type]
        connect(gateway, hostile)  # type: ignore[arg-type]
        gateway.add_upstream("good", upstream_process.v1)
        yield gateway


@pytest.fixture
def here(shared: Gateway, upstream: Upstream) -> Iterator[Gateway]:
    """Serves on afterwards, and has not grown."""
    with growth_below(shared, ROOM):
        yield shared
        with Client(shared.url, timeout=30) as client:
            assert client.post(PATHS[CHAT], {**BASES[CHAT], "model": "good/scripted-large"}).read().status == 200


def ask(gateway: Gateway, client: str, upstream: str, *, stream: bool) -> Answer:
    """One request of a gateway that holds nothing against anybody."""
    gateway.api("POST", "/api/resilience/reset", {})
    model = f"{PREFIXES[upstream]}/scripted-large"
    path = (STREAMED if stream else PATHS)[client].format(model=model)
    body = BASES[client] if client == GEMINI else {**BASES[client], "model": model, "stream": stream}
    with Client(gateway.url, timeout=60) as line:
        return line.post(path, body).read()


def tail(gateway: Gateway, client: str, upstream: str) -> bytes:
    """The last of a streamed answer, which begins with status 200 and ends as HTTP has it."""
    gateway.api("POST", "/api/resilience/reset", {})
    model = f"{PREFIXES[upstream]}/scripted-large"
    body = BASES[client] if client == GEMINI else {**BASES[client], "model": model, "stream": True}
    with Client(gateway.url, timeout=60) as line:
        line.post(STREAMED[client].format(model=model), body)
        data = line.read_until(b"\r\n\r\n")
        assert data.startswith(b"HTTP/1.1 200 ")
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data = data[-5000:] + line.receive()
    return data[-5000:]


def refused(client: str, answer: Answer, kind: str, status: tuple[int, ...] = (500, 502)) -> None:
    assert answer.status in status, answer.body[:500]
    document = answer.json
    assert document["omniroute"]["class"] == kind and document["omniroute"]["remedy"], document
    assert len(answer.body) < 10_000
    error = document["error"]
    assert error["message"]
    assert {CHAT: "type", RESPONSES: "type", MESSAGES: "type", GEMINI: "status"}[client] in error


@pytest.mark.parametrize("bomb", SILENT)
def test_a_stream_that_says_nothing(here: Gateway, hostile: Hostile, bomb: str) -> None:
    make, kind = SILENT[bomb]
    for client, upstream in LANES.values():
        hostile.answer = lambda upstream=upstream: make(upstream)  # type: ignore[misc]
        refused(client, ask(here, client, upstream, stream=True), kind)


@pytest.mark.parametrize("bomb", WHOLE)
def test_an_answer_that_comes_whole(here: Gateway, hostile: Hostile, bomb: str) -> None:
    make, kind = WHOLE[bomb]
    for client, upstream in LANES.values():
        hostile.answer = lambda upstream=upstream: make(upstream)  # type: ignore[misc]
        refused(client, ask(here, client, upstream, stream=False), kind)


@pytest.mark.parametrize("bomb", FRAMES)
def test_what_frames_an_answer(here: Gateway, hostile: Hostile, bomb: str) -> None:
    make, kind = FRAMES[bomb]
    for stream in (False, True):
        for client in PREFIXES:
            hostile.answer = lambda client=client: make(client)  # type: ignore[misc]
            refused(client, ask(here, client, client, stream=stream), kind)


@pytest.mark.parametrize("bomb", BEHIND)
def test_a_stream_that_has_said_something(here: Gateway, hostile: Hostile, bomb: str) -> None:
    for client, upstream in LANES.values():
        hostile.answer = lambda upstream=upstream: BEHIND[bomb](upstream)  # type: ignore[misc]
        last = tail(here, client, upstream)
        assert b'"class":"stream_cut"' in last or b'"class":"upstream_not_json"' in last, last
        for clean in (b"[DONE]", b"message_stop", b"response.completed", b'"finishReason"'):
            assert clean not in last
