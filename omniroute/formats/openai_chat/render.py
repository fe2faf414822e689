"""ir.Request -> a Chat Completions request body.

Source: https://platform.openai.com/docs/api-reference/chat/create and openai-python 3.54.0 (read 2026-11-22). Where
OpenAI itself refuses what other Chat upstreams take, `request.target` decides: `cache_control` on parts is a 400 there
("Unknown parameter: 'cache_control'", seen 2026-05), so is a `user` of more than 64 characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from omniroute.formats import ir
from omniroute.formats.openai_chat.details import NAME
from omniroute.formats.openai_chat.messages import cache_control, write_messages
from omniroute.formats.openai_terms import tier_for, write_schema
from omniroute.formats.reasoning import effort_asked
from omniroute.formats.wording import Dropped, unmet_choice

_MOST_STOPS = 4


def render_request(request: ir.Request) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and the client's names of what was left out or changed. Raises UnsupportedField for what must not be."""
    dropped = Dropped()
    body: dict[str, Any] = {"model": request.model, "messages": write_messages(request, dropped)}
    _tools(request, body, dropped)
    _limits(request, body, dropped)
    _sampling(request, body, dropped)
    _reasoning(request, body, dropped)
    _response_format(request, body)
    _caller(request, body, dropped)
    if request.stream:  # usage is asked for always: what it costs must be known, whether the client wants to see it or not
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    _rest(request, body, dropped)
    return body, dropped.names()


# Tools ----------------------------------------------------------------------------------


def _tools(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    written = [tool for entry in request.tools if (tool := _tool(request, entry, dropped)) is not None]
    if written:
        body["tools"] = written
    choice = request.tool_choice
    known = {entry.name for entry in request.tools if isinstance(entry, ir.Tool) or entry.origin == NAME}
    if choice is not None and choice.mode == "named" and request.origin != NAME and choice.name not in known:
        raise unmet_choice(request)
    if choice is not None and not written:
        if choice.mode in ("required", "named"):
            raise unmet_choice(request)
    elif choice is not None:
        body["tool_choice"] = _tool_choice(choice, request.tools)
    if written and request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _tool(request: ir.Request, entry: ir.Tool | ir.NativeTool, dropped: Dropped) -> dict[str, Any] | None:
    if isinstance(entry, ir.NativeTool):
        if entry.origin == NAME:
            return dict(entry.document)
        dropped.add(entry.path)
        return None
    function: dict[str, Any] = {"name": entry.name}
    if entry.description is not None:
        function["description"] = entry.description
    if entry.schema is not None:
        function["parameters"] = entry.schema
    if entry.strict is not None:
        function["strict"] = entry.strict
    written: dict[str, Any] = {"type": "function", "function": function}
    if request.origin == NAME:
        function |= entry.unknown
    else:
        for name in entry.unknown:
            dropped.add(f"{entry.path}.{name}")
    if entry.cache is not None:
        if request.target.cache_marks or request.origin == NAME:
            written["cache_control"] = cache_control(entry.cache)
        else:
            dropped.add(f"{entry.path}.cache_control")
    return written


def _tool_choice(choice: ir.ToolChoice, tools: Iterable[ir.Tool | ir.NativeTool]) -> Any:
    natives = {tool.name: tool.document.get("type", "function") for tool in tools if isinstance(tool, ir.NativeTool)}

    def named(name: str | None) -> dict[str, Any]:
        kind = natives.get(name, "function")
        return {"type": kind, kind: {"name": name}}

    if choice.mode == "named":
        return named(choice.name)
    if choice.allowed is not None:
        allowed = {"mode": choice.mode, "tools": [named(name) for name in choice.allowed]}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    return choice.mode


# The small fields -----------------------------------------------------------------------


def _limits(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    if request.max_tokens is not None:
        own = request.called.get("max_tokens") if request.origin == NAME else None
        body[own or request.target.max_tokens_name] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
        if len(request.stop) > _MOST_STOPS and request.origin != NAME:
            body["stop"] = list(request.stop[:_MOST_STOPS])
            dropped.add(request.name_of("stop"), f"the first {_MOST_STOPS}")


def _sampling(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    sampling = request.sampling
    for name in ("temperature", "top_p"):
        value = getattr(sampling, name)
        if value is not None and request.target.sampling:
            body[name] = value
        elif value is not None:
            dropped.add(request.name_of(name))
    if sampling.top_k is not None:
        if request.origin == NAME:
            body["top_k"] = sampling.top_k
        else:
            dropped.add(request.name_of("top_k"))  # a 400 at OpenAI
    for name in ("frequency_penalty", "presence_penalty", "seed", "logit_bias"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    for name in ("n", "logprobs", "top_logprobs"):  # other formats' clients get the first answer only, without probabilities
        value = getattr(sampling, name)
        if value is not None and request.origin == NAME:
            body[name] = value
        elif value and not (name == "n" and value == 1):
            dropped.add(request.name_of(name))


def _reasoning(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    ask, name = request.reasoning, request.name_of("reasoning")
    if ask is None:
        return
    if request.target.reasoning is False:
        dropped.add(name)
        return
    if request.origin == NAME:
        body |= _own_reasoning(ask, name)
        return
    effort, remark = effort_asked(ask)
    if effort is not None:
        body["reasoning_effort"] = effort
    if remark:
        dropped.add(name, remark)
    if ask.exclude is not None and name != "reasoning":
        dropped.add(f"{name}.display")
    elif ask.exclude:
        dropped.add(f"{name}.exclude")


def _own_reasoning(ask: ir.ReasoningAsk, name: str) -> dict[str, Any]:
    """As the caller wrote it: see parse.py."""
    if name == "thinking":
        display = None if ask.exclude is None else "omitted" if ask.exclude else "summarized"
        given = {"type": ask.mode, "budget_tokens": ask.budget, "display": display}
    elif name == "reasoning":
        enabled = None if ask.mode is None or ask.effort == "none" else ask.mode != "disabled"
        given = {"effort": ask.effort, "max_tokens": ask.budget, "exclude": ask.exclude, "enabled": enabled}
    else:
        return {"reasoning_effort": ask.effort}
    return {name: {key: value for key, value in given.items() if value is not None}}


def _response_format(request: ir.Request, body: dict[str, Any]) -> None:
    wanted = request.response_format
    if wanted is None:
        return
    if wanted.kind != "json_schema":
        body["response_format"] = {"type": wanted.kind}
        return
    schema = write_schema(wanted, own=request.origin == NAME)
    body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _caller(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    if request.user is not None:
        if request.origin == NAME:
            body[request.called.get("user", "user")] = request.user
        elif len(request.user) <= request.target.longest_user:
            body["user"] = request.user
        else:
            dropped.add(request.name_of("user"))
    if request.metadata is not None:
        if request.origin == NAME:
            body["metadata"] = request.metadata
        else:
            for name in request.metadata:
                dropped.add(f"{request.name_of('metadata')}.{name}")
    if request.service_tier is not None:
        tier = request.service_tier if request.origin == NAME else tier_for(request.service_tier)
        if tier is not None:
            body["service_tier"] = tier
        else:
            dropped.add(request.name_of("service_tier"))


def _rest(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """Fields that the ir does not know return to their own format, and are named to every other."""
    if request.origin == NAME:
        body |= request.unknown
    else:
        for name in request.unknown:
            dropped.add(name)
    if request.cache is not None:
        if request.origin == NAME:
            body["cache_control"] = cache_control(request.cache)
        else:
            dropped.add(request.name_of("cache"))
    for path in request.unread:
        dropped.add(path)
