"""Errors in Google's form."""

from __future__ import annotations

import pytest

from omniroute.errors import Problem
from omniroute.formats.gemini.error import render_error


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "RESOURCE_EXHAUSTED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (418, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_each_status_has_googles_name(status: int, name: str) -> None:
    error = render_error(Problem(status, "some_class", "Oh."))["error"]
    assert (error["code"], error["status"], error["message"]) == (status, name, "Oh.")
    assert error["details"][0]["reason"] == "SOME_CLASS"


def test_the_upstreams_own_status_is_kept_and_another_formats_type_is_told_beside() -> None:
    assert render_error(Problem(400, "k", "m", type="FAILED_PRECONDITION"))["error"]["status"] == "FAILED_PRECONDITION"
    error = render_error(Problem(529, "k", "m", type="overloaded_error"))["error"]
    assert error["status"] == "UNAVAILABLE"
    assert error["details"][0]["metadata"] == {"type": "overloaded_error"}


def test_details_say_which_field_and_how_long_to_wait() -> None:
    error = render_error(Problem(429, "rate_limited", "slow", param="contents.0", retry_after=2.5))["error"]
    assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == ["ErrorInfo", "BadRequest", "RetryInfo"]
    assert error["details"][1]["fieldViolations"] == [{"field": "contents.0", "description": "slow"}]
    assert error["details"][2]["retryDelay"] == "2.5s"


def test_error_is_the_first_member_which_is_how_the_sdk_knows_it_in_a_stream() -> None:
    assert next(iter(render_error(Problem(500, "k", "m")))) == "error"
