"""The `input` of a Responses request -> ir.Message.

Items that belong to one turn of the model (its reasoning, texts and calls) become one assistant message, results one user
message. The ids and statuses of items say nothing to a model and are left out without a word; only reasoning keeps its id,
for its own format. Source: types of openai-python 3.54.0, responses/response_input_param.py (read 2026-11-27); codex 0.169
sends `id` in messages and `content: null` in reasoning (measured 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import orjson

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.fields import Fields, missing, wrong
from omniroute.formats.media import read_url
from omniroute.formats.openai_responses.items import CALLS, call_signature, read_citation, read_reasoning, reasoning_text
from omniroute.formats.openai_responses.usage import NAME

_ROLES = ("system", "developer", "user", "assistant")
_RESULTS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}
_CACHE_TTLS = (None, "5m", "1h")


def read_input(body: Fields, spaces: Mapping[str, str]) -> tuple[ir.Message, ...]:
    """`spaces` are the namespaces of tools by name. Raises BadRequest or UnsupportedField, naming the item."""
    given = body.get("input")
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        return (ir.Message("user", (ir.Text(given, path="input"),), path="input"),)
    reader = _Items(spaces, continued=bool(body.document.get("previous_response_id")))
    for item in body.items("input"):
        reader.add(item)
    if not reader.messages:
        raise BadRequest("'input' must hold at least one item.", param="input")
    return tuple(reader.messages)


class _Items:
    """Reads items one after another into `messages`. A conversation that is `continued` may answer calls made before it."""

    def __init__(self, spaces: Mapping[str, str], *, continued: bool) -> None:
        self.messages: list[ir.Message] = []
        self._spaces = spaces
        self._continued = continued
        self._calls: set[str] = set()  # made so far
        self._open: set[str] = set()  # of these, without a result yet
        self._signed: dict[str, Any] = {}

    def add(self, item: Fields) -> None:
        kind = item.text("type")
        if kind is None:
            kind = "message" if "role" in item.document else "item_reference" if "id" in item.document else None
        if kind is None:
            raise missing(item.at("type"))
        item.get("id")
        item.get("status")
        if kind == "message":
            self._message(item)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in CALLS:
            self._put("assistant", self._call(item, kind))
        elif kind in _RESULTS:
            self._put("user", self._result(item))
        elif kind == "item_reference":
            message = f"'{item.path}' refers to an item that only the upstream it came from keeps."
            raise UnsupportedField(message, param=item.path, remedy="Send the item itself in its place.")
        else:
            role: ir.Role = "user" if kind.endswith("_output") or kind == "mcp_approval_response" else "assistant"
            self._put(role, ir.Opaque(NAME, item.document, path=item.path))

    def _put(self, role: ir.Role, part: ir.AnyPart) -> None:
        """Put a part into the turn it belongs to: the model's own, or one that brings results and nothing else."""
        last = self.messages[-1] if self.messages else None
        joins = last is not None and last.role == role
        if role == "user" and last is not None:
            joins = joins and all(isinstance(other, ir.ToolResult | ir.Opaque) for other in last.parts)
        if last is not None and joins:
            self.messages[-1] = replace(last, parts=(*last.parts, part))
        else:
            self.messages.append(ir.Message(role, (part,), path=part.path))

    def _message(self, item: Fields) -> None:
        role = item.choice("role", _ROLES)
        if role is None:
            raise missing(item.at("role"))
        parts = _content(item, "content")
        if item.get("content") is None:
            raise missing(item.at("content"))
        phase = item.text("phase")
        if phase is not None and parts and role == "assistant":
            parts = tuple(replace(part, unknown={**part.unknown, "phase": phase}) for part in parts)
        item.done()
        if role != "assistant":
            self.messages.append(ir.Message(cast(ir.Role, role), parts, path=item.path))
            return
        for part in parts:
            self._put("assistant", part)

    def _reasoning(self, item: Fields) -> None:
        """Kept word for word for its own format: the id, and how the text is cut into parts."""
        blob = item.text("encrypted_content") or ""
        if signed := call_signature(item.document):
            self._signed = signed
            return
        texts = {name: list(map(_reasoning_piece, item.items(name))) for name in ("summary", "content")}
        made = read_reasoning(reasoning_text(item.document), blob)
        if made is None:
            made = ir.Reasoning("", origin=None)
        unknown: dict[str, Any] = {}
        if item.document.get("id") and made.origin in (None, NAME):
            unknown["id"] = item.text("id")
        if texts["content"] or len(texts["summary"]) > 1:
            unknown |= {name: item.document[name] for name, pieces in texts.items() if pieces}
        if made.text or blob or unknown:
            self._put("assistant", replace(made, unknown=unknown | item.rest(), path=item.path))

    def _call(self, item: Fields, kind: str) -> ir.ToolCall:
        given = item.get(CALLS[kind])
        if isinstance(given, dict):  # some clients parse it and forget to write it back
            given = orjson.dumps(given).decode()
        if not isinstance(given, str | None):
            raise wrong(item.at(CALLS[kind]), "a text", given)
        call_id, name, space = item.needed_text("call_id"), item.needed_text("name"), item.text("namespace")
        if call_id in self._open:
            raise BadRequest(f"'{item.at('call_id')}' repeats the id of another call.", param=item.at("call_id"))
        self._calls.add(call_id)
        self._open.add(call_id)
        unknown = item.rest() | ({} if space is None or self._spaces.get(name) == space else {"namespace": space})
        signed, self._signed = self._signed, {}
        custom = kind == "custom_tool_call"
        return ir.ToolCall(call_id, name, given or "", custom=custom, unknown=unknown, path=item.path, **signed)

    def _result(self, item: Fields) -> ir.ToolResult:
        call_id = item.needed_text("call_id")
        if call_id not in self._calls and not self._continued:
            path = item.at("call_id")
            raise BadRequest(f"'{path}' answers no call of an earlier item.", param=path)
        self._open.discard(call_id)
        if item.get("output") is None:
            raise missing(item.at("output"))
        parts = _content(item, "output")
        for name in ("name", "namespace"):  # of the tool, whose call says the same
            item.get(name)
        return ir.ToolResult(call_id, parts, unknown=item.rest(), path=item.path)


