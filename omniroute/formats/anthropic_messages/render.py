"""ir.Request -> a Messages request body.

Source: https://platform.claude.com/docs/en/api/messages, /docs/en/build-with-claude/extended-thinking and
/docs/en/build-with-claude/adaptive-thinking (read 2026-11-22).
"""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir
from omniroute.formats.anthropic_messages.messages import cache_control, write_messages
from omniroute.formats.anthropic_messages.usage import NAME
from omniroute.formats.reasoning import budget_for, effort_for, fitting
from omniroute.formats.wording import Dropped, unmet_choice

DEFAULT_MAX_TOKENS = 32000
_EFFORTS: dict[ir.Effort, ir.Effort] = {"minimal": "low"}
_TIERS = {"auto": "auto", "default": "standard_only", "standard": "standard_only"}
_EMPTY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}


def render_request(request: ir.Request) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and the client's names of what was left out or changed. Raises UnsupportedField for what must not be."""
    dropped = Dropped()
    body: dict[str, Any] = {"model": request.model, "max_tokens": _max_tokens(request)}
    system, body["messages"] = write_messages(request, dropped)
    if system:
        body["system"] = system
    _tools(request, body, dropped)
    _output_config(request, body, dropped)
    _reasoning(request, body, dropped)
    _sampling(request, body, dropped)
    _stop(request, body, dropped)
    _caller(request, body, dropped)
    if request.cache is not None:
        body["cache_control"] = cache_control(request.cache)
    if request.stream:
        body["stream"] = True
    _rest(request, body, dropped)
    return body, dropped.names()


def _max_tokens(request: ir.Request) -> int:
    if request.max_tokens is not None:
        return request.max_tokens
    return request.default_max_tokens or DEFAULT_MAX_TOKENS


# Tools ----------------------------------------------------------------------------------


