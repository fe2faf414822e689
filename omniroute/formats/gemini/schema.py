"""JSON Schema as Gemini takes it, and Gemini's OpenAPI schemas as JSON Schema.

Two fields hold each schema. `parameters` and `responseSchema` take a small part of OpenAPI 3.0 and refuse a body with any
other keyword; `parametersJsonSchema` and `responseJsonSchema` take JSON Schema, of which these keywords count: $id, $defs,
$ref, $anchor, type, format, title, description, enum (strings and numbers), items, prefixItems, minItems, maxItems, minimum,
maximum, anyOf, oneOf (read as anyOf), properties, additionalProperties, required, propertyOrdering; a $ref stands alone, and
a cycle in required properties is refused (https://ai.google.dev/api/generate-content, read 2026-11-27). So the second is
written: types with "null" and open objects, which most tools have, get through as they are. References are put in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Lost = Callable[..., None]  # (keyword, remark)

_KEPT = ("title", "description", "minItems", "maxItems", "minimum", "maximum", "required", "propertyOrdering")
# What says nothing about a value by itself: nothing is lost without it.
_SILENT = ("$schema", "$id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary", "$dynamicAnchor")
_REMARKS = ("default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding")
_FORMATS = ("date-time", "date", "time", "int32", "int64", "float", "double")
_DEEPEST = 32
_LARGEST = 10_000  # schemas in one, after references are put in place
_TURNS = 2  # how often a reference may stand within itself


def to_gemini(schema: Mapping[str, Any], lost: Lost) -> dict[str, Any]:
    """A schema with Gemini's keywords only. `lost` is told each keyword that was left out, with a remark if not all of it was."""
    return _Cleaner(schema, lost).clean(schema, ())


