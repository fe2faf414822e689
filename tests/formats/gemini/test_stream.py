"""Chunks in and out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from omniroute.errors import StreamCut, UpstreamEmpty, UpstreamErrorEvent
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.answer import gather
from omniroute.formats.gemini import StreamReader, StreamWriter
from tests.formats import laws
from tests.formats.samples_gemini import SIGNATURE, answer, call, stream, text, thought
from tests.formats.test_formats import PROBLEM


def said(*documents: dict[str, Any]) -> Any:
    events = laws.read("gemini", stream(*documents))
    laws.check(events)
    return gather(events)


def chunks(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(event.data) for event in sse.Decoder().feed(data)]


def parts(data: bytes) -> list[dict[str, Any]]:
    return [part for chunk in chunks(data) for part in chunk["candidates"][0]["content"]["parts"]]


def test_a_call_closes_the_text_before_it_and_opens_none_after() -> None:
    parts = said(answer([text("a"), call("f", {"x": 1}, "1"), text("b")]), answer([text("c")], "STOP")).parts
    assert [type(part).__name__ for part in parts] == ["Text", "ToolCall", "Text"]
    assert [part.text for part in parts if isinstance(part, ir.Text)] == ["a", "bc"]


def test_a_signature_belongs_to_the_text_before_it() -> None:
    parts = said(answer([text("a")]), answer([text("b", thoughtSignature="UzE=")]), answer([text("c")], "STOP")).parts
    assert parts == (ir.Text("ab"), ir.Reasoning("", signature="UzE=", origin="gemini"), ir.Text("c"))


def test_an_empty_thought_with_a_signature_signs_the_thought_before_it() -> None:
    parts = said(answer([thought("Hm."), thought("", thoughtSignature="UzE=")]), answer([thought("So.")], "STOP")).parts
    assert parts == (ir.Reasoning("Hm.", signature="UzE=", origin="gemini"), ir.Reasoning("So."))


def test_usage_grows_and_comes_after_the_finish_reason_too() -> None:
    first = {"promptTokenCount": 9, "totalTokenCount": 9}
    last = {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 16}
    answered = said(answer([text("a")], usage=first), answer([], "STOP"), {"usageMetadata": last})
    assert answered.usage == ir.Usage(input=9, output=7, reasoning=2)


def test_an_error_in_the_stream() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    with pytest.raises(UpstreamErrorEvent) as raised:
        said(answer([text("a")]), error)
    assert raised.value.document == error


def test_a_stream_without_a_finish_reason_was_cut() -> None:
    with pytest.raises(StreamCut):
        said(answer([text("a")], usage={"promptTokenCount": 1}))
    with pytest.raises(UpstreamEmpty):
        said({"createTime": "2026-11-27T00:00:00Z"})


def test_a_mishap_before_a_word_is_no_answer() -> None:
    with pytest.raises(UpstreamEmpty, match="MALFORMED_FUNCTION_CALL"):
        said(answer(None, "MALFORMED_FUNCTION_CALL", {"promptTokenCount": 1}))


def test_after_the_end_nothing_is_read() -> None:
    reader = StreamReader()
    reader.feed(sse.Event(None, orjson.dumps(answer([text("a")], "STOP")), b""))
    assert isinstance(reader.end()[-1], ir.Finished)
    assert reader.feed(sse.Event(None, orjson.dumps(answer([text("b")])), b"")) == reader.end() == []


@pytest.mark.parametrize("part", [{}, {"text": None}, {"text": 5}, {"thought": True}, {"functionCall": None}, {"text": ""}])
def test_parts_that_say_nothing(part: dict[str, Any]) -> None:
    assert said(answer([part]), answer([text("a"), part], "STOP")).parts == (ir.Text("a"),)


# Out ------------------------------------------------------------------------------------


def write(*events: ir.Event, model: str = "mine") -> bytes:
    return laws.write(StreamWriter(model, False), (ir.Started("id_1", "theirs"), *events))


def test_a_text_goes_out_piece_by_piece_and_the_reason_with_the_usage() -> None:
    data = write(
        ir.PartStarted(0, "text"),
        ir.TextDelta(0, 'a"\u2028'),
        ir.TextDelta(0, "b"),
        ir.PartStopped(0),
        ir.UsageSeen(ir.Usage(9, 2)),
        ir.Finished("end_turn"),
    )
    frame = {"modelVersion": "mine", "responseId": "id_1"}
    content = [{"content": {"parts": [{"text": said}], "role": "model"}, "index": 0} for said in ('a"\u2028', "b", "")]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
    assert chunks(data) == [
        {"candidates": [content[0]], **frame},
        {"candidates": [content[1]], **frame},
        {"candidates": [content[2] | {"finishReason": "STOP"}], "usageMetadata": usage, **frame},
    ]
    assert b"event:" not in data
    assert b"[DONE]" not in data


def test_a_call_goes_out_when_it_is_whole() -> None:
    writer = StreamWriter("", False)
    start = ir.PartStarted(0, "tool_call", id="a", name="f", signature=SIGNATURE, origin="gemini")
    held = [ir.Started("id_1", "theirs"), start, ir.ArgumentsDelta(0, '{"x"'), ir.ArgumentsDelta(0, ":1}")]
    assert b"".join(writer.write(event) for event in held) == b""
    assert parts(writer.write(ir.PartStopped(0))) == [call("f", {"x": 1}, "a", thoughtSignature=SIGNATURE)]
    assert chunks(writer.write(ir.Finished("tool_use")) + writer.end())[0]["modelVersion"] == "theirs"


def test_a_thoughts_signature_follows_it_on_an_empty_one() -> None:
    data = write(
        ir.PartStarted(0, "reasoning"),
        ir.ReasoningDelta(0, "Hm."),
        ir.SignatureSeen(0, SIGNATURE, "gemini"),
        ir.PartStopped(0),
        ir.PartStarted(1, "reasoning", data="UkVE", origin="anthropic_messages"),
        ir.PartStopped(1),
        ir.PartStarted(2, "reasoning"),
        ir.PartStopped(2),
    )
    written = parts(data)
    assert written[:2] == [thought("Hm."), thought("", thoughtSignature=SIGNATURE)]
    assert written[2]["thought"] is True
    assert written[2]["thoughtSignature"]
    assert len(written) == 3


def test_nothing_is_written_after_the_end_or_an_error() -> None:
    for close in (lambda writer: writer.fail(PROBLEM), lambda writer: writer.write(ir.Finished("end_turn")) + writer.end()):
        writer = StreamWriter("mine", True)
        assert close(writer)
        assert writer.write(ir.TextDelta(0, "late")) == writer.end() == writer.fail(PROBLEM) == b""


def test_an_answer_that_never_finished_has_no_end() -> None:
    writer = StreamWriter("mine", True)
    writer.write(ir.Started())
    assert writer.end() == b""


def test_an_error_is_one_chunk_that_begins_with_it() -> None:
    data = StreamWriter("mine", True).fail(PROBLEM)
    assert data.startswith(b'data: {"error":{"code":400,')
    assert data.endswith(b"\n\n")


@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages"])
def test_the_stop_reason_of_each_is_the_others(client: str) -> None:
    for finish in ("STOP", "MAX_TOKENS", "SAFETY"):
        events = laws.read("gemini", stream(answer([text("a")], finish)))
        shown = laws.write(FORMATS[client].StreamWriter("mine", True), events)
        again = laws.write(StreamWriter("mine", True), laws.read(client, shown))
        assert chunks(again)[-1]["candidates"][0]["finishReason"] == finish
