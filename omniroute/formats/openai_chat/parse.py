"""A Chat Completions request body -> ir.Request.

Source: https://platform.openai.com/docs/api-reference/chat/create and the types of openai-python 3.54.0 (read 2026-11-22).
Beside it, what relays have made common: `cache_control` on parts and messages, `reasoning_content` and
`reasoning_details` (OpenRouter) in assistant messages, `reasoning` and `thinking` at the top, `top_k`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import orjson

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.fields import Fields, missing, wrong
from omniroute.formats.media import read_url
from omniroute.formats.openai_chat.details import NAME, read_details, read_signature, text_signature
from omniroute.formats.openai_terms import EFFORTS, read_format, read_mode, read_user
from omniroute.formats.reasoning import read_display

_ROLES = ("system", "developer", "user", "assistant", "tool")


def parse_request(document: dict[str, Any]) -> ir.Request:
    """Read a body. Raises BadRequest or UnsupportedField, naming the field ("messages.0.content")."""
    body = Fields(document)
    for legacy, now in (("functions", "tools"), ("function_call", "tool_choice")):
        if body.get(legacy) is not None:
            message = f"'{legacy}' is not carried to an upstream of another format."
            raise UnsupportedField(message, param=legacy, remedy=f"Send '{now}' instead.")
    called = {"reasoning": "reasoning_effort", "cache": "cache_control"}
    wanted = body.inner("response_format")
    return ir.Request(
        model=body.needed_text("model"),
        messages=_messages(body),
        tools=tuple(_tool(entry) for entry in body.items("tools")),
        tool_choice=_tool_choice(body),
        parallel_tool_calls=body.flag("parallel_tool_calls"),
        sampling=_sampling(body),
        max_tokens=_max_tokens(body, called),
        stop=body.texts("stop"),
        response_format=None if wanted is None else read_format(wanted, "json_schema"),
        reasoning=_reasoning(body, called),
        metadata=body.mapping("metadata"),
        user=read_user(body, called),
        service_tier=body.text("service_tier"),
        stream=body.flag("stream") or False,
        include_usage=_include_usage(body),
        cache=_cache(body),
        unknown=body.rest(),
        unread=tuple(body.unread),
        origin=NAME,
        called=called,
    )


# Messages -------------------------------------------------------------------------------


def _messages(body: Fields) -> tuple[ir.Message, ...]:
    calls: set[str] = set()
    messages = tuple(_message(entry, calls) for entry in body.items("messages"))
    if not messages:
        raise BadRequest("'messages' must hold at least one message.", param="messages")
    return messages


def _message(entry: Fields, calls: set[str]) -> ir.Message:
    role = entry.needed_text("role")
    if role not in _ROLES:
        raise BadRequest(f"'{entry.at('role')}' must be one of {', '.join(_ROLES)}.", param=entry.at("role"))
    parts: tuple[ir.AnyPart, ...]
    if role == "tool":
        parts, role = (_tool_result(entry, calls),), "user"
    elif role == "assistant":
        parts = _assistant(entry, calls)
    else:
        parts = _content(entry)
        if entry.get("content") is None:
            raise missing(entry.at("content"))
    name = entry.text("name")
    parts = _marked(parts, _cache(entry))
    entry.done()
    return ir.Message(cast(ir.Role, role), parts, name=name, path=entry.path)


def _assistant(entry: Fields, calls: set[str]) -> tuple[ir.AnyPart, ...]:
    """Reasoning first, then text and refusal, then tool calls: the order in which a model gives them."""
    refusal = entry.text("refusal")
    refusals = (ir.Refusal(refusal, path=entry.at("refusal")),) if refusal else ()
    signed = tuple(replace(part, path=entry.at("extra_content")) for part in text_signature(entry.document))
    if signed:
        entry.get("extra_content")
    return (*_reasoning_parts(entry), *_content(entry), *signed, *refusals, *_tool_calls(entry, calls))


def _reasoning_parts(entry: Fields) -> tuple[ir.Reasoning, ...]:
    text = entry.text("reasoning_content") or entry.text("reasoning") or ""
    entry.text("reasoning")
    path = entry.at("reasoning_details" if entry.document.get("reasoning_details") else "reasoning_content")
    details = [detail.document for detail in entry.items("reasoning_details")]
    return tuple(replace(part, path=path) for part in read_details(details, text))


def _tool_calls(entry: Fields, calls: set[str]) -> tuple[ir.ToolCall, ...]:
    found: list[ir.ToolCall] = []
    for call in entry.items("tool_calls"):
        kind = call.choice("type", ("function", "custom")) or "function"
        inner = call.needed_inner(kind)
        arguments = inner.get("input" if kind == "custom" else "arguments")
        if isinstance(arguments, dict):  # some clients parse it and forget to write it back
            arguments = orjson.dumps(arguments).decode()
        if not isinstance(arguments, str | None):
            raise wrong(inner.at("arguments"), "a text", arguments)
        made = ir.ToolCall(
            call.needed_text("id"),
            inner.needed_text("name"),
            arguments or "",
            custom=kind == "custom",
            path=call.path,
            **_signature(call),
        )
        if any(made.id == other.id for other in found):
            raise BadRequest(f"'{call.at('id')}' repeats the id of another call of this message.", param=call.at("id"))
        call.get("index")  # copied from a stream by some clients; it says nothing
        inner.done()
        call.done()
        found.append(made)
    calls.update(call.id for call in found)
    return tuple(found)


def _signature(call: Fields) -> dict[str, Any]:
    """Only what is no signature of Google's in `extra_content` is left over."""
    signed = read_signature(call.document)
    if signed:
        call.get("extra_content")
    return signed


