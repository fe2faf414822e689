"""What OpenAI's two formats, Chat and Responses, ask for in the same words.

Source: https://platform.openai.com/docs/api-reference and the types of openai-python 3.54.0 (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.fields import Fields, missing

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
EMPTY_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {}}

# Tiers mean the same in both; "standard_only" is Anthropic's word for OpenAI's "default", "standard" Google's.
_TIERS = {"standard_only": "default", "standard": "default"} | {
    tier: tier for tier in ("auto", "default", "flex", "scale", "priority")
}


def tier_for(service_tier: str) -> str | None:
    """OpenAI's word for a tier that a client of another format asks; None if it has none."""
    return _TIERS.get(service_tier)


def read_user(body: Fields, called: dict[str, str]) -> str | None:
    """`safety_identifier` is OpenAI's newer name for `user`. Notes in `called` which one the client uses; beside a `user`
    it is left unread."""
    user = body.text("user")
    if user is not None:
        return user
    newer = body.text("safety_identifier")
    if newer is not None:
        called["user"] = "safety_identifier"
    return newer


def read_mode(body: Fields) -> ir.ToolChoice | None:
    """A `tool_choice` that is one word; None if it is none, or an object."""
    given = body.get("tool_choice")
    if not isinstance(given, str):
        return None
    if given not in ("auto", "none", "required"):
        raise BadRequest("'tool_choice' must be auto, none, required or an object that names a tool.", param="tool_choice")
    return ir.ToolChoice(cast(Any, given))


def read_format(given: Fields, holder: str | None = None) -> ir.ResponseFormat:
    """The wanted format of an answer. What there is to say about a schema stands in the member `holder`, None: beside `type`."""
    kind = given.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise missing(given.at("type"))
    made = ir.ResponseFormat(cast(Any, kind))
    if kind == "json_schema":
        inner = given if holder is None else given.needed_inner(holder)
        made = ir.ResponseFormat(
            "json_schema",
            schema=inner.mapping("schema"),
            name=inner.text("name"),
            strict=inner.flag("strict"),
            description=inner.text("description"),
        )
        if inner is not given:
            inner.done()
    given.done()
    return made


def write_schema(wanted: ir.ResponseFormat, *, own: bool) -> dict[str, Any]:
    """What there is to say about a schema. Other formats always enforce theirs, OpenAI only with `strict`."""
    written: dict[str, Any] = {"name": wanted.name or "answer"}
    if wanted.description is not None:
        written["description"] = wanted.description
    strict = wanted.strict
    if wanted.schema is not None:
        written["schema"] = wanted.schema
        if strict is None and not own:
            strict = strict_enough(wanted.schema) or None
    if strict is not None:
        written["strict"] = strict
    return written


def strict_enough(schema: Any) -> bool:
    """Whether OpenAI takes a schema as strict: objects are closed and need all their properties.

    Source: https://platform.openai.com/docs/guides/structured-outputs (read 2026-11-22).
    """
    if isinstance(schema, list):
        return all(strict_enough(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        names = set(properties) if isinstance(properties, Mapping) else set()
        needed = schema.get("required")
        named = {name for name in (needed if isinstance(needed, list) else ()) if isinstance(name, str)}
        if schema.get("additionalProperties") is not False or names != named:
            return False
    return all(strict_enough(value) for value in schema.values())
