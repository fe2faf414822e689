from __future__ import annotations

import pytest

from omniroute.errors import Problem
from omniroute.formats.anthropic_messages import render_error


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_the_type_that_anthropic_would_use(status: int, type: str) -> None:
    body = render_error(Problem(status, "any", "no", request_id="req-1"))
    assert body["error"] == {"type": type, "message": "no"}
    assert (body["type"], body["request_id"]) == ("error", "req-1")
