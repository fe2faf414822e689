"""Messages streams: events of the wire -> events of the ir, and the other way round.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming and anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from omniroute.errors import Problem, StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import ir, sse
from omniroute.formats.answer import finishing
from omniroute.formats.anthropic_messages.error import render_error
from omniroute.formats.anthropic_messages.parse import read_citation
from omniroute.formats.anthropic_messages.response import (
    new_id,
    read_details,
    read_input,
    signing_block,
    text_in,
    write_signature,
)
from omniroute.formats.anthropic_messages.usage import NAME, read_stop_reason, read_usage, write_usage
from omniroute.formats.blocks import Blocks

_KINDS: dict[str, ir.PartKind] = {"text_delta": "text", "thinking_delta": "reasoning"}
_TEXTS = {"text_delta": "text", "thinking_delta": "thinking"}


class StreamReader:
    """Reads an upstream's events. A message_stop ends the answer, or the end of the stream after a stop reason."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        self._stop_reason: ir.StopReason | None = None
        self._stop_sequence: str | None = None
        self._details: dict[str, Any] | None = None
        self._usage = ir.Usage()
        self._opaque: set[Any] = set()
        self._skips = sse.Skips()

    def feed(self, event: sse.Event) -> list[ir.Event]:
        """Raises UpstreamErrorEvent for an error. What is not known is passed over: pings, new types, broken JSON once."""
        if self._finished or not event.data:
            return []
        document = sse.read_document(event.data)
        if document is None:
            self._skips.note(event.data)
            return []
        kind = document.get("type") or event.event
        if kind == "content_block_delta":
            return self._delta(document)
        if kind == "content_block_start":
            return self._begun(self._block_start(document))
        if kind == "content_block_stop":
            return self._blocks.close(self._key(document))
        if kind == "message_start":
            return self._message_start(document)
        if kind == "message_delta":
            return self._begun(self._message_delta(document))
        if kind == "message_stop":
            return self._finish() if self._started else []
        if kind == "error" or document.get("error"):
            raise UpstreamErrorEvent(document)
        return []

    def end(self) -> list[ir.Event]:
        """The upstream closed. Raises StreamCut if the answer had not finished, UpstreamEmpty if it had not begun."""
        if self._finished:
            return []
        if not self._started:
            raise UpstreamEmpty("upstream sent a stream without an answer")
        if self._stop_reason is None:
            raise StreamCut("upstream closed the stream before message_stop")
        return self._finish()

    def _delta(self, document: dict[str, Any]) -> list[ir.Event]:
        delta, key = document.get("delta"), self._key(document)
        if not isinstance(delta, dict):
            return []
        kind = delta.get("type")
        if kind == "text_delta" and self._blocks.kind == "text" and self._blocks.key == key:  # the bulk of a stream
            text = delta.get("text")
            return [ir.TextDelta(self._blocks.index, text)] if text and type(text) is str else []
        return self._begun(self._other_delta(text_in(delta, "type"), delta, key))

    def _key(self, document: dict[str, Any]) -> Any:
        """The block that an event is about: the open one if it does not say."""
        index = document.get("index")
        return index if type(index) is int else self._blocks.key

    def _other_delta(self, kind: str, delta: dict[str, Any], key: Any) -> list[ir.Event]:
        if kind in _KINDS:
            return self._blocks.write(key, _KINDS[kind], text_in(delta, _TEXTS[kind]))
        if kind == "input_json_delta":
            part_kind: ir.PartKind = "opaque" if key in self._opaque else "tool_call"
            return self._blocks.write(key, part_kind, text_in(delta, "partial_json"))
        if kind == "signature_delta":
            return self._sign(key, text_in(delta, "signature"))
        if kind == "citations_delta" and isinstance(delta.get("citation"), dict) and self._blocks.key == key:
            return self._blocks.cite(read_citation(delta["citation"]))
        return []

    def _message_start(self, document: dict[str, Any]) -> list[ir.Event]:
        """A second one is passed over, but for its usage."""
        message = document.get("message")
        message = message if isinstance(message, dict) else {}
        events: list[ir.Event] = []
        if not self._started:
            self._started = True
            events.append(ir.Started(text_in(message, "id"), text_in(message, "model")))
        return events + self._note(message.get("usage"))

    def _block_start(self, document: dict[str, Any]) -> list[ir.Event]:
        block, key = document.get("content_block"), document.get("index")
        if not isinstance(block, dict):
            return []
        if type(key) is not int:
            key = object()
        blocks = self._blocks
        match block.get("type"):
            case "text":
                return [*blocks.open(key, ir.PartStarted(0, "text")), *blocks.write(key, "text", text_in(block, "text"))]
            case "thinking":
                events = blocks.open(key, ir.PartStarted(0, "reasoning"))
                events += blocks.write(key, "reasoning", text_in(block, "thinking"))
                return events + self._sign(key, text_in(block, "signature"))
            case "redacted_thinking":
                return blocks.open(key, ir.PartStarted(0, "reasoning", data=text_in(block, "data"), origin=NAME))
            case "tool_use":
                part = ir.PartStarted(0, "tool_call", id=text_in(block, "id") or new_id("toolu"), name=text_in(block, "name"))
                return blocks.open(key, part, initial=read_input(block))
        self._opaque.add(key)
        return blocks.open(key, ir.PartStarted(0, "opaque", opaque=ir.Opaque(NAME, block)))

    def _sign(self, key: Any, signature: str) -> list[ir.Event]:
        if not signature:
            return []
        return self._blocks.sign(key, signature, NAME)

    def _message_delta(self, document: dict[str, Any]) -> list[ir.Event]:
        delta = document.get("delta")
        if isinstance(delta, dict) and self._stop_reason is None:
            self._stop_reason = read_stop_reason(delta.get("stop_reason"))
            self._stop_sequence = text_in(delta, "stop_sequence") or None
            self._details = read_details(delta)
        return self._note(document.get("usage"))

    def _note(self, usage: Any) -> list[ir.Event]:
        told = read_usage(usage)
        if told is None:
            return []
        self._usage = self._usage.merged(told)
        return [ir.UsageSeen(self._usage)]

    def _begun(self, events: list[ir.Event]) -> list[ir.Event]:
        """Some hosts leave message_start out."""
        if self._started or not (events or self._stop_reason):
            return events
        self._started = True
        return [ir.Started(), *events]

    def _finish(self) -> list[ir.Event]:
        self._finished = True
        events = self._blocks.finish()
        stop_reason = finishing(self._stop_reason or "end_turn", self._blocks.tool_calls)
        return [*events, ir.Finished(stop_reason, self._stop_sequence, self._details)]


