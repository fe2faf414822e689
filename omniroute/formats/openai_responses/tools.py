"""Tools and the choice among them, both ways.

A function is flat here. A `namespace` groups functions (codex: `multi_agent_v1`); other formats know no groups, so its
functions stand there by their own names, and a call of one gets its namespace back. What only OpenAI runs or reads (web
search, custom grammars) is a NativeTool. Source: types of openai-python 3.54.0, responses/tool_param.py,
namespace_tool_param.py and tool_choice_*_param.py (read 2026-11-27).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from omniroute.formats import ir
from omniroute.formats.fields import Fields
from omniroute.formats.openai_responses.usage import NAME
from omniroute.formats.openai_terms import EMPTY_SCHEMA, read_mode
from omniroute.formats.wording import Dropped, unmet_choice

_NAMED = ("function", "custom")


# Reading --------------------------------------------------------------------------------


def read_tools(body: Fields) -> tuple[ir.Tool | ir.NativeTool, ...]:
    spaces = spaces_of(body.document)
    tools: list[ir.Tool | ir.NativeTool] = []
    for entry in body.items("tools"):
        kind = entry.needed_text("type")
        if kind == "namespace":
            tools += _namespace(entry, spaces)
        else:
            tools.append(_tool(entry, kind))
    return tuple(tools)


def spaces_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The namespace of each function that has one, by its name. A name that stands twice is not told: it could be either."""
    tools = document.get("tools")
    entries = [entry for entry in tools if isinstance(entry, Mapping)] if isinstance(tools, list) else []
    names = Counter(entry.get("name") for entry in entries if entry.get("type") in _NAMED and isinstance(entry.get("name"), str))
    found: dict[str, str] = {}
    for entry in entries:
        inner = entry.get("tools") if entry.get("type") == "namespace" else None
        for tool in inner if isinstance(inner, list) else ():
            name = tool.get("name") if isinstance(tool, Mapping) else None
            if isinstance(name, str) and isinstance(entry.get("name"), str):
                names[name] += 1
                found[name] = entry["name"]
    return {name: space for name, space in found.items() if names[name] == 1}


def read_choice(body: Fields) -> ir.ToolChoice | None:
    """None also for a choice that has to do with a tool of OpenAI's own."""
    mode_alone = read_mode(body)
    if mode_alone is not None or body.get("tool_choice") is None:
        return mode_alone
    choice = body.needed_inner("tool_choice")
    kind = choice.needed_text("type")
    if kind in _NAMED:
        return ir.ToolChoice("named", name=choice.needed_text("name"))
    if kind != "allowed_tools":
        return None
    mode = choice.choice("mode", ("auto", "required")) or "auto"
    tools = list(choice.items("tools"))
    if any(tool.needed_text("type") not in _NAMED for tool in tools):
        return None
    return ir.ToolChoice(cast(Any, mode), allowed=tuple(tool.needed_text("name") for tool in tools))


def _tool(entry: Fields, kind: str) -> ir.Tool | ir.NativeTool:
    if kind != "function":
        return ir.NativeTool(NAME, entry.document, name=entry.text("name") or kind, path=entry.path)
    return ir.Tool(
        name=entry.needed_text("name"),
        description=entry.text("description"),
        schema=entry.mapping("parameters"),
        strict=entry.flag("strict"),
        unknown=entry.rest(),
        path=entry.path,
    )


def _namespace(entry: Fields, spaces: Mapping[str, str]) -> Iterator[ir.Tool | ir.NativeTool]:
    """Its functions, each with what is said about the namespace before its own description. One whose name stands twice
    can't be told from the other in a call, so it is left out, and named."""
    space, about = entry.needed_text("name"), entry.text("description")
    for inner in entry.items("tools"):
        tool = _tool(inner, inner.needed_text("type"))
        if isinstance(tool, ir.NativeTool) or spaces.get(tool.name) != space:
            yield ir.NativeTool(NAME, inner.document, name=tool.name, path=inner.path)
            continue
        description = "\n\n".join(text for text in (about, tool.description) if text)
        yield ir.Tool(tool.name, description or None, tool.schema, tool.strict, unknown=tool.unknown, path=tool.path)


# Writing --------------------------------------------------------------------------------


def write_tools(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    written = [tool for entry in request.tools if (tool := _write_tool(request, entry, dropped)) is not None]
    if request.origin == NAME and "tools" in request.own:
        written = list(request.own["tools"])
    if written:
        body["tools"] = written
    choice, own = request.tool_choice, request.origin == NAME
    if choice is not None and (written or own or choice.mode not in ("auto", "none")):
        if not own and not _met(choice, request.tools, written):
            raise unmet_choice(request)
        body["tool_choice"] = _write_choice(choice, request)
    if request.parallel_tool_calls is not None and (written or own):
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _met(choice: ir.ToolChoice, tools: Iterable[ir.Tool | ir.NativeTool], written: list[dict[str, Any]]) -> bool:
    if choice.mode != "named":
        return bool(written)
    return any(tool.name == choice.name and (isinstance(tool, ir.Tool) or tool.origin == NAME) for tool in tools)


def _write_tool(request: ir.Request, entry: ir.Tool | ir.NativeTool, dropped: Dropped) -> dict[str, Any] | None:
    if isinstance(entry, ir.NativeTool):
        if entry.origin == NAME:
            return dict(entry.document)
        dropped.add(entry.path)
        return None
    own = request.origin == NAME
    written: dict[str, Any] = {"type": "function", "name": entry.name}
    if entry.description is not None:
        written["description"] = entry.description
    if entry.schema is not None or not own:
        written["parameters"] = entry.schema or EMPTY_SCHEMA
    if entry.strict is not None or not own:
        written["strict"] = entry.strict or False  # left out it means "where the schema allows it" here, in Chat "no"
    if own:
        written |= entry.unknown
    else:
        for name in entry.unknown:
            dropped.add(f"{entry.path}.{name}")
    if entry.cache is not None:
        dropped.add(f"{entry.path}.cache_control")
    return written


def _write_choice(choice: ir.ToolChoice, request: ir.Request) -> Any:
    custom = {tool.name for tool in request.tools if isinstance(tool, ir.NativeTool)}

    def named(name: str | None) -> dict[str, Any]:
        return {"type": "custom" if name in custom else "function", "name": name}

    if choice.mode == "named":
        return named(choice.name)
    if choice.allowed is not None:
        return {"type": "allowed_tools", "mode": choice.mode, "tools": [named(name) for name in choice.allowed]}
    return choice.mode