def _tool_result(entry: Fields, calls: set[str]) -> ir.ToolResult:
    call_id = entry.needed_text("tool_call_id")
    if call_id not in calls:
        path = entry.at("tool_call_id")
        raise BadRequest(f"'{path}' answers no tool call of an earlier assistant message.", param=path)
    return ir.ToolResult(call_id, _content(entry), path=entry.path)


def _content(entry: Fields) -> tuple[ir.AnyPart, ...]:
    content = entry.get("content")
    if content is None:
        return ()
    if isinstance(content, str):
        return (ir.Text(content, path=entry.at("content")),)
    if not isinstance(content, list):
        raise wrong(entry.at("content"), "a text or a list of parts", content)
    return tuple(_part(part) for part in entry.items("content"))


def _part(part: Fields) -> ir.AnyPart:
    read = _PARTS.get(part.needed_text("type"))
    if read is None:
        return ir.Opaque(NAME, part.document, path=part.path)
    made = read(part, _cache(part))
    unknown = part.rest()
    return replace(made, unknown=unknown) if unknown else made


def _text(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    return ir.Text(part.needed_text("text"), cache=cache, path=part.path)


def _refusal(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    return ir.Refusal(part.needed_text("refusal"), cache=cache, path=part.path)


def _image(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    if isinstance(part.get("image_url"), str):  # a shorthand of some clients
        return ir.Image(read_url(part.needed_text("image_url"), part.at("image_url")), cache=cache, path=part.path)
    inner = part.needed_inner("image_url")
    source = read_url(inner.needed_text("url"), inner.at("url"))
    detail = inner.text("detail")
    inner.done()
    return ir.Image(source, detail=detail, cache=cache, path=part.path)


def _audio(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    inner = part.needed_inner("input_audio")
    made = ir.Audio(inner.needed_text("data"), inner.needed_text("format"), cache=cache, path=part.path)
    inner.done()
    return made


def _file(part: Fields, cache: ir.CacheMark | None) -> ir.AnyPart:
    inner = part.needed_inner("file")
    data, file_id = inner.text("file_data"), inner.text("file_id")
    if data is not None:
        source = read_url(data, inner.at("file_data"))
    elif file_id is not None:
        source = ir.Source("file", file_id)
    else:
        raise missing(inner.at("file_data"))
    title = inner.text("filename")
    inner.done()
    return ir.Document(source, title=title, cache=cache, path=part.path)


_PARTS = {"text": _text, "refusal": _refusal, "image_url": _image, "input_audio": _audio, "file": _file}


def _cache(entry: Fields) -> ir.CacheMark | None:
    mark = entry.inner("cache_control")
    if mark is None:
        return None
    mark.choice("type", ("ephemeral",))
    ttl = mark.text("ttl")
    mark.done()
    return ir.CacheMark(ttl)


def _marked(parts: tuple[ir.AnyPart, ...], cache: ir.CacheMark | None) -> tuple[ir.AnyPart, ...]:
    """A mark on the message means the end of it: its last part."""
    if cache is None or not parts or parts[-1].cache is not None:
        return parts
    return (*parts[:-1], replace(parts[-1], cache=cache))


# Tools ----------------------------------------------------------------------------------


def _tool(entry: Fields) -> ir.Tool | ir.NativeTool:
    kind = entry.text("type") or "function"
    if kind != "function":
        inner = entry.document.get(kind)
        name = inner.get("name") if isinstance(inner, dict) else None
        return ir.NativeTool(NAME, entry.document, name=name if isinstance(name, str) else None, path=entry.path)
    function = entry.needed_inner("function")
    made = ir.Tool(
        name=function.needed_text("name"),
        description=function.text("description"),
        schema=function.mapping("parameters"),
        strict=function.flag("strict"),
        cache=_cache(entry) or _cache(function),
        unknown=function.rest(),
        path=entry.path,
    )
    entry.done()
    return made


def _tool_choice(body: Fields) -> ir.ToolChoice | None:
    mode_alone = read_mode(body)
    if mode_alone is not None or body.get("tool_choice") is None:
        return mode_alone
    choice = body.needed_inner("tool_choice")
    kind = choice.choice("type", ("function", "custom", "allowed_tools")) or "function"
    inner = choice.needed_inner(kind)
    if kind != "allowed_tools":
        return ir.ToolChoice("named", name=inner.needed_text("name"))
    mode = inner.choice("mode", ("auto", "required")) or "auto"
    names = [tool.needed_inner(tool.text("type") or "function").needed_text("name") for tool in inner.items("tools")]
    return ir.ToolChoice(cast(Any, mode), allowed=tuple(names))


# The small fields -----------------------------------------------------------------------


def _sampling(body: Fields) -> ir.Sampling:
    return ir.Sampling(
        temperature=body.number("temperature"),
        top_p=body.number("top_p"),
        top_k=body.integer("top_k"),
        frequency_penalty=body.number("frequency_penalty"),
        presence_penalty=body.number("presence_penalty"),
        seed=body.integer("seed"),
        n=body.integer("n", least=1),
        logprobs=body.flag("logprobs"),
        top_logprobs=body.integer("top_logprobs"),
        logit_bias=body.mapping("logit_bias"),
    )


def _max_tokens(body: Fields, called: dict[str, str]) -> int | None:
    """`max_completion_tokens` is the newer name and wins."""
    newer, older = body.integer("max_completion_tokens", least=0), body.integer("max_tokens", least=0)
    if newer is not None:
        called["max_tokens"] = "max_completion_tokens"
    return older if newer is None else newer


def _reasoning(body: Fields, called: dict[str, str]) -> ir.ReasoningAsk | None:
    """`reasoning_effort`; or `thinking` as Anthropic has it; or `reasoning` as OpenRouter has it."""
    effort = cast(ir.Effort | None, body.choice("reasoning_effort", EFFORTS))
    mode: Any = "disabled" if effort == "none" else None
    budget, exclude = None, None
    thinking, router = body.inner("thinking"), body.inner("reasoning")
    if thinking is not None:
        called["reasoning"] = "thinking"
        mode = thinking.choice("type", ("enabled", "adaptive", "disabled"))
        budget = thinking.integer("budget_tokens", least=0)
        display = read_display(thinking)
        exclude = None if display is None else display == "omitted"
        thinking.done()
    elif router is not None:
        called["reasoning"] = "reasoning"
        effort = cast(ir.Effort | None, router.choice("effort", EFFORTS)) or effort
        budget, exclude, enabled = router.integer("max_tokens", least=0), router.flag("exclude"), router.flag("enabled")
        if enabled is False or effort == "none":
            mode = "disabled"
        elif enabled:
            mode = "enabled"
        router.done()
    if mode is None and effort is None and budget is None and exclude is None:
        return None
    return ir.ReasoningAsk(mode, effort, budget, exclude)


def _include_usage(body: Fields) -> bool:
    options = body.inner("stream_options")
    if options is None:
        return False
    wanted = options.flag("include_usage") or False
    options.get("include_obfuscation")  # padding against traffic analysis; there is none in a translated stream
    options.done()
    return wanted
