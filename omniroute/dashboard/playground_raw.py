"""What the Playground shows under "Raw": one request in all four formats, and what really went over the line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any

from omniroute.dashboard.asking import HEADERS, Answered
from omniroute.dashboard.playground_form import AS_CLIENT, FORMAT_NAMES, Draft
from omniroute.errors import BadRequest
from omniroute.formats import FORMATS
from omniroute.relay.ask import Ask
from omniroute.relay.witness import Exchange, Headers, Text, told

KEY_PLACE = "YOUR_KEY"
LONGEST_CURL = 200_000  # characters
# How each format's clients say who they are. Anthropic's also name the version of its API that they mean.
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "openai_chat": (f"Authorization: Bearer {KEY_PLACE}",),
    "openai_responses": (f"Authorization: Bearer {KEY_PLACE}",),
    "anthropic_messages": (f"x-api-key: {KEY_PLACE}", "anthropic-version: 2023-06-01"),
    "gemini": (f"x-goog-api-key: {KEY_PLACE}",),
}
PATHS: Mapping[str, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One text. `head` is what stands above it: a line of a request, a status, headers."""

    label: str
    head: str
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One tab. `left_out` are fields that are lost in it; `refused`, why it can't be at all."""

    id: str
    label: str
    blocks: tuple[Block, ...]
    left_out: tuple[str, ...] = ()
    refused: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """`curl` is "" where the request is too long for a line of a shell."""

    formats: tuple[Panel, ...]
    line: tuple[Panel, ...]
    curl: str


def raw(draft: Draft, ask: Ask, exchanges: Iterable[Exchange], answered: Answered, root: str) -> Raw:
    """`root` is the gateway's address, without a trailing slash."""
    attempts = tuple(_attempt(number, each) for number, each in enumerate(exchanges, 1))
    line = (_received(draft, ask), *attempts, _answered(answered))
    return Raw(in_all_formats(draft), line, curl(draft, ask.body, root))


# In all formats -------------------------------------------------------------------------------------


def in_all_formats(draft: Draft) -> tuple[Panel, ...]:
    """The request as it was sent, and as it would be in the other formats: the same translation as an upstream's."""
    return tuple(_in_format(draft, format) for format in FORMATS)


def _in_format(draft: Draft, format: str) -> Panel:
    id, label = f"as-{format}", FORMAT_NAMES[format]
    if format == draft.format:
        return Panel(id, label, (_body("Request", path(draft, format), draft.document),), draft.left_out, chosen=True)
    try:
        read = FORMATS[draft.format].parse_request(draft.document)
        request = replace(read, model=draft.model, stream=draft.stream, target=AS_CLIENT)
        document, left_out = FORMATS[format].render_request(request)
    except BadRequest as exc:
        return Panel(id, label, (), refused=exc.message)
    return Panel(id, label, (_body("Request", path(draft, format), document),), left_out)


def path(draft: Draft, format: str) -> str:
    """Where a client of `format` sends it."""
    if format != "gemini":
        return f"POST {PATHS[format]}"
    return f"POST /v1beta/models/{draft.model}:{'streamGenerateContent?alt=sse' if draft.stream else 'generateContent'}"


def _body(label: str, head: str, document: Mapping[str, Any]) -> Block:
    return _block(label, head, told(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")))


def curl(draft: Draft, body: bytes, root: str) -> str:
    """The request for a shell, with a place for the key."""
    text = body.decode()
    if len(text) > LONGEST_CURL:
        return ""
    address = root + path(draft, draft.format).removeprefix("POST ")
    headers = ("Content-Type: application/json", *CREDENTIALS[draft.format])
    start = "curl -N" if draft.stream else "curl"
    return " \\\n  ".join([f"{start} {quote(address)}", *(f"-H {quote(header)}" for header in headers), f"-d {quote(text)}"])


# What went over the line -----------------------------------------------------------------------------


def _received(draft: Draft, ask: Ask) -> Panel:
    head = f"{path(draft, draft.format)}\n{_headers(tuple(HEADERS.items()))}"
    return Panel("line-received", "Received", (_block("What a client would have sent", head, told(ask.body)),))


def _attempt(number: int, exchange: Exchange) -> Panel:
    sent = _block("Sent upstream", f"{exchange.method} {exchange.url}\n{_headers(exchange.sent_headers)}", exchange.sent)
    came = []
    if exchange.status is not None:
        came.append(_block("Came back", f"HTTP {exchange.status}\n{_headers(exchange.headers)}", exchange.came))
    if exchange.failure:
        came.append(Block("Then" if came else "Nothing came back", "", exchange.failure))
    label = f"Attempt {number}: {exchange.target}"
    return Panel(f"line-{number}", label, (sent, *came))


def _answered(answered: Answered) -> Panel:
    head = f"HTTP {answered.status}\n{_headers(answered.headers)}"
    return Panel("line-answered", "Answered", (_block("What the client would have got", head, answered.body),))


def _headers(headers: Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers)


def _block(label: str, head: str, body: Text) -> Block:
    """JSON with its lines broken; a stream, and what is no JSON or was cut, as it came."""
    try:
        text = json.dumps(json.loads(body.text), indent=2, ensure_ascii=False)
        text.encode()  # half a surrogate pair could be written as an escape alone
    except (ValueError, RecursionError):
        text = body.text
    return Block(label, head, text, body.cut)
