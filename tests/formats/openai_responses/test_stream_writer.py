from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omniroute.errors import Problem
from omniroute.formats import FORMATS, ir, sse
from omniroute.formats.openai_responses import StreamWriter
from tests.formats import laws
from tests.formats.samples import MESSAGES, SIGNATURE
from tests.formats.samples_gemini import GEMINI
from tests.formats.test_formats import PROBLEM

STARTED = ir.Started("resp_1", "gpt-x", 1700000000)
SAID = (ir.PartStarted(0, "text"), ir.TextDelta(0, "Hi"), ir.PartStopped(0))


def documents(*events: ir.Event, **more: Any) -> list[dict[str, Any]]:
    raw = sse.Decoder().feed(laws.write(StreamWriter("mine", True, **more), events))
    made = [json.loads(event.data) for event in raw]
    assert [event.event for event in raw] == [document["type"] for document in made]
    assert [document["sequence_number"] for document in made] == list(range(len(made)))
    return made


def kinds(made: list[dict[str, Any]]) -> list[str]:
    return [document["type"].removeprefix("response.") for document in made]


def test_the_events_of_a_text() -> None:
    made = documents(STARTED, *SAID, ir.UsageSeen(ir.Usage(9, 3)), ir.Finished("end_turn"))
    assert kinds(made) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    created, completed = made[0]["response"], made[-1]["response"]
    assert (created["id"], created["created_at"], created["status"], created["output"]) == (
        "resp_1",
        1700000000,
        "in_progress",
        [],
    )
    assert (completed["id"], completed["model"], completed["usage"]["total_tokens"]) == ("resp_1", "mine", 12)
    item = made[2]["item"]
    assert (item["content"], item["status"], made[2]["output_index"]) == ([], "in_progress", 0)
    assert made[4] == {
        "type": "response.output_text.delta",
        "item_id": item["id"],
        "output_index": 0,
        "content_index": 0,
        "logprobs": [],
        "delta": "Hi",
        "sequence_number": 4,
    }
    assert completed["output"] == [made[7]["item"]] == [{**item, "status": "completed", "content": [made[6]["part"]]}]


def test_the_id_of_another_formats_answer_is_not_the_responses() -> None:
    said = (replace(STARTED, id="chatcmpl-1"), *SAID, ir.Finished("end_turn"))
    ids = [documents(*said, asked={"store": True})[0]["response"]["id"] for _ in range(2)]
    assert all(each.startswith("resp_") for each in ids)
    assert ids[0] != ids[1]


