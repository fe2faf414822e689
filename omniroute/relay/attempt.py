"""One attempt at one target: address, headers, body, send; an answer that is none is raised as what it is."""

from __future__ import annotations

from collections.abc import Callable

from omniroute.errors import (
    SecretUnreadable,
    StreamCut,
    StreamStalled,
    UpstreamEmpty,
    UpstreamNetwork,
    UpstreamStatus,
    VaultError,
)
from omniroute.formats.sse import LARGEST_EVENT
from omniroute.formats.upstream_error import require_json
from omniroute.http import Answer, Transport
from omniroute.providers.catalog import Catalog
from omniroute.providers.outgoing import upstream_headers
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Lane, Stream
from omniroute.routing.candidates import Candidate

LINGER = 1.0  # seconds that an upstream may take to end a stream after its last event
LONGER = 4  # times what is read whole: of a stream little is kept here, but a translated answer may need all of its text
BLANK = 65536  # bytes of white space before an answer

UPSTREAM_IDS = ("request-id", "x-request-id", "x-oneapi-request-id", "anthropic-request-id")


def opened(credential: Callable[..., str], candidate: Candidate) -> str:
    """The key of the candidate's connection. Raises SecretUnreadable: one that can't be opened is a failed attempt."""
    try:
        return credential(candidate.connection)
    except VaultError as exc:
        raise SecretUnreadable(str(exc)) from exc


def open_attempt(
    transport: Transport, catalog: Catalog, ask: Ask, candidate: Candidate, lane: Lane, credential: str, seconds: float
) -> Answer:
    """Send `ask` to `candidate`'s target; the answer has a status below 300. Raises UpstreamError."""
    provider = candidate.target.provider
    headers = upstream_headers(
        provider,
        catalog.wires,
        credential,
        ask.headers,
        stream=lane.streams,
        timeout=seconds,
        caller_format=ask.format,
        content=ask.content,
    )
    line = transport if ask.witness is None else ask.witness.sender(transport, candidate, credential)
    answer = line.send("POST", lane.url(), headers, lane.body(), seconds=seconds)
    if answer.status >= 400:
        raise UpstreamStatus(answer.status, answer.headers, answer.read_error())
    return answer


def read_whole(answer: Answer, seconds: float) -> bytes:
    """The body of an answer that is not streamed. Raises StreamCut, StreamStalled, UpstreamNotJson."""
    try:
        return answer.read(seconds)
    except UpstreamNetwork as exc:
        raise _read_failure(exc) from exc


def read_piece(answer: Answer) -> bytes:
    """The bytes that are there, b"" at the end. Raises StreamCut, StreamStalled."""
    try:
        return answer.read1()
    except UpstreamNetwork as exc:
        raise _read_failure(exc) from exc


def upstream_id(answer: Answer) -> str | None:
    """The upstream's own id of the request, for its support."""
    return next((value[:200] for name in UPSTREAM_IDS if (value := answer.headers.get(name))), None)


def run_stream(answer: Answer, stream: Stream, put: Callable[[bytes], None], idle_seconds: float) -> None:
    """Read `answer` to its end through `stream`, putting out what the client may have.

    Raises UpstreamError when it fails; whether something was promised by then, `stream.committed` says. An error event of the
    upstream ends it without a raise: `stream.facts.error` has it.
    """
    data = _first_bytes(answer)
    if data.lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"[", b"<"):
        body = data + read_whole(answer, idle_seconds)
        require_json(answer.status, answer.headers, body)
        put(stream.whole(body))
        return
    answer.wait_at_most(idle_seconds)
    feed, size = stream.feed, 0
    while data:
        if out := feed(data):
            put(out)
        if stream.facts.error is not None:
            return
        size += len(data)
        if size > LARGEST_EVENT:
            require_room(answer, size, stream.committed)
        if stream.done:
            answer.wait_at_most(LINGER)
        data = _more(answer, stream)
    if out := stream.finish():
        put(out)


def require_room(answer: Answer, size: int, committed: bool) -> None:
    """Raises StreamCut for a stream of `size` bytes that is too long, or has not begun to say anything."""
    if not committed:
        raise StreamCut(f"upstream sent {size} bytes without content")
    if size > LONGER * answer.limit:
        raise StreamCut(f"upstream sent a stream of more than {LONGER * answer.limit} bytes, {LONGER} times MAX_ANSWER_MB")


def _first_bytes(answer: Answer) -> bytes:
    """The first bytes that are more than white space. Raises UpstreamEmpty, StreamStalled."""
    gathered = b""
    while not gathered.strip(b"\xef\xbb\xbf \r\n"):
        data = read_piece(answer)
        if not data:
            raise UpstreamEmpty(f"upstream answered {answer.status} with an empty body")
        gathered += data
        if len(gathered) > BLANK and not gathered.strip():
            raise UpstreamEmpty(f"upstream answered {answer.status} with nothing but white space")
    return gathered


def _more(answer: Answer, stream: Stream) -> bytes:
    try:
        return answer.read1()
    except UpstreamNetwork as exc:
        if stream.done:  # the answer is whole; how the line ends no longer matters
            answer.close()
            return b""
        raise _read_failure(exc) from exc


def _read_failure(exc: UpstreamNetwork) -> StreamCut | StreamStalled:
    return StreamStalled(exc.detail) if exc.fault == "timeout" else StreamCut(exc.detail)
