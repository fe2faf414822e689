"""The `openai` SDK on Responses, as its users call it: with upstreams of each format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

from tests.clients.place import UPSTREAM_KEY, Place, Target
from tests.clients.samples import PNG, PNG_BYTES, results_in, signatures_in
from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT, REFUSAL
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
CITIES: dict[str, Any] = {"say": "tool", "tool": "weather", "tool_input": [{"city": "Köln"}, {"city": "Rome"}]}


class Forecast(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[openai.OpenAI]:
    gateway, key = shared_gateway
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, target: Target, **more: Any) -> Response:
    made: Response = client.responses.create(model=target.model, **{"input": "hello", **more})
    return made


def accumulated(client: openai.OpenAI, target: Target, **more: Any) -> Any:
    """What the SDK's own accumulator makes of the stream: its snapshot, from the deltas it has seen."""
    with client.responses.stream(model=target.model, **{"input": "hello", **more}) as stream:
        events = list(stream)
    return events[-1].response


def essence(response: Any) -> dict[str, Any]:
    """All of an answer but its ids and times, which are another request's."""
    kept = response.model_dump(exclude_none=True)
    for item in kept["output"]:
        for name in ("id", "call_id", "parsed_arguments"):
            item.pop(name, None)
        if "arguments" in item:  # a stream may have other white space in it
            item["arguments"] = json.loads(item["arguments"])
        for part in item.get("content") or []:
            part.pop("parsed", None)
    for name in ("id", "created_at", "completed_at"):
        kept.pop(name, None)
    return kept


# Text ------------------------------------------------------------------------------------


def test_an_answer(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert (answer.object, answer.status, answer.output_text, answer.error) == ("response", "completed", TEXT, None)
    assert answer.id.startswith("resp_")
    assert [(each.path, each.key) for each in place.upstream.requests()] == [(target.path, UPSTREAM_KEY)]


def test_a_stream(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("unicode")
    with client.responses.create(model=target.model, input="hello", stream=True) as stream:
        events = list(stream)
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(texts) == 5
    assert "".join(texts) == UNICODE
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_usage_counts_the_cache_once(client: openai.OpenAI, target: Target) -> None:
    for usage in (ask(client, target).usage, accumulated(client, target).usage):
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (PROMPT, OUTPUT, PROMPT + OUTPUT)
        assert usage.input_tokens_details.cached_tokens == CACHE_READ


@pytest.mark.parametrize("script", ["text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens"])
def test_a_stream_adds_up_to_the_whole_answer(client: openai.OpenAI, place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    assert essence(accumulated(client, target)) == essence(ask(client, target))


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ("refusal", "incomplete", "content_filter"),
        ("max_tokens", "incomplete", "max_output_tokens"),
        ("tool", "completed", None),
    ],
)
def test_why_it_ended(client: openai.OpenAI, place: Place, target: Target, script: str, status: str, reason: str | None) -> None:
    place.upstream.always(script)
    answer = ask(client, target)
    assert (answer.status, answer.incomplete_details and answer.incomplete_details.reason) == (status, reason)
    if script == "refusal":
        assert REFUSAL in answer.to_json()


def test_settings(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = ask(client, target, instructions="Be brief.", max_output_tokens=77, temperature=0.5, metadata={"of": "me"})
    if target.speaks != "responses":  # the upstream's own answer is not touched
        assert (answer.instructions, answer.max_output_tokens, answer.temperature) == ("Be brief.", 77, 0.5)
        assert answer.metadata == {"of": "me"}
    sent = place.upstream.last().json
    wanted: dict[str, dict[str, Any]] = {
        "chat": {"max_tokens": 77, "temperature": 0.5},
        "messages": {"max_tokens": 77, "temperature": 0.5},
        "responses": {"max_output_tokens": 77, "temperature": 0.5, "instructions": "Be brief."},
        "gemini": {"generationConfig": {"maxOutputTokens": 77, "temperature": 0.5}},
    }
    assert wanted[target.speaks].items() <= sent.items()
    assert b"Be brief." in place.upstream.last().body


# Tools -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop(client: openai.OpenAI, place: Place, target: Target, stream: bool) -> None:
    """Parallel calls, whose results come in another order."""
    place.upstream.always(CITIES)
    first = (accumulated if stream else ask)(client, target, tools=[WEATHER])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("weather", {"city": "Köln"}),
        ("weather", {"city": "Rome"}),
    ]
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"result of {call.call_id}"}
        for call in reversed(calls)
    ]
    items = [{"role": "user", "content": "hello"}, *(item.to_dict() for item in first.output), *results]
    final = ask(client, target, tools=[WEATHER], input=items)
    assert final.output_text.startswith("The tool said: result of ")
    told = results_in(place.upstream.last().json, target.speaks)
    assert told == {call.call_id: f"result of {call.call_id}" for call in calls}


