#!/usr/bin/env python3
"""A fast fake LLM upstream to measure against: OpenAI Chat and Responses, Anthropic Messages and Gemini, streamed and not.

    python -m bench.upstream [--port 9100] [--chunks 50] [--interval 0] [--ttfb 0] [--relay]

    POST .../chat/completions       a whole answer, or with "stream": true an SSE stream of --chunks content events
    POST .../messages, .../responses, .../models/{model}:generateContent or :streamGenerateContent   likewise
    POST .../messages/count_tokens, .../models/{model}:countTokens  {"input_tokens": 9}
    GET  .../models                 a list of one model
    GET  /stats                     what it has served, and what is open now

With --interval the opening events go out at once and each content event that many seconds after the one
before; without it a whole stream is one write, each event still a chunk of its own. --ttfb waits before
the first byte. --relay admits a Claude Code client only, as the relays do that resell Claude.

It shares its cores with the gateway under test, so all bytes are rendered once and kept. It listens on
loopback. Faults on demand are another program's story: tests/upstream. Standard library; uvloop if installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from bench.shapes import APIS, STREAMED, WHOLE

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class Stats:
    connections: int = 0
    requests: int = 0
    streams_open: int = 0
    streams_done: int = 0
    streams_cut_by_client: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """How streams are sent: content events a stream, seconds between them, seconds before the first byte."""

    chunks: int = 50
    interval: float = 0.0
    ttfb: float = 0.0
    relay: bool = False


class Connection(asyncio.Protocol):
    """One client's connection: requests come one after the other, each answered from kept bytes."""

    def __init__(self, manner: Manner, stats: Stats) -> None:
        self.manner, self.stats = manner, stats
        self.buffer = b""
        self.timer: asyncio.TimerHandle | None = None
        self.streaming = False
        self.parts: tuple[bytes, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self.loop = asyncio.get_running_loop()
        self.stats.connections += 1
        # Without it, Nagle's algorithm and delayed ACKs make every second small answer 40 ms late.
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            told = LENGTH.search(buffer, 0, end)
            whole = end + 4 + (int(told[1]) if told else 0)
            if len(buffer) < whole:
                break
            self.answer(buffer[:end], buffer[end + 4 : whole])
            buffer = buffer[whole:]
        self.buffer = buffer

    def answer(self, head: bytes, body: bytes) -> None:
        self.stats.requests += 1
        method, target, _ = head.split(b" ", 2)
        path = target.partition(b"?")[0]
        if path == b"/stats":
            return self.transport.write(plain(200, asdict(self.stats)))
        if self.manner.relay and not from_claude_code(head):
            error = {"message": "unauthorized client detected, contact support", "type": "unauthorized_client_error"}
            return self.transport.write(plain(403, {"error": error}))
        if method == b"GET" and path.endswith(b"/models"):
            return self.transport.write(MODELS)
        if method == b"POST" and path.endswith((b"/count_tokens", b":countTokens")):
            return self.transport.write(COUNTED)
        api = next((api for ending, api in APIS.items() if path.endswith(ending)), None)
        if method != b"POST" or api is None:
            return self.transport.write(plain(404, {"error": {"message": f"no {target.decode()}", "type": "not_found_error"}}))
        try:
            ask = json.loads(body)
            if api == "gemini":
                model, streamed = "bench-model", b":stream" in path
            else:
                model, streamed = str(ask["model"]), ask.get("stream") is True
            with_usage = bool((ask.get("stream_options") or {}).get("include_usage"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.transport.write(plain(400, {"error": {"message": "bad JSON or no model", "type": "bad_request"}}))
        begin = self.stream if streamed else self.whole
        if self.manner.ttfb:
            self.timer = self.loop.call_later(self.manner.ttfb, begin, api, model, with_usage)
        else:
            begin(api, model, with_usage)

    def whole(self, api: str, model: str, with_usage: bool) -> None:
        self.transport.write(whole_answer(api, model))

    def stream(self, api: str, model: str, with_usage: bool) -> None:
        opening, self.parts = stream_parts(api, model, self.manner.chunks, with_usage)
        if not self.manner.interval:
            self.stats.streams_done += 1
            self.stats.events += self.manner.chunks
            return self.transport.write(burst(api, model, self.manner.chunks, with_usage))
        self.transport.write(opening)
        self.streaming = True
        self.stats.streams_open += 1
        self.sent = 0
        self.began = self.loop.time()
        self.timer = self.loop.call_at(self.began + self.manner.interval, self.tick)

    def tick(self) -> None:
        """Write the next content event. Times are counted from the beginning, so being late once does not add up."""
        self.transport.write(self.parts[self.sent])
        self.sent += 1
        self.stats.events += 1
        if self.sent < len(self.parts):
            self.timer = self.loop.call_at(self.began + (self.sent + 1) * self.manner.interval, self.tick)
            return
        self.streaming = False
        self.stats.streams_open -= 1
        self.stats.streams_done += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.streaming:
            self.stats.streams_open -= 1
            self.stats.streams_cut_by_client += 1


def from_claude_code(head: bytes) -> bool:
    """The three marks by which such relays are known to tell Claude Code from other clients, checked loosely."""
    lower = head.lower()
    return b"\r\nuser-agent: claude-cli/" in lower and b"\r\nx-app: cli" in lower and b"claude-code-" in lower


# Rendering: each distinct answer once ---------------------------------------------------


def plain(status: int, document: Any) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    reason = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@lru_cache(maxsize=512)
def whole_answer(api: str, model: str) -> bytes:
    return plain(200, WHOLE[api](model))


@lru_cache(maxsize=512)
def stream_parts(api: str, model: str, chunks: int, with_usage: bool) -> tuple[bytes, tuple[bytes, ...]]:
    """What goes out at once (head and opening events), and the content events; the last one carries the closing events."""
    opening, content, closing = STREAMED[api](model, chunks, with_usage)
    parts = [chunk(content)] * chunks
    parts[-1:] = [(parts[-1] if parts else b"") + b"".join(map(chunk, closing)) + LAST_CHUNK]
    return STREAM_HEAD + b"".join(map(chunk, opening)), tuple(parts)


@lru_cache(maxsize=512)
def burst(api: str, model: str, chunks: int, with_usage: bool) -> bytes:
    opening, parts = stream_parts(api, model, chunks, with_usage)
    return opening + b"".join(parts)


def chunk(event: str) -> bytes:
    raw = event.encode()
    return b"%x\r\n%s\r\n" % (len(raw), raw)


MODELS = plain(200, {"object": "list", "data": [{"id": "bench-model", "object": "model", "created": 1, "owned_by": "bench"}]})
COUNTED = plain(200, {"input_tokens": 9, "totalTokens": 9})


# The program ----------------------------------------------------------------------------


async def serve(port: int, manner: Manner) -> None:
    """Listen until SIGTERM or Ctrl-C. Prints one line when ready: the port (0 asks the system for a free one)."""
    loop, stats, stop = asyncio.get_running_loop(), Stats(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(manner, stats), "127.0.0.1", port, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--port", type=int, default=9100)
    asked.add_argument("--chunks", type=int, default=50)
    asked.add_argument("--interval", type=float, default=0.0)
    asked.add_argument("--ttfb", type=float, default=0.0)
    asked.add_argument("--relay", action="store_true")
    given = asked.parse_args()
    allow_many_sockets()
    run(lambda: serve(given.port, Manner(given.chunks, given.interval, given.ttfb, given.relay)))


def allow_many_sockets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(work: Callable[[], Any]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work())
    else:
        uvloop.run(work())


if __name__ == "__main__":
    main()
