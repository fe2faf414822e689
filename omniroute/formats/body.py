"""Request bodies as bytes: read them once, and change a member without touching the rest.

The native lane sends a body on as it came, so key order, white space, number spellings and unknown fields survive.
Only the bytes of one top-level member are replaced.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from omniroute.errors import BadRequest
from omniroute.formats.depth import DEEPEST, MOST_VALUES, STRING, too_deep, too_many

LONGEST_MODEL = 1000  # characters of a name that is asked for: it is compared with all that there are

# One token that matters for finding top-level members: a whole string, or one structural byte. Strings are taken
# whole, so a bracket inside a string is never seen.
_TOKEN = re.compile(STRING + rb"|[{}\[\],:]", re.DOTALL)
_MODEL_KEY = re.compile(rb'"model"\s*:\s*(' + STRING + rb")", re.DOTALL)


def read_body(raw: bytes) -> dict[str, Any]:
    """The body as a dict. Raises BadRequest when it is empty, no JSON, no object, nested too deep, or has too much in it."""
    if not raw.strip():
        raise BadRequest("The request has no body; send a JSON object.")
    if too_many(raw):
        raise BadRequest(f"The body has more than {MOST_VALUES:,} values.")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"The body is not valid JSON: {exc}.") from exc
    if not isinstance(document, dict):
        raise BadRequest(f"The body must be a JSON object, not {_kind(document)}.")
    if too_deep(document):
        raise BadRequest(f"The body is nested more than {DEEPEST} levels deep.")
    return document


def read_model(document: dict[str, Any]) -> str:
    """The `model` member. Raises BadRequest when it is missing, empty or no text."""
    model = document.get("model")
    if model is None:
        raise BadRequest("'model' is missing: name the model to ask, such as 'agentrouter/claude-opus-4-6'.", param="model")
    if not isinstance(model, str) or not model.strip():
        raise BadRequest("'model' must be a text that is not empty.", param="model")
    if len(model) > LONGEST_MODEL:
        raise BadRequest(f"'model' may have at most {LONGEST_MODEL} characters.", param="model")
    return model


def read_stream(document: dict[str, Any]) -> bool:
    """The `stream` member; absent and null mean no."""
    stream = document.get("stream")
    if stream is None:
        return False
    if not isinstance(stream, bool):
        raise BadRequest("'stream' must be true or false.", param="stream")
    return stream


def replace_model(raw: bytes, model: str) -> bytes:
    """`raw` with the value of its top-level `model` replaced, every other byte as it came.

    Raises BadRequest when `model` stands twice at the top level: then two readers could see two models.
    """
    encoded = orjson.dumps(model)
    if b"\\u00" not in raw:  # no key can be spelled with escapes
        found = _MODEL_KEY.search(raw)
        if found is not None and raw.find(b'"model"', found.start() + 7) < 0:
            return raw[: found.start(1)] + encoded + raw[found.end(1) :]
    start, end = _only_member(raw, "model")
    return raw[:start] + encoded + raw[end:]


def rename_model(raw: bytes, sent: str, asked: str) -> bytes:
    """`raw`, an answer or a first event, with the model's name as the client wrote it, where it says what was sent."""
    found = re.search(rb'"model"\s*:\s*' + re.escape(orjson.dumps(sent)), raw)
    if found is None:
        return raw
    end = found.end() - len(orjson.dumps(sent))
    return raw[:end] + orjson.dumps(asked) + raw[found.end() :]


def with_stream_usage(raw: bytes, document: dict[str, Any]) -> bytes:
    """`raw` asking for usage at the end of a Chat stream, if it does not already."""
    options = document.get("stream_options")
    if isinstance(options, dict):
        if options.get("include_usage") is True:
            return raw
        start, end = _only_member(raw, "stream_options")
        return raw[:start] + orjson.dumps({**options, "include_usage": True}) + raw[end:]
    if "stream_options" in document:
        start, end = _only_member(raw, "stream_options")
        return raw[:start] + b'{"include_usage":true}' + raw[end:]
    at = raw.index(b"{") + 1
    return raw[:at] + b'"stream_options":{"include_usage":true},' + raw[at:]


def _only_member(raw: bytes, name: str) -> tuple[int, int]:
    """Where the value of the one top-level member `name` starts and ends. `raw` is known to be a JSON object."""
    found: list[tuple[int, int]] = []
    for key, start, end in _members(raw):
        if key == name:
            found.append((start, end))
    if len(found) != 1:
        raise BadRequest(f"'{name}' stands {len(found)} times at the top level of the body; send it once.", param=name)
    return found[0]


def _members(raw: bytes) -> list[tuple[str, int, int]]:
    """The top-level members of a JSON object: key, start and end of the value."""
    members: list[tuple[str, int, int]] = []
    depth, key, start = 0, None, -1
    for token in _TOKEN.finditer(raw):
        mark = token.group()
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]", b","):
            if depth == 1 and key is not None and mark != b"]":
                members.append((key, *_trimmed(raw, start, token.start())))
                key = None
            if mark != b",":
                depth -= 1
        elif depth == 1 and mark == b":":
            start = token.end()
        elif depth == 1 and key is None:
            key = orjson.loads(mark)
    return members


def _trimmed(raw: bytes, start: int, end: int) -> tuple[int, int]:
    value = raw[start:end]
    return start + len(value) - len(value.lstrip()), end - (len(value) - len(value.rstrip()))


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}.get(
        type(value), "something else"
    )