def test_a_forced_tool(client: openai.OpenAI, target: Target) -> None:
    answer = ask(client, target, tools=[WEATHER], tool_choice={"type": "function", "name": "weather"})
    assert [item.name for item in answer.output if item.type == "function_call"] == ["weather"]


# Images, reasoning, structured output ----------------------------------------------------


def test_an_image_arrives_byte_for_byte(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("image")
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    content = [{"type": "input_text", "text": "What is this?"}, image]
    answer = ask(client, target, input=[{"role": "user", "content": content}])
    assert answer.output_text == f"I see image/png, {len(PNG_BYTES)} bytes"
    assert place.upstream.last().body.count(PNG.encode()) == 1


def test_reasoning(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("thinking")
    asked: Any = {"reasoning": {"effort": "high", "summary": "auto"}}
    for answer in (ask(client, target, **asked), accumulated(client, target, **asked)):
        thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
        assert "".join(thoughts) == THOUGHT
        assert answer.output_text == TEXT
    sent = place.upstream.last().json
    if target.speaks == "gemini":
        assert "thinkingConfig" in sent["generationConfig"]
    else:
        assert {"reasoning_effort", "thinking", "reasoning"} & sent.keys()


@pytest.mark.parametrize("speaks", ["messages", "responses", "gemini"])
def test_a_signature_comes_back_in_the_next_turn(client: openai.OpenAI, place: Place, speaks: str) -> None:
    target = place.target(speaks)
    place.upstream.always("thinking-tool")
    asked: Any = {"store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high"}}
    for answer in (ask(client, target, **asked), accumulated(client, target, **asked)):
        (call,) = [item for item in answer.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "done"}
        items = [{"role": "user", "content": "hello"}, *(item.to_dict() for item in answer.output), result]
        assert ask(client, target, input=items, **asked).output_text == "The tool said: done"
        assert signatures_in(place.upstream.last().json, speaks) == [SIGNATURE]


def test_a_parsed_answer(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = client.responses.parse(model=target.model, input="hello", text_format=Forecast)
    assert answer.output_parsed == Forecast(city="sample", degrees=7)
    with client.responses.stream(model=target.model, input="hello", text_format=Forecast) as stream:
        assert stream.get_final_response().output_parsed == Forecast(city="sample", degrees=7)
    assert '"degrees"' in place.upstream.last().body.decode()


# What is kept ----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_conversation_that_is_kept(client: openai.OpenAI, place: Place, target: Target, stream: bool) -> None:
    place.upstream.always(CITIES)
    first = (accumulated if stream else ask)(client, target, tools=[WEATHER], store=True)
    calls = [item for item in first.output if item.type == "function_call"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in calls]
    second = ask(client, target, tools=[WEATHER], store=True, input=results, previous_response_id=first.id)
    assert second.output_text == "The tool said: rain\nrain"
    if target.speaks == "responses":
        assert place.upstream.last().json["previous_response_id"] == first.id
    else:
        assert list(results_in(place.upstream.last().json, target.speaks).values()) == ["rain", "rain"]

    assert client.responses.retrieve(second.id).output_text == second.output_text
    listed = [item.type for item in client.responses.input_items.list(second.id, order="desc")]
    assert listed[:2] == ["function_call_output"] * 2
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, target, previous_response_id=second.id)
    assert caught.value.code == "previous_response_not_found"


def test_what_is_not_to_be_kept_is_not(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = ask(client, target, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


# What goes wrong -------------------------------------------------------------------------

CLASSES: dict[str, type[openai.APIStatusError]] = {
    "400": openai.BadRequestError,
    "403": openai.PermissionDeniedError,
    "404": openai.NotFoundError,
    "429": openai.RateLimitError,
    "500": openai.InternalServerError,
    "529": openai.InternalServerError,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", CLASSES)
def test_an_upstream_error(client: openai.OpenAI, place: Place, fresh: Target, script: str, stream: bool) -> None:
    place.upstream.always(script)
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, fresh, stream=stream)
    assert (type(caught.value), caught.value.status_code) == (CLASSES[script], int(script))
    assert caught.value.request_id
    assert len(place.upstream.requests()) == 1


@pytest.mark.parametrize(
    ("script", "message"), [({"error_after": 6, "message": "Overloaded"}, "Overloaded"), ("cut", "broke off")]
)
def test_a_stream_that_breaks(client: openai.OpenAI, place: Place, fresh: Target, script: Any, message: str) -> None:
    """A response that failed is told in its last event; the SDK raises nothing for it."""
    place.upstream.always(script)
    with client.responses.create(model=fresh.model, input="hello", stream=True) as stream:
        *_, last = stream
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    assert message in last.response.error.message
