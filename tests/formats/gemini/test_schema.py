"""Schemas: what Gemini takes gets through, what it does not is named, and cycles end."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats.gemini.schema import from_openapi, to_gemini
from tests.formats.strategies import JSON, TEXT


def cleaned(schema: Any) -> tuple[dict[str, Any], list[str]]:
    """The schema for Gemini and the keywords that were lost, each once, "keyword (remark)"."""
    lost: dict[str, None] = {}
    written = to_gemini(schema, lambda keyword, remark="": lost.setdefault(f"{keyword} ({remark})" if remark else keyword))
    return written, list(lost)


TAKEN: dict[str, Any] = {
    "type": "object",
    "title": "Order",
    "description": "An order.",
    "properties": {
        "id": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1, "maxItems": 3},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        "note": {"type": ["string", "null"]},
        "price": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 9}, {"type": "null"}]},
        "more": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id"],
    "additionalProperties": False,
    "propertyOrdering": ["id", "tags"],
}


def test_what_gemini_knows_gets_through_as_it_is() -> None:
    assert cleaned(TAKEN) == (TAKEN, [])


@pytest.mark.parametrize(
    ("schema", "written", "lost"),
    [
        ({"const": "a"}, {"enum": ["a"], "type": "string"}, []),
        ({"type": "integer", "const": 3}, {"type": "integer", "enum": [3]}, []),
        ({"const": True}, {"type": "boolean"}, ["const"]),
        ({"enum": ["a", None]}, {"enum": ["a"], "type": ["string", "null"]}, []),
        ({"enum": [1, 2.5]}, {"enum": [1, 2.5], "anyOf": [{"type": "integer"}, {"type": "number"}]}, []),
        ({"enum": [["a"]]}, {"type": "array"}, ["enum"]),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}, []),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, []),
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}, []),
        ({"anyOf": [{"const": 1}], "oneOf": [{"const": 2}]}, {"anyOf": [{"enum": [1], "type": "integer"}]}, ["oneOf"]),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}, []),
        ({"items": True}, {"items": True}, []),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}, ["exclusiveMinimum (as minimum)"]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": 0}, {"type": "number", "minimum": 1}, []),
        ({"minimum": 0, "exclusiveMinimum": True}, {"minimum": 0}, ["exclusiveMinimum"]),
        ({"type": "string", "pattern": "a", "minLength": 1}, {"type": "string"}, ["pattern", "minLength"]),
        ({"type": "string", "format": "uri"}, {"type": "string"}, ["format"]),
        ({"type": "string", "default": "x"}, {"type": "string"}, ["default (not told to the model)"]),
        ({"$schema": "s", "$id": "i", "$comment": "c", "type": "string"}, {"type": "string"}, []),
        ({"not": {"type": "string"}, "patternProperties": {}}, {}, ["not", "patternProperties"]),
        (
            {"properties": {"a": {}}, "required": ["a", "b"]},
            {"properties": {"a": {}}, "required": ["a"]},
            ["required (what is declared)"],
        ),
        ({"properties": {"a": False, "b": True}}, {"properties": {"a": {}, "b": {}}}, ["false"]),
    ],
)
def test_what_it_does_not_know_is_said_otherwise_or_named(schema: Any, written: Any, lost: list[str]) -> None:
    assert cleaned(schema) == (written, lost)


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "const": {}}}
    assert cleaned(schema) == (schema, [])


def test_references_are_put_in_place_with_what_stands_beside_them() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/Pet", "description": "Mine."}, "b": {"$ref": "#/properties/a"}},
        "$defs": {"Pet": {"type": "string", "description": "Any."}},
    }
    pet = {"type": "string", "description": "Mine."}
    assert cleaned(schema) == ({"type": "object", "properties": {"a": pet, "b": pet}}, [])
    odd = {"properties": {"a": {"$ref": "#/definitions/a~1b~0"}}, "definitions": {"a/b~": {"type": "null"}}}
    assert cleaned(odd)[0] == {"properties": {"a": {"type": "null"}}}
    listed = {"anyOf": [{"type": "string"}, {"$ref": "#/anyOf/0"}]}
    assert cleaned(listed)[0] == {"anyOf": [{"type": "string"}, {"type": "string"}]}


@pytest.mark.parametrize("ref", ["#/$defs/None", "https://example.com/s.json", "#/anyOf/7", "other.json#/a"])
def test_references_to_nowhere_take_anything(ref: str) -> None:
    assert cleaned({"type": "object", "properties": {"a": {"$ref": ref}}}) == (
        {"type": "object", "properties": {"a": {}}},
        ["$ref"],
    )


def test_a_cycle_goes_on_for_a_little_and_is_cut() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    written, lost = cleaned({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    inner = {"type": "object", "properties": {"next": {"type": "object"}}}
    assert written == {"type": "object", "properties": {"next": inner}}
    assert lost == ["$ref (a cycle, cut)"]
    assert cleaned({"$ref": "#"}) == ({}, ["$ref (a cycle, cut)"])


def test_all_of_is_one_schema() -> None:
    schema = {
        "description": "Mine.",
        "allOf": [
            {"$ref": "#/$defs/Base"},
            {"properties": {"b": {"type": "integer"}}, "required": ["b", "a"], "description": "Its."},
            {"allOf": [{"properties": {"c": {"type": "boolean"}}}]},
            True,
        ],
        "$defs": {"Base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
    }
    written, lost = cleaned(schema)
    assert lost == []
    assert written["description"] == "Mine."
    assert (set(written["properties"]), written["required"], written["type"]) == ({"a", "b", "c"}, ["a", "b"], "object")
    cleaned({"allOf": [{"$ref": "#"}]})  # one that holds itself comes to an end


def test_a_schema_that_grows_without_bounds_is_cut() -> None:
    """Each definition names the next one twice: 2^40 schemas, if nobody counts."""
    doubled = {f"d{n}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    written, lost = cleaned({"$ref": "#/$defs/d0", "$defs": {**doubled, "d40": {"type": "string"}}})
    assert "depth (cut)" in lost
    assert len(orjson.dumps(written)) < 2_000_000
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"items": deep}
    assert cleaned(deep)[1] == ["depth (cut)"]


KNOWN = set(TAKEN) | {"format", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf"}
SCHEMAS = st.recursive(
    JSON,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("items", "additionalProperties", "not", "const", "enum", "type", "format", "required"), inner),
            **{name: st.lists(inner, max_size=3) | inner for name in ("anyOf", "oneOf", "allOf", "prefixItems")},
            "properties": st.dictionaries(TEXT, inner, max_size=3),
            "$ref": st.sampled_from(["#", "#/properties", "#/items", "#/anyOf/0", "x"]) | JSON,
            "exclusiveMinimum": JSON,
            "nullable": JSON,
        },
    ),
    max_leaves=20,
)


@given(schema=SCHEMAS)
def test_any_schema_ends_with_known_keywords_only(schema: Any) -> None:
    written, _ = cleaned(schema)
    orjson.dumps(written)
    assert _keywords(written) <= KNOWN


def _keywords(schema: dict[str, Any]) -> set[str]:
    found = set(schema)
    inner = [schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", []), *schema.get("prefixItems", [])]
    inner += schema.get("properties", {}).values()
    return found.union(*(_keywords(each) for each in inner if isinstance(each, dict)))


# OpenAPI ----------------------------------------------------------------------------------


def test_geminis_own_schemas_become_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "STRING", "nullable": True, "format": "enum", "enum": ["x"], "example": "x"},
            "a": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1", "max_items": 3},
            "c": {"any_of": [{"type": "NULL"}, {"type": "TYPE_UNSPECIFIED"}]},
        },
        "propertyOrdering": ["a", "c", "gone"],
        "required": ["a"],
    }
    assert orjson.dumps(from_openapi(schema)) == orjson.dumps(
        {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
                "c": {"anyOf": [{"type": "null"}, {}]},
                "b": {"type": ["string", "null"], "enum": ["x", None], "examples": ["x"]},
            },
            "required": ["a"],
        }
    )


@given(schema=JSON)
def test_any_openapi_schema_is_read(schema: Any) -> None:
    orjson.dumps(from_openapi(schema))
