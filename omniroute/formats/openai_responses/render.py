"""ir.Request -> a Responses request body.

Source: https://platform.openai.com/docs/api-reference/responses/create and openai-python 3.54.0 (read 2026-11-27). From
another format nothing is kept upstream (`store` false), so reasoning comes as a blob: `include` asks for it, but only where
reasoning is asked for, since models without it answer 400 to that.
"""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir
from omniroute.formats.openai_responses.messages import write_input
from omniroute.formats.openai_responses.parse import ENCRYPTED
from omniroute.formats.openai_responses.tools import write_tools
from omniroute.formats.openai_responses.usage import NAME
from omniroute.formats.openai_terms import tier_for, write_schema
from omniroute.formats.reasoning import effort_asked
from omniroute.formats.wording import Dropped

# "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16" (seen in earendil-works/pi#6265)
_LEAST_TOKENS = 16
_SAMPLING = ("temperature", "top_p")
_ELSEWHERE = ("top_k", "frequency_penalty", "presence_penalty", "seed", "n", "logprobs", "top_logprobs", "logit_bias")


def render_request(request: ir.Request) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and the client's names of what was left out or changed. Raises UnsupportedField for what must not be."""
    dropped = Dropped()
    instructions, items = write_input(request, dropped)
    body: dict[str, Any] = {"model": request.model, "input": items}
    if instructions is not None:
        body["instructions"] = instructions
    write_tools(request, body, dropped)
    _limits(request, body, dropped)
    _sampling(request, body, dropped)
    _text_format(request, body)
    if request.origin != NAME:
        body["store"] = False
    _reasoning(request, body, dropped)
    _caller(request, body, dropped)
    if request.stream:
        body["stream"] = True
    _rest(request, body, dropped)
    return body, dropped.names()


def _limits(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
        if request.max_tokens < _LEAST_TOKENS and request.origin != NAME:
            body["max_output_tokens"] = _LEAST_TOKENS
            dropped.add(request.name_of("max_tokens"), f"{_LEAST_TOKENS} at least")
    if request.stop and request.origin == NAME:
        body["stop"] = list(request.stop)
    elif request.stop:
        dropped.add(request.name_of("stop"))


def _sampling(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    sampling, own = request.sampling, request.origin == NAME
    for name in (*_SAMPLING, *_ELSEWHERE):
        value = getattr(sampling, name)
        if value is None:
            continue
        if (name in _SAMPLING and request.target.sampling) or (own and name not in _SAMPLING):
            body[name] = value
        elif value and not (name == "n" and value == 1):  # zero, false and empty are what happens without them
            dropped.add(request.name_of(name))


def _text_format(request: ir.Request, body: dict[str, Any]) -> None:
    wanted = request.response_format
    if wanted is None:
        return
    given: dict[str, Any] = {"type": wanted.kind}
    if wanted.kind == "json_schema":
        given |= write_schema(wanted, own=request.origin == NAME)
    body["text"] = {"format": given}


def _reasoning(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """A summary is asked for when the caller wants to see the reasoning: OpenAI shows none by itself."""
    ask, name = request.reasoning, request.name_of("reasoning")
    if ask is None:
        return
    if request.target.reasoning is False:
        dropped.add(name)
        return
    if request.origin == NAME:
        body["reasoning"] = {"effort": ask.effort}
        return
    effort, remark = effort_asked(ask)
    if remark:
        dropped.add(name, remark)
    if ask.mode == "disabled" and effort is None:
        return
    given: dict[str, Any] = {} if effort is None else {"effort": effort}
    shown = ask.exclude is False or ask.mode in ("enabled", "adaptive") or ask.budget is not None
    if shown and not ask.exclude and effort != "none":
        given["summary"] = "auto"
    if given:
        body["reasoning"] = given
    if effort != "none":
        body["include"] = [ENCRYPTED]


def _caller(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    own = request.origin == NAME
    if request.user is not None:
        if own or len(request.user) <= request.target.longest_user:
            body[request.called.get("user", "user") if own else "user"] = request.user
        else:
            dropped.add(request.name_of("user"))
    if own and request.metadata is not None:
        body["metadata"] = request.metadata
    for name in () if own else request.metadata or ():
        dropped.add(f"{request.name_of('metadata')}.{name}")
    if request.service_tier is not None:
        tier = request.service_tier if own else tier_for(request.service_tier)
        if tier is None:
            dropped.add(request.name_of("service_tier"))
        else:
            body["service_tier"] = tier


def _rest(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """Fields that the ir does not know return to their own format, and are named to every other."""
    if request.origin == NAME:
        for path, value in {**request.unknown, **request.own}.items():
            holder, _, name = path.partition(".")
            if name:
                body.setdefault(holder, {})[name] = value
            elif path != "tools":
                body[path] = value
    else:
        for name in request.unknown:
            dropped.add(name)
    if request.cache is not None:
        dropped.add(request.name_of("cache"))
    for path in request.unread:
        dropped.add(path)
