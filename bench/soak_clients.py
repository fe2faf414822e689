"""The soak's clients: each asks, reads a paced answer, waits a little and asks again; some leave before the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

DECISION = re.compile(rb"\r\nx-omniroute-decision:[^\r]*attempts=(\d+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
WHOLE_OF = 8  # one request of so many is not streamed

# By format: the path, where {} is the model; how a stream ends, and what a whole answer holds.
FORMATS: dict[str, tuple[str, bytes, bytes]] = {
    "chat": ("/v1/chat/completions", b"data: [DONE]", b'"choices"'),
    "messages": ("/v1/messages", b"event: message_stop", b'"stop_reason"'),
    "responses": ("/v1/responses", b"event: response.completed", b'"output"'),
    "gemini": ("/v1beta/models/{}", b'"finishReason"', b'"finishReason"'),
}


@dataclass(slots=True)
class Seen:
    """What the clients saw. `failures` holds the first few answers that were none."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    left: int = 0
    streams: int = 0  # of those answered
    attempts: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # seconds to the first byte

    def note(self, answer: bytes, format: str, streamed: bool, first: float) -> None:
        wanted = FORMATS[format][1 if streamed else 2]
        good = answer.startswith(b"HTTP/1.1 200") and wanted in answer
        found = DECISION.search(answer)
        self.answered += good
        self.failed += not good
        if good:
            self.streams += streamed
            self.latencies.append(first)
        if good and found:
            self.attempts[int(found[1])] += 1
        if not good and len(self.failures) < 5:
            self.failures.append(answer[:1000].decode("utf-8", "replace") + " ... " + answer[-500:].decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Manners:
    """`leaving` is the share of requests whose client leaves before the end, `lasts` how long an answer takes at the most."""

    port: int
    keys: tuple[str, ...]
    pause: float
    leaving: float
    lasts: float


def request(number: int, combo: str, streamed: bool, manners: Manners) -> bytes:
    """In the format of that client."""
    format = list(FORMATS)[number % len(FORMATS)]
    path, said = FORMATS[format][0].format(combo), [{"role": "user", "content": "hello"}]
    body: dict[str, Any] = {"model": combo, "stream": streamed}
    if format == "gemini":
        path += ":streamGenerateContent?alt=sse" if streamed else ":generateContent"
        body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    elif format == "responses":
        body |= {"input": "hello", "store": False}
    else:
        body |= {"messages": said, "max_tokens": 1000}
    text = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{manners.port}\r\n"
        f"Authorization: Bearer {manners.keys[number % len(manners.keys)]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
    ).encode()


async def client(number: int, combos: tuple[str, ...], until: float, manners: Manners, seen: Seen) -> None:
    """One client on a connection of its own, which it opens again when it is closed, or when it has left."""
    chance, format = random.Random(number), list(FORMATS)[number % len(FORMATS)]
    await asyncio.sleep(chance.random() * manners.lasts)
    reader, writer = await opened(manners)
    while time.monotonic() < until:
        streamed = chance.randrange(WHOLE_OF) > 0
        leaves = chance.random() * manners.lasts if chance.random() < manners.leaving else None
        began = time.monotonic()
        seen.asked += 1
        writer.write(request(number, chance.choice(combos), streamed, manners))
        try:
            answer, first = await asyncio.wait_for(whole(reader), leaves or 120)
        except TimeoutError:
            if leaves is None:
                seen.note(b"no end within two minutes", format, streamed, 0)
            else:
                seen.left += 1
            writer.close()
            reader, writer = await opened(manners)
        except (OSError, asyncio.IncompleteReadError) as exc:
            seen.note(f"{type(exc).__name__}: no whole answer".encode(), format, streamed, 0)
            writer.close()
            reader, writer = await opened(manners)
        else:
            seen.note(answer, format, streamed, first - began)
        await asyncio.sleep(manners.pause * (0.5 + chance.random()))
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def opened(manners: Manners) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", manners.port, limit=2**20)


async def whole(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """Head and body of one answer, and when its first byte of a body, or all of it, was there."""
    head = await reader.readuntil(b"\r\n\r\n")
    told = LENGTH.search(head)
    if told:
        return head + await reader.readexactly(int(told[1])), time.monotonic()
    parts, first = [head], None
    while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
        first = first or time.monotonic()
    await reader.readuntil(b"\r\n")
    return b"".join(parts), first or time.monotonic()
