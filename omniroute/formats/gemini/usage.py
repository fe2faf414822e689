"""Token counts and finish reasons as Gemini writes them.

`promptTokenCount` INCLUDES `cachedContentTokenCount`; `candidatesTokenCount` EXCLUDES `thoughtsTokenCount`, and
`toolUsePromptTokenCount`, what the server's own tools brought in, is in neither: `totalTokenCount` is the sum of the four.
Counts of a stream are cumulative. Source: https://ai.google.dev/api/generate-content and google-genai 3.6.1 (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.formats import ir
from omniroute.formats.counts import count

NAME = "gemini"

STOP_REASONS: dict[str, ir.StopReason] = {
    "STOP": "end_turn",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "pause_turn",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "MODEL_ARMOR": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
}
# Ends that are mishaps: with nothing said before them there is no answer.
MISHAPS = (
    "OTHER",
    "LANGUAGE",
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "IMAGE_OTHER",
    "NO_IMAGE",
)
FINISH_REASONS: dict[ir.StopReason, str] = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "pause_turn": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "refusal": "SAFETY",
}


def read_stop_reason(finish_reason: Any) -> ir.StopReason | None:
    """None without one; a word that is not known is a plain end."""
    if not isinstance(finish_reason, str) or finish_reason in ("", "FINISH_REASON_UNSPECIFIED"):
        return None
    return STOP_REASONS.get(finish_reason, "end_turn")


def read_block_reason(document: Mapping[str, Any]) -> str | None:
    """Why the prompt was blocked, None if it was not: then there are no candidates."""
    feedback = document.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    return reason if isinstance(reason, str) and reason else None


def first_candidate(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of several candidates only the first is read."""
    candidates = document.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict) and not candidate.get("index"):
            return candidate
    return None


def parts_of(candidate: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    content = candidate.get("content") if candidate is not None else None
    parts = content.get("parts") if isinstance(content, Mapping) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def read_usage(usage: Any) -> ir.Usage | None:
    """None if there is no count in it."""
    if not isinstance(usage, Mapping):
        return None
    thoughts, cached = count(usage, "thoughtsTokenCount"), count(usage, "cachedContentTokenCount")
    total = _sum(count(usage, "promptTokenCount"), count(usage, "toolUsePromptTokenCount"))
    output = _sum(count(usage, "candidatesTokenCount"), thoughts)
    if total is None and output is None and cached is None:
        return None
    return ir.Usage(input=total, output=output, cached=cached, reasoning=thoughts)


def write_usage(usage: ir.Usage) -> dict[str, Any]:
    """What was not told is 0 in the three members that every client reads, and left out elsewhere."""
    prompt, output = usage.input or 0, usage.output or 0
    written = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": max(0, output - (usage.reasoning or 0)),
        "totalTokenCount": prompt + output,
    }
    if usage.cached is not None:
        written["cachedContentTokenCount"] = usage.cached
    if usage.reasoning is not None:
        written["thoughtsTokenCount"] = usage.reasoning
    return written


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
