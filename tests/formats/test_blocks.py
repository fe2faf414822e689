from __future__ import annotations

from omniroute.formats import ir
from omniroute.formats.answer import gather
from omniroute.formats.blocks import Blocks
from tests.formats import laws


def call(name: str) -> ir.PartStarted:
    return ir.PartStarted(0, "tool_call", id=f"id_{name}", name=name)


def checked(events: list[ir.Event]) -> tuple[ir.AnyPart, ...]:
    whole = [ir.Started(), *events, ir.Finished("end_turn")]
    laws.check(whole)
    return gather(whole).parts


def test_fragments_of_two_calls_that_alternate_become_one_call_after_the_other() -> None:
    blocks = Blocks()
    events = blocks.open("a", call("first")) + blocks.open("b", call("second"))
    for key, text in (("a", '{"x"'), ("b", '{"y"'), ("a", ":1}"), ("b", ":2}")):
        events += blocks.write(key, "tool_call", text)
    assert checked(events + blocks.finish()) == (
        ir.ToolCall("id_first", "first", '{"x":1}'),
        ir.ToolCall("id_second", "second", '{"y":2}'),
    )


def test_a_second_call_streams_live_once_the_first_is_whole() -> None:
    blocks = Blocks()
    blocks.open("a", call("first"))
    blocks.write("a", "tool_call", '{"x":1}')
    assert ir.PartStarted(1, "tool_call", id="id_b", name="b") in blocks.open("b", call("b"))
    assert blocks.write("b", "tool_call", "{") == [ir.ArgumentsDelta(1, "{")]


def test_a_call_that_becomes_whole_lets_the_waiting_one_out_at_once() -> None:
    blocks = Blocks()
    blocks.open("a", call("first"))
    blocks.open("b", call("second"))
    assert blocks.write("b", "tool_call", '{"y"') == []
    assert blocks.write("a", "tool_call", "{}") == [
        ir.ArgumentsDelta(0, "{}"),
        ir.PartStopped(0),
        ir.PartStarted(1, "tool_call", id="id_second", name="second"),
        ir.ArgumentsDelta(1, '{"y"'),
    ]
    assert blocks.write("b", "tool_call", ":2}") == [ir.ArgumentsDelta(1, ":2}")]


def test_text_waits_for_the_end_of_a_call_and_comes_after_it() -> None:
    blocks = Blocks()
    events = blocks.write("text", "text", "one ") + blocks.open("a", call("f")) + blocks.write("a", "tool_call", '{"x"')
    events += blocks.write("text", "text", "two") + blocks.write("text", "text", " three") + blocks.write("a", "tool_call", ":1}")
    assert checked(events + blocks.finish()) == (
        ir.Text("one "),
        ir.ToolCall("id_f", "f", '{"x":1}'),
        ir.Text("two three"),
    )


def test_a_call_without_arguments_has_an_empty_object_or_what_it_began_with() -> None:
    blocks = Blocks()
    events = blocks.open("a", call("f")) + blocks.close("a") + blocks.open("b", call("g"), initial='{"x":1}') + blocks.close("b")
    assert [part.arguments for part in checked(events) if isinstance(part, ir.ToolCall)] == ["{}", '{"x":1}']


def test_arguments_that_never_became_whole_are_kept_as_they_are() -> None:
    """An answer cut by its token limit: the client must see what there is."""
    blocks = Blocks()
    events = blocks.open("a", call("f")) + blocks.write("a", "tool_call", '{"city":"Par')
    assert checked(events + blocks.finish()) == (ir.ToolCall("id_f", "f", '{"city":"Par'),)


def test_a_delta_of_another_kind_opens_a_part_of_its_own() -> None:
    """Seen from gateways: thinking inside of a text block."""
    blocks = Blocks()
    events = blocks.open(0, ir.PartStarted(0, "text")) + blocks.write(0, "text", "a")
    events += blocks.write(0, "reasoning", "hm") + blocks.write(0, "text", "b")
    assert checked(events + blocks.finish()) == (ir.Text("a"), ir.Reasoning("hm"), ir.Text("b"))


def test_an_id_is_made_up_where_there_is_none() -> None:
    blocks = Blocks()
    started = blocks.open("a", ir.PartStarted(0, "tool_call", name="f"))[0]
    other = blocks.finish() and blocks.open("b", ir.PartStarted(0, "tool_call", name="f"))[0]
    assert isinstance(started, ir.PartStarted) and isinstance(other, ir.PartStarted)
    assert started.id and other.id and started.id != other.id
