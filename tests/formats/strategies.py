"""Hypothesis strategies for answers, requests and JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from hypothesis import strategies as st

from omniroute.formats import ir
from omniroute.formats.answer import Answer

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SOME_TEXT = TEXT.filter(lambda text: bool(text.strip()))
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
BLOB = st.from_regex(r"[A-Za-z0-9+/]{1,40}={0,2}", fullmatch=True)
COUNT = st.integers(0, 10**7)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(NAME, JSON, max_size=4)
ARGUMENTS = OBJECT.map(lambda document: orjson.dumps(document).decode())


# Answers --------------------------------------------------------------------------------


def _usage(draw: st.DrawFn) -> ir.Usage:
    cached, cache_write = draw(st.none() | COUNT), draw(st.none() | COUNT)
    output = draw(COUNT)
    total = draw(COUNT) + (cached or 0) + (cache_write or 0)
    return ir.Usage(total, output, cached, cache_write, draw(st.none() | st.integers(0, output)))


USAGE = st.composite(_usage)()
TEXT_PART = st.builds(ir.Text, SOME_TEXT)
CALL = st.builds(ir.ToolCall, NAME.map(lambda name: f"call_{name}"), NAME, ARGUMENTS)
PLAIN_REASONING = st.builds(ir.Reasoning, SOME_TEXT)
SIGNED_REASONING = st.builds(ir.Reasoning, TEXT, signature=BLOB, origin=st.just("anthropic_messages"))
SEALED_REASONING = st.builds(ir.Reasoning, st.just(""), data=BLOB, origin=st.just("anthropic_messages"))
REASONING = SIGNED_REASONING | SEALED_REASONING
SIGNED_CALL = st.builds(
    ir.ToolCall, NAME.map(lambda name: f"call_{name}"), NAME, ARGUMENTS, signature=BLOB, origin=st.just("gemini")
)
CUSTOM_CALL = st.builds(ir.ToolCall, NAME.map(lambda name: f"call_{name}"), NAME, SOME_TEXT, custom=st.just(True))
SIGNED_BY_OPENAI = st.builds(ir.Reasoning, SOME_TEXT, signature=BLOB, origin=st.just("openai_responses")) | st.builds(
    ir.Reasoning, st.just(""), data=BLOB, origin=st.just("openai_responses")
)
# What a client of the format sends back, where the format's own upstream takes no other's.
OWN_REASONING = {"gemini": st.builds(ir.Reasoning, SOME_TEXT, signature=BLOB, origin=st.just("gemini")) | PLAIN_REASONING}


def answers(*parts: st.SearchStrategy[ir.AnyPart]) -> st.SearchStrategy[Answer]:
    """Finished answers of such parts, with the stop reason that fits them."""

    def finished(draw: st.DrawFn) -> Answer:
        made = tuple(draw(st.lists(st.one_of(*parts), max_size=5)))
        calls = any(isinstance(part, ir.ToolCall) for part in made)
        reason = "tool_use" if calls else draw(st.sampled_from(["end_turn", "max_tokens", "refusal"]))
        return Answer("id_1", "model-x", 1700000000, made, draw(USAGE), reason)

    return st.composite(finished)()


def as_responses_tells_it(answer: Answer) -> Answer:
    """Texts, and refusals, that follow one another are one; a count that was not told is zero."""
    parts: list[ir.AnyPart] = []
    for part in answer.parts:
        if not (isinstance(part, ir.Text | ir.Refusal) and parts and type(part) is type(parts[-1])):
            parts.append(part)
    told = answer.usage or ir.Usage()
    usage = replace(told, cached=told.cached or 0, cache_write=told.cache_write or 0, reasoning=told.reasoning or 0)
    return replace(answer, parts=tuple(parts), usage=usage)


def as_gemini_tells_it(answer: Answer) -> Answer:
    """Texts, and thoughts, that follow one another are one; nothing is written to a cache."""
    parts: list[ir.AnyPart] = []
    for part in answer.parts:
        if isinstance(part, ir.ToolCall) or not parts or type(part) is not type(parts[-1]):
            parts.append(part)
    usage = None if answer.usage is None else replace(answer.usage, cache_write=None)
    return replace(answer, parts=tuple(parts), usage=usage)


# Requests -------------------------------------------------------------------------------

CACHE = st.none() | st.builds(ir.CacheMark, st.sampled_from([None, "5m", "1h"]))
IMAGE_SOURCE = st.builds(ir.Source, st.just("base64"), BLOB, st.sampled_from(["image/png", "image/jpeg"])) | st.builds(
    ir.Source, st.just("url"), NAME.map(lambda name: f"https://example.com/{name}.png")
)
PDF = st.builds(ir.Source, st.just("base64"), BLOB, st.just("application/pdf"))
TOOL = st.builds(
    ir.Tool, NAME, st.none() | TEXT, OBJECT.map(lambda inner: {"type": "object", "properties": inner}), st.none() | st.booleans()
)
CHOICE = st.none() | st.builds(ir.ToolChoice, st.sampled_from(["auto", "none", "required"]))
FORMAT = st.none() | st.builds(ir.ResponseFormat, st.just("json_schema"), OBJECT)

USER_PART = st.one_of(
    st.builds(ir.Text, SOME_TEXT, cache=CACHE),
    st.builds(ir.Image, IMAGE_SOURCE, cache=CACHE),
    st.builds(ir.Document, PDF, NAME, cache=CACHE),
)


def conversations(reasoning: st.SearchStrategy[ir.Reasoning]) -> st.SearchStrategy[tuple[ir.Message, ...]]:
    """Turns as an agent has them: a system text, then user, assistant with calls, results in another order, and so on."""

    def turns(draw: st.DrawFn) -> tuple[ir.Message, ...]:
        made = [ir.Message("system", (ir.Text(draw(SOME_TEXT)),))] if draw(st.booleans()) else []
        made.append(ir.Message("user", tuple(draw(st.lists(USER_PART, min_size=1, max_size=3)))))
        for turn in range(draw(st.integers(0, 3))):
            thoughts = draw(st.lists(reasoning, max_size=1))
            texts = [ir.Text(text) for text in draw(st.lists(SOME_TEXT, max_size=1))]
            names = draw(st.lists(NAME, max_size=3))
            calls = [ir.ToolCall(f"call_{turn}_{number}", name, draw(ARGUMENTS)) for number, name in enumerate(names)]
            if not (texts or calls):
                texts = [ir.Text(draw(SOME_TEXT))]
            made.append(ir.Message("assistant", (*thoughts, *texts, *calls)))
            results = [ir.ToolResult(call.id, (ir.Text(draw(SOME_TEXT)),)) for call in draw(st.permutations(calls))]
            said = draw(st.lists(USER_PART, min_size=0 if results else 1, max_size=2))
            made.append(ir.Message("user", (*results, *said)))
        return tuple(made)

    return st.composite(turns)()


def as_gemini_asks_it(request: ir.Request) -> ir.Request:
    """Without what Gemini has no place for: cache marks, titles of documents, strict tools, a user. The URL says the rest."""
    messages: list[ir.Message] = []
    for message in request.messages:
        parts = (replace(part, cache=None) for part in message.parts)
        bare = (replace(part, title=None) if isinstance(part, ir.Document) else part for part in parts)
        messages.append(replace(message, parts=tuple(bare)))
    tools = tuple(replace(tool, strict=None) for tool in request.tools if isinstance(tool, ir.Tool))
    return replace(request, model="", stream=False, user=None, messages=tuple(messages), tools=tools)


def malformed(document: Any) -> st.SearchStrategy[Any]:
    """`document` with any one value in it replaced by any JSON, or any one member taken away."""

    def broken(draw: st.DrawFn) -> Any:
        paths = list(_paths(document))
        if not paths:
            return document
        path = draw(st.sampled_from(paths))
        return _replaced(document, path, draw(JSON), draw(st.booleans()))

    return st.composite(broken)()


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _replaced(value: Any, path: tuple[str | int, ...], new: Any, remove: bool) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = path[0]
    if len(path) > 1:
        copy[key] = _replaced(copy[key], path[1:], new, remove)
    elif remove and isinstance(copy, dict):
        del copy[key]
    else:
        copy[key] = new
    return copy
