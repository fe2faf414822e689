"""Upstream answers that come otherwise than asked: whole instead of streamed, streamed instead of whole, or none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamNotJson
from omniroute.formats import Format, ir, sse
from omniroute.formats.upstream_error import require_json
from omniroute.relay.lane import Facts

BLANK = b"\xef\xbb\xbf \t\r\n"


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


def collect(upstream: Format, client: Format, body: bytes, facts: Facts) -> bytes:
    """A whole answer for the client from one that was streamed though nobody asked. Raises like `StreamReader`."""
    decoder, reader = sse.Decoder(), upstream.StreamReader()
    events: list[ir.Event] = []
    for each in decoder.feed(body) + decoder.flush():
        events += reader.feed(each)
    events += reader.end()
    note(events, facts)
    return orjson.dumps(client.render_response(events))


def replay(upstream: Format, client: Format, body: bytes, facts: Facts, model: str, *, include_usage: bool) -> bytes:
    """A stream for the client from a whole answer. Raises like `parse_response`."""
    events = upstream.parse_response(read_answer(200, {}, body))
    note(events, facts)
    writer = client.StreamWriter(model, include_usage)
    return b"".join([writer.write(event) for event in events]) + writer.end()


def note(events: Iterable[ir.Event], facts: Facts) -> None:
    """Keep what the ledger wants to know."""
    for event in events:
        if isinstance(event, ir.UsageSeen):
            facts.usage = event.usage
        elif isinstance(event, ir.Finished):
            facts.finish = event.stop_reason
