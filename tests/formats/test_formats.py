"""What every format must keep, and every pair of them. A new format joins by its line in FORMATS and its samples."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniroute.errors import (
    AttemptNote,
    BadRequest,
    Problem,
    StreamCut,
    UnsupportedField,
    UpstreamEmpty,
    UpstreamError,
    UpstreamErrorEvent,
)
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.arguments import object_of
from tests.formats import laws, strategies
from tests.formats.full_requests import FULL
from tests.formats.samples import SAMPLES, SIGNATURE, Sample
from tests.formats.samples_gemini import SIGNATURE as GEMINI_SIGNATURE

NAMES = list(FORMATS)
EACH_SAMPLE = pytest.mark.parametrize(("name", "sample"), [(name, sample) for name in NAMES for sample in SAMPLES[name]], ids=str)
EACH = pytest.mark.parametrize("name", NAMES)
PAIRS = pytest.mark.parametrize(("upstream", "client"), list(product(NAMES, NAMES)))
PROBLEM = Problem(
    status=400,
    kind="context_too_long",
    message="prompt is too long: 200001 tokens > 200000 maximum",
    remedy="Use a model with a bigger window.",
    request_id="req-1",
    attempts=(AttemptNote("agentrouter/claude-x", 400, "context_too_long", "too long", 12),),
)


def test_a_module_knows_its_own_name() -> None:
    assert [(name, FORMATS[name].name) for name in FORMATS] == [(name, name) for name in FORMATS]
    assert set(SAMPLES) == set(FULL) == set(FORMATS)


# Streams in -----------------------------------------------------------------------------


@EACH_SAMPLE
def test_a_stream_keeps_the_laws(name: str, sample: Sample) -> None:
    laws.check(laws.read(name, sample.stream))


@EACH_SAMPLE
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_cutting_a_stream_changes_nothing(name: str, sample: Sample, line_end: bytes) -> None:
    stream = sample.stream.replace(b"\n", line_end)
    expected = gather(laws.read(name, sample.stream))
    for size in (1, 2, 3, 7, 4096):
        sizes = [size] * (len(stream) // size + 1)
        assert gather(laws.read(name, stream, sizes)) == expected
    chance = random.Random(7)
    for _ in range(5):
        assert gather(laws.read(name, stream, [chance.randint(1, 200) for _ in range(len(stream))])) == expected


@EACH_SAMPLE
def test_noise_in_a_stream_changes_nothing(name: str, sample: Sample) -> None:
    noisy = b"\xef\xbb\xbf" + sample.stream.replace(
        b"\n\n", b'\n\n: keep-alive\n\ndata: null\n\nevent: news\ndata: {"type":"news"}\n\n'
    )
    assert gather(laws.read(name, noisy)) == gather(laws.read(name, sample.stream))
    assert gather(laws.read(name, sample.stream.rstrip(b"\n"))) == gather(laws.read(name, sample.stream))


@EACH_SAMPLE
def test_one_broken_event_does_not_end_a_stream_and_two_do(name: str, sample: Sample) -> None:
    first, rest = sample.stream.split(b"\n\n", 1)
    broken = first + b'\n\ndata: {"half": \n\n' + rest
    assert gather(laws.read(name, broken)) == gather(laws.read(name, sample.stream))
    with pytest.raises(UpstreamError):
        laws.read(name, first + b"\n\ndata: oh\n\ndata: no\n\n" + rest)


@EACH_SAMPLE
def test_streamed_and_whole_say_the_same(name: str, sample: Sample) -> None:
    streamed = gather(laws.read(name, sample.stream))
    whole_events = FORMATS[name].parse_response(sample.whole)
    laws.check(whole_events)
    assert without_made_ids(streamed) == without_made_ids(gather(whole_events))


@EACH_SAMPLE
def test_a_cut_never_looks_like_an_end(name: str, sample: Sample) -> None:
    """After each event of a stream: either an upstream that stopped there had said its stop reason, or it is an error."""
    raws = [event.raw for event in sse.Decoder().feed(sample.stream)]
    whole = gather(laws.read(name, sample.stream))
    for count in range(len(raws)):
        told = any(sighting.last for raw in raws[:count] if (sighting := sight(name, raw)) is not None)
        if told:
            assert gather(laws.read(name, b"".join(raws[:count]))).parts == whole.parts
        else:
            with pytest.raises((StreamCut, UpstreamEmpty)):
                laws.read(name, b"".join(raws[:count]))


@EACH
def test_a_stream_that_says_nothing_is_empty(name: str) -> None:
    for stream in (b"", b": hello\n\n", b"data: null\n\n", b"data: [DONE]\n\n"):
        with pytest.raises(UpstreamEmpty):
            laws.read(name, stream)


# Looking on -----------------------------------------------------------------------------


def sight(name: str, raw: bytes) -> ir.Sighting | None:
    return FORMATS[name].sight(sse.Decoder().feed(raw)[0])


@EACH_SAMPLE
def test_the_tap_sees_what_the_reader_reads(name: str, sample: Sample) -> None:
    answer = gather(laws.read(name, sample.stream))
    usage, seen, content, last = ir.Usage(), None, False, False
    for event in sse.Decoder().feed(sample.stream):
        sighting = FORMATS[name].sight(event)
        if sighting is None:
            continue
        usage = usage.merged(sighting.usage or ir.Usage())
        seen = seen or sighting.stop_reason
        content, last = content or sighting.content, last or sighting.last
    assert usage == (answer.usage or ir.Usage())
    assert content and last
    assert seen == answer.stop_reason or (seen, answer.stop_reason) == ("end_turn", "tool_use")


@EACH_SAMPLE
def test_the_tap_needs_only_the_events_with_a_telltale(name: str, sample: Sample) -> None:
    for event in sse.Decoder().feed(sample.stream):
        sighting = FORMATS[name].sight(event)
        if sighting is not None and not any(mark in event.raw for mark in FORMATS[name].TELLTALES):
            assert replace(sighting, content=False, model=None, id=None) == ir.Sighting()


@EACH
def test_the_last_event_says_that_nothing_follows(name: str) -> None:
    last = FORMATS[name].LAST_EVENT  # b"": the format has none
    assert not last or sight(name, last) == ir.Sighting(last=True, done=True)
    for sample in SAMPLES[name]:
        seen = [FORMATS[name].sight(event) for event in sse.Decoder().feed(sample.stream)]
        assert not any(each.done for each in seen[:-1] if each is not None)


@EACH_SAMPLE
def test_the_tap_reads_a_whole_answer(name: str, sample: Sample) -> None:
    sighting, answer = FORMATS[name].inspect(sample.whole), gather(FORMATS[name].parse_response(sample.whole))
    assert (sighting.content, sighting.last, sighting.usage) == (True, True, answer.usage)
    assert (sighting.model, sighting.id) == (answer.model, answer.id)


@EACH
def test_nothing_is_content_before_the_first_content(name: str) -> None:
    """The commit point: an error after these must still be a failed attempt."""
    for sample in SAMPLES[name]:
        before = []
        for event in sse.Decoder().feed(sample.stream):
            sighting = FORMATS[name].sight(event)
            if sighting is not None and sighting.content:
                break
            before.append(event)
        reader = FORMATS[name].StreamReader()
        events = [made for event in before for made in reader.feed(event)]
        spoken = (ir.TextDelta, ir.ReasoningDelta, ir.RefusalDelta, ir.ArgumentsDelta, ir.Finished)
        assert not any(isinstance(event, spoken) for event in events)


# There and back -------------------------------------------------------------------------


@EACH_SAMPLE
@pytest.mark.parametrize("client", NAMES)
def test_an_answer_survives_the_way_to_a_client(name: str, sample: Sample, client: str) -> None:
    events = laws.read(name, sample.stream)
    shown = laws.write(FORMATS[client].StreamWriter("mine", True), events)
    streamed_events = laws.read(client, shown)
    laws.check(streamed_events)
    streamed, upstream = gather(streamed_events), gather(events)
    assert essence(streamed) == essence(upstream)
    assert streamed.model == "mine"
    whole = FORMATS[client].render_response(events, model="mine")
    assert without_made_ids(gather(FORMATS[client].parse_response(whole))) == without_made_ids(streamed)


def essence(answer: Answer) -> tuple[Any, ...]:
    """What no client may lose: the texts, the calls, why it stopped, what it used.

    A refusal's text may be plain text elsewhere, and Chat has no word of its own for a stop sequence.
    """
    said = "".join(part.text for part in answer.parts if isinstance(part, ir.Text | ir.Refusal))
    thought = "".join(part.text for part in answer.parts if isinstance(part, ir.Reasoning))
    calls = [(part.id, part.name, object_of(part)) for part in answer.parts if isinstance(part, ir.ToolCall)]
    reason = {"stop_sequence": "end_turn"}.get(answer.stop_reason or "", answer.stop_reason)
    usage = answer.usage or ir.Usage()
    return said, thought, calls, reason, usage.input or 0, usage.output or 0, usage.cached or 0, usage.reasoning or 0


def without_made_ids(answer: Answer) -> Answer:
    """Ids that the reader had to make up differ each time."""
    parts = (replace(part, id="") if isinstance(part, ir.ToolCall) else part for part in answer.parts)
    return replace(answer, parts=tuple(parts), created=None)


ANSWERS = {
    # in the order of a Chat message, which has one text and knows no empty parts
    "openai_chat": st.tuples(
        strategies.answers(strategies.CALL),
        st.lists(strategies.REASONING, max_size=2) | st.lists(strategies.PLAIN_REASONING, max_size=1),
        st.lists(strategies.TEXT_PART, max_size=1),
    ).map(lambda drawn: replace(drawn[0], parts=(*drawn[1], *drawn[2], *drawn[0].parts))),
    "anthropic_messages": strategies.answers(
        strategies.TEXT_PART, strategies.CALL, strategies.REASONING, strategies.PLAIN_REASONING
    ),
    "openai_responses": strategies.answers(
        strategies.TEXT_PART,
        strategies.CALL | strategies.SIGNED_CALL | strategies.CUSTOM_CALL,
        strategies.REASONING | strategies.PLAIN_REASONING | strategies.SIGNED_BY_OPENAI,
        st.builds(ir.Refusal, strategies.SOME_TEXT),
    ).map(strategies.as_responses_tells_it),
    "gemini": strategies.answers(
        strategies.TEXT_PART, strategies.CALL | strategies.SIGNED_CALL, strategies.REASONING | strategies.PLAIN_REASONING
    ).map(strategies.as_gemini_tells_it),
}


@EACH
@given(data=st.data(), sizes=st.lists(st.integers(1, 300)))
def test_any_answer_is_the_same_after_a_stream_and_as_a_whole(name: str, data: st.DataObject, sizes: list[int]) -> None:
    answer = data.draw(ANSWERS[name])
    events = unfold(answer)
    laws.check(events)
    assert gather(events) == answer
    stream = laws.write(FORMATS[name].StreamWriter("", True), events)
    assert replace(gather(laws.read(name, stream, sizes)), created=None) == replace(answer, created=None)
    whole = orjson.loads(orjson.dumps(FORMATS[name].render_response(events)))
    assert replace(gather(FORMATS[name].parse_response(whole)), created=None) == replace(answer, created=None)


@PAIRS
@given(data=st.data())
@settings(max_examples=50)
def test_any_answer_survives_the_way_to_any_client(upstream: str, client: str, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[upstream])
    stream = laws.write(FORMATS[upstream].StreamWriter("", True), unfold(answer))
    shown = laws.write(FORMATS[client].StreamWriter("", True), laws.read(upstream, stream))
    events = laws.read(client, shown)
    laws.check(events)
    assert essence(gather(events)) == essence(answer)


@EACH
def test_a_signature_comes_back_byte_for_byte(name: str) -> None:
    """An Anthropic upstream, a client of any format that sends back what it got, the same upstream again."""
    sample = next(sample for sample in SAMPLES["anthropic_messages"] if SIGNATURE.encode() in sample.stream)
    shown = FORMATS[name].render_response(laws.read("anthropic_messages", sample.stream))
    history = replay(name, orjson.loads(orjson.dumps(shown)))
    body, _ = FORMATS["anthropic_messages"].render_request(FORMATS[name].parse_request(history))
    thinking = [block for block in body["messages"][1]["content"] if block["type"] == "thinking"]
    assert thinking == [{"type": "thinking", "thinking": "Let me see.", "signature": SIGNATURE}]


@EACH
@pytest.mark.parametrize("sample", [sample for sample in SAMPLES["gemini"] if GEMINI_SIGNATURE in str(sample.whole)], ids=str)
def test_geminis_signatures_come_back_where_they_stood(name: str, sample: Sample) -> None:
    """A Gemini upstream, a client of any format that sends back what it got, the same upstream again."""
    shown = FORMATS[name].render_response(laws.read("gemini", sample.stream))
    request = FORMATS[name].parse_request(replay(name, orjson.loads(orjson.dumps(shown))))
    body, _ = FORMATS["gemini"].render_request(request)
    again, before = body["contents"][1]["parts"], sample.whole["candidates"][0]["content"]["parts"]
    signed = [part for part in before if "thoughtSignature" in part]
    if name == "anthropic_messages" and "text" in before[-1] and not before[-1].get("thought"):
        signed = [part for part in signed if part is not before[-1]]  # left out: see without_last_blob
    assert [part for part in again if "thoughtSignature" in part] == signed
    assert [part for part in again if "functionCall" in part] == [part for part in before if "functionCall" in part]


def replay(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The next request of a client that got `answer`."""
    if name == "openai_responses":
        return {"model": "m", "input": [{"role": "user", "content": "Hi"}, *answer["output"]]}
    if name == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}, answer["candidates"][0]["content"]]}
    turn = answer["choices"][0]["message"] if name == "openai_chat" else {"role": "assistant", "content": answer["content"]}
    return {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}, turn]}


