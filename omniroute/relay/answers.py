"""Upstream answers that come otherwise than asked: whole instead of streamed, streamed instead of whole, or none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamNotJson
from omniroute.formats import Format, ir, sse
from omniroute.formats.upstream_error import require_json
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Facts

# Claude Code 2.1.197 drops the thinking blocks of an answer whose `model` is not the one that it asked (measured
# 2026-11-22), so answers in these formats name the model as the client did: prefix/name, where name was sent.
NAMES_ITS_MODEL = frozenset({"anthropic_messages"})
BLANK = b"\xef\xbb\xbf \t\r\n"


def shown_model(ask: Ask) -> str | None:
    """The name that the answer must give its model; None for the upstream's own."""
    return ask.model if ask.format in NAMES_ITS_MODEL else None


def looks_streamed(body: bytes) -> bool:
    """Whether a body is a run of events, whatever its content type says."""
    return body.lstrip(BLANK)[:6].startswith((b"data:", b"event:", b":"))


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A whole answer, parsed. Raises UpstreamEmpty, UpstreamNotJson."""
    require_json(status, headers, body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise UpstreamNotJson(status, headers.get("content-type", ""), f"broken JSON: {exc}") from exc
    if not document:
        raise UpstreamEmpty(f"upstream answered {status} with {body[:20].decode('utf-8', 'replace')}")
    if not isinstance(document, dict):
        raise UpstreamNotJson(status, headers.get("content-type", ""), "JSON, but no object")
    return document


def collect(upstream: Format, client: Format, body: bytes, facts: Facts, model: str | None) -> bytes:
    """A whole answer for the client from one that was streamed though nobody asked. Raises like `StreamReader`.

    `model` is the name to show, None for the upstream's.
    """
    decoder, reader = sse.Decoder(), upstream.StreamReader()
    events: list[ir.Event] = []
    for each in decoder.feed(body) + decoder.flush():
        events += reader.feed(each)
    events += reader.end()
    note(events, facts)
    return orjson.dumps(client.render_response(events, model=model))


def replay(upstream: Format, client: Format, body: bytes, facts: Facts, model: str | None, *, include_usage: bool) -> bytes:
    """A stream for the client from a whole answer. Raises like `parse_response`. `model` as in `collect`."""
    events = upstream.parse_response(read_answer(200, {}, body))
    note(events, facts)
    writer = client.StreamWriter(model or "", include_usage)
    return b"".join([writer.write(event) for event in events]) + writer.end()


def note(events: Iterable[ir.Event], facts: Facts) -> None:
    """Keep what the ledger wants to know."""
    for event in events:
        if isinstance(event, ir.UsageSeen):
            facts.usage = event.usage
        elif isinstance(event, ir.Finished):
            facts.finish = event.stop_reason
