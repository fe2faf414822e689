"""A generateContent request body -> ir.Request.

The model and whether the answer streams stand in the URL, so both are blank here: whoever knows the URL puts them in.
Source: https://ai.google.dev/api/generate-content and the types of google-genai 3.6.1 (read 2026-11-27).
"""

from __future__ import annotations

from typing import Any

from omniroute.formats import ir
from omniroute.formats.fields import missing
from omniroute.formats.gemini.members import Members
from omniroute.formats.gemini.schema import from_openapi
from omniroute.formats.gemini.thinking import read_thinking
from omniroute.formats.gemini.turns import read_contents, read_system
from omniroute.formats.gemini.usage import NAME

_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_CALLED = {
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "response_format": "responseMimeType",
    "reasoning": "thinkingConfig",
}


def parse_request(document: dict[str, Any]) -> ir.Request:
    """Read a body. Raises BadRequest, naming the field ("contents.0.parts.1")."""
    body = Members(document)
    config = body.inner("generationConfig") or Members({}, "generationConfig", body.unread)
    unknown: dict[str, Any] = {}
    body.get("model")  # some clients repeat it here
    request = ir.Request(
        model="",
        messages=(*read_system(body), *read_contents(body)),
        tools=_tools(body),
        tool_choice=_tool_choice(body, unknown),
        sampling=_sampling(config),
        max_tokens=config.integer("maxOutputTokens", least=0),
        stop=config.texts("stopSequences"),
        response_format=_response_format(config, unknown),
        reasoning=read_thinking(config),
        metadata=body.mapping("labels"),
        service_tier=body.text("serviceTier"),
        include_usage=True,
        unknown=unknown | {config.at(name): value for name, value in config.rest().items()} | body.rest(),
        unread=tuple(body.unread),
        origin=NAME,
        called={name: f"generationConfig.{member}" for name, member in _CALLED.items()}
        | {"messages": "contents", "tool_choice": "toolConfig", "metadata": "labels", "service_tier": "serviceTier"},
    )
    return request


def _sampling(config: Members) -> ir.Sampling:
    return ir.Sampling(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        frequency_penalty=config.number("frequencyPenalty"),
        presence_penalty=config.number("presencePenalty"),
        seed=config.integer("seed"),
        n=config.integer("candidateCount", least=1),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.integer("logprobs"),
    )


def _response_format(config: Members, unknown: dict[str, Any]) -> ir.ResponseFormat | None:
    """A schema counts as asked for whatever the MIME type, but for `text/x.enum`, which only Gemini has."""
    kind = config.text("responseMimeType")
    openapi, schema = config.mapping("responseSchema"), config.mapping("responseJsonSchema")
    if schema is None:  # the name that the API's own discovery document has
        schema = config.mapping("_responseJsonSchema")
    if kind not in (None, "application/json", "text/plain"):
        given = {"responseMimeType": kind, "responseSchema": openapi, "responseJsonSchema": schema}
        unknown |= {config.at(name): value for name, value in given.items() if value is not None}
        return None
    if schema is not None or openapi is not None:
        return ir.ResponseFormat("json_schema", schema=from_openapi(openapi or {}) if schema is None else schema)
    if kind is None:
        return None
    return ir.ResponseFormat("json_object" if kind == "application/json" else "text")


# Tools ----------------------------------------------------------------------------------


def _tools(body: Members) -> tuple[ir.Tool | ir.NativeTool, ...]:
    found: list[ir.Tool | ir.NativeTool] = []
    for entry in body.many("tools"):
        found += [_tool(declaration) for declaration in entry.many("functionDeclarations")]
        for name, value in entry.rest().items():
            found.append(ir.NativeTool(NAME, {name: value}, name=name, path=entry.at(name)))
    return tuple(found)


def _tool(entry: Members) -> ir.Tool:
    openapi, schema = entry.mapping("parameters"), entry.mapping("parametersJsonSchema")
    if schema is None and openapi is not None:
        schema = from_openapi(openapi)
    return ir.Tool(
        name=entry.needed_text("name"),
        description=entry.text("description"),
        schema=schema,
        unknown=entry.rest(),
        path=entry.path,
    )


def _tool_choice(body: Members, unknown: dict[str, Any]) -> ir.ToolChoice | None:
    """ANY with one name names a tool. VALIDATED is AUTO whose calls keep to their schema."""
    config = body.inner("toolConfig")
    if config is None:
        return None
    calling, made = config.inner("functionCallingConfig"), None
    if calling is not None:
        mode, names = calling.word("mode", tuple(_MODES)), calling.texts("allowedFunctionNames")
        choice: Any = _MODES[mode or "AUTO"]
        if mode is None and names:
            raise missing(calling.at("mode"))
        if choice == "required" and len(names) == 1:
            made = ir.ToolChoice("named", name=names[0])
        else:
            made = ir.ToolChoice(choice, allowed=names or None)
        if mode == "VALIDATED" and not names:
            unknown[calling.at("mode")] = mode
        calling.done()
    unknown |= {config.at(name): value for name, value in config.rest().items()}
    return made
