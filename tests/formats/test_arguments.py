"""A call's arguments as an object."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.formats.arguments import is_object, object_of
from omniroute.formats.ir import ToolCall


@pytest.mark.parametrize(
    ("arguments", "given", "whole"),
    [
        ('{"a": 1}', {"a": 1}, True),
        ("", {}, True),
        (" \n", {}, True),
        ("[1]", {"arguments": [1]}, False),
        ("null", {"arguments": None}, False),
        ('{"half', {"arguments": '{"half'}, False),
    ],
)
def test_what_is_no_object_stands_in_one(arguments: str, given: dict[str, Any], whole: bool) -> None:
    call = ToolCall("a", "f", arguments)
    assert (object_of(call), is_object(call)) == (given, whole)


def test_a_custom_tools_text_is_its_input() -> None:
    call = ToolCall("a", "f", '{"a": 1}', custom=True)
    assert (object_of(call), is_object(call)) == ({"input": '{"a": 1}'}, True)