# Requests -------------------------------------------------------------------------------


@EACH
def test_a_full_request_comes_back_as_it_was(name: str) -> None:
    """Through the ir and back to the same format: nothing may be missing, nothing may be dropped."""
    request = FORMATS[name].parse_request(FULL[name])
    body, dropped = FORMATS[name].render_request(request)
    assert dropped == ()
    again = FORMATS[name].parse_request(orjson.loads(orjson.dumps(body)))
    assert merged(again) == merged(request)
    assert body.keys() == FULL[name].keys()


@PAIRS
def test_a_request_keeps_its_substance_for_any_upstream(upstream: str, client: str) -> None:
    request = FORMATS[client].parse_request(FULL[client])
    target = ir.Target(cache_marks=True, replays_reasoning=True, mid_system=True)
    body, dropped = FORMATS[upstream].render_request(replace(request, target=target))
    again = FORMATS[upstream].parse_request(orjson.loads(orjson.dumps(body)))
    for kind in (ir.ToolCall, ir.Image, ir.ToolResult, ir.Document):
        assert count(again, kind) >= count(request, kind) - (kind is ir.Document)  # plain text documents become text in Chat
    assert [tool.name for tool in again.tools] == [tool.name for tool in request.tools if isinstance(tool, ir.Tool)] or (
        upstream == client
    )
    assert again.max_tokens == request.max_tokens
    assert again.stop == request.stop or request.name_of("stop") in dropped
    assert again.stream == (request.stream and upstream != "gemini")  # whose URL says it
    assert again.sampling.temperature == request.sampling.temperature or request.reasoning is not None


