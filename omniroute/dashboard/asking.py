"""Asking the relay from the dashboard, as a client would, and reading its answer back: what Playground and first run do.

    ask = ask_of(services, format="openai_chat", document={"messages": [...]}, model="or/gpt-5-mini", stream=True)
    for happening in exchange(services, ask, client_line()):
        match happening: ...

The request goes through the same relay as everybody's: routing, limits of a chosen key, log. Its row has the key's name, or
"Playground". The answer is what a client of that format would get, read by the format's own reader.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from flask import request

from omniroute.edge import current
from omniroute.edge.callers import refusal_of
from omniroute.errors import WENT_WRONG, BadRequest, Problem, RequestError, UpstreamError, with_request
from omniroute.formats import CLIENT_FORMATS, FORMATS, Reader, ir, sse
from omniroute.formats.answer import Gathering
from omniroute.relay.ask import Ask, Reply
from omniroute.relay.client_line import ClientLine
from omniroute.relay.witness import Headers, Kept, Witness
from omniroute.relay.witness import Text as KeptText
from omniroute.routing.configuration import ClientKey
from omniroute.routing.resolve import require_allowed
from omniroute.services import Services
from omniroute.threads import off_loop
from omniroute.usage.logs import LogView, view_of

CALLER = "Playground"
HEADERS: Mapping[str, str] = {"content-type": "application/json", "user-agent": f"OmniRoute {CALLER}"}
# By format, the rule of the endpoint that its clients use.
ENDPOINTS: Mapping[str, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models/<path:call>",
}

# Of an answer so much is kept, in bytes as good as; the longest that models give are some 128,000 tokens, or a large picture.
MOST_KEPT = 16 * 1024 * 1024
EACH = 32  # bytes that a piece of text takes beside its letters

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer has begun, or a heartbeat has promised one. `headers` are the client's: X-OmniRoute-Provider, -Model, ..."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing yet; the line is kept open."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """The model calls a tool. `arguments` is JSON as the model wrote it, free text for a custom tool."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or the answer broke off. `problem` has the class, the message and the remedy."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Answered:
    """What the client would have got."""

    status: int
    headers: Headers
    body: KeptText


@dataclass(frozen=True, slots=True)
class Done:
    """Always the last. `row` is the log's: tokens, cost in micro-dollars (None: unknown), first_ms, total_ms, decision, attempts,
    id (of the request). `parts` is the answer as far as it came.
    """

    row: LogView
    parts: tuple[ir.AnyPart, ...]
    answered: Answered


Happening = Begun | Waiting | Text | Thinking | Tool | Failed | Done


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole exchange. `problem` is None where the answer is whole."""

    text: str
    thinking: str
    tools: tuple[Tool, ...]
    problem: Problem | None
    done: Done


def ask_of(
    services: Services, *, format: str, document: Mapping[str, Any], model: str, stream: bool, key: ClientKey | None = None
) -> Ask:
    """The request of a client of `format`, seen by a witness. `document` needs neither `model` nor `stream`.

    One page asks once: the row has the id of the page's own request. Raises Unauthorized and Forbidden for a `key` that may
    not ask this, BadRequest for a document that can't be sent.
    """
    endpoint, started = ENDPOINTS[format], services.clock.tick()
    if key is not None:
        refusal = refusal_of(key, endpoint, "relay", services.clock.now())
        if refusal is not None:
            raise refusal
        require_allowed(key, model)
    sent = dict(document)
    if format != "gemini":  # whose address says both
        sent = {"model": model, **sent, **({"stream": True} if stream else {})}
    try:
        body = orjson.dumps(sent)
    except orjson.JSONEncodeError as exc:  # a tool's arguments, which a model wrote, may be nested deeper than can be written
        raise BadRequest(f"This can't be sent: {exc}.") from exc
    return Ask(
        request_id=current.request_id(),
        endpoint=endpoint,
        format=format,
        body=body,
        document=sent,
        model=model,
        stream=stream,
        headers=HEADERS,
        started=started,
        key=key,
        no_log=key is not None and key.no_log,
        caller=CALLER,
        witness=Witness(),
    )


def client_line() -> ClientLine:
    """The browser's own line: when it leaves, the upstream is told to stop."""
    sock = request.environ.get("gunicorn.socket")
    return ClientLine(None if sock is None else sock.fileno())


def exchange(services: Services, ask: Ask, line: ClientLine, most: int = MOST_KEPT) -> Iterator[Happening]:
    """Ask, and tell what happens as it does; `Done` is the last, whatever came before. Needs nothing of Flask's request.

    Closing the iterator ends the request upstream; so does an answer beyond `most` bytes, which is cut there.
    """
    witness = ask.witness or Witness()
    ask, answer = replace(ask, witness=witness), _Answer(ask.format, most)
    try:
        reply = services.relay.answer(ask, line)
    except RequestError as exc:
        yield from answer.refused(exc.problem(), ask)
    except Exception:  # the edge: nobody above could tell the reader
        log.exception("request %s failed inside the gateway", ask.request_id)
        yield from answer.refused(RequestError(WENT_WRONG).problem(), ask)
    else:
        with closing(reply):
            yield Begun(reply.headers)
            yield from answer.read(reply)
        yield from answer.verdict(witness.row or {}, ask)
    yield Done(view_of(witness.row or _unsettled(ask, services)), answer.parts, off_loop(lambda: answer.given(witness)))


def whole(services: Services, ask: Ask, line: ClientLine) -> Outcome:
    """The same, all at once."""
    return gathered(exchange(services, ask, line))


def gathered(happenings: Iterable[Happening]) -> Outcome:
    """What a whole exchange comes to."""
    tally = Tally()
    for happening in happenings:
        tally.add(happening)
    return tally.outcome()


