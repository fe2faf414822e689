"""Errors as Google's APIs write them: {"error": {"code", "message", "status", "details"}}.

Status names: https://ai.google.dev/gemini-api/docs/generate-content/api-errors; details: the messages of google.rpc in
https://cloud.google.com/apis/design/errors (read 2026-11-27). google-genai takes a chunk of a stream for an error only
if `error` is the first member.
"""

from __future__ import annotations

import re
from typing import Any

from omniroute.errors import Problem
from omniroute.formats.wording import message_of

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_STATUS_NAME = re.compile(r"[A-Z][A-Z_]+")
_RPC = "type.googleapis.com/google.rpc."


def render_error(problem: Problem) -> dict[str, Any]:
    """The upstream's status word for word where it gave one of Google's kind."""
    status = problem.type if problem.type is not None and _STATUS_NAME.fullmatch(problem.type) else None
    if status is None:
        status = _STATUSES.get(problem.status, "INTERNAL" if problem.status >= 500 else "INVALID_ARGUMENT")
    error = {"code": problem.status, "message": message_of(problem), "status": status, "details": _details(problem)}
    return {"error": error, "omniroute": problem.beside()}


def _details(problem: Problem) -> list[dict[str, Any]]:
    reason = str(problem.code) if problem.code is not None else problem.kind.upper()
    info: dict[str, Any] = {"@type": f"{_RPC}ErrorInfo", "reason": reason, "domain": "omniroute"}
    details = [info if problem.type is None else info | {"metadata": {"type": problem.type}}]
    if problem.param is not None:
        violation = {"field": problem.param, "description": problem.message}
        details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [violation]})
    if problem.retry_after is not None:  # gemini-cli waits as long as this says
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{problem.retry_after:g}s"})
    return details