def count(request: ir.Request, kind: type) -> int:
    parts = [part for message in request.messages for part in message.parts]
    parts += [inner for part in parts if isinstance(part, ir.ToolResult) for inner in part.parts]
    return sum(isinstance(part, kind) for part in parts)


@EACH
@given(data=st.data())
@settings(max_examples=50)
def test_any_request_is_the_same_after_the_ir(name: str, data: st.DataObject) -> None:
    tools = tuple({tool.name: tool for tool in data.draw(st.lists(strategies.TOOL, max_size=3))}.values())
    request = ir.Request(
        model=data.draw(strategies.NAME),
        messages=data.draw(strategies.conversations(strategies.OWN_REASONING.get(name, strategies.REASONING))),
        tools=tools,
        tool_choice=data.draw(strategies.CHOICE) if tools else None,
        sampling=ir.Sampling(data.draw(st.none() | st.floats(0, 1)), data.draw(st.none() | st.floats(0, 1))),
        max_tokens=data.draw(st.integers(1, 10**6)),
        stop=tuple(data.draw(st.lists(strategies.SOME_TEXT, max_size=4))),
        response_format=data.draw(strategies.FORMAT),
        user=data.draw(st.none() | strategies.NAME),
        stream=data.draw(st.booleans()),
        origin=name,
    )
    if name == "gemini":
        request = strategies.as_gemini_asks_it(request)
    body, dropped = FORMATS[name].render_request(request)
    assert dropped == ()
    again = FORMATS[name].parse_request(orjson.loads(orjson.dumps(body)))
    assert plain(merged(again)) == plain(merged(request))


