"""The translated lane: parse to the internal form, render in the target's format; an answer is always a run of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace

import orjson

from omniroute.errors import Problem, UnsupportedField, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import CLIENT_FORMATS, FORMATS, Format, Writer, ir, sse
from omniroute.formats.think_tags import ThinkTags
from omniroute.providers.traits import asks_stream, traits
from omniroute.providers.urls import chat_url
from omniroute.providers.values import Traits
from omniroute.relay.answers import as_stream, as_whole, collected, looks_streamed, note, read_answer, shown_model
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Facts
from omniroute.routing.route import Target


class TranslatedLane:
    """`document` is the upstream's body. Raises BadRequest for a body that can't be read; UnsupportedField for what can't be
    carried over.
    """

    def __init__(self, ask: Ask, target: Target) -> None:
        self._target, self._shown = target, shown_model(ask)
        self._client, self._upstream = CLIENT_FORMATS[ask.format], FORMATS[target.provider.format]
        request = self._client.parse_request(ask.document)
        self._include_usage = request.include_usage
        self._asked = ask.document if ask.previous is None else {**ask.document, "previous_response_id": ask.previous}
        known = traits(target.provider, target.model)
        self.streams = asks_stream(known, ask.stream)
        self._think_tags = bool(known.think_tags)
        self.document, self.dropped = self._upstream.render_request(
            replace(
                request,
                model=target.model,
                stream=self.streams,
                default_max_tokens=known.max_output,
                target=_takes(known),
            )
        )
        lost = [name for name in self.dropped if " (" not in name]  # with a remark: carried, but not exactly
        if lost and ask.strict:
            raise UnsupportedField(f"'{lost[0]}' has no place in the format of '{target.shown}'.", param=lost[0])

    def url(self) -> str:
        return chat_url(self._target.provider, self._target.model, stream=self.streams)

    def body(self) -> bytes:
        return orjson.dumps(self.document)

    def stream(self) -> TranslatedStream:
        writer = self._client.StreamWriter(self._shown or "", self._include_usage, self._asked)
        return TranslatedStream(self._upstream, writer, ThinkTags() if self._think_tags else None)

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bytes, Facts]:
        facts = Facts()
        if looks_streamed(body):
            events = collected(self._upstream, body)
        else:
            events = self._upstream.parse_response(read_answer(status, headers, body))
        if self._think_tags:
            events = ThinkTags().feed(events)
        return as_whole(self._client, events, facts, self._shown, self._asked), facts


class TranslatedStream:
    """Upstream events through a reader, the internal form, and a writer."""

    def __init__(self, upstream: Format, writer: Writer, tags: ThinkTags | None) -> None:
        self._upstream, self._writer, self._tags = upstream, writer, tags
        self._decoder = sse.Decoder()
        self._reader = upstream.StreamReader()
        self._held: list[bytes] = []
        self.committed = self.done = False
        self.facts = Facts()

    def feed(self, data: bytes) -> bytes:
        return self._translate(self._decoder.feed(data))

    def finish(self) -> bytes:
        out = self._translate(self._decoder.flush())
        if self.facts.error is not None:
            return out
        out += self._write(self._read(self._reader.end()))
        if not self.committed:
            raise UpstreamEmpty("upstream sent a stream without content")
        return out + self._close()

    def whole(self, body: bytes) -> bytes:
        self.committed = self.done = True
        events = self._upstream.parse_response(read_answer(200, {}, body))
        return as_stream(self._writer, self._read(events), self.facts)

    def fail(self, problem: Problem) -> bytes:
        return self._writer.fail(problem)

    def _translate(self, decoded: Iterable[sse.Event]) -> bytes:
        read, out = self._reader.feed, []
        for each in decoded:
            try:
                events = read(each) if self._tags is None else self._tags.feed(read(each))
            except UpstreamErrorEvent as exc:
                self.facts.error = dict(exc.document)
                break
            if events:
                out.append(self._write(events))
        if self.facts.finish is not None and not self.done:
            out.append(self._close())
        return b"".join(out)

    def _read(self, events: list[ir.Event]) -> list[ir.Event]:
        return events if self._tags is None else self._tags.feed(events)

    def _write(self, events: list[ir.Event]) -> bytes:
        write = self._writer.write
        if self.committed and len(events) == 1 and type(events[0]) is ir.TextDelta:  # the bulk of a stream
            return write(events[0])
        note(events, self.facts)
        written = b"".join([write(event) for event in events])
        if self.committed:
            return written
        self._held.append(written)
        self.committed = any(map(_carries_content, events))
        if not self.committed:
            return b""
        held, self._held = self._held, []
        return b"".join(held)

    def _close(self) -> bytes:
        """The client has all of it as soon as the upstream has said so, however long its connection stays open."""
        if self.done:
            return b""
        self.done = True
        out = self._writer.end()
        self.facts.final = getattr(self._writer, "final", None)
        return out


def _carries_content(event: ir.Event) -> bool:
    if isinstance(event, ir.PartStarted):
        return event.kind in ("tool_call", "opaque") or event.data is not None
    if isinstance(event, ir.TextDelta | ir.ReasoningDelta | ir.RefusalDelta | ir.ArgumentsDelta):
        return bool(event.text)
    return isinstance(event, ir.Finished)


def _takes(known: Traits) -> ir.Target:
    """What data says; the defaults of `ir.Target` where it says nothing."""
    said = {name: value for name, value in asdict(known).items() if value is not None and name in _TAKEN}
    return ir.Target(**said)


_TAKEN = {each.name for each in fields(ir.Target)}
