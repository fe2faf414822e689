"""Chat streams: chunks -> events, and events -> chunks.

Source: https://platform.openai.com/docs/api-reference/chat-streaming and openai-python 3.54.0, whose stream helper needs
`object`, distinct `tool_calls[].index` and, when asked, one last chunk with `choices: []` and `usage` (read 2026-11-22).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from omniroute.errors import Problem, StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import ir, sse
from omniroute.formats.answer import finishing, reasoning_of
from omniroute.formats.blocks import Blocks
from omniroute.formats.counts import whole_number
from omniroute.formats.openai_chat.details import (
    read_detail,
    read_signature,
    signs_text,
    text_signature,
    write_details,
    write_signature,
)
from omniroute.formats.openai_chat.response import (
    arguments_text,
    content_pieces,
    new_id,
    read_citations,
    reasoning_text,
    write_citations,
)
from omniroute.formats.openai_chat.usage import FINISH_REASONS, read_stop_reason, read_usage, write_usage
from omniroute.formats.openai_error import render_error

DONE = b"[DONE]"


class StreamReader:
    """Reads an upstream's chunks. Of several choices only the first is read.

    The end is told by `[DONE]` or by `end()`, so that the usage after the finish reason comes before `Finished`.
    """

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        self._stop_reason: ir.StopReason | None = None
        self._usage = ir.Usage()
        self._calls = _Calls()
        self._signed: list[ir.Reasoning] = []  # the signature of the text, until it is handed on
        self._skips = sse.Skips()

    def feed(self, event: sse.Event) -> list[ir.Event]:
        """Raises UpstreamErrorEvent for an error. What is no chunk is passed over: comments, `null`, broken JSON once."""
        data = event.data
        if data == DONE:
            return self._finish() if self._started else []
        if self._finished or not data:
            return []
        document = sse.read_document(data)
        if document is None:
            self._skips.note(data)
            return []
        if document.get("error"):
            raise UpstreamErrorEvent(document)
        return self._chunk(document)

    def end(self) -> list[ir.Event]:
        """The upstream closed. Raises StreamCut if the answer had not finished, UpstreamEmpty if it had not begun."""
        if self._finished:
            return []
        if not self._started:
            raise UpstreamEmpty("upstream sent a stream without an answer")
        if self._stop_reason is None:
            raise StreamCut("upstream closed the stream before its finish reason")
        return self._finish()

    def _chunk(self, document: dict[str, Any]) -> list[ir.Event]:
        events: list[ir.Event] = []
        choice = _first_choice(document)
        usage = read_usage(document.get("usage"))
        if not self._started and (choice is not None or usage is not None or document.get("id")):
            self._started = True
            started_id, model = document.get("id"), document.get("model")
            events.append(
                ir.Started(
                    started_id if isinstance(started_id, str) else "",
                    model if isinstance(model, str) else "",
                    whole_number(document.get("created")),
                )
            )
        if choice is not None:
            delta = choice.get("delta")
            if not isinstance(delta, dict):
                delta = choice.get("message")  # a whole answer sent as one event
            if isinstance(delta, dict):
                self._delta(delta, events)
            if choice.get("finish_reason") == "error":
                raise UpstreamErrorEvent(document)
            if self._stop_reason is None:
                self._stop_reason = read_stop_reason(choice.get("finish_reason"))
        if usage is not None:
            self._usage = self._usage.merged(usage)
            events.append(ir.UsageSeen(self._usage))
        return events

    def _delta(self, delta: dict[str, Any], events: list[ir.Event]) -> None:
        blocks = self._blocks
        content = delta.get("content")
        if content and blocks.key == "text" and type(content) is str and len(delta) == 1:  # the bulk of a stream
            events.append(ir.TextDelta(blocks.index, content))
            return
        self._reasoning(delta, events)
        for kind, text in content_pieces(content):
            events += blocks.write(kind, kind, text)
        for citation in read_citations(delta):
            events += blocks.cite(citation)
        refusal = delta.get("refusal")
        if isinstance(refusal, str):
            events += blocks.write("refusal", "refusal", refusal)
        self._signed = self._signed or text_signature(delta)
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            events += self._text_signature()
            for position, call in enumerate(calls):
                if isinstance(call, dict):
                    events += self._calls.read(call, position, blocks)

    def _reasoning(self, delta: dict[str, Any], events: list[ir.Event]) -> None:
        """Upstreams with `reasoning_details` say each text twice, in this chunk or, whole, when it is signed."""
        blocks = self._blocks
        text = reasoning_text(delta)
        events += blocks.write("reasoning", "reasoning", text)
        details = delta.get("reasoning_details")
        for number, detail in enumerate(details if isinstance(details, list) else ()):
            part = read_detail(detail)
            if part is None:
                continue
            if part.data is not None:
                key = ("sealed", blocks.index, number)
                events += blocks.open(key, ir.PartStarted(0, "reasoning", data=part.data, origin=part.origin))
                events += blocks.close(key)
                continue
            said = blocks.so_far("reasoning")
            if part.signature is not None and part.text and said.endswith(part.text):
                if said != part.text:
                    continue  # it signs only the end of what was said: a signature of half a part is worth nothing
            elif not text:
                events += blocks.write("reasoning", "reasoning", part.text)
            if part.signature is not None:
                events += blocks.sign("reasoning", part.signature, part.origin)
                events += blocks.close("reasoning")  # what comes after a signature is another part

    def _text_signature(self) -> list[ir.Event]:
        """It comes with any delta of the text; it is handed on after the whole."""
        signed, self._signed = self._signed, []
        events: list[ir.Event] = []
        for part in signed:
            events += self._blocks.sign("text signature", part.signature or "", part.origin)
            events += self._blocks.close("text signature")
        return events

    def _finish(self) -> list[ir.Event]:
        if self._finished:
            return []
        self._finished = True
        events = [*self._text_signature(), *self._calls.finish(self._blocks), *self._blocks.finish()]
        stop_reason = finishing(self._stop_reason or "end_turn", self._blocks.tool_calls)
        return [*events, ir.Finished(stop_reason)]


class _Calls:
    """Finds out which tool call a fragment belongs to. Upstreams leave out ids, names, and the index itself."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}  # index -> the id that it had last
        self._turns: dict[int, int] = {}  # index -> how many calls it has stood for
        self._nameless: dict[int, tuple[str, list[str]]] = {}
        self._last = -1

    def read(self, call: dict[str, Any], position: int, blocks: Blocks) -> list[ir.Event]:
        custom = isinstance(call.get("custom"), dict)
        inner = call.get("custom" if custom else "function")
        inner = inner if isinstance(inner, dict) else {}
        call_id, name = call.get("id"), inner.get("name")
        call_id = call_id if isinstance(call_id, str) else ""
        name = name if isinstance(name, str) else ""
        arguments = arguments_text(inner.get("input" if custom else "arguments"))
        index = self._index(call, bool(call_id or name), position)
        known = index in self._turns
        if known and call_id and name and call_id != self._ids[index]:
            known = False  # another call under the same index: some upstreams number every call 0
        if known:
            return blocks.write(self._key(index), "tool_call", arguments)
        if not name:  # it can't be opened without its name, which may come in the next fragment
            held_id, texts = self._nameless.setdefault(index, (call_id, []))
            texts.append(arguments)
            if call_id and not held_id:
                self._nameless[index] = call_id, texts
            return []
        held_id, texts = self._nameless.pop(index, ("", []))
        self._ids[index] = call_id or held_id
        self._turns[index] = self._turns.get(index, 0) + 1
        part = ir.PartStarted(0, "tool_call", id=call_id or held_id, name=name, custom=custom, **read_signature(call))
        key = self._key(index)
        return [*blocks.open(key, part), *blocks.write(key, "tool_call", "".join([*texts, arguments]))]

    def finish(self, blocks: Blocks) -> list[ir.Event]:
        """Calls whose name never came: a client can refuse them, but must not miss them."""
        events: list[ir.Event] = []
        for index, (call_id, texts) in self._nameless.items():
            if call_id or "".join(texts):
                events += blocks.open(("nameless", index), ir.PartStarted(0, "tool_call", id=call_id))
                events += blocks.write(("nameless", index), "tool_call", "".join(texts))
        self._nameless.clear()
        return events

    def _index(self, call: dict[str, Any], opens: bool, position: int) -> int:
        index = call.get("index")
        if isinstance(index, int):
            self._last = index
        elif opens or self._last < 0:
            self._last = max(self._last + 1, position)
        return self._last

    def _key(self, index: int) -> tuple[str, int, int]:
        return "tool", index, self._turns[index]


