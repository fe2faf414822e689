"""What OpenAI's two formats, Chat and Responses, ask for in the same words.

Source: https://platform.openai.com/docs/api-reference and the types of openai-python 3.54.0 (read 2026-11-27).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.formats.fields import Fields

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
    """`safety_identifier` is OpenAI's newer name for `user`. Notes in `called` which one the client uses."""
    user, newer = body.text("user"), body.text("safety_identifier")
    if user is None and newer is not None:
        called["user"] = "safety_identifier"
    return newer if user is None else user


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
        if schema.get("additionalProperties") is not False or names != set(needed if isinstance(needed, list) else ()):
            return False
    return all(strict_enough(value) for value in schema.values())