class _Cleaner:
    def __init__(self, root: Mapping[str, Any], lost: Lost) -> None:
        self._root = root
        self._lost = lost
        self._count = 0

    def clean(self, schema: Any, refs: tuple[str, ...], depth: int = 0) -> dict[str, Any]:
        if not isinstance(schema, Mapping):  # true takes anything; false nothing, which can't be said here
            if schema is False:
                self._lost("false")
            return {}
        self._count += 1
        if depth > _DEEPEST or self._count > _LARGEST:
            self._lost("depth", "cut")
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._referred(schema, refs, depth)
        if "allOf" in schema:
            schema = self._merged(schema, refs, depth)
        written: dict[str, Any] = {}
        self._type(schema, written)
        for name, value in schema.items():
            self._keyword(name, value, written, refs, depth + 1)
        if isinstance(written.get("required"), list):
            self._required(written)
        return written

    def _required(self, written: dict[str, Any]) -> None:
        """The API refuses to require what is not declared ("property is not defined")."""
        declared = [name for name in written["required"] if isinstance(name, str) and name in written.get("properties", {})]
        if len(declared) < len(written["required"]):
            self._lost("required", "what is declared")
            written["required"] = declared

    def _referred(self, schema: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> dict[str, Any]:
        """What the reference means, with what stands beside it. A cycle goes on for a little and is then cut."""
        ref = schema["$ref"]
        found = _look_up(self._root, ref)
        if found is None:
            self._lost("$ref")
            found = {}
        elif refs.count(ref) >= _TURNS:
            self._lost("$ref", "a cycle, cut")
            kind = found.get("type")
            found = {"type": kind} if isinstance(kind, str) else {}
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return self.clean({**found, **beside}, (*refs, ref), depth + 1)

    def _merged(self, schema: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> dict[str, Any]:
        """`allOf` as one schema: properties and required ones put together, of other keywords the first."""
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        inner = schema["allOf"]
        for each in inner if isinstance(inner, list) else ():
            if isinstance(each, Mapping) and isinstance(each.get("$ref"), str) and refs.count(each["$ref"]) < _TURNS:
                refs = (*refs, each["$ref"])
                each = _look_up(self._root, each["$ref"]) or {}
            if isinstance(each, Mapping) and "allOf" in each and depth < _DEEPEST:
                each = self._merged(each, refs, depth + 1)
            for name, value in each.items() if isinstance(each, Mapping) else ():
                mine = merged.get(name)
                if name == "properties" and isinstance(mine, dict) and isinstance(value, dict):
                    merged[name] = {**value, **mine}
                elif name == "required" and isinstance(mine, list) and isinstance(value, list):
                    merged[name] = [*mine, *(item for item in value if item not in mine)]
                else:
                    merged.setdefault(name, value)
        return merged

    def _type(self, schema: Mapping[str, Any], written: dict[str, Any]) -> None:
        """`type`, and what `nullable`, `const` and `enum` say about it."""
        given = schema.get("type")
        kinds = [kind for kind in (given if isinstance(given, list) else [given]) if isinstance(kind, str)]
        values = schema.get("enum") if isinstance(schema.get("enum"), list) else None
        if "const" in schema:
            values = [schema["const"]]
        if values is not None:
            kept = [value for value in values if isinstance(value, str | int | float) and not isinstance(value, bool)]
            if len(kept) < len([value for value in values if value is not None]):
                self._lost("const" if "const" in schema else "enum")
            elif kept:
                written["enum"] = kept
            kinds = kinds or list(dict.fromkeys(_kind(value) for value in values))
            if kinds and None in values and "null" not in kinds:
                kinds.append("null")
        if schema.get("nullable") is True and kinds and "null" not in kinds:
            kinds.append("null")
        some = [kind for kind in kinds if kind != "null"]
        if len(some) > 1:  # a type may be one, or one and null
            written["anyOf"] = [{"type": kind} for kind in kinds]
        elif kinds:
            written["type"] = kinds if len(kinds) > 1 else kinds[0]

    def _keyword(self, name: str, value: Any, written: dict[str, Any], refs: tuple[str, ...], depth: int) -> None:
        if name in ("type", "enum", "const", "nullable", *_SILENT):
            return
        if name in _KEPT or (name == "format" and value in _FORMATS):
            written[name] = value
        elif name == "properties" and isinstance(value, Mapping):
            written[name] = {key: self.clean(inner, refs, depth) for key, inner in value.items()}
        elif name in ("items", "additionalProperties"):
            listed = isinstance(value, list)  # how tuples were written before prefixItems
            cleaned: Any = [self.clean(inner, refs, depth) for inner in value] if listed else None
            if listed:
                written["prefixItems"] = cleaned
            else:
                written[name] = value if isinstance(value, bool) else self.clean(value, refs, depth)
        elif name == "prefixItems" and isinstance(value, list):
            written[name] = [self.clean(inner, refs, depth) for inner in value]
        elif name in ("anyOf", "oneOf") and isinstance(value, list):
            if "anyOf" in written:
                self._lost(name)
            else:
                written["anyOf"] = [self.clean(inner, refs, depth) for inner in value]
        elif name in ("exclusiveMinimum", "exclusiveMaximum") and type(value) in (int, float):
            bound = name.removeprefix("exclusive").lower()
            if bound not in written:
                self._lost(name, f"as {bound}")
                written[bound] = value
        elif name in _REMARKS:
            self._lost(name, "not told to the model")
        else:
            self._lost(name)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kinds, name in ((int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kinds):
            return name
    return "null"


def _look_up(root: Mapping[str, Any], ref: str) -> Mapping[str, Any] | None:
    """What a reference within the schema ("#/$defs/Node") points at; None for others."""
    if not ref.startswith("#"):
        return None
    found: Any = root
    for step in ref[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


# OpenAPI ----------------------------------------------------------------------------------

_COUNTS = ("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength")


def from_openapi(schema: Any, depth: int = 0) -> dict[str, Any]:
    """Gemini's `Schema` as JSON Schema: types in small letters, `nullable` as a type, the order of properties as they stand.

    Members by either name; what is no part of a `Schema` stays as it is.
    """
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    given: dict[str, Any] = {_CAMEL.get(str(name), str(name)): value for name, value in schema.items()}
    ordering, nullable, kind = given.pop("propertyOrdering", None), given.pop("nullable", None), given.pop("type", None)
    written: dict[str, Any] = {}
    if isinstance(kind, str) and not kind.upper().endswith("UNSPECIFIED"):
        written["type"] = [kind.lower(), "null"] if nullable is True and kind.lower() != "null" else kind.lower()
    elif kind is not None and not isinstance(kind, str):
        written["type"] = kind
    for name, value in given.items():
        if name == "format" and value == "enum":
            continue
        if name == "enum" and nullable is True and isinstance(value, list) and None not in value:
            value = [*value, None]
        written["examples" if name == "example" else name] = _member(name, value, ordering, depth + 1)
    return written


def _member(name: str, value: Any, ordering: Any, depth: int) -> Any:
    if name == "example":
        return [value]
    if name in ("properties", "defs", "$defs") and isinstance(value, Mapping):
        first = [key for key in ordering if key in value] if name == "properties" and isinstance(ordering, list) else []
        return {key: from_openapi(value[key], depth) for key in dict.fromkeys([*first, *value])}
    if name in ("items", "additionalProperties") and isinstance(value, Mapping):
        return from_openapi(value, depth)
    if name in ("anyOf", "oneOf", "prefixItems") and isinstance(value, list):
        return [from_openapi(item, depth) for item in value]
    if name in _COUNTS and isinstance(value, str) and value.isdigit() and len(value) < 16:  # int64 is a text in Google's JSON
        return int(value)
    return value


_CAMEL: dict[str, str] = {
    "any_of": "anyOf",
    "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "min_length": "minLength",
    "max_length": "maxLength",
}
