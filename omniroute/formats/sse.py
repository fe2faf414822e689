"""Server-sent events: bytes in, events out, and the other way round.

Rules: https://html.spec.whatwg.org/multipage/server-sent-events.html (read 2026-11-22). Lines end in LF, CRLF or CR, and
in nothing else: U+2028 inside a JSON string is text, so the cutting is done on bytes.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import orjson

from omniroute.errors import StreamCut, UpstreamNotJson
from omniroute.formats.depth import DEEPEST, UNCOUNTED, too_deep, too_many

HEARTBEAT = b": keep-alive\n\n"
LARGEST_EVENT = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
# Two line ends in a row. The groups are atomic: without that, CRLF alone would match as CR and LF.
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Event(NamedTuple):
    """One block of a stream. `raw` is its exact bytes with the blank line; a block of comments alone has no `data`.

    `event` is None without an event line. Several data lines are joined with LF.
    """

    event: str | None
    data: bytes
    raw: bytes


class Decoder:
    """Cuts a stream into events. The `raw` of all events together are the bytes that came in.

    An event that grows beyond `largest` bytes without an end raises StreamCut: holding more would only cost memory.
    """

    __slots__ = ("_cr", "_edge", "_held", "_largest", "_size")

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._held: list[bytes] = []
        self._size = 0
        self._cr = False
        self._edge = b""  # the last three bytes held: an end may be cut in two

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        if not self._cr and b"\r" in chunk:
            self._cr = True
        held = self._held
        if held:
            seam = self._edge + chunk
            ended = _BLANK_LINE.search(seam) if self._cr else b"\n\n" in seam
            held.append(chunk)
            if not ended:  # a long event is joined once, not once a chunk
                self._edge = seam[-3:]
                return self._wait(len(chunk))
            chunk = b"".join(held)
            held.clear()
            self._size = 0
        if self._cr:
            events, rest = _cut_any(chunk)
        else:
            blocks = chunk.split(b"\n\n")
            rest = blocks.pop()
            events = [_event(block + b"\n\n") for block in blocks]
        if rest:
            held.append(rest)
            self._edge = rest[-3:]
            self._wait(len(rest))
        return events

    def flush(self) -> list[Event]:
        """What is left when the stream has ended: an event whose blank line never came gets one."""
        rest = b"".join(self._held)
        self._held.clear()
        self._size = 0
        if not rest:
            return []
        if not rest.strip(b"\r\n"):
            return [Event(None, b"", rest)]
        return [_event_by_lines(rest + (b"\n" if rest[-1:] in b"\r\n" else b"\n\n"))]

    def _wait(self, more: int) -> list[Event]:
        self._size += more
        if self._size > self._largest:
            self._held.clear()
            raise StreamCut(f"upstream sent an event of more than {self._largest} bytes")
        return []


def encode(data: bytes, event: str | None = None) -> bytes:
    """One event as bytes, with its blank line."""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def read_document(data: bytes) -> dict[str, Any] | None:
    """An event's data as a JSON object; None for `null`, `[DONE]`, other JSON, and what is no JSON at all, too deep or too much.

    What orjson refuses is read all the same: bytes that are no UTF-8 and escapes of half a surrogate pair as U+FFFD, NaN as null.
    """
    if len(data) > UNCOUNTED and too_many(data):
        return None
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = _read_broken(data)
    if not isinstance(document, dict):
        return None
    deep = len(data) > 2 * DEEPEST and data.count(b"{") + data.count(b"[") > DEEPEST and too_deep(document)
    return None if deep else document


class Skips:
    """One event that is no JSON object is passed over, as peers of ours learned to; with a second one the stream is broken."""

    __slots__ = ("_broken",)

    def __init__(self) -> None:
        self._broken = 0

    def note(self, data: bytes) -> None:
        """Raises UpstreamNotJson at the second one. `null` is not counted: some relays send it between chunks."""
        if data.strip() in (b"", b"null", b"[DONE]"):
            return
        self._broken += 1
        if self._broken > 1:
            raise UpstreamNotJson(200, "text/event-stream", "events that are not JSON")


def _event(raw: bytes) -> Event:
    """Read one block that ends in LF LF. The two usual forms, one data line with or without an event line, go fast."""
    end = len(raw) - 2
    if raw.startswith(b"data: "):
        if raw.find(b"\n") == end:
            return Event(None, raw[6:end], raw)
    elif raw.startswith(b"event: "):
        first = raw.find(b"\n")
        if raw.startswith(b"data: ", first + 1) and raw.find(b"\n", first + 1) == end:
            return Event(raw[7:first].decode("utf-8", "replace"), raw[first + 7 : end], raw)
    return _event_by_lines(raw)


def _event_by_lines(raw: bytes) -> Event:
    name: str | None = None
    data: list[bytes] = []
    for line in _LINE_END.split(raw.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name or None, b"\n".join(data), raw)


def _cut_any(chunk: bytes) -> tuple[list[Event], bytes]:
    """The same as the fast cut, for streams with CR in their line ends."""
    events: list[Event] = []
    start = 0
    for blank in _BLANK_LINE.finditer(chunk):
        events.append(_event_by_lines(chunk[start : blank.end()]))
        start = blank.end()
    return events, chunk[start:]


def _read_broken(data: bytes) -> Any:
    try:
        document = json.loads(data.decode("utf-8", "replace"), parse_constant=lambda _: None)
        return orjson.loads(_SURROGATE.sub("\ufffd", json.dumps(document, ensure_ascii=False)))
    except (ValueError, RecursionError):  # no JSON; thousands of brackets
        return None
