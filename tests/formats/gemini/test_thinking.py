"""Efforts, budgets and levels."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.gemini.members import Members
from omniroute.formats.gemini.thinking import read_thinking, takes_budget, write_thinking
from omniroute.formats.wording import Dropped


def written(model: str, ask: ir.ReasoningAsk | None, **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    dropped = Dropped()
    request = ir.Request(model, (), reasoning=ask, **{"origin": "openai_chat", **more})
    return write_thinking(request, dropped), dropped.names()


@pytest.mark.parametrize(
    ("model", "thinking", "old"),
    [
        ("gemini-2.5-flash", None, True),
        ("google/gemini-2.5-pro", None, True),
        ("gemini-3.8-flash", None, False),
        ("gemini-4-argon", None, False),
        ("gemini-20", None, False),
        ("mine", None, False),
        ("mine", "budget", True),
        ("gemini-2.5-flash", "level", False),
    ],
)
def test_data_tells_which_form_a_model_takes_else_its_name(model: str, thinking: Any, old: bool) -> None:
    assert takes_budget(ir.Request(model, (), target=ir.Target(thinking=thinking))) is old


SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("ask", "config", "named"),
    [
        (None, {}, ()),
        (ir.ReasoningAsk(effort="low"), {"thinkingLevel": "LOW"} | SHOWN, ()),
        (ir.ReasoningAsk(effort="medium"), {"thinkingLevel": "MEDIUM"} | SHOWN, ()),
        (ir.ReasoningAsk(effort="high", exclude=True), {"thinkingLevel": "HIGH", "includeThoughts": False}, ()),
        (ir.ReasoningAsk(effort="minimal"), {"thinkingLevel": "LOW"} | SHOWN, ("reasoning (as level LOW)",)),
        (ir.ReasoningAsk(effort="max"), {"thinkingLevel": "HIGH"} | SHOWN, ("reasoning (as level HIGH)",)),
        (ir.ReasoningAsk("disabled", "none"), {"thinkingLevel": "LOW"}, ("reasoning (as level LOW)",)),
        (ir.ReasoningAsk("disabled"), {"thinkingLevel": "LOW"}, ("reasoning (as level LOW)",)),
        (ir.ReasoningAsk("enabled", budget=9000), {"thinkingLevel": "MEDIUM"} | SHOWN, ("reasoning (as level MEDIUM)",)),
        (ir.ReasoningAsk("enabled", budget=0), {"thinkingLevel": "LOW"} | SHOWN, ("reasoning (as level LOW)",)),
        (ir.ReasoningAsk("adaptive"), SHOWN, ()),
    ],
)
def test_levels(ask: ir.ReasoningAsk | None, config: dict[str, Any], named: tuple[str, ...]) -> None:
    assert written("gemini-3.8-flash", ask) == (config, named)


@pytest.mark.parametrize(
    ("model", "ask", "more", "config", "named"),
    [
        ("gemini-2.5-flash", ir.ReasoningAsk(effort="low"), {}, {"thinkingBudget": 1024} | SHOWN, ()),
        ("gemini-2.5-flash", ir.ReasoningAsk(effort="high"), {}, {"thinkingBudget": 24576} | SHOWN, ()),
        (
            "gemini-2.5-flash",
            ir.ReasoningAsk(effort="max"),
            {},
            {"thinkingBudget": 24576} | SHOWN,
            ("reasoning (budget 24576)",),
        ),
        (
            "gemini-2.5-flash",
            ir.ReasoningAsk(effort="high"),
            {"max_tokens": 4000},
            {"thinkingBudget": 3200} | SHOWN,
            ("reasoning (budget 3200)",),
        ),
        (
            "gemini-2.5-pro",
            ir.ReasoningAsk(effort="high"),
            {"max_tokens": 500},
            {"thinkingBudget": 128} | SHOWN,
            ("reasoning (budget 128)",),
        ),
        ("gemini-2.5-flash", ir.ReasoningAsk("disabled"), {}, {"thinkingBudget": 0}, ()),
        ("gemini-2.5-pro", ir.ReasoningAsk("disabled"), {}, {"thinkingBudget": 128}, ("reasoning (budget 128)",)),
        ("gemini-2.5-flash", ir.ReasoningAsk("enabled", budget=5000), {}, {"thinkingBudget": 5000} | SHOWN, ()),
        (
            "gemini-2.5-flash",
            ir.ReasoningAsk("enabled", budget=90000),
            {},
            {"thinkingBudget": 24576} | SHOWN,
            ("reasoning (budget 24576)",),
        ),
        ("gemini-2.5-flash", ir.ReasoningAsk("adaptive"), {}, {"thinkingBudget": -1} | SHOWN, ()),
    ],
)
def test_budgets(model: str, ask: ir.ReasoningAsk, more: dict[str, Any], config: dict[str, Any], named: tuple[str, ...]) -> None:
    assert written(model, ask, **more) == (config, named)


def test_a_model_that_takes_no_reasoning_field_gets_none() -> None:
    target = ir.Target(reasoning=False)
    assert written("gemini-3.8-flash", ir.ReasoningAsk(effort="low"), target=target) == ({}, ("reasoning",))


@pytest.mark.parametrize(
    ("config", "ask"),
    [
        ({"thinkingBudget": 0}, ir.ReasoningAsk("disabled")),
        ({"thinkingBudget": -1, "includeThoughts": True}, ir.ReasoningAsk("adaptive", exclude=False)),
        ({"thinkingBudget": 512}, ir.ReasoningAsk("enabled", budget=512)),
        ({"thinkingLevel": "HIGH"}, ir.ReasoningAsk(effort="high")),
        ({"includeThoughts": False}, ir.ReasoningAsk(exclude=True)),
        ({}, None),
    ],
)
def test_a_clients_own_config_is_read_and_comes_back(config: dict[str, Any], ask: ir.ReasoningAsk | None) -> None:
    assert read_thinking(Members({"thinkingConfig": config})) == ask
    assert written("gemini-3.8-flash", ask, origin="gemini") == (config, ())


def test_words_are_read_in_any_case_and_unknown_ones_refused() -> None:
    assert read_thinking(Members({"thinking_config": {"thinking_level": "low"}})) == ir.ReasoningAsk(effort="low")
    assert read_thinking(Members({"thinkingConfig": {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}})) is None
    with pytest.raises(BadRequest, match=r"'thinkingConfig\.thinkingLevel' must be one of MINIMAL, LOW"):
        read_thinking(Members({"thinkingConfig": {"thinkingLevel": "deep"}}))
