"""Errors as OpenAI's API writes them: {"error": {"message", "type", "param", "code"}}.

Source: https://platform.openai.com/docs/guides/error-codes and openai-python 3.54.0, which picks its exception by the
HTTP status and shows `message`, `type`, `param` and `code` of the inner object (read 2026-11-22).
"""

from __future__ import annotations

from typing import Any

from omniroute.errors import Problem
from omniroute.formats.wording import message_of, type_of

_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_CODES_BY_STATUS = {401: "invalid_api_key", 402: "insufficient_quota", 429: "rate_limit_exceeded"}
# Codes that clients act on, by failure class (codex stops retrying on both; read 2026-11-22).
_CODES_BY_CLASS = {"context_too_long": "context_length_exceeded", "quota_exhausted": "insufficient_quota"}


def render_error(problem: Problem) -> dict[str, Any]:
    """The upstream's type, code and param word for word where it gave them; a code that repeats the status is none."""
    kind = type_of(problem)
    if kind is None:
        quota = problem.kind == "quota_exhausted"
        kind = "insufficient_quota" if quota else _TYPES.get(problem.status, _family(problem.status))
    code = problem.code
    if code is None or code == problem.status:
        code = _CODES_BY_CLASS.get(problem.kind) or _CODES_BY_STATUS.get(problem.status) or code
    error = {"message": message_of(problem), "type": kind, "param": problem.param, "code": code}
    return {"error": error, "omniroute": problem.beside()}


def _family(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"
