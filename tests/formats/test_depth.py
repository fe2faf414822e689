from __future__ import annotations

from typing import Any

import orjson
import pytest

from omniroute.errors import BadRequest
from omniroute.formats import ir
from omniroute.formats.arguments import is_object, object_of
from omniroute.formats.body import read_body
from omniroute.formats.depth import DEEPEST, MOST_VALUES, too_deep, too_many


def text(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


@pytest.mark.parametrize(("levels", "refused"), [(1, False), (DEEPEST, False), (DEEPEST + 1, True), (254, True), (900, True)])
def test_what_is_read_can_be_written_with_something_around_it(levels: int, refused: bool) -> None:
    document: Any = orjson.loads(text(levels))
    assert too_deep(document) is refused
    call = ir.ToolCall("c", "f", text(levels))
    assert is_object(call) is not refused
    orjson.dumps({"messages": [{"content": [{"input": object_of(call)}]}]})
    if refused:
        with pytest.raises(BadRequest, match="more than 200 levels"):
            read_body(text(levels).encode())
    else:
        assert read_body(text(levels).encode()) == document


def test_what_is_too_deep_even_to_read() -> None:
    assert object_of(ir.ToolCall("c", "f", text(5000))) == {"arguments": text(5000)}
    with pytest.raises(BadRequest, match="not valid JSON"):
        read_body(text(5000).encode())


@pytest.mark.parametrize(
    ("one", "refused"),
    [(b"[],", True), (b"{},", True), (b"1,", True), (b'"",', True), (b'{"a":1},', True), (b'"[,{",', False), (b'"\\",",', False)],
)
def test_values_are_counted_and_not_what_stands_in_texts(one: bytes, refused: bool) -> None:
    count = MOST_VALUES if refused else MOST_VALUES // 2
    raw = b"[" + one * count + b"1]"
    assert too_many(raw) is refused
    assert too_many(raw, most=4 * MOST_VALUES) is False
