from __future__ import annotations

import pytest

from omniroute.errors import Problem, Unauthorized
from omniroute.formats.openai_chat import render_error


@pytest.mark.parametrize(
    ("status", "kind", "type", "code"),
    [
        (400, "bad_request", "invalid_request_error", None),
        (400, "context_too_long", "invalid_request_error", "context_length_exceeded"),
        (401, "unauthorized", "invalid_request_error", "invalid_api_key"),
        (403, "forbidden", "permission_error", None),
        (404, "not_found", "invalid_request_error", None),
        (413, "body_too_large", "request_too_large", None),
        (429, "rate_limited", "rate_limit_error", "rate_limit_exceeded"),
        (429, "quota_exhausted", "insufficient_quota", "insufficient_quota"),
        (500, "internal_error", "server_error", None),
        (502, "upstream_not_json", "server_error", None),
        (504, "server_error", "timeout_error", None),
        (529, "overloaded", "overloaded_error", None),
    ],
)
def test_type_and_code_that_openai_would_use(status: int, kind: str, type: str, code: str | None) -> None:
    error = render_error(Problem(status, kind, "no"))["error"]
    assert error == {"message": "no", "type": type, "param": None, "code": code}


def test_a_failure_of_our_own() -> None:
    body = render_error(Unauthorized("The key is not known.").problem())
    assert body["error"]["message"].startswith("The key is not known. (Make a key")
    assert body["omniroute"] == {"request_id": "", "class": "unauthorized", "remedy": Unauthorized.remedy, "attempts": []}
