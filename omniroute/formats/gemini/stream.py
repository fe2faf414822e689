"""Gemini streams: chunks -> events, and events -> chunks.

A stream (`alt=sse`) is a run of GenerateContentResponse objects without event names and without an end mark. Thoughts and
texts come in pieces, a function call comes whole, the signature of a text may come after it on an empty one.
Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thought-signatures and
google-genai 3.6.1, whose types forbid members that they don't know (read 2026-11-27).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from omniroute.errors import Problem, StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import ir, sse
from omniroute.formats.answer import finishing, reasoning_of
from omniroute.formats.blocks import Blocks
from omniroute.formats.gemini.error import render_error
from omniroute.formats.gemini.parts import write_call, write_citations, write_reasoning
from omniroute.formats.gemini.signature import read_reasoning
from omniroute.formats.gemini.usage import (
    FINISH_REASONS,
    MISHAPS,
    NAME,
    first_candidate,
    parts_of,
    read_block_reason,
    read_stop_reason,
    read_usage,
    write_usage,
)

_SOURCES = ("groundingMetadata", "citationMetadata", "urlContextMetadata")


class StreamReader:
    """Reads an upstream's chunks. The end is told by `end()`: usage and sources may come after the finish reason."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        self._stop_reason: ir.StopReason | None = None
        self._mishap = ""
        self._usage = ir.Usage()
        self._told: Any = None  # the latest usage, as it came
        self._sources: dict[str, Any] = {}
        self._signature = ""  # of the text so far
        self._keys = 0
        self._skips = sse.Skips()

    def feed(self, event: sse.Event) -> list[ir.Event]:
        """Raises UpstreamErrorEvent for an error. What is no chunk is passed over: comments, `null`, broken JSON once."""
        if self._finished or not event.data:
            return []
        document = sse.read_document(event.data)
        if document is None:
            self._skips.note(event.data)
            return []
        return self.read(document)

    def read(self, document: dict[str, Any]) -> list[ir.Event]:
        """A chunk, or a whole answer: they have the same form."""
        if document.get("error"):
            raise UpstreamErrorEvent(document)
        events: list[ir.Event] = []
        candidate, usage = first_candidate(document), self._new_usage(document)
        blocked = read_block_reason(document) if candidate is None else None
        if not self._started and (candidate is not None or usage is not None or blocked or document.get("responseId")):
            self._started = True
            events.append(ir.Started(_text(document, "responseId"), _text(document, "modelVersion")))
        if candidate is not None:
            self._candidate(candidate, events)
        elif blocked is not None and self._stop_reason is None:
            self._stop_reason = "refusal"
            said = _text(document["promptFeedback"], "blockReasonMessage") or f"The upstream blocked the prompt: {blocked}."
            events += self._blocks.write("refusal", "refusal", said)
        if usage is not None:
            self._usage = self._usage.merged(usage)
            events.append(ir.UsageSeen(self._usage))
        return events

    def end(self) -> list[ir.Event]:
        """The upstream closed. Raises StreamCut if the answer had not finished, UpstreamEmpty if it said nothing."""
        if self._finished:
            return []
        if not self._started:
            raise UpstreamEmpty("upstream sent a stream without an answer")
        if self._stop_reason is None:
            raise StreamCut("upstream closed the stream before its finish reason")
        return self.finish()

    def finish(self) -> list[ir.Event]:
        """What is left when nothing more comes. An answer without a finish reason ends its turn."""
        self._finished = True
        if self._mishap and not self._blocks.any:
            raise UpstreamEmpty(f"upstream ended its answer with {self._mishap}")
        events: list[ir.Event] = []
        for citation in _citations(self._sources):
            events += self._blocks.cite(citation)
        events += self._signed()
        events += self._blocks.finish()
        return [*events, ir.Finished(finishing(self._stop_reason or "end_turn", self._blocks.tool_calls))]

    def _new_usage(self, document: dict[str, Any]) -> ir.Usage | None:
        """None for what the chunk before told too: most upstreams tell it with every chunk."""
        told = document.get("usageMetadata")
        if told is None or told == self._told:
            return None
        self._told = told
        return read_usage(told)

    def _candidate(self, candidate: dict[str, Any], events: list[ir.Event]) -> None:
        for part in parts_of(candidate):
            self._part(part, events)
        self._sources |= {name: candidate[name] for name in _SOURCES if isinstance(candidate.get(name), dict)}
        reason = candidate.get("finishReason")
        if self._stop_reason is None and (read := read_stop_reason(reason)) is not None:
            self._stop_reason = read
            told = _text(candidate, "finishMessage")
            if reason in MISHAPS:
                self._mishap = f"{reason}: {told}" if told else str(reason)
            elif read == "refusal":
                events += self._blocks.write("refusal", "refusal", told)

    def _part(self, part: dict[str, Any], events: list[ir.Event]) -> None:
        blocks, text = self._blocks, part.get("text")
        if text and blocks.key == "text" and type(text) is str and len(part) == 1 and not self._signature:  # the bulk
            events.append(ir.TextDelta(blocks.index, text))
            return
        signature = _text(part, "thoughtSignature")
        if any(isinstance(value, dict) for value in part.values()):
            events += self._signed()
            self._other(part, signature, events)
        elif part.get("thought") is True:
            events += self._signed()
            events += blocks.write("reasoning", "reasoning", _text(part, "text"))
            if signature:
                events += self._sign(signature, "reasoning")
        else:
            if text and isinstance(text, str):
                events += self._signed()
                events += blocks.write("text", "text", text)
            self._signature = signature or self._signature

    def _other(self, part: dict[str, Any], signature: str, events: list[ir.Event]) -> None:
        """A function call; or what only Gemini knows, as it came: code and its output, an image."""
        blocks, key, call = self._blocks, self._key(), part.get("functionCall")
        if not isinstance(call, dict):
            events += blocks.open(key, ir.PartStarted(0, "opaque", opaque=ir.Opaque(NAME, part)))
            events += blocks.close(key)
            return
        opened = ir.PartStarted(0, "tool_call", id=_text(call, "id"), name=_text(call, "name"))
        if signature:
            opened = replace(opened, signature=signature, origin=NAME)
        args = call.get("args")
        events += blocks.open(key, opened, initial=orjson.dumps(args).decode() if isinstance(args, dict) else "")
        events += blocks.close(key)

    def _signed(self) -> list[ir.Event]:
        """The text's signature as a part of its own, which is where other formats have room for it."""
        signature, self._signature = self._signature, ""
        return self._sign(signature, self._key()) if signature else []

    def _sign(self, signature: str, key: Any) -> list[ir.Event]:
        """Sign the reasoning part `key`, or a new one. Sealed data is a part by itself."""
        read, blocks = read_reasoning("", signature), self._blocks
        if read.data is not None:
            key = self._key()
            events = blocks.open(key, ir.PartStarted(0, "reasoning", data=read.data, origin=read.origin))
        else:
            events = blocks.sign(key, read.signature or "", read.origin)
        return [*events, *blocks.close(key)]

    def _key(self) -> tuple[str, int]:
        self._keys += 1
        return "part", self._keys


