"""Endpoints that are passed through: the request as it came but for `model`, the answer as it came, and a look at its usage.

They are routed, tried in order, counted and logged like every other request. What differs is that an answer may be
anything: JSON, which is read whole, so that an error in it is still a failed attempt; a stream of events; or sound, of which
nobody here knows a thing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from omniroute.errors import BadRequest, NotServed, Problem, UpstreamEmpty, UpstreamErrorEvent, UpstreamFailed, UpstreamNotJson
from omniroute.formats import ir, sse
from omniroute.formats.body import replace_model
from omniroute.formats.counts import count
from omniroute.formats.openai_error import render_error
from omniroute.formats.upstream_error import page_title, require_json
from omniroute.http import Answer, Body
from omniroute.providers.urls import endpoint_url
from omniroute.relay.ask import Ask
from omniroute.relay.attempt import read_piece, read_whole, require_room
from omniroute.relay.lane import Facts
from omniroute.relay.ledger import Entry
from omniroute.routing.configuration import Configuration
from omniroute.routing.resolve import Resolution, resolve
from omniroute.routing.route import Target, plain


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of an endpoint. `fields` must be there, each of one of these types; the rest is the upstream's business.

    `form`: the request is a multipart form. `only_json`: an answer of another type is none. `needs_model`: False where
    OpenAI lets `model` be left out.
    """

    fields: Mapping[str, tuple[type, ...]]
    form: bool = False
    only_json: bool = False
    needs_model: bool = True


# By their names in providers/values.py. Fields: types of openai-python 3.54.0; rerank: Cohere's and Jina's API pages; 2026-11-27.
PASSED: dict[str, Kind] = {
    "embeddings": Kind({"input": (str, list)}, only_json=True),
    "images": Kind({"prompt": (str,)}),
    "speech": Kind({"input": (str,)}),
    "transcriptions": Kind({}, form=True),
    "translations": Kind({}, form=True),
    "moderations": Kind({"input": (str, list)}, only_json=True, needs_model=False),
    "rerank": Kind({"query": (str, dict), "documents": (list,)}, only_json=True),
}
UNTOLD = frozenset({"images", "speech", "transcriptions", "translations"})  # whose answers may tell no tokens
UNNAMED = "default"  # what logs call a model that was left to the upstream

MOST_VALUES = 4_000_000  # in an answer: 2,048 vectors of 1,536 numbers are what OpenAI makes at once (API reference, 2026-11-27)
KEPT = ("Content-Type", "Content-Length", "Content-Disposition")
STREAMED = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
BLANK = b"\xef\xbb\xbf \t\r\n"
PAGES = (b"<!doctype html", b"<html")


def served(ask: Ask, configuration: Configuration) -> Resolution:
    """Who answers to the model and has the endpoint. Raises like `resolve`, and NotServed when none of them has it."""
    if not ask.model:
        return _left_to_the_upstream(ask.service, configuration)
    resolution = resolve(ask.model, configuration)
    having = resolution.route.only(lambda target: endpoint_url(target.provider, ask.service) is not None)
    if any(having.targets()):
        return replace(resolution, route=having)
    shown = ", ".join(target.shown for target in resolution.targets)
    raise NotServed(f"The provider of '{shown}' has no {ask.endpoint}.", remedy=_remedy(ask.service, configuration))


def _left_to_the_upstream(service: str, configuration: Configuration) -> Resolution:
    """Without a model: those that have the endpoint, first the ones that are known to; then by their best connection."""
    found: list[tuple[tuple[bool, int], Target]] = []
    for provider_id, connections in configuration.connections.items():
        provider = configuration.providers.get(provider_id)
        usable = [connection.priority for connection in connections if connection.is_active and not connection.terminal]
        if provider is not None and usable and endpoint_url(provider, service) is not None:
            found.append(((provider.endpoints is None, min(usable)), Target(provider, UNNAMED)))
    if not found:
        raise BadRequest(
            "'model' is missing, and no connected provider is known to have this endpoint.",
            param="model",
            remedy=_remedy(service, configuration),
        )
    return Resolution(plain(*(target for _, target in sorted(found, key=lambda pair: pair[0]))), "no model named")


