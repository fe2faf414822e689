from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.errors import StreamCut, UpstreamErrorEvent
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.answer import gather
from omniroute.formats.openai_chat import StreamReader, StreamWriter
from tests.formats import laws
from tests.formats.samples import CHAT_USAGE, DONE, MESSAGES, UNICODE, chunk, fragment
from tests.formats.test_formats import PROBLEM

NAME = "openai_chat"


def parts(stream: bytes) -> tuple[ir.AnyPart, ...]:
    events = laws.read(NAME, stream)
    laws.check(events)
    return gather(events).parts


def calls(stream: bytes) -> list[tuple[str, str]]:
    return [(part.name, part.arguments) for part in parts(stream) if isinstance(part, ir.ToolCall)]


# Reading --------------------------------------------------------------------------------


def test_text_is_handed_on_chunk_by_chunk() -> None:
    reader = StreamReader()
    (event,) = sse.Decoder().feed(chunk({"role": "assistant", "content": "a"}))
    assert reader.feed(event) == [
        ir.Started("chatcmpl-1", "gpt-x", 1700000000),
        ir.PartStarted(0, "text"),
        ir.TextDelta(0, "a"),
    ]
    (event,) = sse.Decoder().feed(chunk({"content": "b"}))
    assert reader.feed(event) == [ir.TextDelta(0, "b")]


def test_calls_that_all_have_index_0_are_told_apart_by_their_ids() -> None:
    """Seen from Gemini's OpenAI-compatible endpoint and from vLLM."""
    stream = chunk(fragment(0, '{"a":1}', "x", "f")) + chunk(fragment(0, '{"b":2}', "y", "g")) + chunk({}, "stop") + DONE
    assert calls(stream) == [("f", '{"a":1}'), ("g", '{"b":2}')]


def test_an_id_that_is_repeated_with_each_fragment_is_one_call() -> None:
    pieces = [fragment(0, '{"a"', "x", "f"), fragment(0, ":1", "x", "f"), fragment(0, "}", "x", "f")]
    assert calls(b"".join(chunk(piece) for piece in pieces) + chunk({}, "tool_calls") + DONE) == [("f", '{"a":1}')]


def test_calls_without_index_and_without_id() -> None:
    first = {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "g", "arguments": "{}"}}]}
    stream = chunk(first) + chunk({}, "tool_calls") + DONE
    assert calls(stream) == [("f", "{}"), ("g", "{}")]
    ids = [part.id for part in parts(stream) if isinstance(part, ir.ToolCall)]
    assert all(ids) and len(set(ids)) == 2


def test_a_name_that_comes_after_the_id() -> None:
    late: dict[str, Any] = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '"a"'}}]}
    early: dict[str, Any] = {"tool_calls": [{"index": 0, "id": "x", "type": "function", "function": {"arguments": "{"}}]}
    stream = chunk(early) + chunk(late) + chunk(fragment(0, ":1}")) + chunk({}, "tool_calls") + DONE
    assert parts(stream) == (ir.ToolCall("x", "f", '{"a":1}'),)


def test_a_call_whose_name_never_comes_is_not_lost() -> None:
    nameless: dict[str, Any] = {"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": "{}"}}]}
    assert parts(chunk(nameless) + chunk({}, "tool_calls") + DONE) == (ir.ToolCall("x", "", "{}"),)


def test_calls_without_a_finish_reason_that_says_so() -> None:
    assert gather(laws.read(NAME, chunk(fragment(0, "{}", "x", "f")) + chunk({}, "stop") + DONE)).stop_reason == "tool_use"


def test_text_between_calls_keeps_its_place() -> None:
    stream = (
        chunk(fragment(0, "{}", "x", "f")) + chunk({"content": "so"}) + chunk(fragment(1, "{}", "y", "g")) + chunk({}, "stop")
    )
    assert [type(part).__name__ for part in parts(stream)] == ["ToolCall", "Text", "ToolCall"]


@pytest.mark.parametrize(
    ("stream", "usage"),
    [
        (chunk({"content": "a"}) + chunk({}, "stop", usage=CHAT_USAGE) + DONE, ir.Usage(120, 30, 100, None, 8)),
        (
            chunk({"content": "a"}, usage=None) + chunk({}, "stop") + chunk(None, usage=CHAT_USAGE),
            ir.Usage(120, 30, 100, None, 8),
        ),
        (
            chunk({"content": "a"}, usage={"prompt_tokens": 9, "completion_tokens": 1})
            + chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 2})
            + DONE,
            ir.Usage(9, 2),
        ),
        (chunk({"content": "a"}, usage={}) + chunk({}, "stop") + DONE, None),
        (chunk({"content": "a"}) + chunk({}, "stop", usage={"prompt_tokens": 0, "completion_tokens": 0}), ir.Usage(0, 0)),
    ],
)
def test_usage_wherever_it_stands(stream: bytes, usage: ir.Usage | None) -> None:
    events = laws.read(NAME, stream)
    laws.check(events)
    assert gather(events).usage == usage


