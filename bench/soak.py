"""The soak: combos over four targets that go down and come up again in spells, so that at every moment one of them is up.

    python -m bench.soak [--minutes 20] [--clients 200] [--pause 1.0]

Each client asks, waits about --pause seconds and asks again: half of them streamed, over combos of four strategies. No
request may fail, attempts per request stay bounded, memory stays flat. Prints one line a spell and a summary as JSON; ends
with 1 when a law was broken. A run of 15 minutes or more is kept in bench/results/.

A target that comes up does so some seconds before another one goes down: a request that has tried the first in vain must
still find the second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import gateway, report
from bench.processes import Server, free_port, resident_mb
from bench.upstream import Connection, Manner, Stats, plain

STRATEGIES = ("priority", "round-robin", "least-used", "random")
TARGETS = 4
WORKERS = 2
OVERLAP = 4.0  # seconds; longer than a request may be on its way through three targets that are down
SPELL = (4.0, 10.0)  # seconds
WARM = 0.25  # the share of the run after which memory has to be flat
MOST_ATTEMPTS = 8  # the default of a combo
PATIENCE = {"FIRST_EVENT_SECONDS": "1", "ANSWER_SECONDS": "1", "IDLE_SECONDS": "5"}
DECISION = re.compile(rb"\r\nx-omniroute-decision:[^\r]*attempts=(\d+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment</title></head></html>"


# Targets ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Target:
    """One upstream on its own port. `fault` is how it is down, "" while it is up."""

    port: int
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
                each.transport.abort()

    async def rise(self) -> None:
        self.fault = ""
        await self.listen()


class Failing(Connection):
    """Answers as an upstream does, or as it does while it is down."""

    def __init__(self, target: Target) -> None:
        super().__init__(Manner(chunks=20), target.stats)
        self.target = target

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


# Clients ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seen:
    """What the clients saw. `failures` holds the first few answers that were none."""

    answered: int = 0
    failed: int = 0
    attempts: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def note(self, answer: bytes, streamed: bool, took: float) -> None:
        good = answer.startswith(b"HTTP/1.1 200") and (b"data: [DONE]" if streamed else b'"choices"') in answer
        found = DECISION.search(answer)
        self.answered += good
        self.failed += not good
        if good and found:
            self.attempts[int(found[1])] += 1
            self.latencies.append(took)
        if not good and len(self.failures) < 5:
            self.failures.append(answer[:2000].decode("utf-8", "replace"))


async def client(number: int, port: int, key: str, until: float, pause: float, seen: Seen) -> None:
    """One client on a connection of its own, which it opens again when it is closed."""
    chance, streamed = random.Random(number), number % 8 < 4
    body = json.dumps(
        {
            "model": STRATEGIES[number % len(STRATEGIES)],
            "messages": [{"role": "user", "content": "hello"}],
            "stream": streamed,
        }
    )
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    await asyncio.sleep(chance.random() * pause)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    while time.monotonic() < until:
        began = time.monotonic()
        writer.write(request)
        try:
            async with asyncio.timeout(60):
                answer = await whole(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as exc:
            answer = f"{type(exc).__name__}: no whole answer".encode()
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        seen.note(answer, streamed, time.monotonic() - began)
        await asyncio.sleep(pause * (0.5 + chance.random()))
    writer.close()


async def whole(reader: asyncio.StreamReader) -> bytes:
    """Head and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    told = LENGTH.search(head)
    if told:
        return head + await reader.readexactly(int(told[1]))
    parts = [head]
    while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


# The run ----------------------------------------------------------------------------------------


async def watch(server: Server, until: float, memory: list[tuple[float, float]]) -> None:
    """The memory of all workers together, each second."""
    began = time.monotonic()
    while time.monotonic() < until:
        memory.append((time.monotonic() - began, sum(resident_mb(pid) for pid in server.children())))
        await asyncio.sleep(1)


async def soak(server: Server, key: str, targets: list[Target], given: argparse.Namespace) -> dict[str, Any]:
    seen, memory = Seen(), list[tuple[float, float]]()
    port, until = int(server.url.rpartition(":")[2]), time.monotonic() + given.minutes * 60
    for target in targets:
        await target.listen()
    clients = [client(number, port, key, until, given.pause, seen) for number in range(given.clients)]
    await asyncio.gather(spells(targets, until, random.Random(given.seed)), watch(server, until, memory), *clients)
    settled = [point for point in memory if point[0] >= given.minutes * 60 * WARM]
    slope = statistics.linear_regression(*zip(*settled, strict=True)).slope * 60
    tried = [count for count, times in seen.attempts.items() for _ in range(times)]
    return {
        "minutes": given.minutes,
        "clients": given.clients,
        "answered": seen.answered,
        "failed": seen.failed,
        "failures": seen.failures,
        "attempts_mean": round(statistics.fmean(tried), 3) if tried else None,
        "attempts_most": max(tried, default=None),
        "upstream_requests": sum(target.stats.requests for target in targets),
        "p50_ms": round(statistics.median(seen.latencies) * 1000, 1) if seen.latencies else None,
        "p99_ms": round(statistics.quantiles(seen.latencies, n=100)[98] * 1000, 1) if len(seen.latencies) > 100 else None,
        "memory_mb": {"first": round(memory[0][1], 1), "last": round(memory[-1][1], 1)},
        "memory_mb_per_minute": round(slope, 3),
    }


def broken_laws(told: dict[str, Any]) -> list[str]:
    """What of the soak's promises does not hold. Memory is judged only after five minutes: before, a worker still grows."""
    broken = []
    if told["failed"] or not told["answered"]:
        broken.append(f"{told['failed']} requests failed, {told['answered']} were answered")
    if (told["attempts_most"] or 0) > MOST_ATTEMPTS:
        broken.append(f"{told['attempts_most']} attempts for one request")
    if told["minutes"] >= 5 and told["memory_mb_per_minute"] > 1:
        broken.append(f"memory grows by {told['memory_mb_per_minute']} MB a minute")
    return broken


def set_up(server: Server, targets: list[Target]) -> str:
    """Four nodes, a combo of each strategy over them, and a client key."""
    management = gateway.Management(server.url)
    management.log_in()
    for number, target in enumerate(targets, 1):
        management.add_connection(management.add_node(f"t{number}", f"http://127.0.0.1:{target.port}/v1"), "sk-soak")
    models = [f"t{number}/soak-model" for number in range(1, len(targets) + 1)]
    for strategy in STRATEGIES:
        management.add_combo(strategy, *models, strategy=strategy)
    return management.add_key("soak")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=20)
    asked.add_argument("--clients", type=int, default=200)
    asked.add_argument("--pause", type=float, default=1.0)
    asked.add_argument("--seed", type=int, default=20128)
    given = asked.parse_args()
    targets = [Target(free_port()) for _ in range(TARGETS)]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        env = {"REQUIRE_API_KEY": "true", **PATIENCE}
        with gateway.start(Path(folder), workers=WORKERS, env=env) as server:
            told = asyncio.run(soak(server, set_up(server, targets), targets, given))
            if "Traceback" in server.output():
                told["failures"].append(server.tail(60))
    print(json.dumps(told, indent=1))
    if given.minutes >= 15:
        print(f"kept in {report.keep_soak(told)}")
    for each in (broken := broken_laws(told)):
        print(f"soak: {each}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