class StreamWriter:
    """Writes events for a client. `model` is the name to show, "" for the upstream's.

    Usage is always in the stream: clients of this format break without it. What the upstream tells only at its end
    stands in message_delta, whose counts are the ones that clients keep.
    """

    def __init__(self, model: str, include_usage: bool = True, asked: Mapping[str, Any] | None = None) -> None:
        self._model = model
        self._started = ir.Started()
        self._begun = False
        self._closed = False
        self._usage: ir.Usage | None = None
        self._finished: ir.Finished | None = None
        self._index = -1  # of the wire: parts that Messages has no place for have none
        self._open: ir.PartStarted | None = None
        self._signature: ir.SignatureSeen | None = None
        self._text_head = b""
        self._after_text = False  # the last block was a text
        self._held: ir.PartStarted | None = None  # reasoning after a text: written when something comes of it, or after it

    def write(self, event: ir.Event) -> bytes:
        """The bytes for one event; b"" for one that says nothing in Messages, or not yet."""
        if self._closed:
            return b""
        if type(event) is ir.TextDelta:  # the bulk of a stream
            return self._text_head + orjson.dumps(event.text) + b"}}\n\n" if self._open else b""
        match event:
            case ir.ReasoningDelta() if self._held is None or event.text:
                return self._release() + self._delta({"type": "thinking_delta", "thinking": event.text})
            case ir.ArgumentsDelta():
                return self._delta({"type": "input_json_delta", "partial_json": self._fragment(event.text)})
            case ir.RefusalDelta():
                return self._delta({"type": "text_delta", "text": event.text})
            case ir.CitationSeen() if event.citation.origin == NAME:
                return self._delta({"type": "citations_delta", "citation": event.citation.document})
            case ir.PartStarted():
                return self._part_started(event)
            case ir.PartStopped():
                return self._part_stopped()
            case ir.SignatureSeen():
                self._signature = event
            case ir.Started():
                self._started = event
            case ir.UsageSeen():
                self._usage = event.usage
            case ir.Finished():
                self._finished = event
        return b""

    def end(self) -> bytes:
        """message_delta and message_stop. Nothing for an answer that never finished."""
        if self._closed or self._finished is None:
            return b""
        start = self._message_start()
        if self._signature is not None and self._signature.origin == NAME:
            start += self._release() + self._part_stopped()
        self._closed = True
        delta: dict[str, Any] = {
            "stop_reason": self._finished.stop_reason,
            "stop_sequence": self._finished.stop_sequence,
        }
        if self._finished.details is not None:
            delta["stop_details"] = self._finished.details
        told = {"type": "message_delta", "delta": delta, "usage": write_usage(self._usage)}
        return start + _encode(told) + _encode({"type": "message_stop"})

    def fail(self, problem: Problem) -> bytes:
        """The error, as the last thing in the stream."""
        if self._closed:
            return b""
        self._closed = True
        return sse.encode(orjson.dumps(render_error(problem)), "error")

    def _message_start(self) -> bytes:
        """Written with the first block, so that usage which is known by then is in it."""
        if self._begun:
            return b""
        self._begun = True
        message: dict[str, Any] = {
            "id": self._started.id or new_id(),
            "type": "message",
            "role": "assistant",
            "model": self._model or self._started.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(self._usage),
        }
        return _encode({"type": "message_start", "message": message})

    def _part_started(self, event: ir.PartStarted) -> bytes:
        if event.kind == "reasoning" and event.origin != NAME and self._after_text and self._held is None:
            self._held, self._signature = event, None
            return b""
        block, rest = _opening(event)
        if block is None:
            return b""
        late = self._release() + self._part_stopped() if self._held is not None else b""
        signed = b"".join(self._signing(each["signature"]) for each in signing_block(event))
        self._open, self._signature, self._after_text = event, None, event.kind in ("text", "refusal")
        self._index += 1
        index = b"%d" % self._index
        delta = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":' + index
        self._text_head = delta + b',"delta":{"type":"text_delta","text":'
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        more = self._delta({"type": "input_json_delta", "partial_json": rest}) if rest else b""
        return late + signed + self._message_start() + _encode(start) + more

    def _release(self) -> bytes:
        """The block of reasoning that was held: one with a blob alone may not be the last (`without_last_blob`)."""
        held, self._held = self._held, None
        if held is None:
            return b""
        signature, self._after_text = self._signature, False
        opened = self._part_started(held)
        self._signature = signature
        return opened

    def _signing(self, signature: str) -> bytes:
        """A whole thinking block with nothing but a signature."""
        sealed, self._after_text = ir.PartStarted(0, "reasoning"), False
        opened = self._part_started(sealed)
        return opened + self._delta({"type": "signature_delta", "signature": signature}) + self._part_stopped()

    def _fragment(self, text: str) -> str:
        """The input of a custom tool is free text: here it stands in an object, as it does in a whole answer."""
        custom = self._open is not None and self._open.custom
        return orjson.dumps(text)[1:-1].decode() if custom else text

    def _part_stopped(self) -> bytes:
        if self._open is None:
            return b""
        signature = self._signature_delta(self._open)
        if self._open.custom:
            signature = self._delta({"type": "input_json_delta", "partial_json": '"}'})
        self._open = None
        return signature + _encode({"type": "content_block_stop", "index": self._index})

    def _signature_delta(self, part: ir.PartStarted) -> bytes:
        """The signature of a thinking block; data of another format's reasoning stands there sealed."""
        if self._signature is not None:
            signed = ir.Reasoning("", signature=self._signature.signature, origin=self._signature.origin)
        elif part.data is not None and part.origin != NAME:
            signed = ir.Reasoning("", data=part.data, origin=part.origin)
        else:
            return b""
        return self._delta({"type": "signature_delta", "signature": write_signature(signed)})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        if self._open is None:
            return b""
        return _encode({"type": "content_block_delta", "index": self._index, "delta": delta})


def _opening(event: ir.PartStarted) -> tuple[dict[str, Any] | None, str]:
    """The block that opens a part, and the input that follows at once; (None, "") if Messages has no place for the part."""
    if event.kind in ("text", "refusal"):
        return {"type": "text", "text": ""}, ""
    if event.kind == "tool_call":
        return {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}, '{"input":"' if event.custom else ""
    if event.kind == "reasoning":
        if event.data is not None and event.origin == NAME:
            return {"type": "redacted_thinking", "data": event.data}, ""
        return {"type": "thinking", "thinking": "", "signature": ""}, ""
    if event.opaque is None or event.opaque.origin != NAME:
        return None, ""
    block = dict(event.opaque.document)
    rest = read_input(block)
    return (block | {"input": {}} if rest else block), rest


def _encode(document: dict[str, Any]) -> bytes:
    return sse.encode(orjson.dumps(document), document["type"])
