from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omniroute.errors import BadRequest
from omniroute.formats.fields import Fields


@pytest.mark.parametrize(
    ("read", "value", "complaint"),
    [
        (lambda fields: fields.text("x"), 1, "'a.x' must be a text, not a number."),
        (lambda fields: fields.needed_text("x"), None, "'a.x' is missing."),
        (lambda fields: fields.number("x"), True, "'a.x' must be a number, not a boolean."),
        (lambda fields: fields.integer("x"), 1.5, "'a.x' must be a whole number."),
        (lambda fields: fields.integer("x"), 1e300, "'a.x' must be a whole number."),
        (lambda fields: fields.integer("x", least=1), 0, "'a.x' must be at least 1."),
        (lambda fields: fields.flag("x"), 0, "'a.x' must be true or false, not a number."),
        (lambda fields: fields.choice("x", ("b", "c")), "d", "'a.x' must be one of b, c."),
        (lambda fields: fields.mapping("x"), [], "'a.x' must be an object, not a list."),
        (lambda fields: fields.inner("x"), "y", "'a.x' must be an object, not a text."),
        (lambda fields: list(fields.items("x")), {}, "'a.x' must be a list, not an object."),
        (lambda fields: list(fields.items("x")), [{}, 1], "'a.x.1' must be an object, not a number."),
        (lambda fields: fields.texts("x"), ["a", None], "'a.x.1' must be a text, not null."),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(read: Callable[[Fields], Any], value: object, complaint: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(Fields({"x": value}, "a"))
    assert caught.value.message == complaint
    assert caught.value.param is not None and f"'{caught.value.param}'" in complaint


def test_null_is_as_good_as_absent() -> None:
    fields = Fields({"x": None})
    read = (fields.text("x"), fields.number("x"), fields.integer("x"), fields.flag("x"), fields.inner("x"), fields.mapping("x"))
    assert set(read) == {None}
    assert (list(fields.items("x")), fields.texts("x"), fields.rest()) == ([], (), {})


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert Fields({"x": 3.0}).integer("x") == 3


def test_what_nobody_asked_for_is_known_by_its_path() -> None:
    body = Fields({"a": {"b": 1, "c": 2, "empty": [], "no": None}, "d": 3})
    inner = body.needed_inner("a")
    inner.number("b")
    inner.done()
    assert body.unread == ["a.c"]
    assert body.rest() == {"d": 3}


def test_the_body_itself_must_be_an_object() -> None:
    with pytest.raises(BadRequest, match="The body must be an object, not a list"):
        Fields([])