def _first_choice(document: dict[str, Any]) -> dict[str, Any] | None:
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return None


class StreamWriter:
    """Writes chunks for a client. `model` is the name to show, "" for the upstream's."""

    def __init__(self, model: str, include_usage: bool, asked: Mapping[str, Any] | None = None) -> None:
        self._model = model
        self._include_usage = include_usage
        self._started = ir.Started()
        self._head = b""  # a chunk up to its delta; empty until the first chunk
        self._text_head = b""
        self._role = True  # the first delta names the role
        self._closed = False
        self._finished = False
        self._said = False  # something stands where a client looks for an answer
        self._length = 0
        self._calls = -1
        self._part: ir.PartStarted | None = None
        self._reasoning: list[str] = []
        self._details = 0
        self._text_signed = False
        self._signature: ir.SignatureSeen | None = None
        self._citations: list[ir.Citation] = []
        self._text_start = 0
        self._usage: ir.Usage | None = None

    def write(self, event: ir.Event) -> bytes:
        """The bytes for one event; b"" for one that says nothing in Chat."""
        if type(event) is ir.TextDelta:  # the bulk of a stream
            self._length += len(event.text)
            if self._text_head and not self._closed:
                return self._text_head + orjson.dumps(event.text) + _TEXT_TAIL
        if self._closed:
            return b""
        match event:
            case ir.TextDelta():
                return self._chunk({"content": event.text})
            case ir.ReasoningDelta():
                self._reasoning.append(event.text)
                return self._chunk({"reasoning_content": event.text})
            case ir.ArgumentsDelta():
                return self._arguments(event.text)
            case ir.RefusalDelta():
                self._said = True
                return self._chunk({"refusal": event.text})
            case ir.PartStarted():
                return self._part_started(event)
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
                return self._finish(event)
        return b""

    def end(self) -> bytes:
        """The usage chunk, if asked for and known, and `[DONE]`. Nothing for an answer that never finished."""
        if self._closed or not self._finished:
            return b""
        self._closed = True
        usage = b""
        if self._include_usage and self._usage is not None:
            document = self._frame() | {"choices": [], "usage": write_usage(self._usage)}
            usage = b"data: " + orjson.dumps(document) + b"\n\n"
        return usage + b"data: [DONE]\n\n"

    def fail(self, problem: Problem) -> bytes:
        """The error, as the last thing in the stream."""
        if self._closed:
            return b""
        self._closed = True
        return b"data: " + orjson.dumps(render_error(problem)) + b"\n\n"

    def _part_started(self, event: ir.PartStarted) -> bytes:
        self._part = event
        self._reasoning, self._citations, self._signature = [], [], None
        self._text_start = self._length
        if event.kind != "tool_call":
            return b""
        self._said = True
        self._calls += 1
        kind, arguments = ("custom", "input") if event.custom else ("function", "arguments")
        call = {"index": self._calls, "id": event.id, "type": kind, kind: {"name": event.name, arguments: ""}}
        return self._chunk({"tool_calls": [call | write_signature(event)]})

    def _arguments(self, text: str) -> bytes:
        if self._part is None or self._part.kind != "tool_call":
            return b""  # of an opaque part, which Chat has no place for
        inner = {"custom": {"input": text}} if self._part.custom else {"function": {"arguments": text}}
        return self._chunk({"tool_calls": [{"index": self._calls, **inner}]})

    def _part_stopped(self) -> bytes:
        """What can only be said when the part is whole: the details of reasoning, the citations of a text."""
        part, self._part = self._part, None
        if part is None:
            return b""
        if part.kind == "reasoning":
            whole = reasoning_of(part, "".join(self._reasoning), self._signature)
            if signs_text(whole):
                again, self._text_signed = self._text_signed, True
                return b"" if again else self._chunk(write_signature(whole))
            details = write_details(whole, self._details)
            self._details += len(details)
            return self._chunk({"reasoning_details": details}) if details else b""
        annotations = write_citations(self._citations, self._text_start, self._length)
        return self._chunk({"annotations": annotations}) if annotations else b""

    def _finish(self, event: ir.Finished) -> bytes:
        self._finished = True
        empty = {} if self._said or self._length else {"content": ""}
        return self._chunk(empty, FINISH_REASONS[event.stop_reason])

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        if not self._head:
            self._head = b"data: " + orjson.dumps(self._frame())[:-1] + b',"choices":[{"index":0,"delta":'
        if self._role:
            self._role = False
            self._text_head = self._head + b'{"content":'
            delta = {"role": "assistant", **delta}
        finish = b"null" if finish_reason is None else orjson.dumps(finish_reason)
        return self._head + orjson.dumps(delta) + b',"logprobs":null,"finish_reason":' + finish + b"}]}\n\n"

    def _frame(self) -> dict[str, Any]:
        """The members that are the same in every chunk."""
        if not self._started.id or self._started.created is None:
            created = int(time.time()) if self._started.created is None else self._started.created
            self._started = ir.Started(self._started.id or new_id(), self._started.model, created)
        return {
            "id": self._started.id,
            "object": "chat.completion.chunk",
            "created": self._started.created,
            "model": self._model or self._started.model,
        }


_TEXT_TAIL = b'},"logprobs":null,"finish_reason":null}]}\n\n'
