"""Gemini's routes: the model, and what is wanted of it, stand in the path.

Source: https://ai.google.dev/api/generate-content, .../api/tokens, .../api/models (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
from flask import Blueprint, Request, Response, g, request

from omniroute.api import listing
from omniroute.api.incoming import client_line, read_ask
from omniroute.api.listing import Listed
from omniroute.api.outgoing import respond
from omniroute.edge import current
from omniroute.errors import BadRequest, NotFound
from omniroute.formats import sse
from omniroute.relay.ask import Ask, Reply
from omniroute.services import Services

VERBS = ("generateContent", "streamGenerateContent", "countTokens")
CALLS = tuple(f":{verb}" for verb in VERBS)
HEADERS = ("HTTP_X_GOOG_API_KEY", "HTTP_X_GOOG_API_CLIENT")  # of its own clients, as WSGI names them
PAGE, MOST = 50, 1000


def add_routes(bp: Blueprint, services: Services) -> None:
    relay, clock = services.relay, services.clock

    @bp.post("/v1beta/models/<path:call>")
    def gemini(call: str) -> Response:
        model, verb = _called(call)
        ask = read_ask(
            request, "gemini", clock, counting=verb == "countTokens", model=model, stream=verb == "streamGenerateContent"
        )
        g.relayed = True
        reply = relay.answer(ask, client_line(request))
        return respond(_as_array(reply) if _wants_array(ask, request) and not isinstance(reply.body, bytes) else reply)

    @bp.get("/v1beta/models")
    def gemini_models() -> Response:
        key, configuration = current.caller().key, services.configuration.current()
        return _json(_page(listing.listed(configuration, key), request))

    @bp.get("/v1beta/models/<path:model_id>")
    def gemini_model(model_id: str) -> Response:
        return _json(_model(listing.find(services.configuration.current(), current.caller().key, model_id)))


def _called(call: str) -> tuple[str, str]:
    """The model and the verb of "gemini-2.5-pro:generateContent". Raises NotFound."""
    model, colon, verb = call.rpartition(":")
    if not colon or verb not in VERBS:
        raise NotFound(f"A model is asked with one of :{', :'.join(VERBS)}.")
    return model, verb


def _wants_array(ask: Ask, request: Request) -> bool:
    """Without `alt=sse` a stream is one JSON list that grows."""
    return ask.stream and request.args.get("alt") != "sse"


def _as_array(reply: Reply) -> Reply:
    assert not isinstance(reply.body, bytes)
    headers = {**reply.headers, "Content-Type": "application/json; charset=utf-8"}
    return replace(reply, headers=headers, body=_elements(reply.body))


def _elements(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The events of a stream as the elements of a list; white space where a heartbeat was."""
    decoder, before = sse.Decoder(), b"["
    for piece in pieces:
        for event in decoder.feed(piece):
            yield before + event.data if event.data else b"\n"
            before = b",\n" if event.data else before
    yield b"[]" if before == b"[" else b"]"


def _page(names: list[Listed], request: Request) -> dict[str, Any]:
    size, token = request.args.get("pageSize", str(PAGE)), request.args.get("pageToken") or "0"
    if not size.isdigit() or not 1 <= int(size) <= MOST:
        raise BadRequest(f"'pageSize' must be a whole number from 1 to {MOST}.", param="pageSize")
    if not token.isdigit():
        raise BadRequest("'pageToken' must be one that an earlier page gave.", param="pageToken")
    end = int(token) + int(size)
    page: dict[str, Any] = {"models": [_model(each) for each in names[int(token) : end]]}
    return page | ({"nextPageToken": str(end)} if end < len(names) else {})


def _model(each: Listed) -> dict[str, Any]:
    facts = {
        "name": f"models/{each.id}",
        "version": "001",
        "displayName": each.name,
        "inputTokenLimit": each.window,
        "outputTokenLimit": each.output,
        "supportedGenerationMethods": list(VERBS),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _json(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), mimetype="application/json")
