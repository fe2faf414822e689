"""What the SDKs' own types and accumulators make of what the writers write (openai 3.54.0, anthropic 2.12.0)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from omniroute.formats import FORMATS, sse
from omniroute.formats.answer import gather
from tests.formats import laws
from tests.formats.samples import SAMPLES, Sample
from tests.formats.test_formats import essence

EACH_SAMPLE = pytest.mark.parametrize(
    ("name", "sample"), [(name, sample) for name in FORMATS for sample in SAMPLES[name]], ids=str
)


@pytest.mark.parametrize(  # whose types know no custom tools in a stream
    ("name", "sample"),
    [(name, sample) for name in FORMATS for sample in SAMPLES[name] if b"custom_tool_call" not in sample.stream],
    ids=str,
)
def test_openai_reads_our_chat_stream_and_ends_with_the_same_message(name: str, sample: Sample) -> None:
    events = laws.read(name, sample.stream)
    raw = sse.Decoder().feed(laws.write(FORMATS["openai_chat"].StreamWriter("mine", True), events))
    assert raw[-1].data == b"[DONE]"
    assert {event.event for event in raw} == {None}
    state = ChatCompletionStreamState()
    chunks = [ChatCompletionChunk.model_validate(json.loads(event.data)) for event in raw[:-1]]
    for chunk in chunks:
        state.handle_chunk(chunk)
    assert {(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks} == {
        (chunks[0].id, chunks[0].created, "mine", "chat.completion.chunk")
    }
    assert chunks[0].choices[0].delta.role == "assistant"
    told = [chunk for chunk in chunks if chunk.usage is not None]
    assert told == ([chunks[-1]] if gather(events).usage else [])
    assert all(chunk.choices == [] for chunk in told)
    final = state.current_completion_snapshot.to_dict()
    whole = ChatCompletion.model_validate(FORMATS["openai_chat"].render_response(events, model="mine")).to_dict()
    assert _chat(final) == _chat(whole)


@EACH_SAMPLE
def test_anthropic_reads_our_messages_stream_and_ends_with_the_same_message(name: str, sample: Sample) -> None:
    events = laws.read(name, sample.stream)
    raw = sse.Decoder().feed(laws.write(FORMATS["anthropic_messages"].StreamWriter("mine", True), events))
    adapter: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in raw:
        document = json.loads(event.data)
        assert event.event == document["type"]
        snapshot = accumulate_event(event=adapter.validate_python(document), current_snapshot=snapshot, json_bufs=buffers)
    assert [event.event for event in raw][-2:] == ["message_delta", "message_stop"]
    whole = Message.model_validate(FORMATS["anthropic_messages"].render_response(events, model="mine"))
    final = json.loads(json.dumps(snapshot.to_dict()))
    assert gather(FORMATS["anthropic_messages"].parse_response(final)).parts == (
        gather(FORMATS["anthropic_messages"].parse_response(json.loads(whole.to_json()))).parts
    )
    assert (final["stop_reason"], final["stop_sequence"]) == (whole.stop_reason, whole.stop_sequence)
    assert final["usage"]["output_tokens"] == whole.usage.output_tokens
    assert final["usage"]["input_tokens"] == whole.usage.input_tokens
    assert essence(gather(FORMATS["anthropic_messages"].parse_response(final))) == essence(gather(events))


@EACH_SAMPLE
def test_openai_reads_our_responses_stream_and_ends_with_the_same_response(name: str, sample: Sample) -> None:
    events = laws.read(name, sample.stream)
    writer = FORMATS["openai_responses"].StreamWriter("mine", True)
    raw = sse.Decoder().feed(laws.write(writer, events))
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    documents = [json.loads(event.data) for event in raw]
    seen = [fired for document in documents for fired in state.handle_event(adapter.validate_python(document))]
    assert [event.event for event in raw] == [document["type"] for document in documents]
    assert [document["sequence_number"] for document in documents] == list(range(len(documents)))
    assert len({document["response"]["id"] for document in documents if "response" in document}) == 1
    final = documents[-1]["response"]
    Response.model_validate(final)
    added = [document["item"]["id"] for document in documents if document["type"] == "response.output_item.added"]
    done = [document["item"] for document in documents if document["type"] == "response.output_item.done"]
    assert added == [item["id"] for item in done]
    assert done == final["output"]
    assert documents[-1]["type"] == f"response.{final['status']}" == seen[-1].type
    if final["status"] == "completed":
        assert state._completed_response is not None
        assert state._completed_response.output_text == seen[-1].response.output_text
    assert essence(gather(FORMATS["openai_responses"].parse_response(final))) == essence(gather(events))
    assert getattr(writer, "final") == final  # noqa: B009 - of this writer alone


def _chat(document: dict[str, Any]) -> Any:
    """A completion as far as stream and whole must agree: absent and null are the same."""
    message = {name: value for name, value in document["choices"][0]["message"].items() if value is not None}
    for call in message.get("tool_calls", []):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    return document["id"], document["model"], message, document["choices"][0]["finish_reason"], document.get("usage")
