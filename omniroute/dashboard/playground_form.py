"""The Playground's fields beside its conversation, and the request that both together make."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from wtforms import BooleanField, DecimalField, IntegerField, SelectField, StringField, TextAreaField
from wtforms import Form as WTForm
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from omniroute.dashboard.forms import LinesField, SelectChoice, stripped
from omniroute.errors import BadRequest
from omniroute.formats import FORMATS, ir
from omniroute.formats.depth import DEEPEST, too_deep
from omniroute.formats.reasoning import seal, seal_call
from omniroute.routing.configuration import ClientKey, Configuration

FORMAT_NAMES: Mapping[str, str] = {
    "openai_chat": "OpenAI Chat",
    "openai_responses": "OpenAI Responses",
    "anthropic_messages": "Anthropic Messages",
    "gemini": "Gemini",
}
EFFORTS: tuple[ir.Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
MOST_TOKENS = 10_000_000
LONGEST_TOOLS = 200_000  # characters
EXAMPLE = """[
  {
    "type": "function",
    "function": {
      "name": "get_weather",
      "description": "The weather in a city now.",
      "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"]
      }
    }
  }
]"""
# The least that each format needs around a list of tools to read it.
AROUND: Mapping[str, Mapping[str, Any]] = {
    "openai_chat": {"model": "x", "messages": [{"role": "user", "content": "x"}]},
    "openai_responses": {"model": "x", "input": "x"},
    "anthropic_messages": {"model": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
}


class PlaygroundForm(WTForm):
    """What is left empty is not sent."""

    model = StringField("Model or combo", [InputRequired("Which model or combo?"), Length(max=300)], filters=[stripped])
    format = SelectField("Client format", default="openai_chat")
    key = SelectField("As client key", [Optional()])
    system = TextAreaField("System prompt")
    stream = BooleanField("Streamed", default=True)
    max_tokens = IntegerField("Max tokens", [Optional(), NumberRange(1, MOST_TOKENS, "A whole number from 1.")])
    temperature = DecimalField("Temperature", [Optional(), NumberRange(0, 2, "From 0 to 2.")])
    top_p = DecimalField("Top P", [Optional(), NumberRange(0, 1, "From 0 to 1.")])
    effort = SelectField("Reasoning effort", [Optional()])
    stop = LinesField("Stop at")
    tools = TextAreaField("Tools", [Length(max=LONGEST_TOOLS)])

    def know(self, configuration: Configuration) -> None:
        """The choices there are: formats, keys, efforts."""
        self.format.choices = [SelectChoice(name, label) for name, label in FORMAT_NAMES.items()]
        self._keys = {key.id: key for key in configuration.keys.values()}
        keys = sorted(self._keys.values(), key=lambda key: key.name.casefold())
        self.key.choices = [SelectChoice("", "None: no limits"), *(SelectChoice(key.id, key.name) for key in keys)]
        self.effort.choices = [SelectChoice("", "Not sent"), *(SelectChoice(effort, effort) for effort in EFFORTS)]

    @property
    def chosen(self) -> ClientKey | None:
        """The key that was chosen, of those that it could be chosen from: without one there are no limits."""
        return self._keys.get(self.key.data or "")


@dataclass(frozen=True, slots=True)
class Draft:
    """A client's request. `left_out` is what its own format has no place for, by the Playground's names."""

    format: str
    model: str
    stream: bool
    document: dict[str, Any]
    left_out: tuple[str, ...]


def draft(form: PlaygroundForm, messages: tuple[ir.Message, ...]) -> Draft:
    """The valid form as a client of its format would write it. Raises BadRequest for what that format can't say."""
    format, effort = form.format.data, form.effort.data
    asked = None if not effort else ir.ReasoningAsk(effort=effort, exclude=None if format == "openai_chat" else False)
    request = ir.Request(
        model=form.model.data or "",
        messages=as_client(messages, format),
        tools=read_tools(form.tools.data or "", format),
        sampling=ir.Sampling(temperature=_number(form.temperature.data), top_p=_number(form.top_p.data)),
        max_tokens=form.max_tokens.data,
        stop=tuple(form.stop.data or ()),
        reasoning=asked,
        stream=bool(form.stream.data),
        target=AS_CLIENT,
    )
    document, left_out = FORMATS[format].render_request(request)
    return Draft(format, request.model, request.stream, document, left_out)


# Clients send back what they were given of a model's reasoning: upstreams that sign it refuse the turn without.
AS_CLIENT = ir.Target(replays_reasoning=True, cache_marks=True)


def as_client(messages: tuple[ir.Message, ...], format: str) -> tuple[ir.Message, ...]:
    """Earlier answers as a client of `format` holds them: what another format's model signed is sealed there, where the gateway
    finds it again (formats/reasoning.py).
    """
    return tuple(
        replace(message, parts=tuple(each for part in message.parts for each in _sealed(part, format))) for message in messages
    )


def _sealed(part: ir.AnyPart, format: str) -> tuple[ir.AnyPart, ...]:
    if isinstance(part, ir.ToolCall) and part.signature is not None and format in ("anthropic_messages", "openai_responses"):
        blob = ir.Reasoning("", signature=seal_call(part.signature, part.origin), origin=format)
        return blob, replace(part, signature=None)
    if not isinstance(part, ir.Reasoning) or part.origin in (None, format) or format == "openai_chat":
        return (part,)
    sealed = seal(part)
    if format == "gemini":  # whose signatures are base64
        sealed = base64.b64encode(sealed.encode()).decode()
    return (replace(part, signature=sealed, data=None, origin=format),)


def read_tools(text: str, format: str) -> tuple[ir.Tool | ir.NativeTool, ...]:
    """The tools of a JSON text, written as any of the formats has them; `format` decides where it does not show.

    Raises BadRequest that says what is wrong.
    """
    if not text.strip():
        return ()
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"This is no JSON that can be sent: {exc}.") from exc
    if too_deep(given):
        raise BadRequest(f"These tools can't be sent: they are nested more than {DEEPEST} levels deep.")
    try:
        orjson.dumps(json.loads(text))  # which keeps whole numbers as they are
    except orjson.JSONEncodeError as exc:
        raise BadRequest("These tools can't be sent: a whole number in them has more than 64 bits.") from exc
    listed = given.get("tools", [given]) if isinstance(given, dict) else given
    if not isinstance(listed, list) or not listed or not all(isinstance(tool, dict) for tool in listed):
        raise BadRequest("Tools are a JSON list of objects; “Insert an example” shows one.")
    found = _written_for(listed, format)
    if found == "":
        listed, found = [{"type": "function", "function": tool} for tool in listed], "openai_chat"
    return FORMATS[found].parse_request({**AROUND[found], "tools": listed}).tools


def _written_for(listed: Sequence[Mapping[str, Any]], format: str) -> str:
    """Whose tools these look like; "" for bare functions, of which only the name and the parameters are written."""
    first = listed[0]
    if isinstance(first.get("function"), dict):
        return "openai_chat"
    if "input_schema" in first:
        return "anthropic_messages"
    if first.keys() & {"functionDeclarations", "function_declarations"}:
        return "gemini"
    if first.get("type") == "function":
        return "openai_responses"
    return "" if "type" not in first and "parameters" in first else format


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
