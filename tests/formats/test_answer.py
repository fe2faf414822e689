from __future__ import annotations

import pytest
from hypothesis import given

from omniroute.formats import ir
from omniroute.formats.answer import Answer, Gathering, finishing, gather, unfold
from tests.formats import laws, strategies


@given(strategies.answers(strategies.TEXT_PART, strategies.CALL, strategies.REASONING, strategies.PLAIN_REASONING))
def test_unfolding_and_gathering_are_inverse(answer: Answer) -> None:
    events = unfold(answer)
    laws.check(events)
    assert gather(events) == answer


def test_an_answer_that_never_finished_has_no_stop_reason() -> None:
    assert gather([ir.Started(), ir.PartStarted(0, "text"), ir.TextDelta(0, "a")]) == Answer(parts=(ir.Text("a"),))


def test_the_input_of_an_opaque_part_is_put_together_from_its_fragments() -> None:
    opaque = ir.Opaque("x", {"type": "search", "input": {}})
    events = [ir.PartStarted(0, "opaque", opaque=opaque), ir.ArgumentsDelta(0, '{"q":'), ir.ArgumentsDelta(0, "1}")]
    assert gather(events).parts == (ir.Opaque("x", {"type": "search", "input": {"q": 1}}),)


@pytest.mark.parametrize(
    ("said", "calls", "meant"),
    [
        ("end_turn", 0, "end_turn"),
        ("end_turn", 2, "tool_use"),
        ("tool_use", 1, "tool_use"),
        ("tool_use", 0, "end_turn"),
        ("max_tokens", 1, "max_tokens"),
        ("refusal", 1, "refusal"),
    ],
)
def test_a_stop_reason_fits_what_was_called(said: ir.StopReason, calls: int, meant: ir.StopReason) -> None:
    assert finishing(said, calls) == meant


def test_a_part_is_told_as_far_as_it_came() -> None:
    gathering = Gathering()
    for event in (ir.PartStarted(2, "tool_call", id="a", name="look"), ir.ArgumentsDelta(2, "{"), ir.ArgumentsDelta(2, "}")):
        gathering.add(event)
    assert gathering.part(2) == ir.ToolCall("a", "look", "{}")
    with pytest.raises(KeyError):
        gathering.part(0)
    assert gathering.answer().parts == (gathering.part(2),)
