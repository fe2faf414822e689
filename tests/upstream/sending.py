"""An answer on its way out, with everything that a script lets go wrong on it."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.upstream.connection import Connection, Request
from tests.upstream.script import Script

Event = tuple[str | None, Any]
GZIP = 16 + zlib.MAX_WBITS


@dataclass(slots=True)
class Record:
    """One request and what became of it. Times are time.monotonic()."""

    id: int
    request: Request
    key: str | None
    began: float = field(default_factory=time.monotonic)
    status: int | None = None
    events: int = 0  # sent so far
    sent: bytearray = field(default_factory=bytearray)  # the body as the client should see it: unchunked, not compressed
    how: str | None = None  # how it ended: complete, peer left, cut, reset, stopped
    ended: float | None = None
    note: dict[str, Any] = field(default_factory=dict)  # what the relay's gate found

    def end(self, how: str, at: float | None = None) -> None:
        if self.how is None:
            self.how, self.ended = how, at or time.monotonic()


async def send_document(connection: Connection, record: Record, document: Any, script: Script, status: int = 200) -> None:
    """A whole answer: the document, or the script's raw body in its place."""
    body = dump(document).encode() if script.raw is None else script.raw.encode()
    headers = {"Content-Type": script.content_type or "application/json", **script.headers}
    record.status = status
    record.sent += body
    if script.gzip:
        headers["Content-Encoding"] = "gzip"
        packer = zlib.compressobj(wbits=GZIP)
        body = packer.compress(body) + packer.flush()
    if script.chunked:
        headers["Content-Length"] = str(len(body))
    else:
        headers["Connection"] = "close"
    await connection.send(head(status, headers) + body)
    record.end("complete")
    if not script.chunked:
        connection.transport.close()


async def send_stream(connection: Connection, record: Record, events: Iterable[Event], script: Script, content_type: str) -> None:
    """A stream, event by event. Leaves the connection closed where the script asks for a cut."""
    headers = {"Content-Type": script.content_type or content_type, "Cache-Control": "no-cache", **script.headers}
    headers |= {"Content-Encoding": "gzip"} if script.gzip else {}
    headers |= {"Transfer-Encoding": "chunked"} if script.chunked else {"Connection": "close"}
    record.status = 200
    await connection.send(head(200, headers))
    out = Outgoing(connection, record, script)
    if script.fault == "silence":
        await connection.rest(None)
    await out.write(b"\xef\xbb\xbf" if script.bom else b"")
    events = list(events)
    for number, event in enumerate(events):
        if number == script.cut_after:
            record.end("cut")
            return connection.transport.close()
        if number == script.stall_after:
            await connection.rest(None)
        if number == script.broken_after:
            return await break_coding(connection, record)
        if number == script.malformed_after:
            await out.event((event[0], None), '{"type": "content_bl')
        last = number == len(events) - 1
        await out.event(event, dump(event[1]), last_blank=script.last_blank or not last)
        record.events += 1
        if script.gap and not last:
            await connection.rest(script.gap)
    await out.close()
    record.end("complete")


async def break_coding(connection: Connection, record: Record) -> None:
    """Where a chunk should begin stands something else; then the connection ends."""
    await connection.send(b"no size\r\nno chunk\r\n")
    record.end("cut")
    connection.transport.close()


@dataclass(slots=True)
class Outgoing:
    """A body in the script's framing: chunks, pieces, compression, line ends."""

    connection: Connection
    record: Record
    script: Script
    packer: Any = None

    def __post_init__(self) -> None:
        self.packer = zlib.compressobj(wbits=GZIP) if self.script.gzip else None

    async def event(self, event: Event, data: str, last_blank: bool = True) -> None:
        lines = [": a comment", ""] if self.script.comments else []
        lines += ["data: null", ""] if self.script.nulls else []
        lines += [f"event: {event[0]}"] if event[0] and self.script.event_lines else []
        lines += [f"data: {data}", *([""] if last_blank else [])]
        end = "\r\n" if self.script.crlf else "\n"
        await self.write("".join(line + end for line in lines).encode())

    async def write(self, data: bytes) -> None:
        self.record.sent += data
        if self.packer is not None and data:
            data = self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        size = self.script.split or len(data)
        for at in range(0, len(data), size or 1):
            await self.frame(data[at : at + size])

    async def frame(self, data: bytes) -> None:
        await self.connection.send(b"%x\r\n%s\r\n" % (len(data), data) if self.script.chunked else data)

    async def close(self) -> None:
        if self.packer is not None:
            await self.frame(self.packer.flush())
        if self.script.chunked:
            await self.connection.send(b"0\r\n\r\n")
        else:
            self.connection.transport.close()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    reason = {each.value: each.phrase for each in HTTPStatus}.get(status, "Status")
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def dump(value: Any) -> str:
    """Compact, and every character as itself: U+2028 must come through raw."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
