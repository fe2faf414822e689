"""`thinkingConfig`: a level (Gemini 3 and later) or a budget in tokens (2.5), never both, and whether thoughts are shown.

Sources, read 2026-11-27: https://ai.google.dev/gemini-api/docs/thinking (0 turns it off, which 2.5 Pro does not take; -1
leaves it to the model; Gemini 3 can't be told not to think) and https://ai.google.dev/gemini-api/docs/openai (efforts as
levels and budgets). Every model with levels takes LOW and HIGH, most take MEDIUM, few MINIMAL and XHIGH.
"""

from __future__ import annotations

import re
from typing import Any, cast

from omniroute.formats import ir
from omniroute.formats.gemini.members import Members
from omniroute.formats.gemini.usage import NAME
from omniroute.formats.reasoning import BUDGETS, budget_for, effort_for
from omniroute.formats.wording import Dropped

_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
_LEVEL_FOR: dict[ir.Effort, str] = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_NEAREST: dict[ir.Effort, str] = {"none": "LOW", "minimal": "LOW", "xhigh": "HIGH", "max": "HIGH"}
_WITH_BUDGET = re.compile(r"(.*/)?gemini-(1|2)\b")
_MOST, _LEAST_PRO = 24576, 128  # tokens: what 2.5 Flash takes at most, and 2.5 Pro at least


def takes_budget(request: ir.Request) -> bool:
    """Whether the model is of before Gemini 3; its name tells where provider data does not."""
    if request.target.thinking is not None:
        return request.target.thinking == "budget"
    return _WITH_BUDGET.match(request.model.lower()) is not None


def read_thinking(config: Members) -> ir.ReasoningAsk | None:
    given = config.inner("thinkingConfig")
    if given is None:
        return None
    shown, budget = given.flag("includeThoughts"), given.integer("thinkingBudget", least=-1)
    level = given.word("thinkingLevel", _LEVELS)
    given.done()
    mode: Any = None if budget is None else {0: "disabled", -1: "adaptive"}.get(budget, "enabled")
    effort = None if level is None else cast(ir.Effort, level.lower())
    ask = ir.ReasoningAsk(mode, effort, budget if mode == "enabled" else None, None if shown is None else not shown)
    return None if ask == ir.ReasoningAsk() else ask


def write_thinking(request: ir.Request, dropped: Dropped) -> dict[str, Any]:
    """The `thinkingConfig`, {} for none. A caller who asks for reasoning sees it, unless it was asked to be left out."""
    ask, name = request.reasoning, request.name_of("reasoning")
    if ask is None:
        return {}
    if request.target.reasoning is False:
        dropped.add(name)
        return {}
    if request.origin == NAME:
        return _own(ask)
    off = ask.mode == "disabled" or ask.effort == "none"
    config = _budget(request, ask, off, name, dropped) if takes_budget(request) else _level(ask, off, name, dropped)
    return config if off else config | {"includeThoughts": not ask.exclude}


def _own(ask: ir.ReasoningAsk) -> dict[str, Any]:
    budget = {"disabled": 0, "adaptive": -1}.get(ask.mode or "", ask.budget)
    config = {
        "includeThoughts": None if ask.exclude is None else not ask.exclude,
        "thinkingBudget": budget,
        "thinkingLevel": None if ask.effort is None else ask.effort.upper(),
    }
    return {name: value for name, value in config.items() if value is not None}


def _level(ask: ir.ReasoningAsk, off: bool, name: str, dropped: Dropped) -> dict[str, Any]:
    effort = "none" if off else ask.effort
    if effort is None and ask.budget is not None:
        effort = effort_for(ask.budget)
        dropped.add(name, f"as level {_LEVEL_FOR.get(effort, 'LOW')}")
    if effort is None:
        return {}
    if effort in _NEAREST:
        dropped.add(name, f"as level {_NEAREST[effort]}")
    return {"thinkingLevel": _LEVEL_FOR.get(effort) or _NEAREST[effort]}


def _budget(request: ir.Request, ask: ir.ReasoningAsk, off: bool, name: str, dropped: Dropped) -> dict[str, Any]:
    least = _LEAST_PRO if "-pro" in request.model.lower() else 0
    if off:
        if least:
            dropped.add(name, f"budget {least}")
        return {"thinkingBudget": least}
    if ask.budget is None and ask.effort is None:
        return {"thinkingBudget": -1}
    if ask.budget is not None:
        budget = max(least, min(ask.budget, _MOST))
        if budget != ask.budget:
            dropped.add(name, f"budget {budget}")
        return {"thinkingBudget": budget}
    effort = ask.effort or "medium"
    fitting = budget_for(effort, request.max_tokens) if request.max_tokens is not None else BUDGETS[effort]
    if fitting is None:  # thoughts count as output: without room for both there would be no answer
        dropped.add(name, f"budget {least}")
        return {"thinkingBudget": least}
    budget = min(fitting, _MOST)
    if effort_for(budget) != effort:
        dropped.add(name, f"budget {budget}")
    return {"thinkingBudget": budget}
