"""A log row as spans: names of the conventions, its own times, and nothing of what was said."""

from __future__ import annotations

import pytest

from omniroute.edge.tiers import TIERS, Tier
from omniroute.observe.spans import OPERATIONS, PROVIDERS, attempt_spans, request_span
from omniroute.providers.catalog import Catalog
from tests.observe.conftest import AT, attempt, refused, row

SECRET = "sk-or-canary-0123456789abcdef"


def test_a_request_is_described_in_the_words_of_the_conventions() -> None:
    span = request_span(row(streamed=True, combo="fast", step_id="step-1", reasoning_tokens=3))
    assert (span.name, span.began, span.ended, span.failed) == ("chat chat/large", AT, AT + 0.905, False)
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "chat",
        "gen_ai.request.model": "chat/large",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "large",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.3,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "omniroute.request_id": "a-request",
        "omniroute.combo": "fast",
        "omniroute.step_id": "step-1",
        "omniroute.usage_source": "reported",
        "omniroute.cost_micro_dollars": 1_234,
    }


def test_what_is_not_known_is_left_out() -> None:
    attributes = request_span(row(input_tokens=None, cost=None, finish=None, first_ms=None)).attributes
    absent = {"gen_ai.usage.input_tokens", "omniroute.cost_micro_dollars", "gen_ai.response.finish_reasons"}
    assert not attributes.keys() & (absent | {"gen_ai.response.model", "gen_ai.request.stream", "error.type"})


@pytest.mark.parametrize(
    ("status", "kind", "failed"),
    [
        (200, "ok", False),
        (200, "stream_cut", True),
        (502, "upstream_empty", True),
        (429, "rate_limited", False),
        (499, "client_gone", False),
    ],
)
def test_when_a_request_has_failed(status: int, kind: str, failed: bool) -> None:
    span = request_span(row(status=status, kind=kind))
    assert span.failed is failed
    assert span.attributes.get("error.type") == (None if kind == "ok" else kind)


def test_each_attempt_has_its_own_times() -> None:
    failed = attempt("gemini/pro", at_ms=5, ms=40, kind="overloaded", status=529)
    first, second = attempt_spans(row(attempts=[failed, attempt(at_ms=50, ms=850)]))
    assert (first.name, first.failed) == ("chat pro", True)
    assert (first.began, first.ended) == pytest.approx((AT + 0.005, AT + 0.045), abs=1e-6)
    assert first.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "pro",
        "http.response.status_code": 529,
        "error.type": "overloaded",
        "omniroute.connection": "first",
    }
    assert (second.name, second.failed) == ("chat large", False)
    assert (second.began, second.ended) == pytest.approx((AT + 0.05, AT + 0.9), abs=1e-6)
    assert not any(name.startswith("gen_ai.usage") for name in second.attributes), "tokens would be summed up twice"


def test_a_refused_request_is_a_moment() -> None:
    span = request_span(refused())
    assert (span.name, span.began, span.ended) == ("chat", AT, AT)
    assert span.attributes["error.type"] == "unauthorized" and span.attributes["http.response.status_code"] == 401
    nowhere = request_span(refused(endpoint="", kind="not_found", status=404))
    assert nowhere.name == "POST" and "gen_ai.operation.name" not in nowhere.attributes
    assert attempt_spans(refused()) == []


def test_no_words_of_an_upstream_no_host_and_no_secret_get_in() -> None:
    said = "the prompt was: tell me about canaries"
    failed = attempt(kind="bad_request", message=said, detail="refused by private-host.lan:8080")
    given = row(
        kind="bad_request",
        status=400,
        message=said,
        remedy=said,
        requested_model=f"chat/{SECRET}",
        attempts=[failed],
        client=said,
    )
    for span in (request_span(given), *attempt_spans(given)):
        text = f"{span.name} {span.attributes}"
        for word in ("canar", "prompt was", "private-host"):
            assert word not in text
    assert request_span(given).attributes["gen_ai.request.model"] == "chat/sk-or-***"


def test_a_name_as_long_as_a_book_is_cut() -> None:
    assert len(request_span(row(requested_model="x " * 5000)).name) < 400


def test_each_endpoint_has_its_operation() -> None:
    """GET routes tell of what is kept, and count nothing; those below a response's id likewise."""
    asked = {
        line for line, tier in TIERS.items() if tier is Tier.CLIENT and "/models" not in line and "<response_id>" not in line
    }
    assert asked | {"/v1beta/models/<path:call>"} == OPERATIONS.keys()


def test_only_known_providers_are_called_otherwise(catalog: Catalog) -> None:
    assert PROVIDERS.keys() <= {provider.prefix for provider in catalog.all()}