def test_what_some_upstreams_do_to_a_stream() -> None:
    prompt_filter = b'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}\n\n'  # Azure
    empties = chunk({"content": "a"}, "") + chunk({"content": "", "tool_calls": []}, "") + chunk({"content": "b"}, "")
    stream = prompt_filter + empties + chunk({}, "stop") + chunk({"content": ""}, None) + b"data: null\n\n" + DONE
    assert parts(stream) == (ir.Text("ab"),)


def test_a_whole_answer_sent_as_one_event() -> None:
    whole = {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
    assert parts(b"data: " + json.dumps(whole).encode() + b"\n\n") == (ir.Text("a"),)


def test_only_the_first_of_several_choices_is_read() -> None:
    other = {"index": 1, "delta": {"content": "NO"}, "finish_reason": None}
    two = chunk({"content": "a"}, choices=[other, {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}])
    assert parts(two) == (ir.Text("a"),)


def test_done_without_a_finish_reason_is_a_clean_end() -> None:
    assert gather(laws.read(NAME, chunk({"content": "a"}) + DONE)).stop_reason == "end_turn"


def test_a_finish_reason_without_done_is_a_clean_end() -> None:
    assert gather(laws.read(NAME, chunk({"content": "a"}) + chunk({}, "length"))).stop_reason == "max_tokens"


def test_neither_is_a_cut() -> None:
    with pytest.raises(StreamCut):
        laws.read(NAME, chunk({"content": "a"}))


@pytest.mark.parametrize(
    "error",
    [b'data: {"error":{"message":"overloaded"}}\n\n', b'event: error\ndata: {"error":"no"}\n\n', chunk({"content": ""}, "error")],
)
def test_an_error_in_the_stream(error: bytes) -> None:
    with pytest.raises(UpstreamErrorEvent) as caught:
        laws.read(NAME, chunk({"content": "a"}) + error)
    assert caught.value.document


def test_repeated_details_fragments_that_are_equal_are_both_text() -> None:
    piece = chunk({"reasoning_details": [{"type": "reasoning.text", "text": "ha", "index": 0}]})
    assert parts(piece + piece + chunk({"content": "a"}, "stop"))[0] == ir.Reasoning("haha")


# Writing --------------------------------------------------------------------------------


def written(stream: bytes) -> list[Any]:
    return [event.data if event.data == b"[DONE]" else json.loads(event.data) for event in sse.Decoder().feed(stream)]


def test_a_messages_stream_as_a_chat_client_sees_it() -> None:
    sample = next(sample for sample in MESSAGES if sample.name.startswith("thinking"))
    chunks = written(laws.write(StreamWriter("mine", True), laws.read("anthropic_messages", sample.stream)))
    assert chunks.pop() == b"[DONE]"
    usage = chunks.pop()
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 125,
        "completion_tokens": 44,
        "total_tokens": 169,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 12},
    }
    signature = json.loads(sample.stream.split(b"signature_delta")[1].split(b'"signature":')[1].split(b"}")[0])
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "reasoning_content": "Let me "},
        {"reasoning_content": "see."},
        {
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "Let me see.",
                    "signature": signature,
                    "format": "anthropic-claude-v1",
                    "index": 0,
                }
            ]
        },
        {"content": "I look."},
        {"tool_calls": [{"index": 0, "id": "toolu_a", "type": "function", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
        {"tool_calls": [{"index": 1, "id": "toolu_b", "type": "function", "function": {"name": "now", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 9 + ["tool_calls"]


def test_usage_is_shown_only_to_a_client_that_asked() -> None:
    events = laws.read("anthropic_messages", MESSAGES[0].stream)
    assert b'"usage"' not in laws.write(StreamWriter("", False), events)
    assert laws.write(StreamWriter("", True), events).count(b'"usage"') == 1


def test_usage_that_was_never_told_is_not_invented() -> None:
    events = laws.read(NAME, chunk({"content": "a"}) + chunk({}, "stop") + DONE)
    assert b"usage" not in laws.write(StreamWriter("", True), events)


def test_no_event_lines_and_one_line_a_chunk() -> None:
    stream = laws.write(StreamWriter("", True), laws.read("anthropic_messages", MESSAGES[1].stream))
    assert all(line.startswith(b"data: ") for line in stream.split(b"\n") if line)
    assert gather(laws.read(NAME, stream)).parts == (ir.Text(UNICODE),)


def test_an_empty_answer_has_an_empty_content() -> None:
    events = [ir.Started("x"), ir.Finished("end_turn")]
    first = written(laws.write(StreamWriter("", False), events))[0]["choices"][0]
    assert (first["delta"], first["finish_reason"]) == ({"role": "assistant", "content": ""}, "stop")


def test_nothing_is_written_before_there_is_something_to_say() -> None:
    writer = StreamWriter("", True)
    assert (
        writer.write(ir.Started("x")) + writer.write(ir.UsageSeen(ir.Usage(1))) + writer.write(ir.PartStarted(0, "text")) == b""
    )
    assert b'"role":"assistant","content":"a"' in writer.write(ir.TextDelta(0, "a"))


def test_an_error_is_a_data_line_without_done() -> None:
    writer = StreamWriter("", True)
    (event,) = sse.Decoder().feed(writer.fail(PROBLEM))
    assert (event.event, json.loads(event.data)) == (None, json.loads(json.dumps(FORMATS[NAME].render_error(PROBLEM))))
