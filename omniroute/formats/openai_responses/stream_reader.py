"""Responses streams: events of the wire -> events of the ir.

Source: https://platform.openai.com/docs/api-reference/responses-streaming and openai-python 3.54.0 (read 2026-11-27).
Upstreams leave out what clients can do without: `created`, the `added` and `done` of items, all deltas. So whatever says
something first is taken, and what a later event says again is passed over. Items are told apart by `output_index` alone:
some relays give an item another id in each of its events (sst/opencode had to do so too).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from omniroute.errors import StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import ir, sse
from omniroute.formats.answer import finishing
from omniroute.formats.blocks import Blocks
from omniroute.formats.counts import whole_number
from omniroute.formats.openai_responses.error_events import error_in
from omniroute.formats.openai_responses.items import (
    CALLS,
    TEXTS,
    call_id,
    call_signature,
    call_text,
    dicts_in,
    read_citation,
    sealed_part,
    text_in,
)
from omniroute.formats.openai_responses.usage import NAME, read_stop_reason, read_usage
from omniroute.formats.reasoning import unseal

TEXT_DELTA = "response.output_text.delta"
ENDINGS = {"response.completed": "completed", "response.incomplete": "incomplete"}
_REASONING = {
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.reasoning_text.delta": ("content", "content_index"),
}
_ARGUMENTS = ("response.function_call_arguments", "response.custom_tool_call_input")


@dataclass(slots=True, eq=False)
class _Item:
    """One item of the output. `said` are the contents of a message, or the sections of reasoning, that have been told."""

    said: set[Hashable] = field(default_factory=set)
    cited: bool = False
    opened: bool = False  # a tool call's part
    section: Hashable = None  # of reasoning, the latest
    sealed: ir.PartStarted | None = None  # reasoning whose data is known from the start
    done: bool = False
    id: str = ""
    call_id: str = ""


class StreamReader:
    """Reads an upstream's events. response.completed or response.incomplete ends the answer."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._started = False
        self._finished = False
        self._items: dict[int, _Item] = {}
        self._last = -1
        self._text: tuple[Any, Any] | None = None  # (output_index, content_index) of the text that is open
        self._signed: dict[str, Any] = {}
        self._skips = sse.Skips()

    def feed(self, event: sse.Event) -> list[ir.Event]:
        """Raises UpstreamErrorEvent for an error. What is not known is passed over: new types, broken JSON once."""
        if self._finished or not event.data:
            return []
        document = sse.read_document(event.data)
        if document is None:
            self._skips.note(event.data)
            return []
        kind = document.get("type") or event.event
        if kind == TEXT_DELTA:
            index = document.get("output_index"), document.get("content_index")
            if self._text == index and self._blocks.kind == "text":  # the bulk of a stream
                text = document.get("delta")
                return [ir.TextDelta(self._blocks.index, text)] if text and type(text) is str else []
        if not isinstance(kind, str):
            kind = ""
        error = error_in(document, kind or "?")
        if error is not None:
            raise UpstreamErrorEvent(error)
        if kind in ENDINGS:
            return self._finish(document, kind)
        return self._event(kind, document)

    def end(self) -> list[ir.Event]:
        """The upstream closed. Raises StreamCut if the answer had not finished, UpstreamEmpty if it had not begun."""
        if self._finished:
            return []
        if not self._started:
            raise UpstreamEmpty("upstream sent a stream without an answer")
        raise StreamCut("upstream closed the stream before response.completed")

    def _event(self, kind: str, document: dict[str, Any]) -> list[ir.Event]:
        if kind in ("response.created", "response.in_progress", "response.queued"):
            return self._begin(document.get("response"))
        events: list[ir.Event] = []
        if kind == "response.output_item.added":
            events = self._added(document)
        elif kind == "response.output_item.done":
            item = document.get("item")
            events = self._done(self._item(document), item) if isinstance(item, dict) else []
        elif kind in (TEXT_DELTA, "response.refusal.delta"):
            events = self._content(kind == TEXT_DELTA, document)
        elif kind in _REASONING:
            name, index = _REASONING[kind]
            events = self._reason(self._item(document), (name, document.get(index)), text_in(document, "delta"))
        elif kind.startswith(_ARGUMENTS):
            events = self._arguments(kind, document)
        elif kind == "response.output_text.annotation.added":
            events = self._annotation(document)
        return [*self._begin(None), *events] if events else []

    def _begin(self, response: Any) -> list[ir.Event]:
        if self._started:
            return []
        self._started = True
        response = response if isinstance(response, dict) else {}
        created = whole_number(response.get("created_at"))
        return [ir.Started(text_in(response, "id"), text_in(response, "model"), created)]

    def _item(self, document: dict[str, Any], *, new: bool = False) -> _Item:
        """The item that an event is about: the latest one if it does not say. A `new` one takes the place of one that is over."""
        index = document.get("output_index")
        if type(index) is not int:
            index = self._last + 1 if new or self._last < 0 else self._last
        found = self._items.get(index)
        if found is None or (new and found.done):
            found = self._items[index] = _Item()
        self._last = index
        return found

    def _added(self, document: dict[str, Any]) -> list[ir.Event]:
        item = document.get("item")
        if not isinstance(item, dict):
            return []
        entry = self._item(document, new=True)
        entry.id, entry.call_id = text_in(item, "id"), text_in(item, "call_id")
        kind = text_in(item, "type")
        if kind in CALLS:
            return self._open_call(entry, item)
        if kind == "reasoning":
            entry.sealed = sealed_part(item)
        return []

    # Texts

    def _content(self, is_text: bool, document: dict[str, Any]) -> list[ir.Event]:
        entry, index, text = self._item(document), _hashable(document.get("content_index")), text_in(document, "delta")
        if not text:
            return []
        entry.said.add(index)
        events = self._blocks.write((entry, index), "text" if is_text else "refusal", text)
        self._text = (document.get("output_index"), document.get("content_index")) if is_text else None
        return events

    def _annotation(self, document: dict[str, Any]) -> list[ir.Event]:
        annotation, entry = document.get("annotation"), self._item(document)
        if not isinstance(annotation, dict) or self._blocks.key != (entry, _hashable(document.get("content_index"))):
            return []
        entry.cited = True
        return self._blocks.cite(read_citation(annotation))

    # Reasoning

    def _reason(self, entry: _Item, section: tuple[str, Any], text: str) -> list[ir.Event]:
        """A blank line stands between two sections, as it does in a whole answer."""
        section = section[0], _hashable(section[1])
        events: list[ir.Event] = []
        if not text:
            return events
        if entry.said and section != entry.section:
            text = "\n\n" + text
        elif not entry.said and entry.sealed is not None:
            events = self._blocks.open(entry, entry.sealed)
        entry.said.add(section)
        entry.section = section
        return events + self._blocks.write(entry, "reasoning", text)

    def _reasoning_done(self, entry: _Item, item: dict[str, Any]) -> list[ir.Event]:
        """The blob counts as it is now: the one that stood in `added` may have been half of it."""
        events: list[ir.Event] = []
        if signed := call_signature(item):
            self._signed = signed
            return events
        if not entry.said:
            for name in ("summary", "content"):
                for number, part in enumerate(dicts_in(item, name)):
                    events += self._reason(entry, (name, number), text_in(part, "text"))
        blob, blocks = text_in(item, "encrypted_content"), self._blocks
        sealed = unseal("", blob)
        if sealed is not None and sealed.signature is not None:
            events += blocks.sign(entry, sealed.signature, sealed.origin)
        elif sealed is not None:
            if not (entry.sealed is not None and entry.said):
                events += blocks.open(entry, ir.PartStarted(0, "reasoning", data=sealed.data, origin=sealed.origin))
        elif blob and entry.said:
            events += blocks.sign(entry, blob, NAME)
        elif blob:
            events += blocks.open(entry, ir.PartStarted(0, "reasoning", data=blob, origin=NAME))
        return events + blocks.close(entry)

    # Calls

    def _open_call(self, entry: _Item, item: dict[str, Any]) -> list[ir.Event]:
        """Not before its name is known, which may be as late as `done`."""
        name = text_in(item, "name")
        if entry.opened or not name:
            return []
        entry.opened = True
        signed, self._signed = self._signed, {}
        custom = item.get("type") == "custom_tool_call"
        part = ir.PartStarted(0, "tool_call", id=call_id(item), name=name, custom=custom, **signed)
        return self._blocks.open(entry, part, initial=call_text(item))

    def _arguments(self, kind: str, document: dict[str, Any]) -> list[ir.Event]:
        entry = self._item(document)
        if not entry.opened:
            return []  # `done` has all of it, and the name
        if kind.endswith(".delta"):
            return self._write_call(entry, text_in(document, "delta"))
        text = "" if entry.said else text_in(document, "arguments") or text_in(document, "input")
        return [*self._write_call(entry, text), *self._blocks.close(entry)]

    def _write_call(self, entry: _Item, text: str) -> list[ir.Event]:
        if text:
            entry.said.add(0)
        return self._blocks.write(entry, "tool_call", text)

    def _call_done(self, entry: _Item, item: dict[str, Any]) -> list[ir.Event]:
        if not text_in(item, "name") and not entry.opened:
            item = {**item, "name": "?"}
        events = self._open_call(entry, item)
        if not entry.said:
            events += self._write_call(entry, call_text(item))
        return events + self._blocks.close(entry)

    # The ends

    def _done(self, entry: _Item, item: dict[str, Any]) -> list[ir.Event]:
        """An item is whole: say what of it has not been said."""
        if entry.done:
            return []
        entry.done = True
        entry.id, entry.call_id = text_in(item, "id") or entry.id, text_in(item, "call_id") or entry.call_id
        kind = text_in(item, "type")
        if kind == "message":
            return self._message_done(entry, item)
        if kind == "reasoning":
            return self._reasoning_done(entry, item)
        if kind in CALLS:
            return self._call_done(entry, item)
        if not kind:
            return []
        opaque = ir.PartStarted(0, "opaque", opaque=ir.Opaque(NAME, item))
        return [*self._blocks.open(entry, opaque), *self._blocks.close(entry)]

    def _message_done(self, entry: _Item, item: dict[str, Any]) -> list[ir.Event]:
        events: list[ir.Event] = []
        for index, part in enumerate(dicts_in(item, "content")):
            kind, name = TEXTS.get(text_in(part, "type"), ("text", "text"))
            if index not in entry.said:
                events += self._blocks.write((entry, index), kind, text_in(part, name))
            if not entry.cited and self._blocks.key == (entry, index):
                for annotation in dicts_in(part, "annotations"):
                    events += self._blocks.cite(read_citation(annotation))
        key = self._blocks.key
        return events + (self._blocks.close(key) if isinstance(key, tuple) and key[0] is entry else [])

    def _finish(self, document: dict[str, Any], kind: str) -> list[ir.Event]:
        response = document.get("response")
        response = response if isinstance(response, dict) else {}
        events = self._begin(response)
        for position, item in enumerate(dicts_in(response, "output")):
            entry = self._items.get(position)
            if entry is None:
                known = {(each.id, each.call_id) for each in self._items.values()}
                if (text_in(item, "id"), text_in(item, "call_id")) in known - {("", "")}:
                    continue
                entry = self._items[position] = _Item()
            events += self._done(entry, item)
        self._finished = True
        events += self._blocks.finish()
        usage = read_usage(response.get("usage"))
        if usage is not None:
            events.append(ir.UsageSeen(usage))
        status = text_in(response, "status") or ENDINGS[kind]
        stop_reason = finishing(read_stop_reason(response, status), self._blocks.tool_calls)
        return [*events, ir.Finished(stop_reason)]


def _hashable(index: Any) -> int:
    return index if type(index) is int else 0
