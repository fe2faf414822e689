"""The translated lane: parse to the internal form, render in the target's format; an answer is always a run of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

import orjson

from omniroute.errors import Problem, UnsupportedField, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import FORMATS, Format, ir, sse
from omniroute.providers.traits import traits
from omniroute.providers.urls import chat_url
from omniroute.providers.values import Traits
from omniroute.relay.answers import collect, looks_streamed, note, read_answer, replay, shown_model
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Facts
from omniroute.routing.resolve import Target


class TranslatedLane:
    """Raises BadRequest for a body that can't be read; UnsupportedField for what can't be carried over."""

    def __init__(self, ask: Ask, target: Target) -> None:
        self._target, self._shown = target, shown_model(ask)
        self._client, self._upstream = FORMATS[ask.format], FORMATS[target.provider.format]
        request = self._client.parse_request(ask.document)
        self._include_usage = request.include_usage
        known = traits(target.provider, target.model)
        self._document, self.dropped = self._upstream.render_request(
            replace(request, model=target.model, default_max_tokens=known.max_output, target=_takes(known))
        )
        lost = [name for name in self.dropped if " (" not in name]  # with a remark: carried, but not exactly
        if lost and ask.strict:
            raise UnsupportedField(f"'{lost[0]}' has no place in the format of '{target.shown}'.", param=lost[0])

    def url(self) -> str:
        return chat_url(self._target.provider)

    def body(self) -> bytes:
        return orjson.dumps(self._document)

    def stream(self) -> TranslatedStream:
        return TranslatedStream(self._client, self._upstream, self._shown, self._include_usage)

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bytes, Facts]:
        facts = Facts()
        if looks_streamed(body):
            return collect(self._upstream, self._client, body, facts, self._shown), facts
        events = self._upstream.parse_response(read_answer(status, headers, body))
        note(events, facts)
        return orjson.dumps(self._client.render_response(events, model=self._shown)), facts


class TranslatedStream:
    """Upstream events through a reader, the internal form, and a writer."""

    def __init__(self, client: Format, upstream: Format, shown: str | None, include_usage: bool) -> None:
        self._client, self._upstream, self._shown, self._include_usage = client, upstream, shown, include_usage
        self._decoder = sse.Decoder()
        self._reader = upstream.StreamReader()
        self._writer = client.StreamWriter(shown or "", include_usage)
        self._held: list[bytes] = []
        self.committed = self.done = False
        self.facts = Facts()

    def feed(self, data: bytes) -> bytes:
        return self._translate(self._decoder.feed(data))

    def finish(self) -> bytes:
        out = self._translate(self._decoder.flush())
        if self.facts.error is not None:
            return out
        out += self._write(self._reader.end())
        if not self.committed:
            raise UpstreamEmpty("upstream sent a stream without content")
        return out + self._close()

    def whole(self, body: bytes) -> bytes:
        self.committed = self.done = True
        return replay(self._upstream, self._client, body, self.facts, self._shown, include_usage=self._include_usage)

    def fail(self, problem: Problem) -> bytes:
        return self._writer.fail(problem)

    def _translate(self, decoded: Iterable[sse.Event]) -> bytes:
        read, out = self._reader.feed, []
        for each in decoded:
            try:
                events = read(each)
            except UpstreamErrorEvent as exc:
                self.facts.error = dict(exc.document)
                break
            if events:
                out.append(self._write(events))
        if self.facts.finish is not None and not self.done:
            out.append(self._close())
        return b"".join(out)

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
        return self._writer.end()


def _carries_content(event: ir.Event) -> bool:
    if isinstance(event, ir.PartStarted):
        return event.kind in ("tool_call", "opaque") or event.data is not None
    if isinstance(event, ir.TextDelta | ir.ReasoningDelta | ir.RefusalDelta | ir.ArgumentsDelta):
        return bool(event.text)
    return isinstance(event, ir.Finished)


def _takes(known: Traits) -> ir.Target:
    """What data says; the defaults of `ir.Target` where it says nothing."""
    said = {name: value for name, value in asdict(known).items() if value is not None and name != "max_output"}
    return ir.Target(**said)
