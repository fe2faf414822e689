"""What becomes of a feature: the request is parsed, rendered for the upstream, and the upstream's body read back.

Outcomes are those of carried.toml: "carried", "approximated: how", "dropped", "refused". "lost: ..." is none of them, and what
a test must never see: something changed and nobody said so.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import orjson

from omniroute.errors import UnsupportedField
from omniroute.formats import CLIENT_FORMATS, FORMATS, ir
from omniroute.formats.openai_terms import EMPTY_SCHEMA
from omniroute.formats.reasoning import effort_for
from tests.formats.conformance.ask import MESSAGES, RESPONSES, Ask, body

# The same tier in each format's words.
_TIERS = {"standard_only": "default", "standard": "default", "auto": None}
# What a format fills in where the client said nothing, or what reads back as nothing.
_FILLED_TITLES = ("document.pdf", "document.txt", "document.bin")


def observe(client: str, upstream: str, ask: Ask, target: ir.Target) -> str:
    try:
        request = CLIENT_FORMATS[client].parse_request(body(client, ask))
    except UnsupportedField as exc:
        return _named("refused", ask.field, exc.param)
    asked = replace(request, target=target, model=request.model or "m")
    try:
        rendered, dropped = FORMATS[upstream].render_request(asked)
    except UnsupportedField as exc:
        return _named("refused", ask.field, exc.param)
    whole = [name for name in dropped if " (" not in name]
    if whole:
        return _named("dropped", ask.field, *whole)
    if dropped:
        remarks = list(dict.fromkeys(name.partition(" (")[2].removesuffix(")") for name in dropped))
        return _named("approximated: " + "; ".join(remarks), ask.field, *(name.partition(" (")[0] for name in dropped))
    again = FORMATS[upstream].parse_request(orjson.loads(orjson.dumps(rendered)))
    before, after = substance(request), substance(again)
    for name in _same(request, upstream, before, after):
        after[name] = before[name]
    return difference(before, after) or "carried"


def _same(request: ir.Request, upstream: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What a format says by saying nothing, or has to say although the client did not."""
    if request.max_tokens is None:
        yield "max_tokens"  # Messages needs one
    if upstream == MESSAGES and before["reasoning"] == "off" and after["reasoning"] is None:
        yield "reasoning"
    if upstream == RESPONSES and before["reasoning"] and after["reasoning"] == (before["reasoning"][0], False):
        yield "reasoning"  # shown only where a summary is asked for


def _named(outcome: str, field: str, *names: str | None) -> str:
    """The outcome, if each name is the field or below it."""
    strange = [str(name) for name in names if not (name or "").startswith(field)]
    return f"lost: {outcome} names {', '.join(strange)}, not {field}" if strange else outcome


# What must be the same ------------------------------------------------------------------


def substance(request: ir.Request) -> dict[str, Any]:
    """A request without how its format cuts and spells things: what a model or an upstream would notice, by name."""
    told: dict[str, Any] = {
        "system": "\n\n".join(_texts(message) for message in request.messages if message.role in ("system", "developer")),
        "turns": _turns(request),
        "tools": [_tool(tool) for tool in request.tools],
        "unknown": dict(request.unknown),
        "unread": request.unread,
        "reasoning": _reasoning(request.reasoning),
        "format": _format(request.response_format),
        "tier": _TIERS.get(request.service_tier or "", request.service_tier),
        "choice": request.tool_choice or ir.ToolChoice("auto"),  # what happens without one
        "parallel": request.parallel_tool_calls is not False,
    }
    for name in ("sampling", "max_tokens", "stop", "metadata", "user", "cache"):
        told[name] = getattr(request, name)
    return told


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What of it changed without a word, "" if nothing did."""
    changed = [name for name in before if before[name] != after[name]]
    return "lost: " + "; ".join(f"{name} {before[name]!r} became {after[name]!r}" for name in changed) if changed else ""


def _texts(message: ir.Message) -> str:
    return "\n\n".join(part.text for part in message.parts if isinstance(part, ir.Text))


def _turns(request: ir.Request) -> list[tuple[str, str | None, list[Any]]]:
    """Turns of one side put together, results first; system text at its place, if that is after the start."""
    turns: list[tuple[str, str | None, list[Any]]] = []
    for message in request.messages:
        role = "system" if message.role == "developer" else message.role
        if role == "system" and not turns:
            continue
        parts = [_part(part) for part in message.parts if not (isinstance(part, ir.Text) and not part.text.strip())]
        if turns and turns[-1][0] == role and turns[-1][1] == message.name:
            parts = turns.pop()[2] + parts
        if parts or role == "user":
            turns.append((role, message.name, sorted(parts, key=lambda part: part[0] != "ToolResult")))
    return turns


def _part(part: ir.AnyPart) -> tuple[Any, ...]:
    """Its kind and its members."""
    members = {each.name: getattr(part, each.name) for each in fields(part) if each.name != "path"}
    if isinstance(part, ir.ToolResult):
        inner = [_part(each) for each in part.parts]
        members["parts"] = [each for each in inner if each[0] != "Text" or each[1]["text"]]
    if isinstance(part, ir.ToolCall) and not part.custom:
        members["arguments"] = orjson.loads(part.arguments or "{}") if part.arguments.endswith("}") else part.arguments
        members["signature"] = None if part.signature == _STAND_IN else part.signature
        members["origin"] = None if part.signature == _STAND_IN else part.origin
    if isinstance(part, ir.Image | ir.Document):
        members["source"] = _source(part.source)
    if isinstance(part, ir.Image):
        members["detail"] = None if part.detail == "auto" else part.detail
    if isinstance(part, ir.Document):
        members["title"] = None if part.title in _FILLED_TITLES else part.title
    return type(part).__name__, members


_STAND_IN = "skip_thought_signature_validator"  # what Google wants on calls that another model made


def _source(source: ir.Source) -> tuple[str, Any]:
    """Where the bytes are, or the bytes; a type that the ending of a URL tells is not told twice."""
    if source.kind == "base64":
        return "bytes", base64.b64decode(source.data + "=" * (-len(source.data) % 4))
    if source.kind == "text":
        return "bytes", source.data.encode()
    return source.kind, source.data


def _tool(tool: ir.Tool | ir.NativeTool) -> Any:
    if isinstance(tool, ir.NativeTool):
        return tool.document
    schema = dict(tool.schema or EMPTY_SCHEMA)
    schema.setdefault("properties", {})
    return tool.name, tool.description, _resolved(schema, schema), tool.strict or None, tool.cache, dict(tool.unknown)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """A schema with references put in place, and `const` as an enum of one: two ways to say the same."""
    if isinstance(schema, list):
        return [_resolved(item, root) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if isinstance(schema.get("$ref"), str):
        return _resolved(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    written = {name: _resolved(value, root) for name, value in schema.items() if name not in ("$defs", "const")}
    if "const" in schema:
        written |= {"enum": [schema["const"]], "type": "string"}
    return written


def _reasoning(ask: ir.ReasoningAsk | None) -> Any:
    """An effort and its published budget are two words for one thing, and so are an effort of none and no reasoning."""
    if ask is None:
        return None
    if ask.mode == "disabled" or ask.effort == "none":
        return "off"
    effort = ask.effort if ask.budget is None else effort_for(ask.budget)
    return effort, bool(ask.exclude)  # "adaptive" is to think as the model likes


def _format(wanted: ir.ResponseFormat | None) -> Any:
    """The name is a label that some formats need; strict is what the others are anyway."""
    if wanted is None or wanted.kind == "text":
        return None
    return wanted.kind, wanted.schema, wanted.description
