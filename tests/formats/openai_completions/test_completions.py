"""Legacy completions: requests into the internal form, answers of every format as completions, and completions as they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from omniroute.errors import BadRequest, Problem, StreamCut, UnsupportedField, UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import CLIENT_FORMATS, FORMATS, ir, openai_completions, sse
from omniroute.formats.answer import gather
from tests.formats import laws
from tests.formats.samples import SAMPLES, Sample

BASE = {"model": "m", "prompt": "Once upon"}
EACH_SAMPLE = pytest.mark.parametrize(
    ("name", "sample"), [(name, sample) for name in FORMATS for sample in SAMPLES[name]], ids=str
)


def parse(**fields: Any) -> ir.Request:
    return openai_completions.parse_request(BASE | fields)


def test_it_is_a_format_of_clients_alone() -> None:
    assert "openai_completions" in CLIENT_FORMATS and "openai_completions" not in FORMATS
    assert openai_completions.name == "openai_completions" and openai_completions.path == "/completions"


# Requests -------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["Once upon", ["Once upon"]])
def test_a_prompt_is_one_user_message(prompt: Any) -> None:
    assert parse(prompt=prompt).messages == (ir.Message("user", (ir.Text("Once upon"),)),)


def test_every_field_that_has_a_place() -> None:
    request = parse(
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        seed=3,
        logit_bias={"5": 1},
        stop=["a", "b"],
        user="u",
        stream=True,
        stream_options={"include_usage": True},
        n=1,
        echo=False,
        best_of=1,
        suffix=None,
    )
    assert request.sampling == ir.Sampling(0.5, 0.9, None, 0.1, -0.1, 3, logit_bias={"5": 1})
    assert (request.max_tokens, request.stop, request.user, request.stream, request.include_usage) == (
        7,
        ("a", "b"),
        "u",
        True,
        True,
    )
    assert not request.unknown and not request.unread


def test_nothing_is_chosen_for_the_caller() -> None:
    request = parse()
    assert (request.max_tokens, request.sampling, request.stop) == (None, ir.Sampling(), ())


@pytest.mark.parametrize("name", FORMATS)
def test_what_has_no_place_is_dropped_by_name(name: str) -> None:
    _, dropped = FORMATS[name].render_request(parse(best_of=3, logprobs=5, strange=True))
    assert {"best_of", "logprobs", "strange"} <= set(dropped)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_asked(name: str) -> None:
    document, dropped = FORMATS[name].render_request(parse(max_tokens=32))
    assert "Once upon" in json.dumps(document) and not dropped


@pytest.mark.parametrize("field", [{"suffix": "the end"}, {"echo": True}, {"n": 2}])
def test_what_would_change_the_answer_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedField) as caught:
        parse(**field)
    assert caught.value.param == next(iter(field))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2], [3]]}, "prompt"),
        ({"prompt": [None]}, "prompt.0"),
        ({"max_tokens": "x"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop.1"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"echo": "no"}, "echo"),
        ({"n": 0}, "n"),
        ({"best_of": "x"}, "best_of"),
        ({"logprobs": True}, "logprobs"),
        ({"suffix": 5}, "suffix"),
        ({"logit_bias": []}, "logit_bias"),
        ({"model": 5}, "model"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    assert caught.value.param == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["prompt", "max_tokens", "stop", "n", "echo", "suffix", "best_of", "logprobs", "stream_options", "user"])


@given(st.dictionaries(NAMES, JSON))
def test_any_body_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        request = parse(**fields)
    except BadRequest as exc:
        assert exc.param
    else:
        assert len(request.messages) == 1


# Answers for clients ----------------------------------------------------------------------


def said(events: list[ir.Event]) -> str:
    return "".join(part.text for part in gather(events).parts if isinstance(part, ir.Text | ir.Refusal))


@EACH_SAMPLE
def test_streamed_and_whole_say_the_same(name: str, sample: Sample) -> None:
    events = laws.read(name, sample.stream)
    whole = openai_completions.render_response(events)
    assert Completion.model_validate(whole).choices[0].text == said(events)
    stream = laws.write(openai_completions.StreamWriter("", True), events)
    raw = sse.Decoder().feed(stream)
    assert raw[-1].data == b"[DONE]" and {each.event for each in raw} == {None}
    chunks = [json.loads(each.data) for each in raw[:-1]]
    usage = [chunk for chunk in chunks if not chunk["choices"]]
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(choice["text"] for choice in choices) == whole["choices"][0]["text"]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == [whole["choices"][0]["finish_reason"]]
    assert [chunk["usage"] for chunk in usage] == ([whole["usage"]] if "usage" in whole else [])
    assert len({(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1


@EACH_SAMPLE
def test_usage_is_for_those_who_asked(name: str, sample: Sample) -> None:
    stream = laws.write(openai_completions.StreamWriter("", False), laws.read(name, sample.stream))
    assert b'"usage"' not in stream


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "stop"),
    ],
)
def test_finish_reasons(reason: Any, finish: str) -> None:
    events: list[ir.Event] = [ir.Started("", "up", 5), ir.Finished(reason)]
    document = openai_completions.render_response(events, model="mine")
    assert document["choices"][0]["finish_reason"] == finish and document["model"] == "mine"
    assert document["id"].startswith("cmpl-") and document["created"] == 5 and document["object"] == "text_completion"


def test_an_error_ends_a_stream_once() -> None:
    writer = openai_completions.StreamWriter("m", False)
    writer.write(ir.Started())
    failed = writer.fail(Problem(502, "stream_cut", "broke"))
    assert json.loads(failed.removeprefix(b"data: "))["error"]["message"] == "broke"
    assert writer.fail(Problem(502, "stream_cut", "broke")) == writer.end() == writer.write(ir.TextDelta(0, "x")) == b""


def test_an_answer_that_never_finished_has_no_clean_end() -> None:
    writer = openai_completions.StreamWriter("m", True)
    writer.write(ir.Started())
    assert writer.end() == b""


# Completions as an upstream answers them --------------------------------------------------

USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 2}}


def chunk(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
    return {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "up", "choices": [choice], **more}


def stream_of(*chunks: dict[str, Any], done: bool = True) -> bytes:
    return b"".join(sse.encode(json.dumps(each).encode()) for each in chunks) + (b"data: [DONE]\n\n" if done else b"")


def read(stream: bytes, sizes: tuple[int, ...] = ()) -> list[ir.Event]:
    decoder, reader = sse.Decoder(), openai_completions.StreamReader()
    events: list[ir.Event] = []
    for piece in laws.pieces(stream, sizes):
        for event in decoder.feed(piece):
            events += reader.feed(event)
    for event in decoder.flush():
        events += reader.feed(event)
    return events + reader.end()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("crlf", [True, False])
def test_a_stream_reads_like_the_whole_answer(size: int, done: bool, crlf: bool) -> None:
    stream = stream_of(chunk("Hel"), chunk("lo €"), chunk("", "length"), chunk("") | {"choices": [], "usage": USAGE}, done=done)
    events = read(stream.replace(b"\n", b"\r\n") if crlf else stream, (size,) * len(stream))
    laws.check(events)
    whole = openai_completions.parse_response(chunk("Hello €", "length", usage=USAGE))
    laws.check(whole)
    assert gather(events) == gather(whole)
    assert gather(whole).usage == ir.Usage(input=5, output=7, cached=2)


def test_the_looker_on_sees_the_same() -> None:
    seen = openai_completions.inspect(chunk("x", "stop", usage=USAGE))
    assert seen == ir.Sighting(True, ir.Usage(5, 7, 2), "end_turn", None, True, False, "up", "cmpl-1")
    assert openai_completions.inspect(chunk("")) == ir.Sighting(model="up", id="cmpl-1")
    assert openai_completions.inspect({"error": {"message": "no"}}).error == {"error": {"message": "no"}}
    assert openai_completions.sight(sse.Event(None, b"[DONE]", b"")) == ir.Sighting(last=True, done=True)
    assert openai_completions.sight(sse.Event(None, b"null", b"")) is None


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"", UpstreamEmpty),
        (b"data: [DONE]\n\n", UpstreamEmpty),
        (stream_of(chunk("x"), done=False), StreamCut),
        (stream_of({"error": {"message": "no"}}), UpstreamErrorEvent),
        (b"data: {\n\ndata: {\n\n", UpstreamNotJson),
    ],
)
def test_a_stream_that_is_none(stream: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(stream)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"error": {"message": "no"}}, UpstreamErrorEvent),
        ({"object": "list"}, UpstreamNotJson),
        ({"choices": []}, UpstreamEmpty),
        ({"choices": [None]}, UpstreamEmpty),
    ],
)
def test_an_answer_that_is_none(document: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        openai_completions.parse_response(document)
