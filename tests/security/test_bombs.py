"""What a client may send without end, blown up, or slowly: it is refused within bounds, in the caller's format."""

from __future__ import annotations

import gzip
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from tests.api.clients import PATHS
from tests.formats.conformance.ask import BASES, CHAT, COMPLETIONS, GEMINI, MESSAGES, RESPONSES
from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import connect, moved
from tests.relay.passing import BOUNDARY, FORMS, field, file, form
from tests.security.memory import MB, growth_below
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

ROOM = 60 * MB  # that a worker may grow by, with MAX_BODY_MB=8
LARGEST = 8 * MB
CLIENTS = (CHAT, MESSAGES, RESPONSES, GEMINI, COMPLETIONS)
# Asked of an upstream that speaks another format, so that each body is read to its end.
MODELS = dict.fromkeys((MESSAGES, RESPONSES, GEMINI, COMPLETIONS), "chat/scripted-large") | {CHAT: "messages/scripted-large"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    given = {"MAX_BODY_MB": "8", "BODY_SECONDS": "3", "GUNICORN_CMD_ARGS": "--keep-alive 3"} | moved(upstream_process)
    with running_gateway(tmp_path_factory.mktemp("bombs"), **given) as gateway:  # type: ignore[arg-type]
        connect(gateway, upstream_process)
        yield gateway


@pytest.fixture(scope="module")
def key(shared: Gateway) -> str:
    return shared.make_key()


@pytest.fixture
def here(shared: Gateway, upstream: Upstream) -> Iterator[Gateway]:
    """Serves on afterwards, and has not grown."""
    with growth_below(shared, ROOM):
        yield shared
        still_serves(shared)


def still_serves(gateway: Gateway) -> None:
    with Client(gateway.url, timeout=30) as client:
        assert client.post(PATHS[CHAT], {**BASES[CHAT], "model": "chat/scripted-large"}).read().status == 200


def path(client: str) -> str:
    return PATHS[client].format(model=MODELS[client])


def post(gateway: Gateway, client: str, body: bytes, **headers: str) -> Answer:
    with Client(gateway.url, timeout=60) as line:
        return line.post(path(client), body, {name.replace("_", "-"): value for name, value in headers.items()}).read()


def refused(client: str, answer: Answer, status: int, kind: str) -> None:
    assert answer.status == status, answer.body[:500]
    assert answer.headers["content-type"] == "application/json" and len(answer.body) < 10_000
    document = answer.json
    assert document["omniroute"]["class"] == kind and document["omniroute"]["remedy"]
    error = document["error"]
    assert error["message"] and {MESSAGES: "type", GEMINI: "status"}.get(client, "code") in error


# JSON -----------------------------------------------------------------------------------

DEEP = 100_000
_LISTS, _OBJECTS = b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP
_TURN = {CHAT: b"messages", MESSAGES: b"messages", RESPONSES: b"input", GEMINI: b"contents", COMPLETIONS: b"prompt"}


def member(name: bytes, value: bytes, client: str) -> bytes:
    model = b'"model":"%b",' % MODELS[client].encode()
    return b"{" + (b"" if client == GEMINI else model) + b'"%b":%b}' % (name, value)


JSON = {
    "deep lists": lambda client: _LISTS,
    "deep objects": lambda client: _OBJECTS,
    "deep turns": lambda client: member(_TURN[client], _LISTS, client),
    "deep content": lambda client: member(_TURN[client], b'[{"role":"user","content":' + _OBJECTS + b"}]", client),
    "a deep schema": lambda client: member(b"tools", b'[{"parameters":' + _OBJECTS + b"}]", client),
    "lists that never end": lambda client: b"[" * 1_000_000,
    "objects that never end": lambda client: b'{"a":' * 1_000_000,
    "a million lists": lambda client: member(_TURN[client], b"[" + b"[]," * 1_000_000 + b"1]", client),
    "a million turns": lambda client: member(_TURN[client], b"[" + b"{}," * 1_000_000 + b"{}]", client),
    "a million tools": lambda client: member(b"tools", b"[" + b'{"":0},' * 1_000_000 + b"1]", client),
    "a million names": lambda client: b"{" + b"".join(b'"%x":1,' % each for each in range(700_000)) + b'"a":1}',
    "the model a million times": lambda client: b"{" + b'"model":1,' * 700_000 + b'"model":1}',
    "a number of a million digits": lambda client: member(b"temperature", b"1" * 1_000_000, client),
    "a number beyond all bounds": lambda client: member(b"temperature", b"1e999999999", client),
    "a text that never ends": lambda client: b'{"model":"' + b"x" * 7_000_000,
    "escapes that never end": lambda client: b'{"model":"' + b"\\u0061" * 1_000_000,
    "brackets in a text": lambda client: b'{"model":5,"a":"' + b"[,{" * 2_000_000 + b'"}' if client != GEMINI else b"[]",
}


@pytest.mark.parametrize("bomb", JSON)
def test_json(here: Gateway, upstream: Upstream, bomb: str) -> None:
    for client in CLIENTS:
        refused(client, post(here, client, JSON[bomb](client)), 400, "bad_request")
    assert not upstream.requests()


def test_deep_arguments_in_a_text(here: Gateway, upstream: Upstream) -> None:
    """A text is no JSON of ours: it goes on as one."""
    call = b'{"id":"c","type":"function","function":{"name":"f","arguments":"' + _OBJECTS.replace(b'"', b'\\"') + b'"}}'
    turns = b'[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[' + call + b"]}"
    turns += b',{"role":"tool","tool_call_id":"c","content":"x"}]'
    assert post(here, CHAT, member(b"messages", turns, CHAT)).status == 200
    assert len(upstream.requests()) == 1


@pytest.mark.parametrize("text", [b"x" * 7_000_000, b"\\u0061" * 1_000_000, b"/" * 7_000_000], ids=["long", "escaped", "slashes"])
def test_the_name_of_a_model_without_end(here: Gateway, upstream: Upstream, text: bytes) -> None:
    for client in (CHAT, MESSAGES, RESPONSES, COMPLETIONS):
        body = b'{"model":"' + text + b'","max_tokens":9,"messages":[],"input":"Hi","prompt":"Hi"}'
        refused(client, post(here, client, body), 400, "bad_request")


# Compressed -----------------------------------------------------------------------------

_ZEROS = gzip.compress(bytes(100 * MB), 9)
PACKED = {
    "gzip": _ZEROS,
    "x-gzip": _ZEROS,
    "deflate": zlib.compress(bytes(100 * MB), 9),
    "gzip, gzip": gzip.compress(_ZEROS),
    "br": _ZEROS,
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(1000),
    "identity, gzip": _ZEROS,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_what_is_compressed(here: Gateway, upstream: Upstream, encoding: str) -> None:
    """Bodies are not decompressed at all."""
    for client in CLIENTS:
        refused(client, post(here, client, PACKED[encoding], Content_Encoding=encoding), 400, "bad_request")


# Forms ----------------------------------------------------------------------------------

TYPES = {FORMS[0]: f"multipart/form-data; boundary={BOUNDARY}", "/login": "application/x-www-form-urlencoded"}

FORM = {
    "parts without end": form(*[field("a", "b")] * 60_000),
    "a head without end": form(field("a", "b", head="X-A: " + "b" * 5_000_000 + "\r\n")),
    "names without end": form(field("a" * 5_000_000, "b")),
    "a model without end": form(field("model", "m" * 5_000_000)),
    "boundaries in boundaries": b"\r\n--" * 1_000_000,
    "half boundaries": f"\r\n--{BOUNDARY}".encode()[:-1] * 400_000,
    "half a file": form(field("model", "chat/scripted-large"), file(bytes(7_000_000)))[:-100],
}


@pytest.mark.parametrize("bomb", FORM)
def test_forms(here: Gateway, upstream: Upstream, key: str, bomb: str) -> None:
    kind = {"Content-Type": TYPES[FORMS[0]], "Authorization": f"Bearer {key}"}
    with Client(here.url, timeout=60) as line:
        refused(CHAT, line.post(FORMS[0], FORM[bomb], kind).read(), 400, "bad_request")
    assert not upstream.requests()


# 100 MB ---------------------------------------------------------------------------------


def poured(gateway: Gateway, head: str, piece: bytes, most: int = 100 * MB) -> tuple[int, int]:
    """Send pieces until the gateway will have no more: how many bytes went out, and the status of the answer."""
    place, sent, came = urlsplit(gateway.url), 0, b""
    with socket.create_connection((place.hostname, place.port), timeout=30) as line:
        with suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(head.encode())
            while sent < most:
                line.sendall(piece)
                sent += len(piece)
        with suppress(ConnectionResetError):
            while data := line.recv(65536):
                came += data
    return sent, int(came.split(b" ", 2)[1])


BEGIN = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\n"


@pytest.mark.parametrize("chunks", [False, True], ids=["announced", "in chunks"])
@pytest.mark.parametrize("at", [*(path(client) for client in CLIENTS), FORMS[0], "/api/auth/login", "/login"])
def test_a_hundred_megabytes(here: Gateway, key: str, at: str, chunks: bool) -> None:
    """Refused before they are all there: what is sent after the answer is thrown away for a moment, then the line is cut."""
    head = BEGIN.format(at, TYPES.get(at, "application/json")) + f"Authorization: Bearer {key}\r\n"
    data = b" " * 65536
    if chunks:
        sent, status = poured(here, head + "Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + data + b"\r\n")
    else:
        sent, status = poured(here, f"{head}Content-Length: {100 * MB}\r\n\r\n", data)
    # Of a form in chunks no more is read than fits, where its token then is not found.
    assert sent < 60 * MB and status == (400 if chunks and at == "/login" else 413)


# Slowly ---------------------------------------------------------------------------------


def test_bodies_that_come_a_byte_at_a_time(here: Gateway) -> None:
    """Thirty of them; who comes meanwhile is served, and the time-out ends them though bytes keep coming."""
    place = urlsplit(here.url)
    head = BEGIN.format(PATHS[CHAT], "application/json")
    framings = ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"]
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=30)) for _ in range(30)]
        for number, line in enumerate(lines):
            line.sendall((head + framings[number % 2]).encode())
            line.setblocking(False)
        answers = dict.fromkeys(lines, b"")

        def over() -> bool:
            for line in lines:
                with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    line.send(b" ")
                with suppress(BlockingIOError, ConnectionResetError):
                    answers[line] += line.recv(65536)
            return all(b"body_too_slow" in each for each in answers.values())

        still_serves(here)
        assert not over()
        until(over, 30, lambda: f"408 for all; there are {[each[:20] for each in answers.values()]}")
        assert {each.split(b" ", 2)[1] for each in answers.values()} == {b"408"}


