from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats.ir import Effort, Reasoning
from omniroute.formats.reasoning import BUDGETS, budget_for, effort_for, fitting, seal, unseal
from tests.formats.strategies import BLOB


@given(st.sampled_from(sorted(BUDGETS)), st.integers(0, 200_000))
def test_a_budget_is_at_least_1024_and_leaves_room_for_an_answer(effort: Effort, max_tokens: int) -> None:
    budget = budget_for(effort, max_tokens)
    assert (budget is None) == (max_tokens <= 1024)
    assert budget is None or 1024 <= budget < max_tokens


@pytest.mark.parametrize(("effort", "budget"), [("minimal", 1024), ("low", 1024), ("medium", 8192), ("high", 24576)])
def test_with_room_enough_the_budget_is_the_published_one(effort: Effort, budget: int) -> None:
    assert budget_for(effort, 200_000) == budget


def test_no_effort_is_no_budget() -> None:
    assert budget_for("none", 200_000) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_callers_own_budget_is_moved_only_as_far_as_needed(budget: int, max_tokens: int) -> None:
    fitted = fitting(budget, max_tokens)
    assert fitted == budget or not 1024 <= budget < max_tokens


@pytest.mark.parametrize(("budget", "effort"), [(0, "none"), (1024, "low"), (5000, "medium"), (20000, "high"), (31999, "high")])
def test_a_budget_is_read_as_an_effort_that_every_model_knows(budget: int, effort: Effort) -> None:
    assert effort_for(budget) == effort


@given(BLOB, st.sampled_from([None, "openai_responses", "gemini"]), st.booleans())
def test_a_sealed_blob_comes_back_as_what_it_was(blob: str, origin: str | None, data: bool) -> None:
    part = Reasoning("hm", data=blob, origin=origin) if data else Reasoning("hm", signature=blob, origin=origin)
    assert unseal("hm", seal(part)) == part


def test_another_signature_is_not_unsealed() -> None:
    assert unseal("hm", "EqQBCgIYAhIM") is None
    assert seal(Reasoning("hm")) == ""
