"""`/v1/responses` beyond the POST: what was kept, and what is not spoken."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, request

from omniroute.api.incoming import bare_ask
from omniroute.api.outgoing import respond
from omniroute.errors import BadRequest, NotFound, UpgradeRequired
from omniroute.relay.ask import Ask
from omniroute.relay.conversation import FORMAT
from omniroute.services import Services


def add_routes(bp: Blueprint, services: Services) -> None:
    kept, clock = services.retrieval, services.clock

    def asked() -> Ask:
        return replace(bare_ask(request, FORMAT, clock.tick()), counting=True)

    @bp.get("/v1/responses/<response_id>")
    def response(response_id: str) -> Response:
        return respond(kept.show(response_id, asked(), request.args))

    @bp.delete("/v1/responses/<response_id>")
    def delete_response(response_id: str) -> Response:
        return respond(kept.delete(response_id, asked()))

    @bp.get("/v1/responses/<response_id>/input_items")
    def input_items(response_id: str) -> Response:
        return respond(kept.input_items(response_id, asked(), request.args))

    @bp.post("/v1/responses/<response_id>/cancel")
    def cancel_response(response_id: str) -> Response:
        raise BadRequest("Only a response in the background can be cancelled, and none are made here.", param="background")

    @bp.get("/v1/responses", websocket=True)
    def responses_socket() -> Response:
        # Codex asks for a WebSocket here first; 426 sends it to HTTP at once, any other status after seven tries.
        raise UpgradeRequired("Responses are not served over a WebSocket.")

    @bp.get("/v1/responses")
    def responses() -> Response:
        raise NotFound("GET /v1/responses lists nothing.")
