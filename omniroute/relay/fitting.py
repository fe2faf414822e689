"""A combo's request, fitted to each target: a limit that is higher than the target allows, or a parameter that it refuses,
would make the next target fail for no reason of its own. What is changed is named.

A plain model gets the request as the client wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from omniroute.providers.traits import traits
from omniroute.providers.values import Traits
from omniroute.relay.ask import Ask
from omniroute.routing.route import Target


@dataclass(frozen=True, slots=True)
class Names:
    """What a format calls them, inside its member `within` ("" for the top)."""

    limits: tuple[str, ...]
    sampling: tuple[str, ...]
    reasoning: tuple[str, ...]
    within: str = ""


NAMES: dict[str, Names] = {
    "openai_chat": Names(("max_tokens", "max_completion_tokens"), ("temperature", "top_p"), ("reasoning_effort", "reasoning")),
    "openai_completions": Names(("max_tokens",), ("temperature", "top_p"), ()),
    "openai_responses": Names(("max_output_tokens",), ("temperature", "top_p"), ("reasoning",)),
    "anthropic_messages": Names(("max_tokens",), ("temperature", "top_p", "top_k"), ("thinking",)),
    "gemini": Names(("maxOutputTokens",), ("temperature", "topP", "topK"), ("thinkingConfig",), "generationConfig"),
}
LEAST_BUDGET = 1024  # Anthropic's smallest thinking budget (platform.claude.com, extended thinking; read 2026-11-27)


def fitted(ask: Ask, target: Target) -> tuple[Ask, tuple[str, ...]]:
    """`ask` as `target` takes it, and what was changed or left out for that; `ask` itself where nothing was."""
    names = NAMES.get(ask.format)
    if names is None or ask.service:
        return ask, ()
    given = ask.document.get(names.within) if names.within else ask.document
    if not isinstance(given, Mapping):
        return ask, ()
    native = ask.format == target.provider.format
    members, changed = _changed(given, names, traits(target.provider, target.model), native)
    if not changed:
        return ask, ()
    document = {**ask.document, names.within: members} if names.within else members
    where = f"{names.within}." if names.within else ""
    return replace(ask, document=document, body=orjson.dumps(document)), tuple(where + each for each in changed)


def _changed(given: Mapping[str, Any], names: Names, known: Traits, native: bool) -> tuple[dict[str, Any], list[str]]:
    """A translated body is rendered without what the target refuses; a native one has to lose it here."""
    members, changed = dict(given), []
    most = known.max_output
    for name in names.limits:
        asked = members.get(name)
        if most is not None and type(asked) is int and asked > most:
            members[name] = most
            changed.append(f"{name} ({most} at most)")
    refused = [*(names.sampling if known.sampling is False else ()), *(names.reasoning if known.reasoning is False else ())]
    for name in refused if native else ():
        if members.get(name) is not None:
            del members[name]
            changed.append(name)
    _fit_budget(members, names)
    return members, changed


def _fit_budget(members: dict[str, Any], names: Names) -> None:
    """Anthropic wants a thinking budget below the limit."""
    thinking, limit = members.get("thinking"), members.get(names.limits[0])
    if not isinstance(thinking, dict) or type(limit) is not int or type(thinking.get("budget_tokens")) is not int:
        return
    if thinking["budget_tokens"] >= limit > LEAST_BUDGET:
        members["thinking"] = {**thinking, "budget_tokens": limit - 1}
