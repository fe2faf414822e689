"""The scripted upstream: a process with real sockets that answers as it is told and remembers all that it was asked.

    python -m tests.upstream [--port 0] [--relay]

It prints {"port": N} when it is ready, and ends on SIGTERM. What a request gets is decided by the first of: a rule set
by `queue` (used once) or `always`, in order; `[[script:...]]` in the last user message; the model's name (`fault-429`).
Without any of them it is a short text.

    POST .../chat/completions, .../completions, .../messages, .../messages/count_tokens; GET .../models, .../models/{id}
    POST .../embeddings, .../images/generations, .../audio/..., .../moderations, .../rerank (beside.py)
    POST .../responses
    POST .../models/{id}:generateContent, :streamGenerateContent, :countTokens
    POST .../responses; GET, DELETE .../responses/{id}; GET .../responses/{id}/input_items
    /__control/health, requests, rules, settings, reset, hang-up      for tests/upstream/client.py
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tests.upstream import beside, chat, completions, gemini, messages, responses
from tests.upstream.answer import compose
from tests.upstream.connection import Connection, PeerLeft, Request
from tests.upstream.script import Script, marked, named_by_model
from tests.upstream.sending import Event, Record, break_coding, send_document, send_stream

# A new format is a module with the same names and a line here: name, path, SSE, read, whole, events, error, error_event.
FORMATS: dict[str, ModuleType] = {each.path: each for each in (chat, completions, messages, responses, gemini)}
FORMATS |= {gemini.STREAMED: gemini}
MODELS = ("scripted-large", "scripted-small", "claude-opus-4-6", "gpt-5.1")
WHEN = ("key", "model", "path")


@dataclass(frozen=True, slots=True)
class Rule:
    """A script for the requests that match; `path` matches by its ending, key and model as a whole."""

    script: Script
    when: Mapping[str, str]
    once: bool

    def fits(self, request: Request) -> bool:
        seen = {"key": request.credential, "model": request.asked().get("model")}
        if not request.path.endswith(self.when.get("path", "")):
            return False
        return all(seen[name] == wanted for name, wanted in self.when.items() if name != "path")


Gate = Callable[[Request, Record, Mapping[str, Any]], Script | None]


@dataclass(slots=True)
class Upstream:
    gate: Gate | None = None
    models: tuple[str, ...] = MODELS
    rules: list[Rule] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    held: set[Connection] = field(default_factory=set)  # busy with a request
    lines: set[Connection] = field(default_factory=set)  # all, also those that only might bring another request
    kept: responses.Kept = field(default_factory=dict)

    async def serve(self, connection: Connection) -> None:
        self.lines.add(connection)
        try:
            await self.serve_all(connection)
        finally:
            self.lines.discard(connection)

    async def serve_all(self, connection: Connection) -> None:
        while True:
            request = await connection.read_request()
            if request.path.startswith("/__control/"):
                await self.control(connection, request)
                continue
            record = Record(len(self.records) + 1, request, request.credential)
            self.records.append(record)
            self.held.add(connection)
            try:
                await self.answer(connection, record)
            except PeerLeft:
                record.end("peer left", connection.left_at)
                raise
            finally:
                self.held.discard(connection)
            if connection.transport.is_closing():
                return

    async def answer(self, connection: Connection, record: Record) -> None:
        request = record.request
        format = next(
            (each for path, each in FORMATS.items() if path in request.path), chat if beside.endpoint(request) else messages
        )
        refusal = self.gate(request, record, self.settings) if self.gate else None
        if refusal is not None:
            return await self.say(connection, record, format, refusal)
        try:
            script = self.choose(request, format)
        except ValueError as exc:  # a mistake in the test: loud, and in the record
            record.note["script"] = str(exc)
            return await self.say(connection, record, format, Script(status=418, type="bad_script", message=str(exc)))
        if script.delay:
            await connection.rest(script.delay)
        if script.fault == "hang":
            await connection.rest(None)
        if script.fault == "reset":
            record.end("reset")
            return connection.reset()
        await self.say(connection, record, format, script)

    def choose(self, request: Request, format: ModuleType) -> Script:
        for at, rule in enumerate(self.rules):
            if rule.fits(request):
                return self.rules.pop(at).script if rule.once else rule.script
        asked = request.asked()
        if format is responses:  # the prompt may be one that was kept
            asked = responses.continued(self.kept, asked) or asked
        ask = format.read({"model": asked.get("model", "")} if beside.endpoint(request) else asked)
        return marked(ask.prompt) or named_by_model(ask.model) or Script()

    async def say(self, connection: Connection, record: Record, format: ModuleType, script: Script) -> None:
        request = record.request
        if script.status is not None:
            document = format.error(script.status, script.type, script.code, script.message)
            return await send_document(connection, record, document, script, script.status)
        if format is responses and not request.path.endswith(responses.path):
            document, status = responses.retrieve(self.kept, request.method, request.path)
            return await send_document(connection, record, document, script, status)
        if request.method in ("GET", "DELETE") and "/responses/" in request.path:
            id = request.path.partition("/responses/")[2].partition("/")[0]
            document = {"id": id, "object": "response", "status": "completed", "deleted": request.method == "DELETE"}
            return await send_document(connection, record, document, script)
        if request.method == "GET":
            return await self.list_models(connection, record, script)
        if request.path.endswith("/count_tokens"):
            return await send_document(connection, record, messages.count(request.json()), script)
        if request.path.endswith(gemini.COUNTED):
            return await send_document(connection, record, gemini.count(request.json()), script)
        if request.method == "POST" and (make := beside.endpoint(request)):
            return await self.say_beside(connection, record, make(request) if script.raw is None else beside.Said(), script)
        if request.method != "POST" or not request.path.endswith(tuple(FORMATS)):
            return await send_document(connection, record, format.error(404, None, None, f"no {request.path}"), Script(), 404)
        asked = request.asked()
        if format is responses:
            found = responses.continued(self.kept, asked)
            if found is None:
                refusal = responses.error(400, None, "previous_response_not_found", "Previous response not found.")
                return await send_document(connection, record, refusal, script, 400)
            asked = found
        ask = format.read(asked)
        answer = compose(ask, script)
        if format is responses:
            responses.keep(self.kept, asked, answer)
        if ask.stream:
            events = with_error(format, script, format.events(answer, ask))
            return await send_stream(connection, record, events, script, format.SSE)
        await self.say_whole(connection, record, format, format.whole(answer), script)

    async def say_beside(self, connection: Connection, record: Record, said: beside.Said, script: Script) -> None:
        if said.events is not None:
            return await send_stream(connection, record, with_error(chat, script, said.events), script, chat.SSE)
        if said.document is None and script.raw is None:
            return await beside.send_bytes(connection, record, said, script)
        await self.say_whole(connection, record, chat, said.document, script)

    async def say_whole(self, connection: Connection, record: Record, format: ModuleType, whole: Any, script: Script) -> None:
        if script.cut_after is not None:
            record.end("cut")
            await connection.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id":')
            return connection.transport.close()
        if script.broken_after is not None:
            await connection.send(
                b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"id":\r\n'
            )
            return await break_coding(connection, record)
        if script.stall_after is not None or script.fault == "silence":
            await connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            await connection.rest(None)
        if script.error_after is not None:
            document = format.error(500, script.type, script.code, script.message)
            return await send_document(connection, record, document, script)
        await send_document(connection, record, whole, script)

    async def list_models(self, connection: Connection, record: Record, script: Script) -> None:
        _, found, one = record.request.path.partition("/models/")
        listed = [{"id": each, "object": "model", "created": 1760000000, "owned_by": "scripted"} for each in self.models]
        if not found:
            return await send_document(connection, record, {"object": "list", "data": listed}, script)
        known = next((each for each in listed if each["id"] == one), None)
        document = known or chat.error(404, "not_found_error", "model_not_found", f"no model {one}")
        await send_document(connection, record, document, script, 200 if known else 404)

    # Control ----------------------------------------------------------------------------

    async def control(self, connection: Connection, request: Request) -> None:
        verb, _, query = request.target.removeprefix("/__control/").partition("?")
        given = request.json()
        document: Any = {}
        status = 200
        try:
            if verb == "requests":
                document = [as_dict(each) for each in self.records[int(query.removeprefix("since=") or 0) :]]
            elif verb == "rules":
                self.add_rule(given)
            elif verb == "settings":
                self.settings = given
            elif verb == "reset":
                self.reset()
            elif verb == "hang-up":
                for each in self.lines - self.held - {connection}:
                    each.transport.close()
            elif verb != "health":
                raise ValueError(f"no control verb {verb!r}")
        except ValueError as exc:
            document, status = {"error": str(exc)}, 400
        await send_document(connection, Record(0, request, None), document, Script(), status)

    def add_rule(self, given: Mapping[str, Any]) -> None:
        when = given.get("when", {})
        if unknown := set(when) - set(WHEN):
            raise ValueError(f"a rule can't look at {', '.join(sorted(unknown))}; it can at {', '.join(WHEN)}")
        scripts = [Script.of(each) for each in given["scripts"]]
        rules = [Rule(script, when, bool(given.get("once", True))) for script in scripts]
        if given.get("once", True):  # queued ones come before those that always hold
            place = next((at for at, rule in enumerate(self.rules) if not rule.once), len(self.rules))
            self.rules[place:place] = rules
        else:
            self.rules += rules

    def reset(self) -> None:
        """As if just started: nothing queued, nothing recorded, nobody waiting for an answer."""
        for connection in tuple(self.held):
            connection.reset()
        self.rules, self.records, self.settings, self.kept = [], [], {}, {}


def with_error(format: ModuleType, script: Script, events: Any) -> list[Event]:
    """The stream's events, up to where the script puts an error event instead."""
    listed: list[Event] = list(events)
    if script.error_after is None:
        return listed
    return [*listed[: script.error_after], format.error_event(script.type, script.code, script.message)]


def as_dict(record: Record) -> dict[str, Any]:
    request = record.request
    return {
        "id": record.id,
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": base64.b64encode(request.body).decode(),
        "key": record.key,
        "began": record.began,
        "status": record.status,
        "events": record.events,
        "sent": base64.b64encode(record.sent).decode(),
        "how": record.how,
        "ended": record.ended,
        "note": record.note,
    }


async def listen(port: int, upstream: Upstream) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(upstream.serve), "127.0.0.1", port, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop.wait()
    server.close()
