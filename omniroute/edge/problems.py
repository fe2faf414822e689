"""Every failure becomes one `Problem`, and every Problem one answer in the words of the surface that it is on.

The path's text chooses the words only: `/v1` has each client's format (the api blueprint renders), `/api` has
{"error": {"message", "code", "details": [{"field", "message"}]}}, everything else is a page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from html import escape

import orjson
from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import BadHost, HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as NoSuchPath
from werkzeug.wrappers import Response as AnyResponse

from omniroute.clock import Clock
from omniroute.edge.declarations import BadInput, camel
from omniroute.errors import (
    WENT_WRONG,
    BodyTooLarge,
    DatabaseAway,
    NotFound,
    OperationError,
    Problem,
    RequestError,
    VaultError,
    with_request,
)

ClientProblem = Callable[[Problem, Request], AnyResponse]
PageProblem = Callable[[Problem], AnyResponse]

log = logging.getLogger(__name__)

EXPECTED = (RequestError, OperationError, VaultError, HTTPException)
# What to do with a body that is too large, where MAX_BODY_MB has no say.
BY_HAND = "Restore a file of that size on the server: python -m omniroute import-config <file>"
INSTEAD = dict.fromkeys(("/api/settings/import", "/dashboard/settings/backup/preview"), BY_HAND)
AWAY = "The gateway's database can't be used right now. Try again in a moment."
VAULT_REMEDY = "Start with the STORAGE_ENCRYPTION_KEY that it was stored under, or type the API key in anew."


def install(app: Flask, clock: Clock, client: ClientProblem, page: PageProblem) -> None:
    """Catch everything that a view or the gate raises. `client` writes errors on `/v1`, `page` those on pages."""

    def answer(error: Exception) -> AnyResponse:
        if isinstance(error, HTTPException) and error.response is not None:
            return error.response  # type: ignore[return-value]
        g.setdefault("request_id", clock.new_id())
        problem = with_request(problem_of(error), g.request_id)
        if problem.status >= 500 and not isinstance(error, EXPECTED):
            log.error("request %s failed: %s %s", g.request_id, request.method, request.url_rule, exc_info=error)
        response = _written(problem, error, client, page)
        for name, value in problem.headers.items():
            response.headers[name] = value
        if problem.retry_after is not None:
            response.headers.setdefault("Retry-After", str(max(1, round(problem.retry_after))))
        return response

    app.register_error_handler(Exception, answer)


def problem_of(error: Exception) -> Problem:
    """What the caller may know about `error`: of an unexpected one only that it happened."""
    if isinstance(error, RequestError):
        return error.problem()
    if isinstance(error, OperationError):
        retry_after = getattr(error, "retry_after", None)
        return Problem(status=error.status, kind=error.code, message=_told(error), retry_after=retry_after)
    if isinstance(error, VaultError):
        return Problem(500, "secret_unreadable", "A stored secret can't be read with the keys at hand.", VAULT_REMEDY)
    if isinstance(error, NoSuchPath):
        return NotFound(f"There is nothing at {request.path[:200]}.").problem()
    if isinstance(error, RequestEntityTooLarge):
        remedy = INSTEAD.get(request.url_rule.rule) if request.url_rule is not None else None
        return BodyTooLarge("The request's body is too large.", remedy=remedy).problem()
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return Problem(
            405, "method_not_allowed", f"{request.method} isn't served here.", f"Use {allowed}.", headers={"Allow": allowed}
        )
    if isinstance(error, HTTPException):
        status = error.code or 500
        return Problem(status, error.name.lower().replace(" ", "_"), error.description or error.name)
    return RequestError(WENT_WRONG).problem()


def _told(error: OperationError) -> str:
    """What a database says of itself is for who manages the gateway. Anybody else reads that it is away; the log has more."""
    if not isinstance(error, DatabaseAway) or "actor" in g:
        return error.message
    log.warning("request %s: %s", g.get("request_id", ""), error.message)
    return AWAY


def json_problem(problem: Problem, details: Mapping[str, str] | None = None) -> Response:
    """The error of the management API. `details` maps the field, as the caller spells it, to what is wrong with it."""
    message = " ".join(part for part in (problem.message, problem.remedy) if part)
    if problem.status >= 500:
        message = f"{message} (request {problem.request_id})"
    told = [{"field": name, "message": text} for name, text in (details or {}).items()]
    body = {"error": {"message": message, "code": problem.kind, "details": told}}
    return Response(orjson.dumps(body), problem.status, mimetype="application/json")


def bare_page(problem: Problem) -> Response:
    """A page without any dress, for when the dashboard isn't there to draw one."""
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{problem.status}</title><h1>{escape(problem.message)}</h1>"
        f"<p>{escape(problem.remedy)}</p><p>Request {escape(problem.request_id)}</p>"
    )
    return Response(text, problem.status, mimetype="text/html")


def _written(problem: Problem, error: Exception, client: ClientProblem, page: PageProblem) -> AnyResponse:
    path = request.path
    if path.startswith(("/v1/", "/v1beta/")):
        return client(problem, request)
    if path.startswith("/api/") or path in ("/healthz", "/readyz", "/metrics"):
        return json_problem(problem, _details(error))
    # A Host such as "." has no address to link to, and a page with its dress is made of links.
    return bare_page(problem) if isinstance(request.routing_exception, BadHost) else page(problem)


def _details(error: Exception) -> Mapping[str, str]:
    """Operations speak of fields as they are stored, the API as it spells them; BadInput already speaks the API's way."""
    if isinstance(error, BadInput):
        return error.fields
    if isinstance(error, OperationError):
        return {camel(name): text for name, text in error.fields.items()}
    if isinstance(error, RequestError) and error.param:
        return {error.param: error.message}
    return {}
