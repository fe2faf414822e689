"""A Responses request body -> ir.Request.

Source: https://platform.openai.com/docs/api-reference/responses/create and the types of openai-python 3.54.0 (read
2026-11-27). `instructions` becomes a system message at the start. Beside it, what compatible servers take although
OpenAI's does not: `stop`, `top_k`, `seed` and the penalties.
"""

from __future__ import annotations

from typing import Any, cast

from omniroute.errors import UnsupportedField
from omniroute.formats import ir
from omniroute.formats.fields import Fields
from omniroute.formats.openai_responses.input import read_input
from omniroute.formats.openai_responses.tools import read_choice, read_tools, spaces_of
from omniroute.formats.openai_responses.usage import NAME
from omniroute.formats.openai_terms import EFFORTS, read_format, read_user

ENCRYPTED = "reasoning.encrypted_content"
# What needs an upstream that keeps something between requests: field, and what to do instead.
_KEPT_UPSTREAM = {
    "conversation": "Send the whole conversation in 'input'.",
    "prompt": "Send the text of the prompt itself in 'instructions' or 'input'.",
}


def parse_request(document: dict[str, Any]) -> ir.Request:
    """Read a body. Raises BadRequest or UnsupportedField, naming the field ("input.0.content")."""
    body = Fields(document)
    _refuse(body)
    called = {"messages": "input", "max_tokens": "max_output_tokens", "response_format": "text.format"}
    unknown: dict[str, Any] = {}
    own = _own(body)
    tools, names = read_tools(body), spaces_of(body.document)
    if names:
        own["tools"] = body.document["tools"]
    choice = read_choice(body)
    if choice is None and body.document.get("tool_choice") is not None:
        unknown["tool_choice"] = body.document["tool_choice"]
    response_format = _text_config(body, unknown)
    return ir.Request(
        model=body.needed_text("model"),
        messages=(*_instructions(body), *read_input(body, names)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=body.flag("parallel_tool_calls"),
        sampling=_sampling(body),
        max_tokens=body.integer("max_output_tokens", least=0),
        stop=body.texts("stop"),
        response_format=response_format,
        reasoning=_reasoning(body, unknown, own),
        metadata=body.mapping("metadata"),
        user=read_user(body, called),
        service_tier=body.text("service_tier"),
        stream=body.flag("stream") or False,
        include_usage=True,
        unknown=unknown | body.rest(),
        unread=tuple(body.unread),
        own=own,
        origin=NAME,
        called=called,
    )


def _refuse(body: Fields) -> None:
    for name, remedy in _KEPT_UPSTREAM.items():
        if body.get(name) is not None:
            message = f"'{name}' needs an upstream that keeps it; this model's does not."
            raise UnsupportedField(message, param=name, remedy=remedy)
    if body.flag("background"):
        message = "'background' needs an upstream that works on after the connection is closed; this model's does not."
        raise UnsupportedField(message, param="background", remedy="Send the request without it, with 'stream' if it takes long.")


def _own(body: Fields) -> dict[str, Any]:
    """What the gateway sees to itself, whatever the upstream: keeping a response, and giving reasoning back as a blob.
    Also what is so anyway."""
    own: dict[str, Any] = {}
    store = body.flag("store")
    if store is not None:
        own["store"] = store
    include = body.document.get("include")
    if isinstance(include, list) and all(name == ENCRYPTED for name in include):
        own["include"] = body.get("include")
    if body.document.get("truncation") == "disabled":
        own["truncation"] = body.get("truncation")
    options = body.document.get("stream_options")
    if isinstance(options, dict) and options.keys() <= {"include_obfuscation"}:
        own["stream_options"] = body.get("stream_options")
    return own


def _instructions(body: Fields) -> tuple[ir.Message, ...]:
    text = body.text("instructions")
    return (ir.Message("system", (ir.Text(text, path="instructions"),), path="instructions"),) if text else ()


def _sampling(body: Fields) -> ir.Sampling:
    return ir.Sampling(
        temperature=body.number("temperature"),
        top_p=body.number("top_p"),
        top_k=body.integer("top_k"),
        frequency_penalty=body.number("frequency_penalty"),
        presence_penalty=body.number("presence_penalty"),
        seed=body.integer("seed"),
    )


def _reasoning(body: Fields, unknown: dict[str, Any], own: dict[str, Any]) -> ir.ReasoningAsk | None:
    """Without an effort nothing is asked that a model would not do by itself: `summary` only asks to see what it does."""
    given = body.inner("reasoning")
    if given is None:
        return None
    effort = cast(ir.Effort | None, given.choice("effort", EFFORTS))
    shown = [name for name in ("summary", "generate_summary") if given.text(name) is not None]
    own |= {given.at(name): given.document[name] for name in shown}
    unknown |= {given.at(name): value for name, value in given.rest().items()}
    if effort is None:
        return None
    return ir.ReasoningAsk("disabled" if effort == "none" else None, effort, exclude=False if shown else None)


def _text_config(body: Fields, unknown: dict[str, Any]) -> ir.ResponseFormat | None:
    """The format; what else stands there goes to `unknown` with its path as name."""
    config = body.inner("text")
    if config is None:
        return None
    given = config.inner("format")
    unknown |= {config.at(name): value for name, value in config.rest().items()}
    return None if given is None else read_format(given)