def _remedy(service: str, configuration: Configuration) -> str:
    """Which of the connected providers have the endpoint."""
    having = [
        provider.prefix
        for provider_id, provider in configuration.providers.items()
        if configuration.connections.get(provider_id) and endpoint_url(provider, service) is not None
    ]
    if not having:
        return "Dashboard -> Providers: connect a provider that has this endpoint."
    return f"Name a model of a provider that has it: {', '.join(f'{prefix}/...' for prefix in having[:10])}."


class PassLane:
    """Raises BadRequest for a body that names its model twice."""

    dropped: tuple[str, ...] = ()

    def __init__(self, ask: Ask, target: Target) -> None:
        url = endpoint_url(target.provider, ask.service)
        assert url is not None, "`served` chose this target"
        self._ask, self._model, self._url = ask, target.model, url
        self.streams = ask.stream

    def url(self) -> str:
        return self._url

    def body(self) -> Body:
        if not self._ask.model:
            return self._ask.body
        if self._ask.upload is not None:
            return self._ask.upload.with_model(self._model)
        return replace_model(self._ask.body, self._model)

    def stream(self) -> PassStream:
        return PassStream(PASSED[self._ask.service].only_json)

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[bytes, Facts]:
        stream = self.stream()
        stream.begin(status, headers)
        return stream.whole(body), stream.facts


class PassStream:
    """One answer on its way, whatever it is. `begin` comes first."""

    def __init__(self, only_json: bool) -> None:
        self._only_json = only_json
        self._status, self._type = 200, ""
        self._decoder = sse.Decoder()
        self._held = bytearray()
        self.is_json = self.is_events = False
        self.media: dict[str, str] = {}  # headers that go with the answer to the client
        self.committed = self.done = False
        self.facts = Facts()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer's head has come."""
        self._status, self._type = status, headers.get("content-type", "")
        kind = self._type.partition(";")[0].strip().lower()
        self.is_events = kind == "text/event-stream" and not self._only_json
        self.is_json = self._only_json or kind == "application/json" or kind.endswith("+json")
        self.media = {name: value for name in KEPT if (value := headers.get(name.lower()))}
        self.media.setdefault("Content-Type", "application/json" if self.is_json else "application/octet-stream")
        if self.is_events or headers.get("content-encoding", "identity") != "identity":
            self.media.pop("Content-Length", None)
        if self.is_events:
            self.media |= STREAMED

    def whole(self, body: bytes) -> bytes:
        """A JSON answer. Raises UpstreamEmpty, UpstreamNotJson, UpstreamErrorEvent."""
        require_json(self._status, {"content-type": self._type}, body, MOST_VALUES)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise UpstreamNotJson(self._status, self._type, f"broken JSON: {exc}") from exc
        if not isinstance(document, dict | list) or not document:
            raise UpstreamEmpty(f"upstream answered {self._status} with {body[:20].decode('utf-8', 'replace')}")
        if isinstance(document, dict):
            self._look(document)
        if self.facts.error is not None:
            raise UpstreamErrorEvent(self.facts.error)
        self.committed = self.done = True
        self.media["Content-Length"] = str(len(body))
        return body

    def feed(self, data: bytes) -> bytes:
        """Whole events of a stream, and everything of anything else. Raises UpstreamNotJson for a web page at the start."""
        if self.is_events:
            return self._examined(self._decoder.feed(data))
        if not self.committed and data.lstrip(BLANK)[:20].lower().startswith(PAGES):
            raise UpstreamNotJson(self._status, self._type, page_title(data))
        self.committed = True
        return data

    def finish(self) -> bytes:
        out = self._examined(self._decoder.flush()) if self.is_events else b""
        if not self.committed and self.facts.error is None:
            raise UpstreamEmpty("upstream sent an answer without content")
        self.done = True
        return out

    def fail(self, problem: Problem) -> bytes:
        """An error event for a stream of events. Raises UpstreamFailed for all else, which has no place for one."""
        if not self.is_events:
            raise UpstreamFailed(problem)
        return sse.encode(orjson.dumps(render_error(problem)))

    def _examined(self, events: list[sse.Event]) -> bytes:
        """What the client may have of them: nothing until one says something, for the first may be an error."""
        for event in events:
            document = sse.read_document(event.data) if event.data else None
            if document is not None:
                self._look(document)
            if self.facts.error is not None:
                break
            self.committed = self.committed or document is not None
            self._held += event.raw
        if not self.committed:
            return b""
        out, self._held = bytes(self._held), bytearray()
        return out

    def _look(self, document: dict[str, Any]) -> None:
        if document.get("error") or document.get("type") == "error":
            self.facts.error = document
        usage = read_usage(document)
        if usage is not None:
            self.facts.usage = usage if self.facts.usage is None else self.facts.usage.merged(usage)