def test_the_events_of_reasoning_and_of_calls() -> None:
    made = documents(
        STARTED,
        ir.PartStarted(0, "reasoning"),
        ir.ReasoningDelta(0, "H"),
        ir.ReasoningDelta(0, "m."),
        ir.SignatureSeen(0, "U0lH", "anthropic_messages"),
        ir.PartStopped(0),
        ir.PartStarted(1, "tool_call", id="call_a", name="f"),
        ir.ArgumentsDelta(1, "{}"),
        ir.PartStopped(1),
        ir.PartStarted(2, "tool_call", id="call_b", name="patch", custom=True),
        ir.ArgumentsDelta(2, "*** Begin"),
        ir.PartStopped(2),
        ir.Finished("tool_use"),
    )
    assert kinds(made)[2:] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ]
    thought, call, patch = made[-1]["response"]["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert thought["encrypted_content"] == "omniroute:signature:anthropic_messages:U0lH"
    assert {name: call[name] for name in ("type", "call_id", "name", "arguments", "status")} == {
        "type": "function_call",
        "call_id": "call_a",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    }
    assert (patch["type"], patch["input"], patch["call_id"]) == ("custom_tool_call", "*** Begin", "call_b")
    assert {document["output_index"] for document in made if document.get("item_id") == call["id"]} == {1}


@pytest.mark.parametrize(
    ("start", "signed", "blob"),
    [
        (ir.PartStarted(0, "reasoning", data="RU5D", origin="openai_responses"), None, "RU5D"),
        (ir.PartStarted(0, "reasoning", data="RU5D", origin="gemini"), None, "omniroute:data:gemini:RU5D"),
        (ir.PartStarted(0, "reasoning"), ir.SignatureSeen(0, "U0lH", "openai_responses"), "U0lH"),
        (ir.PartStarted(0, "reasoning"), None, None),
    ],
)
def test_blobs(start: ir.PartStarted, signed: ir.SignatureSeen | None, blob: str | None) -> None:
    made = documents(STARTED, start, *([] if signed is None else [signed]), ir.PartStopped(0), ir.Finished("end_turn"))
    assert kinds(made)[2:4] == ["output_item.added", "output_item.done"]
    assert made[3]["item"].get("encrypted_content") == blob
    if start.data is not None:
        assert made[2]["item"]["encrypted_content"] == blob


def test_texts_that_follow_each_other_are_one_and_keep_their_citations_in_place() -> None:
    cited = ir.Citation("anthropic_messages", {}, "https://a.test", "A")
    made = documents(
        STARTED,
        ir.PartStarted(0, "text"),
        ir.TextDelta(0, "Ah. "),
        ir.PartStopped(0),
        ir.PartStarted(1, "opaque", opaque=ir.Opaque("anthropic_messages", {"type": "server_tool_use"})),
        ir.ArgumentsDelta(1, "{}"),
        ir.PartStopped(1),
        ir.PartStarted(2, "text"),
        ir.TextDelta(2, "Rain."),
        ir.CitationSeen(2, cited),
        ir.CitationSeen(2, replace(cited, url=None)),
        ir.PartStopped(2),
        ir.PartStarted(3, "refusal"),
        ir.RefusalDelta(3, "No"),
        ir.PartStopped(3),
        ir.Finished("refusal"),
    )
    (item,) = made[-1]["response"]["output"]
    annotation = {"type": "url_citation", "start_index": 4, "end_index": 9, "url": "https://a.test", "title": "A"}
    assert item["content"] == [
        {"type": "output_text", "text": "Ah. Rain.", "annotations": [annotation], "logprobs": []},
        {"type": "refusal", "refusal": "No"},
    ]
    (told,) = [document for document in made if document["type"] == "response.output_text.annotation.added"]
    assert (told["annotation"], told["annotation_index"], told["content_index"]) == (annotation, 0, 0)
    assert kinds(made)[-6:] == [
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]
    assert (item["status"], made[-1]["response"]["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})


def test_items_of_its_own_go_through_whole() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    part = ir.PartStarted(0, "opaque", opaque=ir.Opaque("openai_responses", search))
    made = documents(STARTED, part, ir.PartStopped(0), ir.Finished("end_turn"))
    assert made[-1]["response"]["output"] == [search]
    assert kinds(made)[2:4] == ["output_item.added", "output_item.done"]


def test_a_failure_is_response_failed_with_the_same_id() -> None:
    writer = StreamWriter("mine", True)
    stream = b"".join(map(writer.write, (STARTED, *SAID[:2]))) + writer.fail(PROBLEM)
    made = [json.loads(event.data) for event in sse.Decoder().feed(stream)]
    assert {document["response"]["id"] for document in made if "response" in document} == {"resp_1"}
    assert made[-1]["type"] == "response.failed"
    response = made[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "context_length_exceeded")
    assert response["error"]["message"].startswith("prompt is too long")
    assert made[-1]["omniroute"]["request_id"] == "req-1"
    assert writer.final is None


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Problem(500, "server_error", "no"), "server_error"),
        (Problem(400, "bad_request", "no"), "invalid_prompt"),
        (Problem(429, "rate_limited", "no"), "rate_limit_exceeded"),
        (Problem(429, "quota_exhausted", "no"), "insufficient_quota"),
        (Problem(429, "rate_limited", "no", code=1302), "1302"),
    ],
)
def test_a_failure_before_anything_else_is_a_whole_stream_and_has_a_code(problem: Problem, code: str) -> None:
    made = [json.loads(event.data) for event in sse.Decoder().feed(StreamWriter("mine", False).fail(problem))]
    assert kinds(made) == ["created", "in_progress", "failed"]
    assert made[-1]["response"]["error"]["code"] == code
    assert len({document["response"]["id"] for document in made}) == 1


def test_a_failure_of_a_stream_that_somebody_else_began_goes_on_with_its_id() -> None:
    """The native lane: what upstream had sent went on as it came, so only the failure is ours."""
    writer = StreamWriter("mine", False)
    writer.write(STARTED)
    (made,) = [json.loads(event.data) for event in sse.Decoder().feed(writer.fail(PROBLEM))]
    assert (made["type"], made["response"]["id"]) == ("response.failed", "resp_1")


def test_final_is_the_response_that_was_sent() -> None:
    writer = StreamWriter("mine", True, {"store": True})
    events = (STARTED, *SAID, ir.Finished("end_turn"))
    stream = b"".join(map(writer.write, events))
    assert writer.final is None
    stream += writer.end()
    assert writer.final == json.loads(sse.Decoder().feed(stream)[-1].data)["response"]
    assert writer.final["store"] is True
    assert writer.end() == b""


def test_anthropics_signature_and_gemini_s_come_back_byte_for_byte() -> None:
    """Streamed to a client of Responses that sends back what `output_item.done` told, as codex does."""
    thinking = next(sample for sample in MESSAGES if SIGNATURE.encode() in sample.stream)
    signed = next(sample for sample in GEMINI if sample.name == "thoughts, a tool, a signature")
    for name, sample in (("anthropic_messages", thinking), ("gemini", signed)):
        events = laws.read(name, sample.stream)
        done = [each["item"] for each in documents(*events) if each["type"] == "response.output_item.done"]
        call = next(item for item in done if item["type"] == "function_call")
        history = [
            {"role": "user", "content": "Hi"},
            *done,
            {"type": "function_call_output", "call_id": call["call_id"], "output": "x"},
        ]
        request = FORMATS["openai_responses"].parse_request({"model": "m", "input": json.loads(json.dumps(history))})
        body, dropped = FORMATS[name].render_request(request)
        signature = (
            SIGNATURE
            if name == "anthropic_messages"
            else sample.whole["candidates"][0]["content"]["parts"][-1]["thoughtSignature"]
        )
        assert signature in json.dumps(body)
        assert not [path for path in dropped if "signature" in path]
