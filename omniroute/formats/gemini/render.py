"""ir.Request -> a generateContent request body. The model and whether the answer streams go in the URL.

Source: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/function-calling and
https://ai.google.dev/gemini-api/docs/structured-output (read 2026-11-27).
"""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir
from omniroute.formats.gemini.contents import write_contents
from omniroute.formats.gemini.schema import to_gemini
from omniroute.formats.gemini.thinking import takes_budget, write_thinking
from omniroute.formats.gemini.usage import NAME
from omniroute.formats.wording import Dropped, unmet_choice

_MOST_STOPS = 5
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
}
# Only the first answer is carried to other formats' clients, without probabilities: asking for more would cost for nothing.
_OWN_SAMPLING = {"n": "candidateCount", "logprobs": "responseLogprobs", "top_logprobs": "logprobs"}
_MODES = {"auto": "AUTO", "required": "ANY", "named": "ANY", "none": "NONE"}
_TIERS = {"default": "standard", "standard_only": "standard", "flex": "flex", "priority": "priority"}


def render_request(request: ir.Request) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and the client's names of what was left out or changed. Raises UnsupportedField for what must not be."""
    dropped = Dropped()
    system, contents = write_contents(request, dropped)
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    _tools(request, body, dropped)
    config = _sampling(request, dropped)
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    _stop(request, config, dropped)
    _response_format(request, body, config, dropped)
    if thinking := write_thinking(request, dropped):
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    _caller(request, body, dropped)
    _rest(request, body, dropped)
    return body, dropped.names()


# Tools ----------------------------------------------------------------------------------


def _tools(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    declared: list[dict[str, Any]] = []
    native: list[dict[str, Any]] = []
    for entry in request.tools:
        if isinstance(entry, ir.Tool):
            declared.append(_declaration(request, entry, dropped))
        elif entry.origin == NAME:
            native.append(dict(entry.document))
        else:
            dropped.add(entry.path)
    written = ([{"functionDeclarations": declared}] if declared else []) + native
    if written:
        body["tools"] = written
    if written and request.parallel_tool_calls is False:
        dropped.add(request.name_of("parallel_tool_calls"))
    if request.tool_choice is not None:
        _tool_choice(request, request.tool_choice, {tool["name"] for tool in declared}, body)


def _declaration(request: ir.Request, tool: ir.Tool, dropped: Dropped) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if request.origin == NAME:
        return written | ({} if tool.schema is None else {"parametersJsonSchema": tool.schema}) | dict(tool.unknown)
    if tool.schema is not None:
        schema = to_gemini(tool.schema, lambda keyword, remark="": dropped.add(f"tools.{keyword}", remark))
        if schema.get("properties") or schema.keys() - {"type", "properties", "additionalProperties", "required"}:
            written["parametersJsonSchema"] = schema  # one without parameters is left out, as the API's own guides do
    if tool.strict:
        dropped.add(f"{tool.path}.strict", "left to the model")
    if tool.cache is not None:
        dropped.add(f"{tool.path}.cache_control")
    for name in tool.unknown:
        dropped.add(f"{tool.path}.{name}")
    return written


def _tool_choice(request: ir.Request, choice: ir.ToolChoice, names: set[str], body: dict[str, Any]) -> None:
    """A limit on AUTO is VALIDATED's: AUTO itself takes none."""
    unmet = choice.name not in names if choice.mode == "named" else choice.mode == "required" and not names
    if unmet and request.origin != NAME:
        raise unmet_choice(request)
    if not names and request.origin != NAME:
        return
    allowed = (choice.name,) if choice.name is not None else choice.allowed
    mode = "VALIDATED" if allowed and choice.mode == "auto" else _MODES[choice.mode]
    calling = {"mode": mode} | ({"allowedFunctionNames": list(allowed)} if allowed else {})
    body["toolConfig"] = {"functionCallingConfig": calling}


# The small fields -----------------------------------------------------------------------


def _sampling(request: ir.Request, dropped: Dropped) -> dict[str, Any]:
    sampling, config = request.sampling, {}
    for name, member in _SAMPLING.items():
        value = getattr(sampling, name)
        if value is not None and (request.target.sampling or name not in ("temperature", "top_p", "top_k")):
            config[member] = value
        elif value is not None:
            dropped.add(request.name_of(name))
    for name, member in _OWN_SAMPLING.items():
        value = getattr(sampling, name)
        if value is not None and request.origin == NAME:
            config[member] = value
        elif value and not (name == "n" and value == 1):
            dropped.add(request.name_of(name))
    if sampling.logit_bias:
        dropped.add(request.name_of("logit_bias"))
    return config


def _stop(request: ir.Request, config: dict[str, Any], dropped: Dropped) -> None:
    if request.stop:
        config["stopSequences"] = list(request.stop)
        if len(request.stop) > _MOST_STOPS and request.origin != NAME:
            config["stopSequences"] = list(request.stop[:_MOST_STOPS])
            dropped.add(request.name_of("stop"), f"the first {_MOST_STOPS}")


def _response_format(request: ir.Request, body: dict[str, Any], config: dict[str, Any], dropped: Dropped) -> None:
    """Models of before Gemini 3 refuse JSON beside function declarations."""
    wanted, own, name = request.response_format, request.origin == NAME, request.name_of("response_format")
    if wanted is None or (wanted.kind == "text" and not own):
        return
    if not own and "tools" in body and takes_budget(request):
        dropped.add(name)
        return
    config["responseMimeType"] = "text/plain" if wanted.kind == "text" else "application/json"
    if wanted.description is not None:
        dropped.add(f"{name}.description")
    if wanted.schema is not None and own:
        config["responseJsonSchema"] = wanted.schema
    elif wanted.schema is not None:
        schema = to_gemini(wanted.schema, lambda keyword, remark="": dropped.add(f"{name}.{keyword}", remark))
        config["responseJsonSchema"] = schema


def _caller(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    if request.user is not None:
        dropped.add(request.name_of("user"))
    if request.metadata is not None and request.origin == NAME:
        body["labels"] = request.metadata
    elif request.metadata is not None:  # labels are for bills, and take few letters
        for name in request.metadata:
            dropped.add(f"{request.name_of('metadata')}.{name}")
    if request.service_tier is not None:
        tier = request.service_tier if request.origin == NAME else _TIERS.get(request.service_tier)
        if tier is not None:
            body["serviceTier"] = tier
        elif request.service_tier != "auto":
            dropped.add(request.name_of("service_tier"))
    if request.cache is not None:
        dropped.add(request.name_of("cache"))


def _rest(request: ir.Request, body: dict[str, Any], dropped: Dropped) -> None:
    """Fields that the ir does not know return to their own format, and are named to every other."""
    for name, value in request.unknown.items():
        if request.origin != NAME:
            dropped.add(name)
            continue
        holder = body
        *outer, last = name.split(".")
        for step in outer:
            holder = holder.setdefault(step, {})
        holder[last] = value
    for path in request.unread:
        dropped.add(path)
