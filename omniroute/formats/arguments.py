"""A tool call's arguments as the JSON object that some formats need, where others carry a text."""

from __future__ import annotations

from typing import Any

import orjson

from omniroute.formats.depth import too_deep
from omniroute.formats.ir import ToolCall


def object_of(call: ToolCall) -> dict[str, Any]:
    """What is no object stands in one, under a name of its own: a model wrote broken JSON once, and a conversation must go on."""
    if call.custom:
        return {"input": call.arguments}
    given = _read(call.arguments)
    return given if isinstance(given, dict) else {"arguments": given}


def is_object(call: ToolCall) -> bool:
    """Whether the arguments are an object by themselves, or a custom tool's text, which never is one."""
    return call.custom or isinstance(_read(call.arguments), dict)


def _read(arguments: str) -> Any:
    """The JSON; nothing at all is an empty object, what is no JSON, or could not be written again, its own text."""
    if not arguments.strip():
        return {}
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    return arguments if too_deep(given) else given
