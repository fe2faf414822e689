"""What a failed attempt means, row by row, and the arithmetic of hints."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.errors import (
    AddressRefused,
    StreamCut,
    StreamStalled,
    UpstreamEmpty,
    UpstreamError,
    UpstreamErrorEvent,
    UpstreamNetwork,
    UpstreamNotJson,
    UpstreamRedirect,
    UpstreamStatus,
)
from omniroute.providers import catalog
from omniroute.providers.catalog import FAILURE_KINDS
from omniroute.routing.failures import ROWS, RULES, classify, hint

NOW = 1_800_000_000.0


def answered(status: int, message: str = "", headers: dict[str, str] | None = None, **inner: Any) -> UpstreamStatus:
    return UpstreamStatus(status, headers or {}, orjson.dumps({"error": {"message": message, **inner}}))


CASES: list[tuple[UpstreamError, str, int]] = [
    (answered(400, "messages: too short"), "bad_request", 400),
    (answered(413, "too big"), "bad_request", 413),
    (answered(422, "what"), "bad_request", 422),
    (answered(400, "prompt is too long: 9 tokens > 8 maximum"), "context_too_long", 400),
    (answered(400, "x", code="context_length_exceeded"), "context_too_long", 400),
    (answered(400, "Unsupported parameter: 'max_tokens'", code="unsupported_parameter"), "unsupported_param", 400),
    (answered(400, "tools.0.x: Extra inputs are not permitted"), "unsupported_param", 400),
    (answered(400, "flagged", code="content_policy_violation"), "content_blocked", 400),
    (answered(401, "invalid x-api-key"), "upstream_auth_error", 502),
    (answered(403, "Your API key was revoked", type="invalid_api_key"), "upstream_auth_error", 502),
    (answered(401, "This organization has been deactivated"), "account_banned", 502),
    (answered(402, "pay"), "quota_exhausted", 429),
    (answered(429, "You exceeded your current quota", code="insufficient_quota"), "quota_exhausted", 429),
    (answered(400, "Your credit balance is too low to access the API"), "quota_exhausted", 429),
    (answered(403, "you have no access to this model"), "model_not_in_plan", 403),
    (answered(404, "model: claude-x"), "model_not_found", 404),
    (answered(404, "nothing here"), "client_error", 404),
    (answered(429, "slow down"), "rate_limited", 429),
    (answered(503, "later"), "overloaded", 503),
    (answered(529, "later"), "overloaded", 529),
    (answered(500, "later", type="overloaded_error"), "overloaded", 500),
    (answered(500, "oops"), "server_error", 500),
    (answered(408, "oops"), "server_error", 408),
    (answered(418, "tea"), "client_error", 418),
    (UpstreamStatus(403, {}, b"<html><title>Attention</title>"), "upstream_not_json", 502),
    (UpstreamStatus(500, {}, b"<html>oops"), "server_error", 500),
    (UpstreamErrorEvent({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), "overloaded", 529),
    (UpstreamErrorEvent({"error": {"code": 429, "message": "x"}}), "rate_limited", 429),
    (UpstreamErrorEvent({"error": {"message": "x"}}), "server_error", 502),
    (UpstreamNetwork("refused", "h", 1, "x"), "network_error", 502),
    (UpstreamNetwork("timeout", "h", 1, "x"), "network_error", 504),
    (AddressRefused("h", "10.0.0.1", "private"), "address_refused", 502),
    (UpstreamRedirect(302, "elsewhere"), "upstream_redirect", 502),
    (UpstreamNotJson(200, "text/html", "Just a moment"), "upstream_not_json", 502),
    (UpstreamEmpty("x"), "upstream_empty", 502),
    (StreamCut("x"), "stream_cut", 502),
    (StreamStalled("x"), "stream_stalled", 504),
]


@pytest.mark.parametrize(
    ("error", "kind", "status"), CASES, ids=[f"{kind}-{status}-{number}" for number, (_, kind, status) in enumerate(CASES)]
)
def test_classes(error: UpstreamError, kind: str, status: int) -> None:
    failure = classify(error, now=NOW)
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.message and failure.remedy


def test_the_upstreams_words_are_kept() -> None:
    failure = classify(answered(400, "a message", type="a_type", code="a_code", param="a.param"))
    assert (failure.message, failure.told.type, failure.told.code, failure.told.param) == (
        "a message",
        "a_type",
        "a_code",
        "a.param",
    )


def test_words_without_an_answer_name_no_host() -> None:
    for error, *_ in CASES:
        if not isinstance(error, UpstreamStatus | UpstreamErrorEvent):
            assert "10.0.0.1" not in classify(error).message and "elsewhere" not in classify(error).message


def test_a_providers_rows_come_first() -> None:
    rows = catalog.load().failure_sets["new_api"]
    rejected = answered(403, "unauthorized client detected, contact support", type="unauthorized_client_error")
    outside = answered(403, "not in your plan", type="unauthorized_client_error")
    assert classify(rejected, rows, succeeded=True).kind == "relay_client_rejected"
    assert classify(outside, rows, succeeded=False).kind == "relay_client_rejected"
    assert (classify(outside, rows, succeeded=True).kind, classify(outside, rows, succeeded=True).status) == (
        "model_not_in_plan",
        403,
    )
    beside = UpstreamStatus(403, {}, b'{"type":"unauthorized_client_error","error":{"message":"no"}}')
    assert classify(beside, rows).kind == "relay_client_rejected"
    blocked = classify(UpstreamStatus(400, {}, b'{"error":{"code":"content-blocked","type":"agent_router_api_error"}}'), rows)
    assert (blocked.kind, blocked.status, blocked.rule.again) == ("content_blocked", 400, "other_provider")


def test_every_class_has_a_rule() -> None:
    assert {kind for kind, *_ in ROWS} <= RULES.keys()
    assert set(FAILURE_KINDS) <= RULES.keys()
    assert all(rule.remedy for rule in RULES.values())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7.5"}, 7.5),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Wed, nonsense"}, None),
    ],
)
def test_hints(headers: dict[str, str], seconds: float | None) -> None:
    assert hint(headers, NOW) == seconds


def test_a_wait_in_the_body_counts_where_no_header_states_one() -> None:
    """Google's 429; a client such as Codex repeats it only if it is told when."""
    body = b'{"error":{"code":429,"message":"Slow down.","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"34.07s"}]}}'
    waits = [
        classify(UpstreamStatus(429, headers, body), (), succeeded=True, now=NOW).retry_after
        for headers in ({}, {"retry-after": "7"})
    ]
    assert waits == [34.07, 7.0]


@given(st.integers(400, 999), st.binary(max_size=60), st.booleans())
def test_any_answer_has_a_class(status: int, body: bytes, succeeded: bool) -> None:
    failure = classify(UpstreamStatus(status, {}, body), catalog.load().failure_sets["new_api"], succeeded=succeeded)
    assert failure.kind in RULES and 400 <= failure.status <= 599
