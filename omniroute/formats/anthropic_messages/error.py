"""Errors as Anthropic's API writes them: {"type": "error", "error": {"type", "message"}, "request_id"}.

Source: https://platform.claude.com/docs/en/api/errors (read 2026-11-22). anthropic-sdk-python picks its exception by the HTTP
status; of an error inside a stream it has only `error.type`.
"""

from __future__ import annotations

from typing import Any

from omniroute.errors import Problem
from omniroute.formats.wording import message_of, type_of

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def render_error(problem: Problem) -> dict[str, Any]:
    """The upstream's type word for word where it gave one; its code, param and details beside it."""
    kind = type_of(problem) or _TYPES.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
    error: dict[str, Any] = {"type": kind, "message": message_of(problem)}
    if problem.code is not None:
        error["code"] = problem.code
    if problem.param is not None:
        error["param"] = problem.param
    if problem.details is not None:
        error["details"] = dict(problem.details)
    return {"type": "error", "error": error, "request_id": problem.request_id, "omniroute": problem.beside()}
