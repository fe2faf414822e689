"""A Messages request body -> ir.Request.

Source: https://platform.claude.com/docs/en/api/messages and the types of anthropic-sdk-python 2.12.0 (read 2026-11-22).
The top-level `system` becomes a system message at the start; messages with role "system" stay where they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import orjson

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.anthropic_messages.usage import NAME
from omniroute.formats.fields import Fields, missing, wrong
from omniroute.formats.reasoning import read_display, unseal, unseal_call

_ROLES = ("user", "assistant", "system")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
# Parts that stand only in the turns of one side.
_ONLY = {"tool_use": "assistant", "thinking": "assistant", "redacted_thinking": "assistant", "tool_result": "user"}


def parse_request(document: dict[str, Any]) -> ir.Request:
    """Read a body. Raises BadRequest, naming the field ("messages.0.content")."""
    body = Fields(document)
    if body.get("thread") is not None:
        raise UnsupportedField(
            "'thread' needs an upstream that keeps conversations; this model's does not.",
            param="thread",
            remedy="Send the whole conversation with each request.",
            details={"error_code": "thread_unsupported_request"},  # anthropic 2.12 then does so by itself
        )
    called = {"stop": "stop_sequences", "reasoning": "thinking", "response_format": "output_config.format"}
    called |= {"user": "metadata.user_id", "cache": "cache_control"}
    called["parallel_tool_calls"] = "tool_choice.disable_parallel_tool_use"
    user, metadata = _metadata(body)
    unknown: dict[str, Any] = {}
    effort, response_format = _output_config(body, unknown)
    return ir.Request(
        model=body.needed_text("model"),
        messages=(*_system(body), *_messages(body)),
        tools=tuple(_tool(entry) for entry in body.items("tools")),
        max_tokens=body.integer("max_tokens", least=0),
        stop=body.texts("stop_sequences"),
        sampling=ir.Sampling(temperature=body.number("temperature"), top_p=body.number("top_p"), top_k=body.integer("top_k")),
        reasoning=_reasoning(body, effort, called),
        response_format=response_format,
        metadata=metadata,
        user=user,
        service_tier=body.text("service_tier"),
        stream=body.flag("stream") or False,
        include_usage=True,
        cache=_cache(body),
        **_tool_choice(body),
        unknown=unknown | body.rest(),
        unread=tuple(body.unread),
        origin=NAME,
        called=called,
    )


# Messages -------------------------------------------------------------------------------


def _system(body: Fields) -> tuple[ir.Message, ...]:
    parts = _content(body, "system", "system")
    return (ir.Message("system", parts, path="system"),) if parts else ()


def _messages(body: Fields) -> tuple[ir.Message, ...]:
    calls: set[str] = set()
    messages = tuple(_message(entry, calls) for entry in body.items("messages"))
    if not messages:
        raise BadRequest("'messages' must hold at least one message.", param="messages")
    return messages


def _message(entry: Fields, calls: set[str]) -> ir.Message:
    role = entry.choice("role", _ROLES)
    if role is None:
        raise missing(entry.at("role"))
    if entry.get("content") is None:
        raise missing(entry.at("content"))
    parts = _content(entry, "content", role)
    for part in parts:
        if isinstance(part, ir.ToolCall):
            if part.id in calls:
                raise BadRequest(f"'{part.path}.id' repeats the id of another tool_use.", param=f"{part.path}.id")
            calls.add(part.id)
        elif isinstance(part, ir.ToolResult) and part.call_id not in calls:
            path = f"{part.path}.tool_use_id"
            raise BadRequest(f"'{path}' answers no tool_use of an earlier assistant message.", param=path)
    entry.done()
    return ir.Message(cast(ir.Role, role), parts, path=entry.path)


def _content(entry: Fields, name: str, role: str) -> tuple[ir.AnyPart, ...]:
    content = entry.get(name)
    if content is None:
        return ()
    if isinstance(content, str):
        return (ir.Text(content, path=entry.at(name)),)
    if not isinstance(content, list):
        raise wrong(entry.at(name), "a text or a list of blocks", content)
    parts: list[ir.AnyPart] = []
    signed: tuple[str, str | None] | None = None
    for item in entry.items(name):
        if (sealed := _call_signature(item)) is not None:
            signed = sealed
            continue
        part = _part(item, role)
        if signed is not None and isinstance(part, ir.ToolCall):
            part, signed = replace(part, signature=signed[0], origin=signed[1]), None
        parts.append(part)
    return tuple(parts)


def _call_signature(part: Fields) -> tuple[str, str | None] | None:
    """What this gateway wrote before a tool call that another format had signed."""
    signature = part.document.get("signature")
    return unseal_call(signature) if part.document.get("type") == "thinking" and isinstance(signature, str) else None


def _part(part: Fields, role: str) -> ir.AnyPart:
    kind = part.needed_text("type")
    if kind in _ONLY and role != _ONLY[kind]:
        raise BadRequest(f"'{part.path}': a {kind} block stands in {_ONLY[kind]} turns only.", param=part.path)
    read = _PARTS.get(kind)
    made = None if read is None else read(part, _cache(part))
    if made is None:
        return ir.Opaque(NAME, part.document, path=part.path)
    unknown = part.rest()
    return replace(made, unknown=unknown) if unknown else made


def _text(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    citations = tuple(read_citation(citation.document) for citation in part.items("citations"))
    return ir.Text(part.needed_text("text"), citations=citations, cache=cache, path=part.path)


def _image(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    source = _source(part.needed_inner("source"), ("base64", "url", "file"))
    return ir.Image(source, cache=cache, path=part.path)


def _document(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart | None:
    """None for a document that is made of blocks: only Messages has that."""
    inner = part.needed_inner("source")
    if inner.document.get("type") == "content":
        return None
    source = _source(inner, ("base64", "url", "file", "text"))
    cite = part.inner("citations")
    citations = None
    if cite is not None:
        citations = cite.flag("enabled")
        cite.done()
    title, context = part.text("title"), part.text("context")
    return ir.Document(source, title=title, context=context, citations=citations, cache=cache, path=part.path)


def _source(source: Fields, allowed: tuple[str, ...]) -> ir.Source:
    kind = source.choice("type", allowed)
    if kind is None:
        raise missing(source.at("type"))
    data = source.needed_text({"url": "url", "file": "file_id"}.get(kind, "data"))
    media_type = source.text("media_type")
    source.done()
    return ir.Source(cast(Any, kind), data, media_type if kind in ("base64", "text") else None)


def _thinking(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    """A signature that this gateway made of another format's blob is that blob again."""
    text, signature = part.needed_text("thinking"), part.text("signature") or ""
    sealed = unseal(text, signature)
    if sealed is not None:
        return replace(sealed, path=part.path)
    return ir.Reasoning(text, signature=signature or None, origin=NAME if signature else None, path=part.path)