def _reasoning_piece(piece: Fields) -> str:
    piece.text("type")
    text = piece.text("text") or ""
    piece.done()
    return text


# Content --------------------------------------------------------------------------------


def _content(item: Fields, name: str) -> tuple[ir.AnyPart, ...]:
    content = item.get(name)
    if content is None:
        return ()
    if isinstance(content, str):
        return (ir.Text(content, path=item.at(name)),)
    if not isinstance(content, list):
        raise wrong(item.at(name), "a text or a list of parts", content)
    return tuple(map(_part, item.items(name)))


def _part(part: Fields) -> ir.AnyPart:
    kind = part.needed_text("type")
    read = _PARTS.get(kind)
    if read is None and kind.startswith(("input_", "output_")):
        return ir.Opaque(NAME, part.document, path=part.path)
    if read is None:
        raise BadRequest(f"'{part.at('type')}' must be one of {', '.join(_PARTS)}.", param=part.at("type"))
    made: ir.AnyPart = replace(read(part), cache=_cache(part))
    unknown = part.rest()
    return replace(made, unknown=unknown) if unknown else made


def _text(part: Fields) -> ir.AnyPart:
    citations = tuple(read_citation(annotation.document) for annotation in part.items("annotations"))
    part.get("logprobs")  # what the API told about an earlier answer; it says nothing to a model
    return ir.Text(part.needed_text("text"), citations=citations, path=part.path)


def _refusal(part: Fields) -> ir.AnyPart:
    return ir.Refusal(part.needed_text("refusal"), path=part.path)


def _image(part: Fields) -> ir.AnyPart:
    detail = part.text("detail")
    source = _source(part, "image_url", None)
    return ir.Image(source, detail=None if detail == "auto" else detail, path=part.path)


def _file(part: Fields) -> ir.AnyPart:
    title = part.text("filename")
    return ir.Document(_source(part, "file_data", "file_url"), title=title, path=part.path)


def _source(part: Fields, data_name: str, url_name: str | None) -> ir.Source:
    """The one of its places where the bytes are; a file id counts only if they are nowhere else."""
    data, file_id = part.text(data_name), part.text("file_id")
    url = None if url_name is None else part.text(url_name)
    if data is not None:
        return read_url(data, part.at(data_name))
    if url is not None and url_name is not None:
        return read_url(url, part.at(url_name))
    if file_id is not None:
        return ir.Source("file", file_id)
    raise missing(part.at(data_name))


def _audio(part: Fields) -> ir.AnyPart:
    inner = part.needed_inner("input_audio")
    made = ir.Audio(inner.needed_text("data"), inner.needed_text("format"), path=part.path)
    inner.done()
    return made


_PARTS: Mapping[str, Callable[[Fields], ir.AnyPart]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def _cache(part: Fields) -> ir.CacheMark | None:
    """A breakpoint is a mark. With a lifetime that only OpenAI knows it stays what it is: unknown to others."""
    given = part.document.get("prompt_cache_breakpoint")
    if not isinstance(given, dict) or given.get("ttl") not in _CACHE_TTLS or not given.keys() <= {"mode", "ttl"}:
        return None
    mark = part.needed_inner("prompt_cache_breakpoint")
    mark.choice("mode", ("explicit",))
    return ir.CacheMark(mark.text("ttl"))
