"""Reasoning between tags in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniroute.formats import ir
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.think_tags import ThinkTags
from tests.formats import laws

CALL = ir.ToolCall("call_1", "now", "{}")


def filtered(*parts: ir.AnyPart, size: int = 10**6) -> tuple[ir.AnyPart, ...]:
    """The parts of an answer after the filter, its texts having come in pieces of `size` characters."""
    events: list[ir.Event] = []
    for event in unfold(Answer(parts=parts, stop_reason="end_turn")):
        if isinstance(event, ir.TextDelta):
            pieces = [event.text[at : at + size] for at in range(0, len(event.text), size)]
            events += [ir.TextDelta(event.index, piece) for piece in pieces]
        else:
            events.append(event)
    tags = ThinkTags()
    out = [made for event in events for made in tags.feed([event])]
    laws.check(out)
    return gather(out).parts


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>Hm.</think>Yes.", (ir.Reasoning("Hm."), ir.Text("Yes."))),
        ("\n<think>\nHm.\n</think>\n\nYes.", (ir.Reasoning("\nHm.\n"), ir.Text("Yes."))),
        ("<think></think>Yes.", (ir.Reasoning(""), ir.Text("Yes."))),
        ("<think>cut off </thi", (ir.Reasoning("cut off </thi"),)),
        ("<think>1 < 2 </b> </think>\n", (ir.Reasoning("1 < 2 </b> "),)),
        ("Write <think> to think.</think>", (ir.Text("Write <think> to think.</think>"),)),
        ("<thi", (ir.Text("<thi"),)),
        ("<thin air>", (ir.Text("<thin air>"),)),
        ("  plain", (ir.Text("  plain"),)),
        ("", (ir.Text(""),)),
    ],
)
def test_a_tag_at_the_start_is_reasoning(text: str, parts: tuple[ir.AnyPart, ...], size: int) -> None:
    assert filtered(ir.Text(text), size=size) == parts


def test_each_text_of_an_answer_may_have_its_own() -> None:
    seen = filtered(ir.Text("<think>a</think>b"), CALL, ir.Text("<think>c</think>"), ir.Reasoning("d"), ir.Text("e"))
    assert seen == (ir.Reasoning("a"), ir.Text("b"), CALL, ir.Reasoning("c"), ir.Reasoning("d"), ir.Text("e"))


@given(st.text(st.sampled_from("<>/think x\n")), st.integers(1, 9))
def test_where_a_stream_is_cut_makes_no_difference(text: str, size: int) -> None:
    for whole in (text, "<think>" + text, "<think>" + text + "</think>" + text):
        assert filtered(ir.Text(whole), size=size) == filtered(ir.Text(whole))
