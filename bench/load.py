#!/usr/bin/env python3
"""A bounded load on one chat endpoint, and what it saw as one line of JSON.

    python bench/load.py URL [--key K] [--model M] [-c AT_ONCE] [-n REQUESTS] [--stream]
                         [--api openai|anthropic|responses|gemini] [--header 'Name: value'] [--timeout S] [--spread S]
                         [--kilobytes N] [--seconds S] [--says TEXT [--times N]]

--kilobytes lets an earlier conversation of about that size stand before the question.
--seconds begins no request after that many. An answer without TEXT, N times, is no answer.
-c connections are kept busy until -n requests are done; --spread lets them start evenly over that many seconds.

It prints: requests answered (n) and not (failed, by reason), statuses, requests/s, latency p50/p95/p99 in ms,
lost (whatever did not end as a whole answer with status 200), seconds from first start to last end, and cpu (its own
share of one core). With --stream also the time to the first content event, events (SSE `data:` lines), events/s,
fewest and most events of a finished stream, and unfinished (status 200, but the last event never came).

Loopback only. Parsing is by hand, since at 10,000 events/s it must leave the cores to what is measured.
Standard library; uvloop if installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

HEADER = re.compile(rb"\r\n(content-length|transfer-encoding|connection):[ \t]*([^\r]*)")


@dataclass(frozen=True, slots=True)
class Api:
    """What tells content and the end of a stream, and what a whole answer must hold."""

    first_content: re.Pattern[bytes]
    last_event: bytes
    whole: bytes
    tail: int = 400  # bytes at the end of a stream in which its last event stands


APIS = {
    "openai": Api(re.compile(rb'"content": ?"[^"]'), b"[DONE]", b'"choices"'),
    "anthropic": Api(re.compile(rb'"text": ?"[^"]'), b'"message_stop"', b'"stop_reason"'),
    "responses": Api(re.compile(rb'"delta": ?"[^"]'), b"event: response.completed", b'"output_text"', tail=4000),
    "gemini": Api(re.compile(rb'"text": ?"[^"]'), b'"finishReason"', b'"finishReason"'),
}


@dataclass(slots=True)
class Job:
    """What all connections share: the request, what is left to do, and what was seen."""

    host: str
    port: int
    request: bytes
    api: Api
    streamed: bool
    timeout: float
    left: int
    until: float = float("inf")
    says: bytes = b""
    times: int = 1
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    events: int = 0
    fewest: int | None = None
    most: int = 0
    unfinished: int = 0
    good: int = 0


class Client:
    """One of the -c: sends one request after the other, on one connection for as long as the server keeps it."""

    def __init__(self, job: Job, over: Callable[[], None]) -> None:
        self.job, self.over = job, over
        self.loop = asyncio.get_running_loop()
        self.line: Line | None = None

    def begin(self) -> None:
        if self.job.left <= 0 or time.perf_counter() > self.job.until:
            if self.line is not None:
                self.line.transport.close()
            return self.over()
        self.job.left -= 1
        self.limit = self.loop.call_later(self.job.timeout, self.give_up, "timeout")
        self.started = time.perf_counter()
        if self.line is None:
            self.opening = self.loop.create_task(self.open())
        else:
            self.line.send()

    async def open(self) -> None:
        try:
            _, self.line = await self.loop.create_connection(lambda: Line(self), self.job.host, self.job.port)
        except OSError as exc:
            return self.give_up(type(exc).__name__)
        self.line.send()

    def give_up(self, why: str) -> None:
        self.limit.cancel()
        self.opening.cancel()
        self.job.failed[why] += 1
        line, self.line = self.line, None
        if line is not None:
            line.busy = False
            line.transport.abort()
        self.loop.call_soon(self.begin)

    def complete(self, line: Line) -> None:
        self.limit.cancel()
        self.job.latencies.append(time.perf_counter() - self.started)
        self.job.statuses[line.status] += 1
        if line.status == 200:
            self.judge(line)
        if line.closing:
            line.transport.close()
            self.line = None
        self.begin()

    def judge(self, line: Line) -> None:
        job = self.job
        if not job.streamed:
            whole = job.api.whole in line.tail and (not job.says or line.tail.count(job.says) == job.times)
            job.good += whole
            job.failed["not an answer"] += not whole
            return
        job.events += line.seen
        if line.first is not None:
            job.firsts.append(line.first - self.started)
        if job.api.last_event not in line.tail:
            job.unfinished += 1
            return
        if job.says and line.said != job.times:
            job.failed["other content"] += 1
            return
        job.good += 1
        job.fewest = line.seen if job.fewest is None else min(job.fewest, line.seen)
        job.most = max(job.most, line.seen)


class Line(asyncio.Protocol):
    """One connection, and the answer that is being read from it."""

    busy = False

    def __init__(self, client: Client) -> None:
        self.client, self.job = client, client.job

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def send(self) -> None:
        self.busy, self.head_seen, self.done = True, False, False
        self.rest = self.tail = self.spoken = b""
        self.carry = b"\n"
        self.seen = self.said = 0
        self.first: float | None = None
        self.transport.write(self.job.request)

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            return
        self.rest = self.rest + data if self.rest else data
        if not self.head_seen and not self.read_head():
            return
        payload = self.unframe(self)
        if self.job.streamed and payload:
            self.look(payload)
        elif payload:
            self.tail += payload
        if self.done:
            self.busy = False
            self.client.complete(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.busy:
            if self.client.line is self:
                self.client.line = None
        elif self.head_seen and self.unframe is until_close and exc is None:
            self.busy = False
            self.client.complete(self)
        else:
            self.client.give_up("cut" if self.head_seen else "closed without an answer")

    def read_head(self) -> bool:
        end = self.rest.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, self.rest = self.rest[:end], self.rest[end + 4 :]
        self.status = int(head[9:12])
        named = dict(HEADER.findall(head.lower()))
        self.wanted = int(named.get(b"content-length", -1))
        chunked = named.get(b"transfer-encoding") == b"chunked"
        self.unframe = whole_chunks if chunked else told_length if self.wanted >= 0 else until_close
        self.closing = named.get(b"connection") == b"close" or self.unframe is until_close
        self.head_seen = True
        return True

    def look(self, payload: bytes) -> None:
        """Count events and keep the tail. The five carried bytes find a `data:` cut in two, and never count one twice."""
        window = self.carry + payload
        self.seen += window.count(b"\ndata:")
        self.carry = window[-5:]
        if self.job.says:
            window = self.spoken + payload
            self.said += window.count(self.job.says)
            self.spoken = window[1 - len(self.job.says) :] if len(self.job.says) > 1 else b""
        kept = self.job.api.tail
        self.tail = (self.tail + payload)[-kept:] if len(payload) < kept else payload[-kept:]
        if self.first is None and self.job.api.first_content.search(payload):
            self.first = time.perf_counter()


# How a body is framed: each takes what it can from `rest`, and sets `done` at the end ----


def whole_chunks(line: Line) -> bytes:
    """The payload of the chunks that are here entirely; the beginning of another one stays in `rest`."""
    data, at, found = line.rest, 0, []
    while (eol := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:eol], 16)
        end = eol + 4 + size
        if end > len(data):
            break
        at = end
        if not size:
            line.done = True
            break
        found.append(data[eol + 2 : end - 2])
    line.rest = data[at:]
    return found[0] if len(found) == 1 else b"".join(found)


def told_length(line: Line) -> bytes:
    data, line.rest = line.rest[: line.wanted], b""
    line.wanted -= len(data)
    line.done = line.wanted == 0
    return data


def until_close(line: Line) -> bytes:
    data, line.rest = line.rest, b""
    return data


# The program ----------------------------------------------------------------------------


async def drive(job: Job, at_once: int, spread: float) -> float:
    """Run the job to its end; the seconds that it took."""
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    running = at_once

    def over() -> None:
        nonlocal running
        running -= 1
        if not running:
            finished.set()

    began = time.perf_counter()
    for number in range(at_once):
        loop.call_later(spread * number / at_once, Client(job, over).begin)
    await finished.wait()
    return time.perf_counter() - began


def report(job: Job, asked: int, seconds: float, cpu: float) -> dict[str, Any]:
    done = len(job.latencies)
    seen: dict[str, Any] = {
        "asked": asked,
        "n": done,
        "status": dict(job.statuses),
        "failed": {why: count for why, count in job.failed.items() if count},
        "lost": asked - job.good,
        "seconds": round(seconds, 3),
        "rps": round(done / seconds, 1),
        "p50_ms": at_share(job.latencies, 0.5),
        "p95_ms": at_share(job.latencies, 0.95),
        "p99_ms": at_share(job.latencies, 0.99),
    }
    if job.streamed:
        seen |= {
            "first_p50_ms": at_share(job.firsts, 0.5),
            "first_p99_ms": at_share(job.firsts, 0.99),
            "events": job.events,
            "events_per_s": round(job.events / seconds, 1),
            "events_per_stream": [job.fewest or 0, job.most],
            "unfinished": job.unfinished,
        }
    return seen | {"cpu": round(cpu / seconds, 3)}


def at_share(values: list[float], share: float) -> float | None:
    """The value below which that share of them lies, in ms to three places."""
    if not values:
        return None
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000, 3)


def request_bytes(url: SplitResult, given: argparse.Namespace) -> bytes:
    body = json.dumps(question(given)).encode()
    lines = [
        f"POST {url.path or '/'}{'?' + url.query if url.query else ''} HTTP/1.1",
        f"Host: {url.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {given.key}",
        *(["anthropic-version: 2023-06-01"] if given.api == "anthropic" else []),
        *given.header,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def question(given: argparse.Namespace) -> dict[str, Any]:
    """The body: a greeting, behind as many turns of a conversation as --kilobytes asks for."""
    turns = ["hello " * 160, "Yes. " * 32] * given.kilobytes + ["hello"]
    roles = ["user", "assistant"] * given.kilobytes + ["user"]
    if given.api == "gemini":
        names = {"user": "user", "assistant": "model"}
        contents = [{"role": names[role], "parts": [{"text": text}]} for role, text in zip(roles, turns, strict=True)]
        return {"contents": contents, "generationConfig": {"maxOutputTokens": 100}}
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)]
    if given.api == "responses":
        return {"model": given.model, "input": messages, "max_output_tokens": 100, "stream": given.stream, "store": False}
    return {"model": given.model, "messages": messages, "max_tokens": 100, "stream": given.stream}


async def measure(given: argparse.Namespace) -> None:
    url = urlsplit(given.url)
    if url.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise SystemExit("load.py: loopback only")
    assert url.hostname is not None
    request = request_bytes(url, given)
    job = Job(url.hostname, url.port or 80, request, APIS[given.api], given.stream, given.timeout, given.n)
    job.says, job.times = given.says.encode(), given.times
    job.until = time.perf_counter() + given.seconds
    cpu = time.process_time()
    seconds = await drive(job, min(given.c, given.n), given.spread)
    print(json.dumps(report(job, given.n - job.left, seconds, time.process_time() - cpu)))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("url")
    asked.add_argument("--key", default="sk-none")
    asked.add_argument("--model", default="bench-model")
    asked.add_argument("-c", type=int, default=32)
    asked.add_argument("-n", type=int, default=2000)
    asked.add_argument("--stream", action="store_true")
    asked.add_argument("--api", choices=sorted(APIS), default="openai")
    asked.add_argument("--header", action="append", default=[])
    asked.add_argument("--timeout", type=float, default=60.0)
    asked.add_argument("--spread", type=float, default=0.0)
    asked.add_argument("--kilobytes", type=int, default=0)
    asked.add_argument("--seconds", type=float, default=float("inf"))
    asked.add_argument("--says", default="")
    asked.add_argument("--times", type=int, default=1)
    given = asked.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        import uvloop
    except ImportError:
        asyncio.run(measure(given))
    else:
        uvloop.run(measure(given))


if __name__ == "__main__":
    main()
