from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import StreamCut, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir, sse
from omniroute.formats.answer import gather
from omniroute.formats.openai_responses import StreamReader
from tests.formats import laws
from tests.formats.samples_responses import (
    BLOB,
    argument_delta,
    call,
    call_events,
    event,
    item_events,
    message,
    message_events,
    reasoning,
    response,
    stream,
    summary_events,
    text,
)

NAME = "openai_responses"
HELLO = message(text("Hello"))
PARIS = call("call_a", "weather", '{"city":"Paris"}')
TEXT_DELTA, ADDED, DONE = "response.output_text.delta", "response.output_item.added", "response.output_item.done"


def parts(*events: bytes, output: list[dict[str, Any]] | None = None) -> tuple[ir.AnyPart, ...]:
    """What a stream with these events says; `output` is what its last event repeats."""
    made = laws.read(NAME, stream(response(output or []), *events))
    laws.check(made)
    return gather(made).parts


def feed(reader: StreamReader, raw: bytes) -> list[ir.Event]:
    return [made for each in sse.Decoder().feed(raw) for made in reader.feed(each)]


def test_text_is_handed_on_event_by_event() -> None:
    reader = StreamReader()
    assert feed(reader, event("response.created", response=response([], "in_progress"))) == [
        ir.Started("resp_1", "gpt-x", 1700000000)
    ]
    assert feed(reader, event(ADDED, output_index=0, item=HELLO | {"content": []})) == []
    first = event(TEXT_DELTA, output_index=0, content_index=0, delta="a")
    assert feed(reader, first) == [ir.PartStarted(0, "text"), ir.TextDelta(0, "a")]
    assert feed(reader, event(TEXT_DELTA, output_index=0, content_index=0, delta="b")) == [ir.TextDelta(0, "b")]
    assert feed(reader, event(TEXT_DELTA, output_index=0, content_index=1, delta="c"))[:2] == [
        ir.PartStopped(0),
        ir.PartStarted(1, "text"),
    ]


def test_deltas_alone_are_enough_and_so_is_the_last_event_alone() -> None:
    delta = event(TEXT_DELTA, delta="Hello")
    assert parts(delta) == (ir.Text("Hello"),)
    events = laws.read(NAME, event("response.completed", response=response([HELLO])))
    laws.check(events)
    assert events[0] == ir.Started("resp_1", "gpt-x", 1700000000)
    assert gather(events).parts == (ir.Text("Hello"),)


def test_what_is_said_again_is_not_heard_twice() -> None:
    assert parts(message_events(0, HELLO, "Hel", "lo"), call_events(1, PARIS, PARIS["arguments"]), output=[HELLO, PARIS]) == (
        ir.Text("Hello"),
        ir.ToolCall("call_a", "weather", PARIS["arguments"]),
    )


def test_what_only_the_last_event_says_is_heard() -> None:
    assert parts(message_events(0, HELLO, "Hello"), output=[HELLO, PARIS, reasoning()]) == (
        ir.Text("Hello"),
        ir.ToolCall("call_a", "weather", PARIS["arguments"]),
        ir.Reasoning("", data=BLOB, origin=NAME),
    )


def test_items_without_an_output_index() -> None:
    done = event(DONE, item=PARIS)
    assert parts(
        event(ADDED, item=HELLO | {"content": []}),
        event(TEXT_DELTA, delta="Hello"),
        event(DONE, item=HELLO),
        event(ADDED, item=PARIS),
        done,
    ) == (
        ir.Text("Hello"),
        ir.ToolCall("call_a", "weather", PARIS["arguments"]),
    )


def test_items_that_are_all_numbered_0() -> None:
    """One takes the place of another that is over."""
    assert parts(message_events(0, HELLO, "Hello"), call_events(0, PARIS, PARIS["arguments"])) == (
        ir.Text("Hello"),
        ir.ToolCall("call_a", "weather", PARIS["arguments"]),
    )


def test_ids_that_change_with_every_event() -> None:
    deltas = (event(TEXT_DELTA, output_index=0, content_index=0, item_id=f"x{at}", delta=said) for at, said in enumerate("ab"))
    assert parts(*deltas, event(DONE, output_index=0, item=message(text("ab"), item_id="y"))) == (ir.Text("ab"),)


def test_items_known_by_their_id_are_not_heard_twice_either() -> None:
    """Positions in the last event need not be the indexes of the stream."""
    assert parts(message_events(5, HELLO, "Hello"), call_events(7, PARIS, PARIS["arguments"]), output=[HELLO, PARIS]) == (
        ir.Text("Hello"),
        ir.ToolCall("call_a", "weather", PARIS["arguments"]),
    )


