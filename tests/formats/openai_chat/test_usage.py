from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from omniroute.formats.ir import Usage
from omniroute.formats.openai_chat.usage import read_stop_reason, read_usage, write_usage
from tests.formats.strategies import JSON, OBJECT, USAGE


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}, Usage(5, 2)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 0}}, Usage(5, None, 0)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 1}, Usage(5, None, 4)),
        ({"prompt_tokens": 5, "cached_tokens": 4}, Usage(5, None, 4)),
        ({"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens_details": []}, Usage(5)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3}}, Usage(9, None, 2, 3)),
        ({"completion_tokens": -1}, Usage(None, 0)),
        ({"prompt_tokens": 5.0}, Usage(5)),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
        ({"prompt_tokens": True}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_counts_as_upstreams_tell_them(told: Any, usage: Usage | None) -> None:
    assert read_usage(told) == usage


@given(USAGE)
def test_counts_come_back_as_they_were(usage: Usage) -> None:
    assert read_usage(write_usage(usage)) == usage


@given(OBJECT, JSON)
def test_no_usage_object_makes_it_fail(told: dict[str, Any], word: Any) -> None:
    read_usage(told)
    read_stop_reason(word)


def test_a_finish_reason_that_nobody_knows_is_an_end_and_an_empty_one_is_none() -> None:
    assert (read_stop_reason("eos"), read_stop_reason(""), read_stop_reason(None)) == ("end_turn", None, None)
