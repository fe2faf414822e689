"""Whole answers."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.gemini import parse_response, render_response
from tests.formats.samples_gemini import SIGNATURE, answer, call, text, thought


@pytest.mark.parametrize("document", [{}, {"choices": []}, {"detail": "x"}])
def test_what_is_no_gemini_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UpstreamNotJson, match="no Gemini answer"):
        parse_response(document)


@pytest.mark.parametrize(
    "document",
    [
        {"candidates": []},
        {"candidates": "x"},
        {"usageMetadata": {"promptTokenCount": 3}},
        answer(None, "MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: print("),
        answer([], "OTHER"),
    ],
)
def test_an_answer_without_an_answer(document: dict[str, Any]) -> None:
    with pytest.raises(UpstreamEmpty):
        parse_response(document)


def test_a_mishap_is_said_with_the_upstreams_words() -> None:
    with pytest.raises(UpstreamEmpty, match="MALFORMED_FUNCTION_CALL: not Python"):
        parse_response(answer(None, "MALFORMED_FUNCTION_CALL", finishMessage="not Python"))
    said = gather(parse_response(answer([text("I try.")], "MALFORMED_FUNCTION_CALL")))
    assert (said.parts, said.stop_reason) == ((ir.Text("I try."),), "end_turn")


def test_an_error_with_status_200() -> None:
    with pytest.raises(UpstreamErrorEvent):
        parse_response({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}})


def test_only_the_first_candidate_is_read() -> None:
    document = answer([text("one")], "STOP")
    document["candidates"].append({"content": {"parts": [text("two")]}, "index": 1, "finishReason": "STOP"})
    assert gather(parse_response(document)).parts == (ir.Text("one"),)


def test_an_answer_that_names_no_reason_ends_its_turn() -> None:
    assert gather(parse_response(answer([text("a")]))).stop_reason == "end_turn"
    assert gather(parse_response(answer([call("f", {}, "a")]))).stop_reason == "tool_use"


def test_calls_without_ids_get_one_each() -> None:
    parts = gather(parse_response(answer([{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}], "STOP"))).parts
    ids = [part.id for part in parts if isinstance(part, ir.ToolCall)]
    assert len(set(ids)) == 2
    assert all(ids)


def test_a_blocked_prompt_is_a_refusal_in_the_upstreams_words() -> None:
    said = gather(parse_response({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "Not here."}}))
    assert (said.parts, said.stop_reason) == ((ir.Refusal("Not here."),), "refusal")
    silent = gather(parse_response({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert silent.parts == (ir.Refusal("The upstream blocked the prompt: SAFETY."),)


def test_sources_are_citations_for_others_and_all_there_for_gemini() -> None:
    recited = {"citations": [{"uri": "https://b.test", "startIndex": 0, "endIndex": 3}, {"license": "mit"}]}
    grounding = {"groundingChunks": [{"web": {"uri": "https://a.test", "title": "A"}}, {"retrievedContext": {}}]}
    document = answer([text("It rains.")], "STOP", groundingMetadata=grounding, citationMetadata=recited)
    events = parse_response(document)
    cited = gather(events).parts[0]
    assert isinstance(cited, ir.Text)
    assert [(each.url, each.title) for each in cited.citations if each.url] == [("https://a.test", "A"), ("https://b.test", None)]
    candidate = render_response(events)["candidates"][0]
    assert (candidate["groundingMetadata"], candidate["citationMetadata"]) == (grounding, recited)


def test_another_formats_citations_are_grounding_chunks() -> None:
    cited = ir.Text("It rains.", citations=(ir.Citation("x", {}, "https://a.test"), ir.Citation("x", {})))
    candidate = render_response(unfold(Answer(parts=(cited,), stop_reason="end_turn")))["candidates"][0]
    assert candidate["groundingMetadata"] == {"groundingChunks": [{"web": {"uri": "https://a.test", "title": "https://a.test"}}]}


def test_a_whole_answer_is_written_in_order() -> None:
    parts = (
        ir.Reasoning("Hm."),
        ir.Text("I look."),
        ir.Reasoning("", signature=SIGNATURE, origin="gemini"),
        ir.Opaque("gemini", {"executableCode": {"code": "1"}}),
        ir.Opaque("other", {"type": "odd"}),
        ir.ToolCall("a", "f", "[1]", signature="U0lH", origin="gemini"),
        ir.Refusal("No."),
    )
    said = Answer("id_1", "theirs", None, parts, ir.Usage(9, 5, reasoning=2), "tool_use")
    assert render_response(unfold(said), model="mine") == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        thought("Hm."),
                        text("I look."),
                        text("", thoughtSignature=SIGNATURE),
                        {"executableCode": {"code": "1"}},
                        call("f", {"arguments": [1]}, "a", thoughtSignature="U0lH"),
                        text("No."),
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 14, "thoughtsTokenCount": 2},
        "modelVersion": "mine",
        "responseId": "id_1",
    }


def test_an_empty_answer_still_has_a_part() -> None:
    document = render_response([ir.Started(), ir.Finished("max_tokens")])
    assert document["candidates"][0]["content"]["parts"] == [{"text": ""}]
    assert document["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert document["responseId"]