class BrokenOff(ConnectionResetError):
    """The line to the client has to break: nothing else tells it that the rest of the sound is missing.

    gunicorn takes it for a client that has left: it closes the connection without the end of the body, and logs nothing.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(errno.ECONNRESET, problem.message)


def run_through(answer: Answer, stream: PassStream, entry: Entry, deliver: Callable[[bytes], None], seconds: float) -> None:
    """Read `answer` to its end. `seconds` bounds a JSON answer, or the wait between two pieces of any other.

    Raises UpstreamError. An error event ends it without a raise: `stream.facts.error` has it.
    """

    def put(data: bytes) -> None:
        entry.usage = stream.facts.usage  # known in time for the headers, where the answer came whole
        deliver(data)

    stream.begin(answer.status, answer.headers)
    entry.media = stream.media
    if stream.is_json:
        put(stream.whole(read_whole(answer, seconds)))
        return
    answer.wait_at_most(seconds)
    size = 0
    while data := read_piece(answer):
        if out := stream.feed(data):
            put(out)
        if stream.facts.error is not None:
            return
        size += len(data)
        if size > sse.LARGEST_EVENT and stream.is_events:
            require_room(answer, size, stream.committed)
    if out := stream.finish():
        put(out)


# Usage ------------------------------------------------------------------------------------------------


def read_usage(document: Mapping[str, Any]) -> ir.Usage | None:
    """The tokens that an answer, or the last event of one, says it took; None if it says nothing of tokens.

    Embeddings and completions: `prompt_tokens`, `completion_tokens`; images, sound and transcripts: `input_tokens`,
    `output_tokens` (openai-python 3.54.0); Jina, Voyage and OpenRouter: `total_tokens` alone; Cohere: `meta.tokens`, or
    `meta.billed_units` (docs.cohere.com/reference/rerank). Read 2026-11-27. Other units (searches, seconds) are no tokens.
    """
    meta = _inner(document, "meta")
    for usage in (_inner(document, "usage"), _inner(meta, "tokens"), _inner(meta, "billed_units")):
        details = _inner(usage, "prompt_tokens_details") or _inner(usage, "input_tokens_details")
        told = ir.Usage(
            input=_first(usage, "prompt_tokens", "input_tokens"),
            output=_first(usage, "completion_tokens", "output_tokens"),
            cached=count(details, "cached_tokens"),
        )
        if told.input is None and told.output is None:
            told = replace(told, input=count(usage, "total_tokens"))
        if told != ir.Usage():
            return told
    return None


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((told for name in names if (told := count(usage, name)) is not None), None)


def _inner(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = holder.get(name)
    return inner if isinstance(inner, Mapping) else {}
