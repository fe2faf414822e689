"""The scripted upstream as OpenAI Responses: on bare sockets, and as the SDK takes it."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest

from tests.upstream.answer import CACHE_READ, CACHE_WRITE, OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, post
from tests.upstream.script import NAMES, SIGNATURE, TEXT, THOUGHT, UNICODE

PATH = "/v1/responses"
PNG = base64.b64encode(b"\x89PNG not really").decode()


def ended(answer: Answer) -> Any:
    """The whole response, wherever it is."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json
    event, last = [each for each in answer.events if each[1] is not None][-1]
    assert event == last["type"]
    return last["response"]


def text_of(answer: Answer) -> str:
    content = [part for item in ended(answer)["output"] if item["type"] == "message" for part in item["content"]]
    whole = "".join(part.get("text") or part["refusal"] for part in content)
    if not answer.headers["content-type"].startswith("application/json"):
        deltas = [
            data["delta"] for event, data in answer.events if event in ("response.output_text.delta", "response.refusal.delta")
        ]
        assert "".join(deltas) == whole
    return whole


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("script", "said"), [("text", TEXT), ("unicode", UNICODE), ("crlf", TEXT), ("nulls", TEXT)])
def test_it_says_what_the_script_says(upstream: Upstream, stream: bool, script: str, said: str) -> None:
    answer = post(upstream.url, PATH, input=f"[[script:{script}]]", stream=stream)
    assert (answer.status, answer.whole, text_of(answer)) == (200, True, said)
    assert ended(answer)["usage"] == {
        "input_tokens": PROMPT,
        "input_tokens_details": {"cached_tokens": CACHE_READ, "cache_write_tokens": CACHE_WRITE},
        "output_tokens": OUTPUT,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": PROMPT + OUTPUT,
    }


def test_events_are_numbered_and_each_item_is_added_before_it_is_done(upstream: Upstream) -> None:
    upstream.queue("thinking-tool")
    events = post(upstream.url, PATH, stream=True).events
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    kinds = [event for event, _ in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    for state in ("added", "done"):
        items = [data["item"]["type"] for event, data in events if event == f"response.output_item.{state}"]
        assert items == ["reasoning", "message", "function_call"]


def test_parallel_calls_can_be_interleaved(upstream: Upstream) -> None:
    upstream.queue("tools-interleaved")
    events = post(upstream.url, PATH, stream=True).events
    deltas = [data for event, data in events if event == "response.function_call_arguments.delta"]
    assert [each["output_index"] for each in deltas[:4]] == [1, 2, 1, 2]
    for index, city in ((1, "Paris"), (2, "Rome")):
        assert json.loads("".join(each["delta"] for each in deltas if each["output_index"] == index))["city"] == city


@pytest.mark.parametrize(("script", "reason"), [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_response_says_why_it_is_incomplete(upstream: Upstream, script: str, reason: str, stream: bool) -> None:
    upstream.queue(script)
    response = ended(post(upstream.url, PATH, stream=stream))
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})


@pytest.mark.parametrize(
    ("script", "usage"), [("usage-null", None), ("usage-none", None), ("usage-zero", 0), ("usage-plain", 19)]
)
def test_usage_as_the_script_has_it(upstream: Upstream, script: str, usage: int | None) -> None:
    upstream.queue(script)
    told = ended(post(upstream.url, PATH))["usage"]
    assert told is None if usage is None else told["input_tokens"] == usage


def test_a_tool_is_called_then_its_result_is_repeated(upstream: Upstream) -> None:
    asked: list[Any] = [{"role": "user", "content": "[[script:tool]] run it"}]
    output = post(upstream.url, PATH, input=asked).json["output"]
    result = {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": "42 degrees"}
    assert text_of(post(upstream.url, PATH, input=[*asked, *output, result])) == "The tool said: 42 degrees"


def test_it_sees_images_schemas_and_forced_tools(upstream: Upstream) -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    upstream.queue("image")
    assert text_of(post(upstream.url, PATH, input=[{"role": "user", "content": [image]}])) == "I see image/png, 15 bytes"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    wanted = {"format": {"type": "json_schema", "name": "a", "schema": schema}}
    assert json.loads(text_of(post(upstream.url, PATH, input="hi", text=wanted))) == {"n": 7}
    tools = [{"type": "function", "name": name, "parameters": schema} for name in ("first", "second")]
    output = post(upstream.url, PATH, input="hi", tools=tools, tool_choice={"type": "function", "name": "second"}).json["output"]
    assert (output[-1]["name"], json.loads(output[-1]["arguments"])) == ("second", {"n": 7})


@pytest.mark.parametrize("name", ["429", "500", "context"])
def test_errors_keep_their_status(upstream: Upstream, name: str) -> None:
    answer = post(upstream.url, PATH, model=f"fault-{name}", stream=True)
    assert (answer.status, answer.json["error"]["message"]) == (NAMES[name].status, NAMES[name].message)


def test_a_stream_fails_and_is_cut_where_the_script_says(upstream: Upstream) -> None:
    upstream.queue("error-later", {"cut_after": 3}, {"error_after": 0, "type": "overloaded_error"})
    failed, cut, first = (post(upstream.url, PATH, stream=True) for _ in range(3))
    assert len(failed.events) == 7
    assert ended(failed)["error"]["message"] == "Overloaded"
    assert (len(cut.events), cut.whole) == (3, False)
    assert ended(first)["error"]["type"] == "overloaded_error"


def test_the_sdk_reads_whole_and_streamed_answers(upstream: Upstream) -> None:
    upstream.always({"name": "thinking-tool", "tools": 2})
    with openai.OpenAI(base_url=upstream.v1, api_key="sk-good-1", max_retries=0) as client:
        whole = client.responses.create(model="m", input="hello")
        with client.responses.stream(model="m", input="hello") as stream:
            streamed = stream.get_final_response()
    for response in (whole, streamed):
        reasoning, message, *calls = response.output
        assert reasoning.type == "reasoning"
        assert (reasoning.summary[0].text, reasoning.encrypted_content) == (THOUGHT, SIGNATURE)
        assert message.type == "message"
        assert response.output_text == "Let me look."
        assert [json.loads(call.arguments)["city"] for call in calls if call.type == "function_call"] == ["Paris", "Rome"]
        assert response.usage is not None
        assert response.usage.total_tokens == PROMPT + OUTPUT


def test_the_sdk_raises_what_an_error_is(upstream: Upstream) -> None:
    upstream.queue("429", "thinking-blank")
    with openai.OpenAI(base_url=upstream.v1, api_key="sk-good-1", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError):
            client.responses.create(model="m", input="hello")
        (reasoning, _) = client.responses.create(model="m", input="hello").output
    assert reasoning.type == "reasoning"
    assert (reasoning.summary, reasoning.encrypted_content) == ([], SIGNATURE)