def test_a_call_whose_name_comes_late() -> None:
    nameless = PARIS | {"name": "", "arguments": ""}
    events = (
        event(ADDED, output_index=0, item=nameless),
        argument_delta(0, PARIS, PARIS["arguments"]),
        event(DONE, output_index=0, item=PARIS),
    )
    assert parts(*events) == (ir.ToolCall("call_a", "weather", PARIS["arguments"]),)


def test_arguments_that_come_whole() -> None:
    opened = event(ADDED, output_index=0, item=PARIS | {"arguments": ""})
    told = event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    assert parts(opened, told) == (ir.ToolCall("call_a", "weather", '{"a":1}'),)
    assert parts(event(ADDED, output_index=0, item=PARIS)) == (ir.ToolCall("call_a", "weather", PARIS["arguments"]),)
    assert parts(opened) == (ir.ToolCall("call_a", "weather", "{}"),)


def test_a_blob_counts_as_it_is_when_the_item_is_done() -> None:
    """`added` has half of one: see `half` in samples_responses.py."""
    assert parts(summary_events(0, reasoning("Hm."), ("H", "m."))) == (ir.Reasoning("Hm.", signature=BLOB, origin=NAME),)
    assert parts(summary_events(0, reasoning())) == (ir.Reasoning("", data=BLOB, origin=NAME),)


def test_data_of_another_format_is_known_from_the_start_or_comes_as_a_part_of_its_own() -> None:
    sealed = "omniroute:data:gemini:RU5D"
    item = reasoning("Hm.", blob=sealed)
    section = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    delta = event("response.reasoning_summary_text.delta", **section, delta="Hm.")
    assert parts(item_events(0, item, {"summary": []}, delta)) == (ir.Reasoning("Hm.", data="RU5D", origin="gemini"),)
    late = event(ADDED, output_index=0, item=reasoning()), delta, event(DONE, output_index=0, item=item)
    assert parts(*late) == (ir.Reasoning("Hm."), ir.Reasoning("", data="RU5D", origin="gemini"))


def test_a_calls_signature_comes_in_an_item_before_it() -> None:
    item = reasoning(blob="omniroute:call:gemini:U0lH")
    signed = (ir.ToolCall("call_a", "weather", PARIS["arguments"], signature="U0lH", origin="gemini"),)
    assert parts(item_events(0, item, {}), call_events(1, PARIS, PARIS["arguments"])) == signed
    assert parts(output=[item, PARIS]) == signed


def test_annotations_of_a_text_that_was_said_without_them() -> None:
    cited = {"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 0, "end_index": 5}
    (made,) = parts(event(TEXT_DELTA, output_index=0, content_index=0, delta="Hello"), output=[message(text("Hello", [cited]))])
    assert isinstance(made, ir.Text)
    assert [citation.document for citation in made.citations] == [cited]


def test_the_status_inside_wins_over_the_name_of_the_event() -> None:
    raw = event(
        "response.completed", response=response([HELLO], "incomplete", incomplete_details={"reason": "max_output_tokens"})
    )
    assert laws.read(NAME, raw)[-1] == ir.Finished("max_tokens")


def test_type_may_be_in_the_event_line_alone() -> None:
    raw = b'event: response.output_text.delta\ndata: {"delta":"a"}\n\nevent: response.completed\ndata: {"response":{}}\n\n'
    assert gather(laws.read(NAME, raw)).parts == (ir.Text("a"),)


@pytest.mark.parametrize(
    "raw",
    [
        event("error", code="c", message="no", param=None, sequence_number=3),
        event("error", error={"type": "overloaded_error", "message": "no"}),
        event("response.failed", response={"id": "resp_1", "status": "failed", "error": {"code": "c", "message": "no"}}),
        b'data: {"error":{"message":"no"}}\n\n',
    ],
)
def test_errors(raw: bytes) -> None:
    with pytest.raises(UpstreamErrorEvent) as caught:
        laws.read(NAME, event("response.created", response=response([], "in_progress")) + raw)
    assert caught.value.document["error"]["message"] == "no"


def test_done_items_without_the_last_event_are_a_cut() -> None:
    with pytest.raises(StreamCut):
        laws.read(NAME, message_events(0, HELLO, "Hello") + b"data: [DONE]\n\n")
    with pytest.raises(UpstreamNotJson):
        laws.read(NAME, b"data: <html>\n\ndata: </html>\n\n")


def test_nothing_is_read_after_the_end() -> None:
    reader = StreamReader()
    feed(reader, event("response.completed", response=response([HELLO])))
    assert feed(reader, message_events(1, HELLO, "Hello")) == []
    assert reader.end() == []
