"""The client endpoints: `/v1/...` and what clients ask for beside it. Parse, relay, render; no decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response, g, request

from omniroute.api import gemini, listing, passthrough, responses
from omniroute.api.incoming import client_line, read_ask
from omniroute.api.outgoing import respond
from omniroute.edge import current
from omniroute.services import Services


def blueprint(services: Services) -> Blueprint:
    """Routes and their tiers stand in edge/tiers.py."""
    bp = Blueprint("api", __name__)
    relay, clock = services.relay, services.clock

    def relayed(format: str, *, counting: bool = False) -> Response:
        ask = read_ask(request, format, clock, counting=counting)
        g.relayed = True
        return respond(relay.answer(ask, client_line(request)))

    @bp.post("/v1/chat/completions")
    def chat_completions() -> Response:
        return relayed("openai_chat")

    @bp.post("/v1/messages")
    def messages() -> Response:
        return relayed("anthropic_messages")

    @bp.post("/v1/messages/count_tokens")
    def count_tokens() -> Response:
        return relayed("anthropic_messages", counting=True)

    @bp.post("/v1/completions")
    def completions() -> Response:
        return relayed("openai_completions")

    passthrough.add_routes(bp, relay, clock)

    @bp.get("/v1/models")
    def models() -> Response:
        return listing.models(request, services.configuration.current(), current.caller().key, clock.now())

    @bp.get("/v1/models/<path:model_id>")
    def model(model_id: str) -> Response:
        return listing.model(request, services.configuration.current(), current.caller().key, clock.now(), model_id)

    @bp.post("/v1/responses")
    def create_response() -> Response:
        return relayed("openai_responses")

    responses.add_routes(bp, services)
    gemini.add_routes(bp, services)

    @bp.route("/", methods=["HEAD"], provide_automatic_options=False)
    def preflight() -> Response:
        """Claude Code asks this before its first message; any answer will do, but at once."""
        return Response(status=200)

    return bp


class OnceV1:
    """WSGI: `/v1/v1/...` is `/v1/...`. A base URL with `/v1` in a client that adds its own is a common slip.

    And Gemini's calls are at `/v1beta/`, also from a client that says `/v1/`: google-genai 3.6.1 does, unless it is told an
    `api_version` (measured 2026-11-27). What OpenAI's clients call the list of models has that path too; headers tell them apart.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if path.startswith("/v1/v1"):
            path = path[3:]
        if path.startswith("/v1/models") and (path.endswith(gemini.CALLS) or not environ.keys().isdisjoint(gemini.HEADERS)):
            path = f"/v1beta{path[3:]}"
        environ["PATH_INFO"] = path
        return self._app(environ, start_response)
