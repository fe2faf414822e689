"""What was asked and what is answered, apart from any wire format."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.upstream.script import TEXT, Script

# The same conversation costs the same in every format: 19 prompt tokens = 11 + 3 written to the cache + 5 read from it.
INPUT, CACHE_WRITE, CACHE_READ, OUTPUT, REASONING = 11, 3, 5, 17, 4
PROMPT = INPUT + CACHE_WRITE + CACHE_READ

SHELLS = ("Bash", "bash", "shell", "exec_command", "run_shell_command")
COMMAND = "echo SCRIPTED_$((40+2))"  # SCRIPTED_42 in the result proves that it was run
REFUSAL = "I can't help with that."
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Image:
    media_type: str
    size: int | None  # bytes; None for one that was given as a URL
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """The little of a request that an answer depends on."""

    model: str
    stream: bool
    prompt: str  # text of the last user message; one that only brings tool results is passed over
    tool_result: str | None = None  # text of the results that the conversation ends in
    tools: tuple[tuple[str, Mapping[str, Any]], ...] = ()  # name, JSON schema of the input
    forced: str | None = None  # a tool's name, or "any"
    images: tuple[Image, ...] = ()  # of the messages after the last assistant turn
    schema: Mapping[str, Any] | None = None  # structured output
    wants_usage: bool = True  # in a stream


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    input: Any


@dataclass(frozen=True, slots=True)
class Answer:
    id: str  # a bare token; formats put their prefix before it
    model: str
    text: str = ""
    thinking: str | None = None
    calls: tuple[Call, ...] = ()
    stop: str = "end"  # end, tool, length, refusal
    script: Script = field(default_factory=Script)


def compose(ask: Ask, script: Script) -> Answer:
    """What the script has the upstream say to this. After a tool's result, `tool` says what the tool said."""
    made: dict[str, Any] = {"text": script.text}
    say = script.say
    if say == "text" and ask.forced and ask.tool_result is None:
        say = "tool"
    if say == "text" and ask.schema is not None:
        say = "structured"
    if say == "tool" and ask.tool_result is not None:
        made = {"text": f"The tool said: {ask.tool_result}"}
    elif say == "tool":
        text = "Let me look." if script.text == TEXT else script.text
        made = {"text": text, "calls": tool_calls(ask, script), "stop": "tool"}
    elif say == "structured":
        made = {"text": as_text(sample(ask.schema or {}))}
    elif say == "refusal":
        made = {"text": REFUSAL, "stop": "refusal"}
    elif say == "max_tokens":
        made = {"text": "This sentence is cut", "stop": "length"}
    elif say == "image":
        made = {"text": seen_images(ask.images)}
    elif say == "nothing":
        made = {"text": ""}
    return Answer(id=token(), model=ask.model, thinking=script.thinking, script=script, **made)


def tool_calls(ask: Ask, script: Script) -> tuple[Call, ...]:
    offered = dict(ask.tools)
    shell = next((name for name in SHELLS if name in offered), None)
    forced = ask.forced if ask.forced in offered else None
    name = script.tool or forced or shell or next(iter(offered), "get_weather")
    given = script.tool_input if isinstance(script.tool_input, list) else [script.tool_input] * script.tools
    inputs = (default_input(name, offered, number) if one is None else one for number, one in enumerate(given))
    return tuple(Call(token(), name, one) for one in inputs)


def default_input(name: str, offered: Mapping[str, Mapping[str, Any]], number: int) -> Any:
    if name in SHELLS:
        key = "cmd" if name == "exec_command" else "command"
        described = "description" in _mapping(_mapping(offered.get(name)).get("properties"))
        return {key: COMMAND, **({"description": "Print a number"} if described else {})}
    if name in offered:
        return sample(offered[name])
    return {"city": ("Paris", "Rome", "Oslo")[number % 3], "unit": "°C"}


SAMPLES: dict[str, Any] = {"string": "sample", "integer": 7, "number": 7.5, "boolean": True, "null": None}


def sample(schema: Any) -> Any:
    """A value that a (simple) JSON schema accepts. What of it is no schema counts as not said."""
    schema = _mapping(schema)
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"}))]
    if isinstance(kind, str) and kind in SAMPLES:
        return SAMPLES[kind]
    return {name: sample(inner) for name, inner in _mapping(schema.get("properties")).items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def seen_images(images: Sequence[Image]) -> str:
    if not images:
        return "I see no image."
    return "I see " + "; ".join(f"{each.media_type}, {each.size} bytes" if each.size is not None else each.url for each in images)


def inline_image(media_type: str, data: str) -> Image:
    return Image(media_type, len(base64.b64decode(data, validate=True)))


def pieces(text: str, count: int) -> list[str]:
    """The text in at most `count` parts of about the same length; none for an empty one."""
    size = max(1, -(-len(text) // count))
    return [text[at : at + size] for at in range(0, len(text), size)]


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def token() -> str:
    """Ids are numbered, not drawn: unlike each other, and the same in a test that runs again in a new process."""
    return f"scripted{next(NUMBERS):06d}"
