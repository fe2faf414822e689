"""The endpoints that are passed through: from a request to an `Ask`, with as little looked at as routing needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import ClientDisconnected

from omniroute.api.incoming import bare_ask, client_line, raw_body, require_plain
from omniroute.api.outgoing import respond
from omniroute.clock import Clock
from omniroute.edge import current
from omniroute.errors import BadRequest
from omniroute.formats.body import read_body, read_model, read_stream
from omniroute.formats.fields import missing, wrong
from omniroute.providers.headers import value_problem
from omniroute.providers.values import ENDPOINTS
from omniroute.relay.ask import Ask
from omniroute.relay.passthrough import PASSED, UNNAMED, Kind
from omniroute.relay.service import Relay
from omniroute.relay.upload import Upload, receive
from omniroute.routing.resolve import may_ask, require_allowed

# Of a form that is passed through. The file and all other fields are the upstream's business.
READ = frozenset({"model", "stream"})
FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}
WORDS: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}


def add_routes(bp: Blueprint, relay: Relay, clock: Clock) -> None:
    """One route for each endpoint. Their tiers stand in edge/tiers.py."""
    for name in PASSED:
        bp.add_url_rule(f"/v1/{ENDPOINTS[name]}", name, _view(name, relay, clock), methods=["POST"])


def _view(name: str, relay: Relay, clock: Clock) -> Callable[[], Response]:
    def view() -> Response:
        ask = read_passed(request, name, clock)
        g.relayed = True
        try:
            reply = relay.answer(ask, client_line(request))
        except BaseException:
            _let_go(ask)
            raise
        reply.closers.append(lambda: _let_go(ask))
        return respond(reply)

    return view


def read_passed(request: Request, name: str, clock: Clock) -> Ask:
    """Raises BadRequest for a body that is none, Forbidden for a model that the key may not ask, BodyTooLarge."""
    started = clock.tick()
    ask, kind = replace(bare_ask(request, "openai_chat", started), service=name), PASSED[name]
    if kind.form:
        return _with_form(request, ask)
    raw = raw_body(request)
    document = read_body(raw)
    model = "" if not kind.needs_model and document.get("model") is None else read_model(document)
    _require_allowed(model)
    _require_fields(document, kind)
    stream = read_stream(document)
    content = () if stream else _accept(request)
    return replace(ask, body=raw, document=document, model=model, stream=stream, content=content)


def _with_form(request: Request, ask: Ask) -> Ask:
    require_plain(request)
    limit = request.max_content_length or 0
    try:
        upload = receive(request.stream.read, request.headers.get("Content-Type", ""), READ, limit)
    except ClientDisconnected as exc:
        raise BadRequest("The request's body breaks off.") from exc
    try:
        model = read_model({name: field.value for name, field in upload.fields.items()})
        _require_allowed(model)
        stream = _flag(upload)
    except BaseException:
        upload.close()
        raise
    content = (("Content-Type", upload.content_type), *(() if stream else _accept(request)))
    return replace(ask, upload=upload, model=model, stream=stream, content=content)


def _require_allowed(model: str) -> None:
    key = current.caller().key
    if key is None:
        return
    if model:
        require_allowed(key, model)
    elif not may_ask(key, UNNAMED):
        raise BadRequest("'model' is missing: this API key may ask certain models only, so name one.", param="model")


def _require_fields(document: dict[str, Any], kind: Kind) -> None:
    for name, types in kind.fields.items():
        value = document.get(name)
        if value is None:
            raise missing(name)
        if not isinstance(value, types):
            raise wrong(name, " or ".join(WORDS[each] for each in types), value)


def _flag(upload: Upload) -> bool:
    field = upload.fields.get("stream")
    if field is None:
        return False
    if field.value.lower() not in FLAGS:
        raise BadRequest("'stream' must be true or false.", param="stream")
    return FLAGS[field.value.lower()]


def _accept(request: Request) -> tuple[tuple[str, str], ...]:
    """What the caller takes; it may be sound, and then compressing it is wasted."""
    accept = request.headers.get("Accept", "*/*").strip() or "*/*"
    return (("Accept", "*/*" if value_problem(accept) else accept),)


def _let_go(ask: Ask) -> None:
    if ask.upload is not None:
        ask.upload.close()