def _citations(sources: Mapping[str, Any]) -> list[ir.Citation]:
    """All of it as it came, for Gemini's own clients, and each page in it, for the others."""
    if not sources:
        return []
    pages = [chunk.get("web") for chunk in _dicts(sources.get("groundingMetadata"), "groundingChunks")]
    pages += _dicts(sources.get("citationMetadata"), "citations")
    found = [ir.Citation(NAME, dict(sources))]
    for page in pages:
        if isinstance(page, dict) and (url := _text(page, "uri")):
            found.append(ir.Citation(NAME, {}, url, _text(page, "title") or None))
    return found


def _dicts(holder: Any, name: str) -> list[dict[str, Any]]:
    items = holder.get(name) if isinstance(holder, Mapping) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return value if isinstance(value, str) else ""


def new_id() -> str:
    return uuid.uuid4().hex[:24]


class StreamWriter:
    """Writes chunks for a client. `model` is the name to show, "" for the upstream's. Usage is always in the last one."""

    def __init__(self, model: str, include_usage: bool = True, asked: Mapping[str, Any] | None = None) -> None:
        self._model = model
        self._started = ir.Started()
        self._text_head = b'data: {"candidates":[{"content":{"parts":[{"text":'
        self._tail = b""  # of a chunk, after its candidates; empty until the first one
        self._text_tail = b""
        self._closed = False
        self._finished: ir.Finished | None = None
        self._open: ir.PartStarted | None = None
        self._pieces: list[str] = []  # of the open part
        self._signature: ir.SignatureSeen | None = None
        self._citations: list[ir.Citation] = []
        self._usage: ir.Usage | None = None

    def write(self, event: ir.Event) -> bytes:
        """The bytes for one event; b"" for one that says nothing in Gemini, or not yet: a call is written when it is whole."""
        if self._closed:
            return b""
        if type(event) is ir.TextDelta or type(event) is ir.RefusalDelta:  # the bulk of a stream
            self._begin()
            return self._text_head + orjson.dumps(event.text) + self._text_tail
        match event:
            case ir.ReasoningDelta():
                self._pieces.append(event.text)
                return self._chunk({"text": event.text, "thought": True})
            case ir.ArgumentsDelta():
                self._pieces.append(event.text)
            case ir.PartStarted():
                self._open, self._pieces, self._signature = event, [], None
                if event.opaque is not None and event.opaque.origin == NAME:
                    return self._chunk(dict(event.opaque.document))
            case ir.PartStopped():
                return self._part_stopped()
            case ir.SignatureSeen():
                self._signature = event
            case ir.CitationSeen():
                self._citations.append(event.citation)
            case ir.Started():
                self._started = event
            case ir.UsageSeen():
                self._usage = event.usage
            case ir.Finished():
                self._finished = event
        return b""

    def end(self) -> bytes:
        """The chunk with the finish reason and the usage. Nothing for an answer that never finished."""
        if self._closed or self._finished is None:
            return b""
        self._closed = True
        document = last_chunk(self._finished.stop_reason, [{"text": ""}], self._citations, self._usage)
        return b"data: " + orjson.dumps(document | self._frame()) + b"\n\n"

    def fail(self, problem: Problem) -> bytes:
        """The error, as the last thing in the stream."""
        if self._closed:
            return b""
        self._closed = True
        return b"data: " + orjson.dumps(render_error(problem)) + b"\n\n"

    def _part_stopped(self) -> bytes:
        part, self._open = self._open, None
        if part is None:
            return b""
        if part.kind == "tool_call":
            call = ir.ToolCall(
                part.id, part.name, "".join(self._pieces), custom=part.custom, signature=part.signature, origin=part.origin
            )
            return self._chunk(write_call(call))
        if part.kind == "reasoning":
            return self._signed(part)
        return b""

    def _signed(self, part: ir.PartStarted) -> bytes:
        """The text of the part went out before; its signature follows on an empty one."""
        written = write_reasoning(reasoning_of(part, "", self._signature))
        if written is None:
            return b""
        return self._chunk(written | {"thought": True} if self._pieces else written)

    def _chunk(self, part: dict[str, Any]) -> bytes:
        self._begin()
        return b'data: {"candidates":[{"content":{"parts":[' + orjson.dumps(part) + self._tail

    def _begin(self) -> None:
        """What stands after the part is the same in every chunk."""
        if not self._tail:
            self._tail = b'],"role":"model"},"index":0}],' + orjson.dumps(self._frame())[1:] + b"\n\n"
            self._text_tail = b"}" + self._tail

    def _frame(self) -> dict[str, Any]:
        if not self._started.id:
            self._started = ir.Started(new_id(), self._started.model, self._started.created)
        return {"modelVersion": self._model or self._started.model, "responseId": self._started.id}


def last_chunk(
    stop_reason: ir.StopReason, parts: list[dict[str, Any]], citations: list[ir.Citation], usage: ir.Usage | None
) -> dict[str, Any]:
    """The chunk that ends an answer, or a whole answer. It holds a part in any case: the SDKs' chats keep no turn without."""
    candidate = {"content": {"parts": parts or [{"text": ""}], "role": "model"}, "finishReason": FINISH_REASONS[stop_reason]}
    document: dict[str, Any] = {"candidates": [candidate | {"index": 0} | write_citations(citations)]}
    return document if usage is None else document | {"usageMetadata": write_usage(usage)}
