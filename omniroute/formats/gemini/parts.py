"""Parts as Gemini writes them, in a request's model turns and in answers alike.

Source: https://ai.google.dev/api/caching#Part and google-genai 3.6.1 (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omniroute.formats import ir
from omniroute.formats.arguments import object_of
from omniroute.formats.gemini.signature import write_signature
from omniroute.formats.gemini.usage import NAME


def write_part(part: ir.AnyPart) -> dict[str, Any] | None:
    """None for a part that Gemini has no place for, and for one that says nothing."""
    match part:
        case ir.Text() | ir.Refusal():
            return {"text": part.text} if part.text else None
        case ir.Reasoning():
            return write_reasoning(part)
        case ir.ToolCall():
            return write_call(part)
        case ir.Opaque() if part.origin == NAME:
            return dict(part.document)
    return None


def write_reasoning(part: ir.Reasoning) -> dict[str, Any] | None:
    """A signature of Gemini's own without a text is that of the text before it: it comes as an empty text then."""
    signature = write_signature(part)
    if not part.text and not signature:
        return None
    written: dict[str, Any] = {"text": part.text}
    if part.text or part.origin != NAME:
        written["thought"] = True
    if signature:
        written["thoughtSignature"] = signature
    return written


def write_call(part: ir.ToolCall) -> dict[str, Any]:
    call: dict[str, Any] = {"id": part.id, "name": part.name, "args": object_of(part)}
    written: dict[str, Any] = {"functionCall": call}
    if part.signature is not None and part.origin == NAME:
        written["thoughtSignature"] = part.signature
    return written


def write_citations(citations: Iterable[ir.Citation]) -> dict[str, Any]:
    """The members of a candidate that tell its sources: its own as they came, other formats' as grounding chunks."""
    own: dict[str, Any] = {}
    chunks: list[dict[str, Any]] = []
    for citation in citations:
        if citation.origin == NAME:
            own |= citation.document
        elif citation.url is not None:
            chunks.append({"web": {"uri": citation.url, "title": citation.title or citation.url}})
    return own or ({"groundingMetadata": {"groundingChunks": chunks}} if chunks else {})
