"""The items of an answer, as a whole answer and a stream both hold them: items -> parts, and what parts are written with.

Source: types of openai-python 3.54.0, responses/response_output_item.py (read 2026-11-27).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from omniroute.formats import ir
from omniroute.formats.openai_responses.usage import NAME
from omniroute.formats.reasoning import seal, unseal, unseal_call

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
TEXTS: dict[str, tuple[ir.PartKind, str]] = {
    "output_text": ("text", "text"),
    "text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
}


def new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


def text_in(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def dicts_in(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = holder.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# Items -> parts -------------------------------------------------------------------------


def read_items(items: Iterable[dict[str, Any]]) -> Iterator[ir.AnyPart]:
    """What the items of an output say. A call that another format had signed has its signature in an item before it."""
    signed: dict[str, Any] = {}
    for item in items:
        if sealed := call_signature(item):
            signed = sealed
            continue
        for part in read_item(item):
            if signed and isinstance(part, ir.ToolCall):
                part, signed = replace(part, **signed), {}
            yield part


def call_signature(item: Mapping[str, Any]) -> dict[str, Any]:
    """The two members of the call that comes next, from what this gateway wrote before it; nothing from any other item."""
    sealed = unseal_call(text_in(item, "encrypted_content")) if item.get("type") == "reasoning" else None
    return {} if sealed is None else {"signature": sealed[0], "origin": sealed[1]}


def read_item(item: dict[str, Any]) -> Iterator[ir.AnyPart]:
    """What one item of an output says. Empty texts and reasoning without anything in it say nothing."""
    kind = text_in(item, "type")
    if kind == "message":
        for part in dicts_in(item, "content"):
            yield from _content(part)
    elif kind == "reasoning":
        reasoning = read_reasoning(reasoning_text(item), text_in(item, "encrypted_content"))
        if reasoning is not None:
            yield reasoning
    elif kind in CALLS:
        yield ir.ToolCall(call_id(item), text_in(item, "name"), call_text(item), custom=kind == "custom_tool_call")
    elif kind:
        yield ir.Opaque(NAME, item)


def read_reasoning(text: str, blob: str) -> ir.Reasoning | None:
    """A blob that this gateway made of another format's is that one again. One of OpenAI's is the signature of the text
    that it stands with, else data: a stream tells it only after the text."""
    sealed = unseal(text, blob)
    if sealed is not None:
        return sealed
    if not blob:
        return ir.Reasoning(text) if text else None
    return ir.Reasoning(text, signature=blob, origin=NAME) if text else ir.Reasoning("", data=blob, origin=NAME)


def reasoning_text(item: Mapping[str, Any]) -> str:
    """The summary, then the reasoning itself, which only open models tell."""
    parts = [*dicts_in(item, "summary"), *dicts_in(item, "content")]
    return "\n\n".join(text for part in parts if (text := text_in(part, "text")))


def call_id(item: Mapping[str, Any]) -> str:
    return text_in(item, "call_id") or text_in(item, "id") or new_id("call")


def call_text(item: Mapping[str, Any]) -> str:
    """A call's arguments or input; some upstreams send the object itself."""
    given = item.get(CALLS[text_in(item, "type")])
    if isinstance(given, dict | list):
        return orjson.dumps(given).decode()
    return given if isinstance(given, str) else ""


def read_citation(annotation: dict[str, Any]) -> ir.Citation:
    return ir.Citation(NAME, annotation, text_in(annotation, "url") or None, text_in(annotation, "title") or None)


def _content(part: dict[str, Any]) -> Iterator[ir.AnyPart]:
    kind, name = TEXTS.get(text_in(part, "type"), ("text", "text"))
    text = text_in(part, name)
    if text and kind == "refusal":
        yield ir.Refusal(text)
    elif text:
        yield ir.Text(text, citations=tuple(map(read_citation, dicts_in(part, "annotations"))))


# Parts -> items -------------------------------------------------------------------------


def write_blob(part: ir.Reasoning) -> str:
    """What goes in `encrypted_content`, which clients send back untouched: what is not OpenAI's stands there sealed."""
    if part.origin == NAME:
        return part.signature or part.data or ""
    return seal(part)


def write_annotation(citation: ir.Citation, start: int, end: int) -> dict[str, Any] | None:
    """Its own as it came, another format's as a url_citation for the text from `start` to `end`; None without a URL."""
    if citation.origin == NAME:
        return dict(citation.document)
    if citation.url is None:
        return None
    title = citation.title or citation.url
    return {"type": "url_citation", "start_index": start, "end_index": end, "url": citation.url, "title": title}


def sealed_part(item: Mapping[str, Any]) -> ir.PartStarted | None:
    """The start of a reasoning part whose data another format sealed; None for all else."""
    sealed = unseal("", text_in(item, "encrypted_content"))
    if sealed is None or sealed.data is None:
        return None
    return ir.PartStarted(0, "reasoning", data=sealed.data, origin=sealed.origin)
