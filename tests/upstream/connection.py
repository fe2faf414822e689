"""One connection to the scripted upstream: requests in with every byte of their heads, bytes out, and when the peer left."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote


class PeerLeft(Exception):
    """The other side closed its end."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]  # as they came: order, case, repetitions
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The first of that name, in any case."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)

    def json(self) -> dict[str, Any]:
        """The body if it is a JSON object, else {}."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def asked(self) -> dict[str, Any]:
        """The body, with the model and whether it streams where they stand in the path, as Gemini has them."""
        _, found, rest = self.path.partition("/models/")
        model, verb = rest.rpartition(":")[::2]
        document = self.json()
        if found and model:
            document |= {"model": unquote(model), "stream": verb == "streamGenerateContent"}
        return document

    @property
    def credential(self) -> str | None:
        bearer = self.header("authorization")
        return self.header("x-api-key") or self.header("x-goog-api-key") or (bearer.removeprefix("Bearer ") if bearer else None)


class Connection(asyncio.Protocol):
    """`serve` is awaited with the connection once; it reads requests until the peer has no more."""

    def __init__(self, serve: Callable[[Connection], Awaitable[None]]) -> None:
        self.serve = serve
        self.buffer = bytearray()
        self.more = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.left = asyncio.Event()
        self.left_at: float | None = None  # time.monotonic(): the same clock in every process of this machine

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.socket = transport.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.task = asyncio.get_running_loop().create_task(self.run())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.more.set()

    def eof_received(self) -> bool:
        self.note_leaving()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.note_leaving()
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def note_leaving(self) -> None:
        if self.left_at is None:
            self.left_at = time.monotonic()
            self.left.set()
            self.more.set()

    async def run(self) -> None:
        try:
            await self.serve(self)
        except PeerLeft:
            pass
        finally:
            self.transport.close()

    # What the server calls

    async def read_request(self) -> Request:
        """Raises PeerLeft when there is no other one."""
        head = (await self.take_until(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        request = Request(method, target, headers, b"")
        if "chunked" in (request.header("transfer-encoding") or ""):
            body = await self.take_chunks()
        else:
            body = await self.take(int(request.header("content-length") or 0))
        return Request(method, target, headers, body)

    async def take_chunks(self) -> bytes:
        body = b""
        while size := int((await self.take_until(b"\r\n")).partition(b";")[0], 16):
            body += (await self.take(size + 2))[:-2]
        await self.take_until(b"\r\n")
        return body

    async def take_until(self, end: bytes) -> bytes:
        while (at := self.buffer.find(end)) < 0:
            await self.receive()
        return (await self.take(at + len(end)))[: -len(end)]

    async def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self.receive()
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    async def receive(self) -> None:
        if self.left_at is not None:
            raise PeerLeft
        self.more.clear()
        await self.more.wait()

    async def send(self, data: bytes) -> None:
        if self.left_at is not None:
            raise PeerLeft
        self.transport.write(data)
        await self.writable.wait()

    async def rest(self, seconds: float | None) -> None:
        """Wait that long, for None without end; raises PeerLeft at once when the peer leaves."""
        try:
            async with asyncio.timeout(seconds):
                await self.left.wait()
        except TimeoutError:
            return
        raise PeerLeft

    def reset(self) -> None:
        """End with a TCP reset instead of an orderly close."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
