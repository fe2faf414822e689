from __future__ import annotations

from typing import Any

import pytest

from omniroute.formats import ir
from omniroute.formats.openai_responses.usage import read_stop_reason, read_usage, write_incomplete, write_usage


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"input_tokens": "many", "input_tokens_details": 3}, None),
        ({"input_tokens": 0}, ir.Usage(input=0)),
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 15,
            },
            ir.Usage(10, 5, 4, 2, 3),
        ),
    ],
)
def test_counts_are_read(given: Any, told: ir.Usage | None) -> None:
    assert read_usage(given) == told


def test_every_count_is_written() -> None:
    """codex and the SDK's types need both details with their counts, and a total that is the sum."""
    zero = write_usage(None)
    assert zero == {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }
    assert write_usage(ir.Usage(10, 5, 4))["total_tokens"] == 15
    assert write_usage(ir.Usage(10, 5, 4))["input_tokens_details"]["cached_tokens"] == 4


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "max_tokens"),
        ({"reason": "content_filter"}, "refusal"),
        ({"reason": "steered"}, "max_tokens"),
        ({"reason": []}, "max_tokens"),
        (None, "max_tokens"),
    ],
)
def test_why_a_response_is_incomplete(details: Any, reason: str) -> None:
    assert read_stop_reason({"incomplete_details": details}, "incomplete") == reason
    assert read_stop_reason({"incomplete_details": details}, "completed") == "end_turn"


@pytest.mark.parametrize(
    ("reason", "details"),
    [
        ("end_turn", None),
        ("tool_use", None),
        ("stop_sequence", None),
        ("pause_turn", None),
        ("max_tokens", {"reason": "max_output_tokens"}),
        ("model_context_window_exceeded", {"reason": "max_output_tokens"}),
        ("refusal", {"reason": "content_filter"}),
    ],
)
def test_what_a_stop_reason_is_here(reason: ir.StopReason, details: dict[str, str] | None) -> None:
    assert write_incomplete(reason) == details
