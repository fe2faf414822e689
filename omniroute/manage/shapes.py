"""What the operations show, as JSON: names in camelCase, times as ISO 8601 in UTC, and the schema of the same."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from omniroute.clock import moment
from omniroute.connections.models import ModelView
from omniroute.connections.operations import ConnectionView
from omniroute.connections.resilience import HeldView
from omniroute.edge.declarations import camel
from omniroute.routing.configuration import ComboConfig
from omniroute.security.audit import AuditView
from omniroute.usage.logs import LogView
from omniroute.usage.prices import PricedView, PriceView
from omniroute.usage.pulse import ProviderPulse

# Where the API's word isn't the camelCase of the view's.
WORDS: dict[tuple[type, str], str] = {
    (ConnectionView, "provider_id"): "provider",
    (ModelView, "provider_id"): "provider",
    (ModelView, "hidden"): "isHidden",
    (PriceView, "provider_id"): "provider",
    (PricedView, "provider_id"): "provider",
    (LogView, "kind"): "class",
    (ProviderPulse, "provider_id"): "provider",
    (HeldView, "provider_id"): "provider",
    (HeldView, "failure_class"): "class",
    **{(ComboConfig, name): name for name in ComboConfig.__dataclass_fields__},
}

# Mappings whose keys are our own names; the keys of all others (header names, a provider's fields) are data and stay.
OWN_NAMES = {(AuditView, "before"), (AuditView, "after"), (ConnectionView, "last_test")}


def as_json(value: Any) -> Any:
    """A view, or a mapping or sequence of them, as what JSON can hold. The top-level names of a mapping become camelCase."""
    if isinstance(value, Mapping):
        return {camel(name): _told(name, entry) for name, entry in value.items()}
    return _told("", value)


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of an annotation, as `as_json` would write a value of it."""
    if is_dataclass(kind) and isinstance(kind, type):
        shown = {word: member_schema(name, hint) for name, word, hint in _members(kind)}
        return {"type": "object", "properties": shown, "required": list(shown)}
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _either(inner)
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin in (tuple, list):
        return {"type": "array", "items": schema_of(inner[0])}
    if kind is dict or origin is dict or origin is Mapping:
        values = schema_of(inner[1]) if len(inner) == 2 else {}
        return {"type": "object"} | ({"additionalProperties": values} if values else {})
    return dict(PLAIN.get(kind, {}))


def member_schema(name: str, hint: Any) -> dict[str, Any]:
    """The same for a member of that name, which may say that it is a time."""
    if _is_time(name):
        optional = type(None) in get_args(hint)
        return {"type": ["string", "null"] if optional else "string", "format": "date-time"}
    if name == "custom_headers":
        return {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    return schema_of(hint)


PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    type(None): {"type": "null"},
}


def _told(name: str, value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {word: _member(type(value), at, getattr(value, at)) for at, word, _ in _members(type(value))}
    if isinstance(value, float) and _is_time(name):
        return moment(value)
    if name == "custom_headers":
        return dict(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, tuple | list | frozenset):
        return [_told("", entry) for entry in (sorted(value) if isinstance(value, frozenset) else value)]
    if isinstance(value, Mapping):
        return {key: _told("", entry) for key, entry in value.items()}
    return value


def _member(owner: type, name: str, value: Any) -> Any:
    if (owner, name) in OWN_NAMES and value is not None:
        return {camel(key): _told(key, entry) for key, entry in value.items()}
    return _told(name, value)


@cache
def _members(kind: type) -> tuple[tuple[str, str, Any], ...]:
    """(attribute, JSON name, annotation) of each member of a view."""
    hints = get_type_hints(kind)
    return tuple((each.name, WORDS.get((kind, each.name), camel(each.name)), hints[each.name]) for each in fields(kind))


def _either(kinds: tuple[Any, ...]) -> dict[str, Any]:
    """A union: almost always something or null."""
    made = [schema_of(kind) for kind in kinds]
    if all(set(each) == {"type"} and isinstance(each["type"], str) for each in made):
        return {"type": [each["type"] for each in made]}
    return {"anyOf": made}


def _is_time(name: str) -> bool:
    return name == "at" or (name.endswith("_at") and name != "warn_at")  # that is a share
