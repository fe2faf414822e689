"""The soak's upstreams: four, each of another format, which go down and come up again in spells so that one is always up.

A target that comes up does so some seconds before another one goes down: a request that has tried the others in vain must
still find it. What has begun is never cut: a stream that ended in the middle would be the upstream's fault.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from bench.upstream import Connection, Manner, Stats, plain

TARGETS = ("chat", "messages", "responses", "gemini")  # by their formats
OVERLAP = 8.0  # seconds; longer than a request may be on its way through three targets that are down
SPELL = (4.0, 10.0)  # seconds
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment</title></head></html>"


@dataclass(slots=True)
class Target:
    """One upstream on its own port. `fault` is how it is down, "" while it is up."""

    port: int
    manner: Manner
    fault: str = ""
    stats: Stats = field(default_factory=Stats)
    server: asyncio.Server | None = None
    open: set[Failing] = field(default_factory=set)

    async def listen(self) -> None:
        if self.server is None:
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(lambda: Failing(self), "127.0.0.1", self.port)

    async def fall(self, fault: str) -> None:
        self.fault = fault
        if fault == "refused" and self.server is not None:
            self.server.close()
            self.server = None
            for each in list(self.open):
                if not each.busy:
                    each.transport.abort()

    @property
    def busy(self) -> int:
        """Answers that are on their way."""
        return sum(each.busy for each in self.open)

    async def rise(self) -> None:
        self.fault = ""
        await self.listen()


class Failing(Connection):
    """Answers as an upstream does, or as it does while it is down."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.manner, target.stats)
        self.target = target

    @property
    def busy(self) -> bool:
        """Whether it is in the middle of an answer."""
        return self.streaming

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.target.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.target.open.discard(self)
        super().connection_lost(exc)

    def answer(self, head: bytes, body: bytes) -> None:
        if not self.target.fault:
            return super().answer(head, body)
        self.stats.requests += 1
        made = FAULTS[self.target.fault]
        if made is None:
            self.transport.abort()
        elif made:
            self.transport.write(made)


def failed(status: int, type: str, *headers: bytes) -> bytes:
    answer = plain(status, {"error": {"message": "down for a while", "type": type}})
    first, _, rest = answer.partition(b"\r\n")
    return b"\r\n".join([first, *headers, rest])


# How a target is down: the answer, b"" for none at all, None for a connection that is reset.
FAULTS: dict[str, bytes | None] = {
    "500": failed(500, "server_error"),
    "503": failed(503, "overloaded_error"),
    "429": failed(429, "rate_limit_error", b"Retry-After: 1"),
    "429 without a hint": failed(429, "rate_limit_error"),
    "empty": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
    "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE),
    "reset": None,
    "silent": b"",
    "refused": None,
}


async def spells(targets: list[Target], until: float, chance: random.Random) -> None:
    """One target stays up until the next one has been up for a while; the others do as they like."""
    up = targets[0]
    while time.monotonic() < until:
        down = []
        for each in targets:
            if each is not up and chance.random() < 0.75:
                await each.fall(chance.choice(list(FAULTS)))
                down.append(f"{targets.index(each) + 1}: {each.fault}")
        print(f"up: {targets.index(up) + 1}; {', '.join(down) or 'all'}", flush=True)
        await asyncio.sleep(chance.uniform(*SPELL))
        up = chance.choice([each for each in targets if each is not up])
        await up.rise()
        await asyncio.sleep(OVERLAP)
        for each in targets:
            if each is not up and chance.random() < 0.5:
                await each.rise()
