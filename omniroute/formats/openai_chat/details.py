"""Reasoning in Chat messages: `reasoning_content` for people, `reasoning_details` for the way back.

`reasoning_content` is DeepSeek's name (https://api-docs.deepseek.com/guides/reasoning_model), `reasoning_details` and its entry
types are OpenRouter's (https://openrouter.ai/docs/use-cases/reasoning-tokens; both read 2026-11-22). OpenAI has neither.
An entry is written whole, once its part is closed, and only for reasoning that carries a signature or sealed data: that is
what a client has to send back. The text stands in it a second time, because a signature without its text is worth nothing.

A signature of Gemini's is in `extra_content.google.thought_signature`: of the tool call that it signs, or of the message (in
a stream the delta) if it signs the text, as Google's own OpenAI-compatible endpoint has it
(https://ai.google.dev/gemini-api/docs/thought-signatures, read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from omniroute.formats import ir

NAME = "openai_chat"

_ORIGINS = {
    "anthropic-claude-v1": "anthropic_messages",
    "openai-responses-v1": "openai_responses",
    "google-gemini-v1": "gemini",
}
_TAGS = {origin: tag for tag, origin in _ORIGINS.items()}


def read_details(details: Iterable[Any], text: str) -> list[ir.Reasoning]:
    """The reasoning of a message: from its details, and from its plain `text` if they hold none."""
    parts: list[ir.Reasoning] = []
    last: Any = None
    for detail in details:
        part = read_detail(detail)
        if part is None:
            continue
        index = detail.get("index")
        # a client that only collected a stream's fragments sends them like that
        if parts and index is not None and index == last and _joinable(parts[-1], part):
            parts[-1] = replace(part, text=parts[-1].text + part.text)
        else:
            parts.append(part)
        last = index
    if text and not any(part.text for part in parts):
        parts.insert(0, ir.Reasoning(text))
    return parts


def read_detail(detail: Any) -> ir.Reasoning | None:
    """One entry; None if there is nothing in it."""
    if not isinstance(detail, Mapping):
        return None
    tag = detail.get("format")
    origin = _ORIGINS.get(tag) if isinstance(tag, str) else None
    data, signature = detail.get("data"), detail.get("signature")
    text = detail.get("summary") if detail.get("type") == "reasoning.summary" else detail.get("text")
    if isinstance(data, str) and data:
        return ir.Reasoning("", data=data, origin=origin)
    signature = signature if isinstance(signature, str) and signature else None
    text = text if isinstance(text, str) else ""
    if not text and signature is None:
        return None
    if signature is not None and origin is None:
        origin = "anthropic_messages"  # no other upstream signs text
    return ir.Reasoning(text, signature=signature, origin=origin if signature is not None else None)


def write_details(part: ir.Reasoning, first: int) -> list[dict[str, Any]]:
    """The entries for one part, numbered from `first`; none without signature and data."""
    entries: list[dict[str, Any]] = []
    tag = _TAGS.get(part.origin or "", "unknown")
    if part.signature is not None:
        entries.append({"type": "reasoning.text", "text": part.text, "signature": part.signature})
    if part.data is not None:
        entries.append({"type": "reasoning.encrypted", "data": part.data})
    return [{**entry, "format": tag, "index": first + number} for number, entry in enumerate(entries)]


def read_signature(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The two members of an ir part that Google's `extra_content` decides."""
    signature: Any = holder
    for name in ("extra_content", "google", "thought_signature"):
        signature = signature.get(name) if isinstance(signature, Mapping) else None
    return {"signature": signature, "origin": "gemini"} if isinstance(signature, str) and signature else {}


def write_signature(part: ir.ToolCall | ir.PartStarted | ir.Reasoning) -> dict[str, Any]:
    """The member for it; nothing without a signature of Gemini's."""
    if part.signature is None or part.origin != "gemini":
        return {}
    return {"extra_content": {"google": {"thought_signature": part.signature}}}


def signs_text(part: ir.AnyPart) -> bool:
    """Gemini's signature without a thought is that of the text before it."""
    return isinstance(part, ir.Reasoning) and not part.text and part.signature is not None and part.origin == "gemini"


def text_signature(message: Mapping[str, Any]) -> list[ir.Reasoning]:
    """The part that holds the signature of a message's text, or no part."""
    signed = read_signature(message)
    return [ir.Reasoning("", **signed)] if signed else []


def _joinable(earlier: ir.Reasoning, later: ir.Reasoning) -> bool:
    return earlier.signature is None and earlier.data is None and later.data is None