def test_headers_that_never_end(here: Gateway) -> None:
    """A header now and then keeps nobody's place for longer than an idle connection has it."""
    place = urlsplit(here.url)
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=30)) for _ in range(30)]
        for line in lines:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        closed: set[socket.socket] = set()

        def over() -> bool:
            for line in set(lines) - closed:
                try:
                    line.setblocking(True)
                    line.sendall(b"X-A: b\r\n")
                    line.setblocking(False)
                    if not line.recv(65536):
                        closed.add(line)
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    closed.add(line)
            return len(closed) == len(lines)

        still_serves(here)
        until(over, 30, lambda: f"30 connections to be closed; {len(closed)} are")


def test_many_idle_connections(here: Gateway) -> None:
    place = urlsplit(here.url)
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=30))
        still_serves(here)


# Heads ----------------------------------------------------------------------------------

_GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
HEADS = {
    "one long header": (_GET + b"X-A: " + b"b" * 20_000 + b"\r\n\r\n", {400, 431}),
    "one endless header": (_GET + b"X-A: " + b"b" * 20_000_000, {400, 431}),
    "a long name": (_GET + b"X" * 20_000 + b": b\r\n\r\n", {400, 431}),
    "many headers": (_GET + b"X-A: b\r\n" * 500 + b"\r\n", {431}),
    "endless headers": (_GET + b"X-A: b\r\n" * 2_000_000, {431}),
    "a long target": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", {414}),
    "an endless target": (b"GET /" + b"a" * 20_000_000, {414}),
    "an endless method": (b"G" * 20_000_000, {400, 414}),
}


@pytest.mark.parametrize("head", HEADS)
def test_heads(here: Gateway, head: str) -> None:
    sent, answers = HEADS[head]
    place, came = urlsplit(here.url), b""
    with socket.create_connection((place.hostname, place.port), timeout=30) as line:
        with suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(sent)
        with suppress(ConnectionResetError):
            while data := line.recv(65536):
                came += data
    status = re.match(rb"HTTP/1\.1 (\d{3}) ", came)
    assert status is None or int(status[1]) in answers  # none: the line was cut before its answer could be read
    assert status is not None or len(sent) > MB