def merged(request: ir.Request) -> ir.Request:
    """Turns of one side put together, results first: how a conversation is cut into messages differs by format."""
    turns: list[ir.Message] = []
    for message in request.messages:
        parts = message.parts
        if turns and turns[-1].role == message.role != "system":
            parts = turns.pop().parts + parts
        turns.append(replace(message, parts=tuple(sorted(parts, key=lambda part: not isinstance(part, ir.ToolResult)))))
    return replace(request, messages=tuple(turns))


def plain(request: ir.Request) -> ir.Request:
    """Without what a format fills in by itself."""
    wanted = request.response_format
    if wanted is not None:
        wanted = replace(wanted, name=None, strict=None)
    return replace(
        request, response_format=wanted, include_usage=False, unknown=MappingProxyType({}) if not request.unknown else {}
    )


@EACH
@given(data=st.data())
@settings(max_examples=300)
def test_a_malformed_request_is_refused_or_read_and_never_an_accident(name: str, data: st.DataObject) -> None:
    document = data.draw(strategies.malformed(FULL[name]))
    try:
        request = FORMATS[name].parse_request(document)
        for upstream in NAMES:
            orjson.dumps(FORMATS[upstream].render_request(request)[0])
    except BadRequest as exc:  # UnsupportedField is one
        assert exc.message
        assert exc.param is None or all(step in exc.message for step in exc.param.split(".")[:1])


