"""Upstream answers that come otherwise than asked: whole instead of streamed, streamed instead of whole, or none at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamNotJson
from omniroute.formats import ClientFormat, Writer, ir, sse
from omniroute.formats.depth import DEEPEST, too_deep
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
    if too_deep(document):
        raise UpstreamNotJson(status, headers.get("content-type", ""), f"JSON, but nested more than {DEEPEST} levels deep")
    return document


def collected(upstream: ClientFormat, body: bytes) -> list[ir.Event]:
    """The events of an answer that was streamed though nobody asked. Raises like `StreamReader`."""
    decoder, reader = sse.Decoder(), upstream.StreamReader()
    events: list[ir.Event] = []
    for each in decoder.feed(body) + decoder.flush():
        events += reader.feed(each)
    return events + reader.end()


def as_whole(client: ClientFormat, events: list[ir.Event], facts: Facts, model: str | None, asked: Mapping[str, Any]) -> bytes:
    """The client's whole answer. `model` is the name to show, None for the upstream's."""
    note(events, facts)
    facts.final = client.render_response(events, model=model, asked=asked)
    return orjson.dumps(facts.final)


def as_stream(writer: Writer, events: list[ir.Event], facts: Facts) -> bytes:
    """The client's whole stream, through a writer that has written nothing yet."""
    note(events, facts)
    out = b"".join([writer.write(event) for event in events]) + writer.end()
    facts.final = getattr(writer, "final", None)
    return out


def note(events: Iterable[ir.Event], facts: Facts) -> None:
    """Keep what the ledger wants to know."""
    for event in events:
        if isinstance(event, ir.UsageSeen):
            facts.usage = event.usage
        elif isinstance(event, ir.Finished):
            facts.finish = event.stop_reason
