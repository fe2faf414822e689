from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.errors import StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.answer import gather
from omniroute.formats.anthropic_messages import StreamReader, StreamWriter
from tests.formats import laws
from tests.formats.samples import (
    CHAT,
    block,
    event,
    message_end,
    message_start,
    text_block,
    thinking_block,
    tool_block,
)
from tests.formats.test_formats import PROBLEM

NAME = "anthropic_messages"


def answer(stream: bytes) -> Any:
    events = laws.read(NAME, stream)
    laws.check(events)
    return gather(events)


# Reading --------------------------------------------------------------------------------


def test_text_is_handed_on_delta_by_delta() -> None:
    reader = StreamReader()
    events = [reader.feed(event) for event in sse.Decoder().feed(message_start() + text_block(0, "a"))]
    assert events == [
        [ir.Started("msg_1", "claude-x"), ir.UsageSeen(ir.Usage(9, 1))],
        [ir.PartStarted(0, "text")],
        [ir.TextDelta(0, "a")],
        [ir.PartStopped(0)],
    ]


def test_what_message_delta_tells_wins_and_what_it_leaves_out_stays() -> None:
    start = message_start({"input_tokens": 25, "cache_read_input_tokens": 4, "output_tokens": 1})
    end = message_end("end_turn", {"input_tokens": 30, "output_tokens": 9})
    assert answer(start + text_block(0, "a") + end).usage == ir.Usage(34, 9, 4)


def test_an_explicit_zero_stays_zero() -> None:
    zeros = {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0}
    assert answer(message_start(zeros) + message_end("end_turn", {"output_tokens": 0})).usage == ir.Usage(0, 0, 0)


def test_a_second_message_start_is_passed_over() -> None:
    assert answer(message_start() + message_start() + text_block(0, "a") + message_end("end_turn")).parts == (ir.Text("a"),)


def test_what_hosts_of_the_format_leave_out() -> None:
    no_start = text_block(0, "a") + message_end("end_turn")
    no_block_start = message_start() + event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})
    no_block_stop = message_start() + text_block(0, "a").rsplit(b"event: content_block_stop", 1)[0]
    no_index = event("content_block_start", content_block={"type": "text", "text": ""})
    no_index += event("content_block_delta", delta={"type": "text_delta", "text": "a"}) + event("content_block_stop")
    for stream in (no_start, no_block_start + message_end("end_turn"), no_block_stop + message_end("end_turn")):
        assert answer(stream).parts == (ir.Text("a"),)
    assert answer(message_start() + no_index + message_end("end_turn")).parts == (ir.Text("a"),)


def test_no_message_stop_after_a_stop_reason_is_a_clean_end() -> None:
    stream = message_start() + text_block(0, "a") + event("message_delta", delta={"stop_reason": "max_tokens"}, usage={})
    assert answer(stream).stop_reason == "max_tokens"


def test_message_stop_alone_is_no_answer() -> None:
    with pytest.raises(UpstreamEmpty):
        laws.read(NAME, event("message_stop"))


def test_type_may_stand_in_the_event_line_only() -> None:
    bare = [b'event: message_start\ndata: {"message":{"id":"x"}}\n\n', b'event: message_stop\ndata: {"a":1}\n\n']
    assert gather(laws.read(NAME, b"".join(bare))).id == "x"


def test_a_thinking_delta_in_a_text_block_becomes_a_part_of_its_own() -> None:
    mixed = block(
        0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}, {"type": "thinking_delta", "thinking": "hm"}
    )
    assert answer(message_start() + mixed + message_end("end_turn")).parts == (ir.Text("a"), ir.Reasoning("hm"))


def test_blocks_that_overlap_come_out_one_after_the_other() -> None:
    """Seen from sglang: parallel calls whose blocks are open at once."""

    def start(index: int) -> bytes:
        return event(
            "content_block_start", index=index, content_block={"type": "tool_use", "id": f"t{index}", "name": "f", "input": {}}
        )

    def delta(index: int, text: str) -> bytes:
        return event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": text})

    def stop(index: int) -> bytes:
        return event("content_block_stop", index=index)

    stream = start(0) + start(1) + delta(0, '{"a"') + delta(1, '{"b":2}') + stop(1) + delta(0, ":1}") + stop(0)
    assert answer(message_start() + stream + message_end("tool_use")).parts == (
        ir.ToolCall("t0", "f", '{"a":1}'),
        ir.ToolCall("t1", "f", '{"b":2}'),
    )


def test_input_that_stands_in_the_start_of_its_block() -> None:
    whole = block(0, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}})
    assert answer(message_start() + whole + message_end("end_turn")).parts == (ir.ToolCall("t", "f", '{"a":1}'),)


def test_tool_use_is_the_stop_reason_when_a_tool_was_called() -> None:
    assert answer(message_start() + tool_block(0, "t", "f", "{}") + message_end("end_turn")).stop_reason == "tool_use"


def test_a_cut() -> None:
    with pytest.raises(StreamCut):
        laws.read(NAME, message_start() + text_block(0, "a"))