@EACH
@given(document=strategies.OBJECT)
def test_any_object_is_refused_or_read(name: str, document: dict[str, Any]) -> None:
    with pytest.raises((BadRequest, UnsupportedField)):
        FORMATS[name].parse_request({"messages": [document], **document})


# Upstreams that send anything -----------------------------------------------------------


@EACH
@given(data=st.data())
@settings(max_examples=200)
def test_a_malformed_stream_breaks_no_law(name: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from([sample for sample in SAMPLES[name] if "unicode" not in sample.name]))
    events = list(sse.Decoder().feed(sample.stream))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(events) - 1))
        document = sse.read_document(events[at].data)
        if document is not None:
            broken = data.draw(strategies.malformed(document))
            events[at] = sse.Event(events[at].event, orjson.dumps(broken), b"")
    reader = FORMATS[name].StreamReader()
    made: list[ir.Event] = []
    try:
        for event in events:
            made += reader.feed(event)
            FORMATS[name].sight(event)
        made += reader.end()
    except UpstreamError:
        return
    laws.check(made)
    for client in NAMES:
        laws.check(laws.read(client, laws.write(FORMATS[client].StreamWriter("", True), made)))


@EACH
@given(data=st.data())
@settings(max_examples=200)
def test_a_malformed_answer_breaks_no_law(name: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from([sample for sample in SAMPLES[name] if "unicode" not in sample.name]))
    document = data.draw(strategies.malformed(sample.whole))
    FORMATS[name].inspect(document)
    try:
        events = FORMATS[name].parse_response(document)
    except UpstreamError:
        return
    laws.check(events)
    for client in NAMES:
        orjson.dumps(FORMATS[client].render_response(events))


# Errors ---------------------------------------------------------------------------------


@EACH
def test_an_error_begins_with_the_upstreams_words(name: str) -> None:
    body = FORMATS[name].render_error(PROBLEM)
    message = body["error"]["message"]
    assert message.startswith("prompt is too long: 200001 tokens > 200000 maximum")
    assert "Use a model with a bigger window." in message
    assert body["omniroute"]["class"] == "context_too_long"
    assert body["omniroute"]["request_id"] == "req-1"
    assert body["omniroute"]["attempts"][0]["target"] == "agentrouter/claude-x"
    orjson.dumps(body)


@EACH
def test_an_error_keeps_the_upstreams_type_code_and_param(name: str) -> None:
    problem = Problem(429, "rate_limited", "slow down", type="upstream_type", code="c-1", param="p")
    error = FORMATS[name].render_error(problem)["error"]
    if name == "gemini":  # whose errors have details where the others have members
        info, request = error["details"]
        error |= {"type": info["metadata"]["type"], "code": info["reason"], "param": request["fieldViolations"][0]["field"]}
    assert (error["type"], error["code"], error["param"], error["message"]) == ("upstream_type", "c-1", "p", "slow down")


@EACH_SAMPLE
def test_a_failure_in_mid_stream_is_the_last_thing_a_client_sees(name: str, sample: Sample) -> None:
    events = laws.read(name, sample.stream)
    for client in NAMES:
        for after in (0, len(events) // 2, len(events) - 1):
            writer = FORMATS[client].StreamWriter("", True)
            stream = b"".join(writer.write(event) for event in events[:after]) + writer.fail(PROBLEM)
            assert writer.write(events[-1]) == writer.end() == writer.fail(PROBLEM) == b""
            with pytest.raises(UpstreamErrorEvent) as caught:
                laws.read(client, stream)
            assert caught.value.document["error"]["message"].startswith("prompt is too long")


@EACH
def test_a_writer_does_not_end_what_has_not_finished(name: str) -> None:
    events = laws.read(name, SAMPLES[name][0].stream)
    writer = FORMATS[name].StreamWriter("", True)
    stream = b"".join(writer.write(event) for event in events[:-1]) + writer.end()
    with pytest.raises(StreamCut):
        laws.read(name, stream)
