"""The native lane: the body goes on as it came but for `model`, and the answer comes back as it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from omniroute.errors import Problem, StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import CLIENT_FORMATS, ClientFormat, ir, sse
from omniroute.formats.body import rename_model, replace_model, with_stream_usage
from omniroute.formats.depth import UNCOUNTED, too_many
from omniroute.providers.urls import chat_url
from omniroute.relay.answers import as_stream, as_whole, collected, looks_streamed, read_answer, shown_model
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Facts
from omniroute.routing.route import Target

USAGE_ON_REQUEST = frozenset({"openai_chat", "openai_completions"})  # their streams tell it only to those who ask


class NativeLane:
    dropped: tuple[str, ...] = ()

    def __init__(self, ask: Ask, target: Target) -> None:
        self._ask, self._target = ask, target
        self._format = CLIENT_FORMATS[ask.format]
        self.streams = ask.stream
        self._adds_usage = ask.stream and ask.format in USAGE_ON_REQUEST and not _asks_usage(ask.document)

    def url(self) -> str:
        return chat_url(self._target.provider, self._target.model, stream=self.streams)

    def body(self) -> bytes:
        if self._ask.format == "gemini":  # whose address names the model
            return self._ask.body
        raw = replace_model(self._ask.body, self._target.model)
        return with_stream_usage(raw, self._ask.document) if self._adds_usage else raw

    def stream(self) -> NativeStream:
        return NativeStream(self._format, self._ask.model, self._sent_model(), withhold_usage=self._adds_usage)

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bytes, Facts]:
        facts = Facts()
        if looks_streamed(body):
            events = collected(self._format, body)
            return as_whole(self._format, events, facts, shown_model(self._ask), self._ask.document), facts
        seen = self._format.inspect(read_answer(status, headers, body))
        if seen.error is not None:
            raise UpstreamErrorEvent(seen.error)
        if not seen.content:
            raise UpstreamEmpty("upstream answered without content")
        facts.usage, facts.finish, facts.id = seen.usage, seen.stop_reason, seen.id
        sent = self._sent_model()
        return body if sent is None else rename_model(body, sent, self._ask.model), facts

    def _sent_model(self) -> str | None:
        """The one edit of the request, to be undone in the answer; None where nobody minds."""
        return None if shown_model(self._ask) is None else self._target.model


class NativeStream:
    """Passes whole events on untouched, and looks into those that tell something.

    `withhold_usage` takes out the chunk that was only asked for here; `sent_model` is undone to `model` at the start.
    """

    def __init__(self, format: ClientFormat, model: str, sent_model: str | None, *, withhold_usage: bool) -> None:
        self._format, self._model, self._withhold = format, model, withhold_usage
        self._sent_model = sent_model
        self._telltales = format.TELLTALES
        self._decoder = sse.Decoder()
        self._held = bytearray()  # not a list of events: a comment of three bytes would take fifty
        self._ending = False
        self.committed = self.done = False
        self.facts = Facts()

    def feed(self, data: bytes) -> bytes:
        events = self._decoder.feed(data)
        data = b"".join([event.raw for event in events])  # whole events only
        if self.committed and not self._tells(data) and all(map(_sound, events)):
            return data
        return self._examine(events)

    def finish(self) -> bytes:
        out = self._examine(self._decoder.flush())
        if self.facts.error is not None:
            return out
        if not self._ending:
            if not self.committed and not self._held:
                raise UpstreamEmpty("upstream sent an empty stream")
            raise StreamCut("the stream ended without its last event")
        if not self.done:  # complete, but for the event that says so
            self.done = True
            out += self._format.LAST_EVENT
        return out

    def whole(self, body: bytes) -> bytes:
        self.committed = self.done = True
        writer = self._format.StreamWriter("" if self._sent_model is None else self._model, not self._withhold)
        return as_stream(writer, self._format.parse_response(read_answer(200, {}, body)), self.facts)

    def fail(self, problem: Problem) -> bytes:
        writer = self._format.StreamWriter(self._model, True)
        writer.write(ir.Started(self.facts.id or "", self._model))  # a Responses client wants the id that it was told
        return writer.fail(problem)

    def _tells(self, data: bytes) -> bool:
        return any([mark in data for mark in self._telltales])  # noqa: C419 - a generator costs three times as much

    def _examine(self, events: Iterable[sse.Event]) -> bytes:
        out = []
        for event in events:
            if self._passes(event):
                out.append(event.raw if event.raw.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else event.raw.rstrip() + b"\n\n")
            if self.facts.error is not None:
                break
        data = b"".join(out)
        if not self.committed:
            self._held += data
            return b""
        if self._held:
            data, self._held = bytes(self._held) + data, bytearray()
        if self._sent_model is None:
            return data
        sent, self._sent_model = self._sent_model, None
        return rename_model(data, sent, self._model)

    def _passes(self, event: sse.Event) -> bool:
        """Whether the client gets this event; what it tells goes into `facts`."""
        if not event.data:
            return True  # a comment
        seen = self._format.sight(event)
        if seen is None:
            return False  # `null`, or one malformed chunk: no reason to lose the answer
        if seen.error is not None:
            self.facts.error = seen.error
            return False
        if seen.usage is not None:
            self.facts.usage = seen.usage if self.facts.usage is None else self.facts.usage.merged(seen.usage)
        if seen.id is not None:
            self.facts.id = seen.id
        if seen.stop_reason is not None:
            self.facts.finish = seen.stop_reason
        self.committed = self.committed or seen.content
        self._ending = self._ending or seen.last
        self.done = self.done or seen.done
        return not (self._withhold and seen.usage is not None and not seen.content)


def _sound(event: sse.Event) -> bool:
    """Whether clients can read the event: a comment, or a JSON object. Relays send `null`, and broken chunks."""
    if not event.data:
        return True
    if len(event.data) > UNCOUNTED and too_many(event.data):
        return False
    try:
        return type(orjson.loads(event.data)) is dict
    except orjson.JSONDecodeError:
        return False


def _asks_usage(document: dict[str, Any]) -> bool:
    options = document.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True
