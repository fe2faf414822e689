"""Whole Gemini answers: the events they stand for, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omniroute.errors import UpstreamEmpty, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import gather
from omniroute.formats.gemini.parts import write_part
from omniroute.formats.gemini.stream import StreamReader, last_chunk, new_id
from omniroute.formats.gemini.usage import first_candidate, read_block_reason


def parse_response(document: dict[str, Any]) -> list[ir.Event]:
    """A whole answer as events. It has the form of a stream's chunk, and is read as one.

    Raises UpstreamErrorEvent for an error with status 200, UpstreamEmpty without a candidate or with one that only tells a
    mishap, UpstreamNotJson for what is no Gemini answer at all.
    """
    reader = StreamReader()
    if not document.get("error") and first_candidate(document) is None and read_block_reason(document) is None:
        if "candidates" in document or "usageMetadata" in document:
            raise UpstreamEmpty("upstream sent an answer without a candidate")
        raise UpstreamNotJson(200, "application/json", "no Gemini answer: 'candidates' is missing")
    return [*reader.read(document), *reader.finish()]


def render_response(
    events: Iterable[ir.Event], *, model: str | None = None, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Events as a whole answer. `model` is the name to show, if not the upstream's; `asked` is not needed here."""
    answer = gather(events)
    parts = [written for part in answer.parts if (written := write_part(part)) is not None]
    citations = [citation for part in answer.parts if isinstance(part, ir.Text) for citation in part.citations]
    document = last_chunk(answer.stop_reason or "end_turn", parts, citations, answer.usage)
    return document | {"modelVersion": model or answer.model, "responseId": answer.id or new_id()}
