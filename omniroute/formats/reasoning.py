"""Effort and budget: two ways to ask for reasoning, and how one is read as the other.

OpenAI's formats name an effort, older Claude and Gemini models take a budget in tokens. Google publishes the budgets
behind the efforts of its own OpenAI-compatible endpoint: minimal and low 1,024, medium 8,192, high 24,576
(https://ai.google.dev/gemini-api/docs/openai, read 2026-11-22). No vendor publishes xhigh and max; here they go on in
steps of about one half. OpenRouter bounds the budget to a share of max_tokens, 0.8 for high
(https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11-22), so that room is left for the answer: so do we.
"""

from __future__ import annotations

from omniroute.formats.fields import Fields
from omniroute.formats.ir import Effort, Reasoning, ReasoningAsk

BUDGETS: dict[Effort, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 49152}
LEAST_BUDGET = 1024  # Anthropic: "Must be >=1024 and less than max_tokens" (messages API reference)
_SHARE = 0.8


def read_display(thinking: Fields) -> str | None:
    """`thinking.display`. Clients ask for kinds that come with new betas; one that is not known here is named as left out."""
    display = thinking.text("display")
    if display is None or display in ("summarized", "omitted"):
        return display
    thinking.unread.append(thinking.at("display"))
    return None


def budget_for(effort: Effort, max_tokens: int) -> int | None:
    """The budget for an effort, within 1024 <= budget < max_tokens; None if there is no such number, or no effort."""
    if effort == "none":
        return None
    return fitting(min(BUDGETS[effort], int(max_tokens * _SHARE)), max_tokens)


def fitting(budget: int, max_tokens: int) -> int | None:
    """`budget` moved into 1024 <= budget < max_tokens; None if there is no such number."""
    if max_tokens <= LEAST_BUDGET:
        return None
    return max(LEAST_BUDGET, min(budget, max_tokens - 1))


def effort_for(budget: int) -> Effort:
    """Low, medium or high, whichever budget is nearest. The others are never chosen: many models refuse them."""
    if budget <= 0:
        return "none"
    common: tuple[Effort, ...] = ("low", "medium", "high")
    return min(common, key=lambda effort: abs(BUDGETS[effort] - budget))


def effort_asked(ask: ReasoningAsk) -> tuple[Effort | None, str]:
    """For an upstream that knows efforts only: the effort to name, or None; and what to say of it if it is not what was asked."""
    if ask.effort is None and ask.budget is not None and ask.mode != "disabled":
        effort = effort_for(ask.budget)
        return effort, f"as effort {effort}"
    if ask.effort is not None and not (ask.mode == "disabled" and ask.effort != "none"):
        return ask.effort, ""
    return None, "left to the model"


# Opaque blobs in a foreign place ----------------------------------------------------------
#
# A Messages client has one place for reasoning that it returns untouched: the signature of a thinking block. A blob of
# another format goes there with its kind and origin before it, and is found again when the block comes back.

_MARK = "omniroute:"


# How a sealed blob begins as a JSON text, plain and as base64.
_SEALS = (b'"omniroute:', b'"b21uaXJvdXRlO')


def holds_seal(raw: bytes) -> bool:
    """Whether a body carries another format's blob: it would be refused by an upstream that is sent it untouched."""
    return any([mark in raw for mark in _SEALS])  # noqa: C419 - a generator costs three times as much


def seal(part: Reasoning) -> str:
    """The signature or the data of a part as one text; "" if it has neither."""
    if part.signature is not None:
        return f"{_MARK}signature:{part.origin or ''}:{part.signature}"
    return "" if part.data is None else f"{_MARK}data:{part.origin or ''}:{part.data}"


def seal_call(signature: str, origin: str | None) -> str:
    """The signature of a tool call, for the place of reasoning that stands right before the call."""
    return f"{_MARK}call:{origin or ''}:{signature}"


def unseal_call(text: str) -> tuple[str, str | None] | None:
    """(signature, origin) from what `seal_call` made; None for anything else."""
    kind = f"{_MARK}call:"
    if not text.startswith(kind):
        return None
    origin, _, signature = text[len(kind) :].partition(":")
    return signature, origin or None


def unseal(text: str, signature: str) -> Reasoning | None:
    """The part whose blob `seal` made `signature` of; None if it was not made so."""
    if not signature.startswith(_MARK):
        return None
    kind, _, rest = signature[len(_MARK) :].partition(":")
    origin, _, blob = rest.partition(":")
    if kind == "data":
        return Reasoning(text, data=blob, origin=origin or None)
    return Reasoning(text, signature=blob, origin=origin or None)
