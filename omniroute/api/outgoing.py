"""Replies and errors of the client endpoints as Flask responses, errors in the caller's own format."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Request, Response, g
from werkzeug.wrappers import Response as AnyResponse
from werkzeug.wsgi import ClosingIterator

from omniroute.edge import current
from omniroute.errors import Problem
from omniroute.formats import FORMATS
from omniroute.relay.ask import Reply
from omniroute.relay.ledger import LONGEST_CLIENT, Ledger, client_shown
from omniroute.security.redaction import redact

# By the path's beginning: which format a caller there reads. Others read OpenAI's.
READS = {"/v1/messages": "anthropic_messages", "/v1/responses": "openai_responses", "/v1beta/": "gemini"}


def respond(reply: Reply) -> Response:
    """`close` runs when the server is done with the response, also when the client has left it unread."""
    headers = list(reply.headers.items())  # given at once: each that is set later is looked for among all before it
    if isinstance(reply.body, bytes):
        response = Response(reply.body, reply.status, headers)
        response.call_on_close(reply.close)
        return response
    # Passed through as it is, a body is closed by the server, and the response is not.
    return Response(ClosingIterator(reply.body, reply.close), reply.status, headers, direct_passthrough=True)


def format_of(request: Request) -> str:
    """The format that the caller of this path reads errors in."""
    for start, format in READS.items():
        if request.path.startswith(start):
            return format
    return "anthropic_messages" if "anthropic-version" in request.headers else "openai_chat"


def problem_writer(ledger: Ledger) -> Any:
    """For `edge.problems`: writes the error, and the log row of a request that the relay never saw."""

    def write(problem: Problem, request: Request) -> AnyResponse:
        if not g.get("relayed") and request.method == "POST":
            ledger.refused(_row(problem, request))
        body = FORMATS[format_of(request)].render_error(problem)
        return Response(orjson.dumps(body), problem.status, mimetype="application/json")

    return write


def _row(problem: Problem, request: Request) -> dict[str, Any]:
    caller = g.get("caller")
    key = caller.key if caller is not None else None
    return {
        "id": current.request_id(),
        "method": request.method,
        "path": redact(request.path[:LONGEST_CLIENT])[:300],
        "endpoint": str(request.url_rule or ""),
        "format": format_of(request),
        "key_id": key.id if key else None,
        "key_name": key.name if key else None,
        "status": problem.status,
        "kind": problem.kind,
        "message": problem.message,
        "remedy": problem.remedy,
        "client": client_shown(request.headers.get("User-Agent", "")[:LONGEST_CLIENT]),
    }
