from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from omniroute.formats.anthropic_messages.usage import read_stop_reason, read_usage, write_usage
from omniroute.formats.ir import Usage
from tests.formats.strategies import JSON, OBJECT, USAGE


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, Usage(5, 2)),
        ({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}, Usage(125, None, 100, 20)),
        ({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}, Usage(0, 0, 0)),
        ({"output_tokens": 7}, Usage(None, 7)),
        (
            {"output_tokens": 7, "input_tokens": None, "output_tokens_details": {"thinking_tokens": 3}},
            Usage(None, 7, None, None, 3),
        ),
        ({"input_tokens": -4}, Usage(0)),
        ({"input_tokens": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_counts_as_upstreams_tell_them(told: Any, usage: Usage | None) -> None:
    assert read_usage(told) == usage


@given(USAGE)
def test_counts_come_back_as_they_were(usage: Usage) -> None:
    assert read_usage(write_usage(usage)) == usage


def test_input_excludes_the_cache_and_is_never_below_zero() -> None:
    assert write_usage(Usage(125, 1, 100, 20))["input_tokens"] == 5
    assert write_usage(Usage(50, 1, 100, 20))["input_tokens"] == 0


def test_both_totals_are_always_there() -> None:
    assert write_usage(None) == write_usage(Usage()) == {"input_tokens": 0, "output_tokens": 0}


@given(OBJECT, JSON)
def test_no_usage_object_makes_it_fail(told: dict[str, Any], word: Any) -> None:
    read_usage(told)
    read_stop_reason(word)
