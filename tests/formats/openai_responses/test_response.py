from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UpstreamEmpty, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import gather
from omniroute.formats.openai_responses import parse_response, render_response
from tests.formats.samples_responses import BLOB, call, message, reasoning, response, text

STARTED = ir.Started("resp_1", "gpt-x", 1700000000)
SAID = (ir.PartStarted(0, "text"), ir.TextDelta(0, "Hi"), ir.PartStopped(0))


def parts(*items: dict[str, Any]) -> tuple[ir.AnyPart, ...]:
    return gather(parse_response(response(list(items)))).parts


def test_a_blob_signs_the_text_it_stands_with_and_is_data_without_one() -> None:
    assert parts(reasoning("Hm.")) == (ir.Reasoning("Hm.", signature=BLOB, origin="openai_responses"),)
    assert parts(reasoning()) == (ir.Reasoning("", data=BLOB, origin="openai_responses"),)
    assert parts(reasoning("Hm.", blob=None)) == (ir.Reasoning("Hm."),)
    assert parts(reasoning(blob=None)) == ()


def test_a_call_without_an_id_gets_one_and_arguments_may_be_an_object() -> None:
    (made,) = parts({"type": "function_call", "name": "f", "arguments": {"a": 1}})
    assert isinstance(made, ir.ToolCall)
    assert made.id.startswith("call_")
    assert made.arguments == '{"a":1}'
    assert parts(call("", "f", "{}"))[0] == ir.ToolCall("fc_", "f", "{}")


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, UpstreamNotJson),
        ({"choices": []}, UpstreamNotJson),
        ({"error": {"message": "no"}}, UpstreamErrorEvent),
        (response([], "failed", error={"code": "server_error", "message": "no"}), UpstreamErrorEvent),
        (response([], "cancelled"), UpstreamErrorEvent),
        (response([], "queued"), UpstreamEmpty),
        (response([], "in_progress"), UpstreamEmpty),
        ({"output": []}, UpstreamEmpty),
    ],
)
def test_what_is_no_answer(document: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_response(document)


def test_an_answer_without_a_status_has_ended_if_it_says_something() -> None:
    events = parse_response({"output": [message(text("Hi"))]})
    assert events[-1] == ir.Finished("end_turn")


def test_a_response_echoes_what_was_asked_and_the_defaults_of_the_rest() -> None:
    asked = {
        "model": "gw/gpt-x",
        "input": "Hi",
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "f"}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "temperature": 0.2,
        "text": {"format": {"type": "json_object"}},
        "reasoning": {"effort": "low"},
        "metadata": {"a": "b"},
        "store": True,
        "previous_response_id": "resp_0",
        "max_output_tokens": 99,
        "service_tier": "flex",
        "user": "u",
        "stream": True,
    }
    made = render_response([STARTED, *SAID, ir.Finished("end_turn")], model="gw/gpt-x", asked=asked)
    for name in asked.keys() - {"input", "stream", "text", "reasoning"}:
        assert made[name] == asked[name], name
    assert made["text"] == {"format": {"type": "json_object"}, "verbosity": "medium"}
    assert made["reasoning"] == {"effort": "low", "summary": None}
    assert (made["top_p"], made["truncation"], made["top_logprobs"]) == (1.0, "disabled", 0)
    assert "input" not in made


def test_a_response_without_a_request() -> None:
    made = render_response([STARTED, *SAID, ir.Finished("end_turn")])
    assert (made["id"], made["created_at"], made["model"], made["status"]) == ("resp_1", 1700000000, "gpt-x", "completed")
    assert (made["store"], made["tools"], made["tool_choice"], made["service_tier"]) == (False, [], "auto", "default")
    assert made["output"][0]["content"] == [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]
    assert render_response([STARTED, *SAID])["status"] == "completed"
    assert render_response([*SAID, ir.Finished("end_turn")])["id"].startswith("resp_")


def test_what_the_limit_cut_is_incomplete() -> None:
    made = render_response([STARTED, *SAID, ir.Finished("max_tokens")])
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert made["output"][0]["status"] == "incomplete"
