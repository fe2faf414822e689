"""What stays the same while a conversation goes on, as a short digest: requests of one digest have one beginning.

An upstream's prompt cache holds beginnings of prompts, by account. Who sends the same beginning to the same account pays less
and waits less; see `cache-optimized` in routing/strategies.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

OPENING = 256  # characters of a prompt that is one growing text
# What is sent with a text, and moves on or changes from one turn to the next. Anthropic's pages on prompt caching: a client moves
# its mark to the last message; Claude Code's first system block names the version and a hash of the prompt (2.1.197, 2026-11-22).
MARKS = frozenset({"cache_control"})
ATTRIBUTION = "x-anthropic-billing-header:"
DEEPEST_MARK = 6  # levels below a message: a mark on a part of a tool's result is the deepest that there is


def prompt_prefix(document: Any, format: str) -> str:
    """32 hex digits for the beginning of the request's prompt; "" where there is none, or nobody knows where to look.

    The caller's own `prompt_cache_key` counts alone; else what instructs the model, its tools, and all up to the end of the
    user's first message. Never raises, whatever the document holds.
    """
    if not isinstance(document, Mapping):
        return ""
    key = document.get("prompt_cache_key")
    if isinstance(key, str) and key:
        return _digest(["key", key])
    find = BEGINNINGS.get(format)
    beginning = find(document) if find is not None else []
    return _digest(["text", *(_unmarked(part) for part in beginning)]) if any(beginning) else ""


def _openai_chat(document: Mapping[str, Any]) -> list[Any]:
    return [document.get("tools"), document.get("functions"), _opening(document.get("messages"))]


def _anthropic_messages(document: Mapping[str, Any]) -> list[Any]:
    system = document.get("system")
    if isinstance(system, list):
        system = [block for block in system if not _attribution(block)]
    return [document.get("tools"), system, _opening(document.get("messages"))]


def _openai_responses(document: Mapping[str, Any]) -> list[Any]:
    asked = document.get("input")
    return [document.get("tools"), document.get("instructions"), asked if isinstance(asked, str) else _opening(asked)]


def _gemini(document: Mapping[str, Any]) -> list[Any]:
    system = document.get("systemInstruction") or document.get("system_instruction")
    return [document.get("tools"), system, _opening(document.get("contents"))]


def _openai_completions(document: Mapping[str, Any]) -> list[Any]:
    prompt = document.get("prompt")
    while isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list):
        prompt = prompt[0]
    return [prompt[:OPENING] if isinstance(prompt, str | list) else None]


# By the names of the formats; the completions are spoken by clients alone.
BEGINNINGS: dict[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "openai_chat": _openai_chat,
    "anthropic_messages": _anthropic_messages,
    "openai_responses": _openai_responses,
    "gemini": _gemini,
    "openai_completions": _openai_completions,
}


def _opening(turns: Any) -> list[Any]:
    """The turns up to the first one of the user's; all of them if there is none. Gemini lets the role be left out."""
    if not isinstance(turns, list):
        return []
    for index, turn in enumerate(turns):
        if isinstance(turn, Mapping) and turn.get("role", "user" if "parts" in turn else None) == "user":
            return turns[: index + 1]
    return turns


def _attribution(block: Any) -> bool:
    text = block.get("text") if isinstance(block, Mapping) else None
    return isinstance(text, str) and text.startswith(ATTRIBUTION)


def _unmarked(value: Any, levels: int = DEEPEST_MARK) -> Any:
    """The same without the marks."""
    if levels and isinstance(value, list):
        return [_unmarked(each, levels - 1) for each in value]
    if levels and isinstance(value, Mapping):
        return {name: _unmarked(each, levels - 1) for name, each in value.items() if name not in MARKS}
    return value


def _digest(parts: list[Any]) -> str:
    """Nothing for what can't be JSON: it never came from a client."""
    try:
        written = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return ""
    return hashlib.blake2b(written, digest_size=16).hexdigest()
