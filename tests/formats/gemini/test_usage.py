"""The laws of Gemini's counts and reasons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats import ir
from omniroute.formats.gemini.usage import (
    FINISH_REASONS,
    MISHAPS,
    STOP_REASONS,
    first_candidate,
    parts_of,
    read_block_reason,
    read_stop_reason,
    read_usage,
    write_usage,
)
from tests.formats.strategies import COUNT


@given(prompt=COUNT, candidates=COUNT, thoughts=COUNT, tools=COUNT, data=st.data())
def test_the_sum_is_the_total(prompt: int, candidates: int, thoughts: int, tools: int, data: st.DataObject) -> None:
    """Input has what the cache and the server's tools brought, output has the thoughts: together they are Google's total."""
    told = {"promptTokenCount": prompt, "candidatesTokenCount": candidates, "thoughtsTokenCount": thoughts}
    told |= {"toolUsePromptTokenCount": tools, "cachedContentTokenCount": data.draw(st.integers(0, prompt))}
    usage = read_usage(told)
    assert usage is not None
    assert (usage.input or 0) + (usage.output or 0) == prompt + candidates + thoughts + tools
    assert (usage.cached, usage.reasoning, usage.cache_write) == (told["cachedContentTokenCount"], thoughts, None)
    written = write_usage(usage)
    assert written["totalTokenCount"] == prompt + candidates + thoughts + tools
    assert written["candidatesTokenCount"] == candidates
    assert read_usage(written) == usage


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"promptTokenCount": "9"}, None),
        ({"promptTokenCount": 9, "totalTokenCount": 9}, ir.Usage(input=9)),
        ({"promptTokenCount": 0}, ir.Usage(input=0)),
        ({"thoughtsTokenCount": 4}, ir.Usage(output=4, reasoning=4)),
    ],
)
def test_what_was_not_told_is_not_known(told: Any, usage: ir.Usage | None) -> None:
    assert read_usage(told) == usage


def test_counts_that_were_not_told_are_zero_where_clients_read_them() -> None:
    assert write_usage(ir.Usage(reasoning=5)) == {
        "promptTokenCount": 0,
        "candidatesTokenCount": 0,
        "totalTokenCount": 0,
        "thoughtsTokenCount": 5,
    }


def test_each_stop_reason_has_a_word_and_each_word_a_stop_reason() -> None:
    for reason, word in FINISH_REASONS.items():
        assert read_stop_reason(word) in (reason, "end_turn", "max_tokens")
    assert not STOP_REASONS.keys() & set(MISHAPS)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "end_turn"),
        ("MAX_TOKENS", "max_tokens"),
        ("SAFETY", "refusal"),
        ("RECITATION", "refusal"),
        ("SPII", "refusal"),
        ("IMAGE_SAFETY", "refusal"),
        ("OTHER", "end_turn"),
        ("SOMETHING_NEW", "end_turn"),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("", None),
        (None, None),
        (1, None),
    ],
)
def test_finish_reasons(word: Any, reason: str | None) -> None:
    assert read_stop_reason(word) == reason


@pytest.mark.parametrize("document", [{}, {"candidates": None}, {"candidates": [5, {"index": 1}]}, {"candidates": {"0": {}}}])
def test_no_first_candidate(document: dict[str, Any]) -> None:
    assert first_candidate(document) is None
    assert parts_of(first_candidate(document)) == []


def test_a_block_reason_is_a_word() -> None:
    assert read_block_reason({"promptFeedback": {"blockReason": "SAFETY"}}) == "SAFETY"
    for feedback in (None, [], {}, {"blockReason": None}, {"blockReason": ""}):
        assert read_block_reason({"promptFeedback": feedback}) is None
