from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.fields import Fields
from omniroute.formats.openai_terms import read_format, read_mode, read_user, strict_enough, tier_for, write_schema

CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "string"}, True),
        (CLOSED, True),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "required": "a"}, False),
        ({"type": "object"}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [CLOSED, {"type": "null"}]}, True),
    ],
)
def test_which_schemas_are_strict_enough(schema: Any, strict: bool) -> None:
    assert strict_enough(schema) is strict


def test_a_schema_of_another_format_is_strict_where_it_can_be() -> None:
    wanted = ir.ResponseFormat("json_schema", CLOSED)
    assert write_schema(wanted, own=False) == {"name": "answer", "schema": CLOSED, "strict": True}
    assert write_schema(wanted, own=True) == {"name": "answer", "schema": CLOSED}
    assert write_schema(ir.ResponseFormat("json_schema", {"type": "object"}), own=False) == {
        "name": "answer",
        "schema": {"type": "object"},
    }


@pytest.mark.parametrize("holder", [None, "json_schema"])
def test_a_format_is_read_and_what_is_left_over_named(holder: str | None) -> None:
    told = {"name": "a", "schema": CLOSED, "strict": False, "description": "An a.", "news": 1}
    fields = Fields({"type": "json_schema", **(told if holder is None else {holder: told})}, "f")
    assert read_format(fields, holder) == ir.ResponseFormat("json_schema", CLOSED, "a", False, "An a.")
    assert fields.unread == ["f.news" if holder is None else "f.json_schema.news"]
    with pytest.raises(BadRequest) as caught:
        read_format(Fields({}, "f"), holder)
    assert caught.value.param == "f.type"


def test_one_word_is_a_mode() -> None:
    assert read_mode(Fields({"tool_choice": "none"})) == ir.ToolChoice("none")
    assert read_mode(Fields({"tool_choice": {}})) is None
    with pytest.raises(BadRequest):
        read_mode(Fields({"tool_choice": "any"}))


def test_users_and_tiers() -> None:
    called: dict[str, str] = {}
    both = Fields({"user": "u", "safety_identifier": "s"})
    assert (read_user(both, called), both.rest()) == ("u", {"safety_identifier": "s"})
    assert read_user(Fields({"safety_identifier": "s"}), called) == "s"
    assert called == {"user": "safety_identifier"}
    assert (tier_for("standard_only"), tier_for("flex"), tier_for("turbo")) == ("default", "flex", None)