def _redacted(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    return ir.Reasoning("", data=part.needed_text("data"), origin=NAME, path=part.path)


def _tool_use(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    given = part.mapping("input")
    arguments = orjson.dumps(given or {}).decode()
    return ir.ToolCall(part.needed_text("id"), part.needed_text("name"), arguments, cache=cache, path=part.path)


def _tool_result(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    parts = _content(part, "content", "tool_result")
    is_error = part.flag("is_error") or False
    return ir.ToolResult(part.needed_text("tool_use_id"), parts, is_error=is_error, cache=cache, path=part.path)


_PARTS = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def read_citation(document: dict[str, Any]) -> ir.Citation:
    url, title = document.get("url"), document.get("title")
    return ir.Citation(NAME, document, url if isinstance(url, str) else None, title if isinstance(title, str) else None)


def _cache(entry: Fields) -> ir.CacheMark | None:
    mark = entry.inner("cache_control")
    if mark is None:
        return None
    mark.choice("type", ("ephemeral",))
    ttl = mark.text("ttl")
    mark.done()
    return ir.CacheMark(ttl)


# Tools ----------------------------------------------------------------------------------


def _tool(entry: Fields) -> ir.Tool | ir.NativeTool:
    kind, name = entry.text("type"), entry.text("name")
    if kind not in (None, "custom"):
        return ir.NativeTool(NAME, entry.document, name=name, path=entry.path)
    made = ir.Tool(
        name=entry.needed_text("name"),
        description=entry.text("description"),
        schema=entry.mapping("input_schema"),
        strict=entry.flag("strict"),
        cache=_cache(entry),
        unknown=entry.rest(),
        path=entry.path,
    )
    if made.schema is None:
        raise missing(entry.at("input_schema"))
    return made


def _tool_choice(body: Fields) -> dict[str, Any]:
    """The two fields of a request that `tool_choice` decides."""
    choice = body.inner("tool_choice")
    if choice is None:
        return {}
    kind = choice.choice("type", ("auto", "any", "tool", "none"))
    if kind is None:
        raise missing(choice.at("type"))
    sequential = choice.flag("disable_parallel_tool_use")
    if kind == "tool":
        made = ir.ToolChoice("named", name=choice.needed_text("name"))
    else:
        made = ir.ToolChoice(cast(Any, {"any": "required"}.get(kind, kind)))
    choice.done()
    return {"tool_choice": made, "parallel_tool_calls": None if sequential is None else not sequential}


# The small fields -----------------------------------------------------------------------


def _reasoning(body: Fields, effort: ir.Effort | None, called: dict[str, str]) -> ir.ReasoningAsk | None:
    thinking = body.inner("thinking")
    if thinking is None:
        called["reasoning"] = "output_config.effort"
        return None if effort is None else ir.ReasoningAsk(effort=effort)
    mode = thinking.choice("type", ("enabled", "disabled", "adaptive"))
    if mode is None:
        raise missing(thinking.at("type"))
    budget = thinking.integer("budget_tokens", least=0)
    display = read_display(thinking)
    thinking.done()
    return ir.ReasoningAsk(cast(Any, mode), effort, budget, None if display is None else display == "omitted")


def _output_config(body: Fields, unknown: dict[str, Any]) -> tuple[ir.Effort | None, ir.ResponseFormat | None]:
    """Effort and format; what else stands there goes to `unknown` with its path as name."""
    config = body.inner("output_config")
    if config is None:
        return None, None
    effort = cast(ir.Effort | None, config.choice("effort", _EFFORTS))
    wanted, made = config.inner("format"), None
    if wanted is not None:
        wanted.choice("type", ("json_schema",))
        made = ir.ResponseFormat("json_schema", schema=wanted.mapping("schema") or {})
        wanted.done()
    unknown |= {config.at(name): value for name, value in config.rest().items()}
    return effort, made


def _metadata(body: Fields) -> tuple[str | None, dict[str, Any] | None]:
    metadata = body.inner("metadata")
    if metadata is None:
        return None, None
    user = metadata.text("user_id")
    return user, metadata.rest() or None