class Tally:
    """Adds an exchange up while it runs."""

    def __init__(self) -> None:
        self._texts: dict[type, list[str]] = {Text: [], Thinking: []}
        self._tools: list[Tool] = []
        self._problem: Problem | None = None
        self._done: Done | None = None

    def add(self, happening: Happening) -> None:
        match happening:
            case Text() | Thinking():
                self._texts[type(happening)].append(happening.text)
            case Tool():
                self._tools.append(happening)
            case Failed():
                self._problem = happening.problem
            case Done():
                self._done = happening

    def outcome(self) -> Outcome:
        assert self._done is not None  # an exchange ends with it
        text, thinking = "".join(self._texts[Text]), "".join(self._texts[Thinking])
        return Outcome(text, thinking, tuple(self._tools), self._problem, self._done)


@dataclass(slots=True)
class _Answer:
    """Reads what the client would get, and keeps a copy of it."""

    format: str
    most: int
    kept: Kept = field(default_factory=Kept)
    status: int = 200
    headers: Headers = ()
    gathering: Gathering = field(default_factory=Gathering)
    size: int = 0  # of what is gathered
    trouble: str = ""  # why it can't be read to its end

    @property
    def parts(self) -> tuple[ir.AnyPart, ...]:
        return self.gathering.answer().parts

    @property
    def too_long(self) -> bool:
        return self.size > self.most

    def given(self, witness: Witness) -> Answered:
        return Answered(self.status, witness.shown(self.headers), self.kept.text(witness.secrets()))

    def refused(self, problem: Problem, ask: Ask) -> Iterator[Happening]:
        """There is no answer: the client gets the error, in its own format."""
        problem = with_request(problem, ask.request_id)
        self.status, self.headers = problem.status, (("Content-Type", "application/json"), *problem.headers.items())
        self.kept.add(orjson.dumps(FORMATS[self.format].render_error(problem)))
        yield Failed(problem)

    def read(self, reply: Reply) -> Iterator[Happening]:
        self.status, self.headers = reply.status, tuple(reply.headers.items())
        try:
            if isinstance(reply.body, bytes):
                self.kept.add(reply.body)
                if len(reply.body) > self.most:
                    self.size = len(reply.body)
                elif reply.body:
                    yield from self._told(CLIENT_FORMATS[self.format].parse_response(orjson.loads(reply.body)))
                return
            yield from self._stream(reply.body, CLIENT_FORMATS[self.format].StreamReader())
        except UpstreamError as exc:  # the error that ends a stream; the row has it in the gateway's words
            self.trouble = str(exc)

    def _stream(self, pieces: Iterable[bytes], reader: Reader) -> Iterator[Happening]:
        decoder = sse.Decoder()
        for piece in pieces:
            self.kept.add(piece)
            read: list[ir.Event] = []
            for event in decoder.feed(piece):
                try:
                    read += reader.feed(event)
                except UpstreamError:
                    yield from self._told(read)
                    raise
            yield from self._told(read) if read else (Waiting(),)
            if self.too_long:
                return
        for event in decoder.flush():
            yield from self._told(reader.feed(event))
        yield from self._told(reader.end())

    def _told(self, events: list[ir.Event]) -> Iterator[Happening]:
        """What these events say, texts that belong together as one."""
        texts: list[str] = []
        kind: type[Text] | type[Thinking] = Text
        for event in events:
            self.gathering.add(event)
            self.size += _size(event)
            match event:
                case ir.TextDelta() | ir.RefusalDelta() | ir.ReasoningDelta():
                    now = Thinking if isinstance(event, ir.ReasoningDelta) else Text
                    if texts and now is not kind:
                        yield kind("".join(texts))
                        texts = []
                    kind = now
                    texts.append(event.text)
                case ir.PartStopped():
                    if texts:
                        yield kind("".join(texts))
                        texts = []
                    part = self.gathering.part(event.index)
                    if isinstance(part, ir.ToolCall):
                        yield Tool(part.id, part.name, part.arguments)
        if texts:
            yield kind("".join(texts))

    def verdict(self, row: Mapping[str, Any], ask: Ask) -> Iterator[Happening]:
        """Whether the answer is whole, once it is over."""
        kind = row.get("kind", "ok")
        if self.too_long:  # who stops reading is a client that left, for the log
            message = (
                f"The answer is longer than {self.most / (1024 * 1024):.0f} MB, the most that is shown here. It was stopped."
            )
            yield Failed(Problem(502, "answer_too_long", message, TOO_LONG, request_id=ask.request_id))
        elif kind != "ok":
            yield Failed(Problem(row["status"], kind, row["message"], row["remedy"], request_id=ask.request_id))
        elif self.trouble:
            yield Failed(Problem(502, "answer_unreadable", self.trouble, UNREADABLE, request_id=ask.request_id))


UNREADABLE = "Look at “Raw”: what came back there is not what this format's clients understand."
TOO_LONG = "Ask for less. Clients are given the whole of it."


def _size(event: ir.Event) -> int:
    """Of what is kept of it, in bytes as good as."""
    match event:
        case ir.TextDelta() | ir.ReasoningDelta() | ir.ArgumentsDelta() | ir.RefusalDelta():
            return EACH + len(event.text)
        case ir.PartStarted() | ir.SignatureSeen() | ir.CitationSeen():
            return len(repr(event))
    return 0


def _unsettled(ask: Ask, services: Services) -> dict[str, Any]:
    """The row of a request that ended before it was counted; it should not be."""
    return {"id": ask.request_id, "at": services.clock.now(), "kind": "interrupted", "format": ask.format}