@pytest.mark.parametrize(
    "error",
    [
        event("error", error={"type": "overloaded_error", "message": "no"}),
        b'data: {"error":{"message":"no"}}\n\n',
        b'event: error\ndata: {"message":"no"}\n\n',
    ],
)
def test_an_error_in_the_stream(error: bytes) -> None:
    for before in (b"", message_start() + text_block(0, "a")):
        with pytest.raises(UpstreamErrorEvent):
            laws.read(NAME, before + error)


# Writing --------------------------------------------------------------------------------


def written(stream: bytes) -> list[dict[str, Any]]:
    documents = []
    for raw in sse.Decoder().feed(stream):
        documents.append(json.loads(raw.data))
        assert raw.event == documents[-1]["type"]
    return documents


def test_a_chat_stream_as_a_messages_client_sees_it() -> None:
    sample = next(sample for sample in CHAT if sample.name.startswith("parallel tools, interleaved"))
    documents = written(laws.write(StreamWriter("mine", True), laws.read("openai_chat", sample.stream)))
    assert documents == [
        {
            "type": "message_start",
            "message": {
                "id": "chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "mine",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I look."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "call_a", "name": "weather", "input": {}},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ':"Paris"}'}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "call_b", "name": "time", "input": {}},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"zone":'}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"CET"}'}},
        {"type": "content_block_stop", "index": 2},
        {
            "type": "content_block_start",
            "index": 3,
            "content_block": {"type": "tool_use", "id": "call_c", "name": "now", "input": {}},
        },
        {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 3},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
        {"type": "message_stop"},
    ]


def test_usage_that_is_known_at_the_start_stands_there() -> None:
    start = message_start({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1})
    events = laws.read(NAME, start + text_block(0, "a") + message_end("end_turn"))
    documents = written(laws.write(StreamWriter("", True), events))
    assert documents[0]["message"]["usage"] == {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 7}
    assert documents[-2]["usage"] == {"input_tokens": 5, "output_tokens": 30, "cache_read_input_tokens": 7}


def test_a_part_that_messages_has_no_place_for_leaves_no_gap() -> None:
    opaque = ir.Opaque("gemini", {"x": 1})
    events = [ir.Started("x"), ir.PartStarted(0, "opaque", opaque=opaque), ir.ArgumentsDelta(0, "{}"), ir.PartStopped(0)]
    events += [ir.PartStarted(1, "text"), ir.TextDelta(1, "a"), ir.PartStopped(1), ir.Finished("end_turn")]
    laws.check(events)
    documents = written(laws.write(StreamWriter("", True), events))
    assert [document.get("index") for document in documents] == [None, 0, 0, 0, None, None]


def test_a_signature_stands_just_before_the_end_of_its_block() -> None:
    events = laws.read(NAME, message_start() + thinking_block(0, "U0lH", "hm") + text_block(1, "a") + message_end("end_turn"))
    documents = written(laws.write(StreamWriter("", True), events))
    assert documents[3:5] == [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "U0lH"}},
        {"type": "content_block_stop", "index": 0},
    ]


def test_nothing_is_written_before_there_is_something_to_say() -> None:
    writer = StreamWriter("", True)
    assert writer.write(ir.Started("x")) + writer.write(ir.UsageSeen(ir.Usage(1))) == b""
    assert writer.write(ir.PartStarted(0, "text")).startswith(b"event: message_start\n")


def test_an_error_is_an_error_event() -> None:
    (raw,) = sse.Decoder().feed(StreamWriter("", True).fail(PROBLEM))
    assert raw.event == "error"
    assert json.loads(raw.data) == json.loads(json.dumps(FORMATS[NAME].render_error(PROBLEM)))


def test_a_blob_of_another_format_is_never_the_last_block() -> None:
    """Claude Code takes an answer that ends in a thinking block for an empty one."""
    text = [ir.PartStarted(0, "text"), ir.TextDelta(0, "42"), ir.PartStopped(0)]
    blob = [ir.PartStarted(1, "reasoning"), ir.SignatureSeen(1, "U0lH", "gemini"), ir.PartStopped(1)]
    call = [ir.PartStarted(2, "tool_call", id="a", name="f"), ir.PartStopped(2)]
    whole = FORMATS["anthropic_messages"].render_response
    for said, kinds in (
        ([*text, *blob], ["text"]),
        ([*text, *blob, *call], ["text", "thinking", "tool_use"]),
        (blob, ["thinking"]),
    ):
        events = [ir.Started("msg_1", "m"), *said, ir.Finished("end_turn")]
        assert [block["type"] for block in whole(events)["content"]] == kinds
        streamed = laws.read("anthropic_messages", laws.write(StreamWriter("", True), events))
        laws.check(streamed)
        assert [part.kind for part in streamed if isinstance(part, ir.PartStarted)] == [
            {"thinking": "reasoning", "tool_use": "tool_call"}.get(kind, kind) for kind in kinds
        ]
        assert gather(streamed).parts == gather(FORMATS["anthropic_messages"].parse_response(whole(events))).parts