def _tools(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    choice = request.tool_choice
    allowed = choice.allowed if choice is not None else None
    tools = [tool for tool in request.tools if allowed is None or tool.name in allowed]
    if allowed is not None:
        dropped.add(request.name_of("tool_choice"), "only these tools are offered")
    written = [tool for entry in tools if (tool := _tool(request, entry, dropped)) is not None]
    if written:
        body["tools"] = written
    names = {tool.get("name") for tool in written}
    if choice is not None and _unmet(choice, names):
        raise unmet_choice(request)
    if written and (choice is not None or request.parallel_tool_calls is not None):
        body["tool_choice"] = _tool_choice(choice or ir.ToolChoice("auto"), request.parallel_tool_calls)


def _unmet(choice: ir.ToolChoice, names: set[Any]) -> bool:
    return choice.name not in names if choice.mode == "named" else choice.mode == "required" and not names


def _tool(request: ir.Request, entry: ir.Tool | ir.NativeTool, dropped: Dropped) -> dict[str, Any] | None:
    if isinstance(entry, ir.NativeTool):
        if entry.origin == NAME:
            return dict(entry.document)
        dropped.add(entry.path)
        return None
    written: dict[str, Any] = {"name": entry.name}
    if entry.description is not None:
        written["description"] = entry.description
    written["input_schema"] = entry.schema or _EMPTY_SCHEMA
    if entry.strict is not None:
        written["strict"] = entry.strict
    if entry.cache is not None:
        written["cache_control"] = cache_control(entry.cache)
    if request.origin == NAME:
        written |= entry.unknown
    else:
        for name in entry.unknown:
            dropped.add(f"{entry.path}.function.{name}")
    return written


def _tool_choice(choice: ir.ToolChoice, parallel: bool | None) -> dict[str, Any]:
    if choice.mode == "none":
        return {"type": "none"}
    written: dict[str, Any] = {"type": {"auto": "auto", "required": "any", "named": "tool"}[choice.mode]}
    if choice.mode == "named":
        written["name"] = choice.name
    if parallel is not None:
        written["disable_parallel_tool_use"] = not parallel
    return written


# Reasoning ------------------------------------------------------------------------------


def _reasoning(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """Only when the caller asks. A caller of this format has it as it was written; for others it is made to fit."""
    ask, name = request.reasoning, request.name_of("reasoning")
    if ask is None:
        return
    if request.target.reasoning is False:
        dropped.add(name)
        return
    thinking, effort = _own(ask) if request.origin == NAME else _fitted(request, ask, body, dropped)
    if thinking and ask.exclude is not None:
        thinking["display"] = "omitted" if ask.exclude else "summarized"
    if thinking:
        body["thinking"] = thinking
    if effort:
        body.setdefault("output_config", {})["effort"] = effort


def _own(ask: ir.ReasoningAsk) -> tuple[dict[str, Any], str | None]:
    thinking: dict[str, Any] = {} if ask.mode is None else {"type": ask.mode}
    if ask.budget is not None:
        thinking["budget_tokens"] = ask.budget
    return thinking, ask.effort


def _fitted(
    request: ir.Request, ask: ir.ReasoningAsk, body: dict[str, Any], dropped: Dropped
) -> tuple[dict[str, Any], str | None]:
    """(thinking, effort), either of which may be nothing."""
    name = request.name_of("reasoning")
    if ask.mode == "disabled":
        if request.called.get("reasoning") == "thinking" and request.target.thinking is None:
            return {"type": "disabled"}, None
        if request.target.thinking == "adaptive":  # some of these models can't be told not to think
            dropped.add(name, "left to the model")
        return {}, None
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        dropped.add(name, "thinking and a forced tool exclude each other")
        return {}, None
    if request.target.thinking == "adaptive" or (request.target.thinking is None and ask.mode == "adaptive"):
        effort = ask.effort
        if effort is None and ask.budget is not None:
            effort = effort_for(ask.budget)
            dropped.add(name, f"as effort {effort}")
        if effort in _EFFORTS:
            effort = _EFFORTS[effort]
            dropped.add(name, f"as effort {effort}")
        return {"type": "adaptive"}, effort
    if _unsigned_tool_turn(body["messages"]):
        dropped.add(name, "off for this turn: the thinking before its tool call was not sent back")
        return {}, None
    return _budgeted(ask, body["max_tokens"], name, dropped), None


def _budgeted(ask: ir.ReasoningAsk, max_tokens: int, name: str, dropped: Dropped) -> dict[str, Any]:
    budget = budget_for(ask.effort or "medium", max_tokens) if ask.budget is None else fitting(ask.budget, max_tokens)
    if budget is None:
        dropped.add(name, "max_tokens leaves no room for the least budget")
        return {}
    if budget != ask.budget and ask.effort != effort_for(budget) and ask != ir.ReasoningAsk(ask.mode, exclude=ask.exclude):
        dropped.add(name, f"budget {budget}")
    return {"type": "enabled", "budget_tokens": budget}


def _unsigned_tool_turn(turns: list[dict[str, Any]]) -> bool:
    """Whether the request goes on after a tool call whose assistant turn does not begin with thinking: with a budget
    Anthropic answers 400 to that ("Expected `thinking` or `redacted_thinking`, but found `tool_use`")."""
    called = None
    for turn in turns:
        first = turn["content"][0]["type"]
        if turn["role"] == "assistant":
            called = first
        elif turn["role"] == "user" and first != "tool_result":
            called = None
    return called not in (None, "thinking", "redacted_thinking") and turns[-1]["role"] != "assistant"


# The small fields -----------------------------------------------------------------------


def _sampling(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    sampling = request.sampling
    own = request.origin == NAME
    thinks = not own and body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(sampling, name)
        if value is None:
            continue
        if not request.target.sampling or (thinks and not _beside_thinking(name, value)):
            dropped.add(request.name_of(name))
        elif name == "temperature" and value > 1 and not own:
            body[name] = 1
            dropped.add(request.name_of(name), "1 at most")
        else:
            body[name] = value
    for name in ("frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias"):
        if getattr(sampling, name):  # zero, false and empty are what happens without them
            dropped.add(request.name_of(name))
    if sampling.seed is not None:
        dropped.add(request.name_of("seed"))
    if sampling.n not in (None, 1):
        dropped.add(request.name_of("n"))


def _beside_thinking(name: str, value: float) -> bool:
    """Thinking takes no temperature but 1, no top_k, and a top_p from 0.95 to 1."""
    return (name == "temperature" and value == 1) or (name == "top_p" and 0.95 <= value <= 1)


def _output_config(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    wanted = request.response_format
    if wanted is None or wanted.kind == "text":
        return
    if wanted.kind == "json_schema" and wanted.schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": wanted.schema}}
        if wanted.description is not None:
            dropped.add(f"{request.name_of('response_format')}.description")
    else:
        dropped.add(request.name_of("response_format"))


def _stop(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    sequences = [stop for stop in request.stop if stop.strip()]
    if sequences:
        body["stop_sequences"] = sequences
    if len(sequences) < len(request.stop):
        dropped.add(request.name_of("stop"), "blank ones left out")


def _caller(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    metadata: dict[str, Any] = {} if request.user is None else {"user_id": request.user}
    for name, value in (request.metadata or {}).items():
        if request.origin == NAME or (name == "user_id" and request.user is None and isinstance(value, str)):
            metadata[name] = value
        else:
            dropped.add(f"{request.name_of('metadata')}.{name}")
    if metadata:
        body["metadata"] = metadata
    if request.service_tier is not None:
        tier = request.service_tier if request.origin == NAME else _TIERS.get(request.service_tier)
        if tier is None:
            dropped.add(request.name_of("service_tier"))
        else:
            body["service_tier"] = tier


def _rest(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """Fields that the ir does not know return to their own format, and are named to every other."""
    for name, value in request.unknown.items():
        if request.origin != NAME:
            dropped.add(name)
        elif name.startswith("output_config."):
            body.setdefault("output_config", {})[name.removeprefix("output_config.")] = value
        else:
            body[name] = value
    for path in request.unread:
        dropped.add(path)
