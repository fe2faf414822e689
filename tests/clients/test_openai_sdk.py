"""The `openai` SDK on Chat Completions, as its users call it: with upstreams of each format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tests.clients.place import UPSTREAM_KEY, Place, Target, in_a_loop_of_its_own
from tests.clients.samples import PNG, PNG_BYTES, results_in, signatures_in
from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
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


def ask(client: openai.OpenAI, target: Target, **more: Any) -> ChatCompletion:
    return client.chat.completions.create(model=target.model, **{"messages": HELLO, **more})


def streamed(client: openai.OpenAI, target: Target, **more: Any) -> list[ChatCompletionChunk]:
    with client.chat.completions.create(model=target.model, stream=True, **{"messages": HELLO, **more}) as stream:
        return list(stream)


def accumulated(client: openai.OpenAI, target: Target, **more: Any) -> Any:
    """What the SDK's own accumulator makes of the stream, usage included."""
    given = {"messages": HELLO, "stream_options": {"include_usage": True}, **more}
    with client.chat.completions.stream(model=target.model, **given) as stream:
        try:
            return stream.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):  # its way to say how it ended
            return stream.current_completion_snapshot


def essence(completion: Any) -> dict[str, Any]:
    """All of an answer but its ids and times, which are another request's."""
    choice = completion.choices[0]
    message = choice.message.model_dump(exclude_none=True, exclude={"parsed"})
    calls = message.pop("tool_calls", [])
    return {
        "message": {name: value for name, value in message.items() if value != ""},
        "calls": [(call["type"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls],
        "finish": choice.finish_reason,
        "usage": completion.usage.model_dump(exclude_none=True),
        "model": completion.model,
        "object": completion.object,
    }


# Text ------------------------------------------------------------------------------------


def test_an_answer(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert (answer.object, len(answer.choices)) == ("chat.completion", 1)
    message = answer.choices[0].message
    assert (message.role, message.content, message.tool_calls) == ("assistant", TEXT, None)
    assert answer.choices[0].finish_reason == "stop"
    asked = place.upstream.requests()
    assert [(each.path, each.key) for each in asked] == [(target.path, UPSTREAM_KEY)]


def test_a_stream(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("unicode")
    chunks = streamed(client, target)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(texts) == 5
    assert "".join(texts) == UNICODE
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]


def test_usage_comes_in_a_stream_only_when_asked_for(client: openai.OpenAI, target: Target) -> None:
    silent = streamed(client, target)
    assert all(chunk.usage is None and chunk.choices for chunk in silent)
    told = streamed(client, target, stream_options={"include_usage": True})
    assert all(chunk.usage is None and chunk.choices for chunk in told[:-1])
    assert told[-1].choices == []
    assert told[-1].usage == ask(client, target).usage


def test_usage_counts_the_cache_once(client: openai.OpenAI, target: Target) -> None:
    usage = ask(client, target).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (PROMPT, OUTPUT, PROMPT + OUTPUT)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == CACHE_READ


@pytest.mark.parametrize("script", ["text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens"])
def test_a_stream_adds_up_to_the_whole_answer(client: openai.OpenAI, place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    assert essence(accumulated(client, target)) == essence(ask(client, target))


@pytest.mark.parametrize(
    ("script", "finish"), [("refusal", "content_filter"), ("max_tokens", "length"), ("tool", "tool_calls"), ("text", "stop")]
)
def test_why_it_ended(client: openai.OpenAI, place: Place, target: Target, script: str, finish: str) -> None:
    place.upstream.always(script)
    assert ask(client, target).choices[0].finish_reason == finish


def test_a_whole_conversation_with_settings(client: openai.OpenAI, place: Place, target: Target) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    ask(client, target, messages=turns, max_tokens=77, temperature=0.5, stop=["END"])
    sent = place.upstream.last().json
    if target.speaks == "chat":
        assert (sent["messages"], sent["max_tokens"], sent["temperature"], sent["stop"]) == (turns, 77, 0.5, ["END"])
    elif target.speaks == "messages":
        assert (sent["max_tokens"], sent["temperature"], sent["stop_sequences"]) == (77, 0.5, ["END"])
        assert [each["role"] for each in sent["messages"]] == ["user", "assistant", "user"]
        assert "Be brief." in json.dumps(sent["system"])
    elif target.speaks == "responses":
        assert (sent["max_output_tokens"], sent["temperature"], sent["instructions"]) == (77, 0.5, "Be brief.")
        assert [each["role"] for each in sent["input"]] == ["user", "assistant", "user"]
    else:
        wanted = {"maxOutputTokens": 77, "temperature": 0.5, "stopSequences": ["END"]}
        assert wanted.items() <= sent["generationConfig"].items()
        assert [each["role"] for each in sent["contents"]] == ["user", "model", "user"]
        assert "Be brief." in json.dumps(sent["systemInstruction"])


# Tools -----------------------------------------------------------------------------------


def test_a_tool_loop(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always({"name": "tool", "tool": "weather", "tool_input": {"city": "Köln"}})
    first = ask(client, target, tools=[WEATHER]).choices[0].message
    assert first.tool_calls is not None
    (call,) = first.tool_calls
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Köln"})
    result = {"role": "tool", "tool_call_id": call.id, "content": "12 °C"}
    turns = [*HELLO, first.model_dump(exclude_none=True), result]
    assert ask(client, target, tools=[WEATHER], messages=turns).choices[0].message.content == "The tool said: 12 °C"
    assert call.id in place.upstream.last().body.decode()


def test_parallel_tools_whose_results_come_in_another_order(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always(CITIES)
    message = accumulated(client, target, tools=[WEATHER]).choices[0].message
    calls = message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Köln", "Rome"]
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"result of {call.id}"} for call in reversed(calls)]
    turns = [*HELLO, message.model_dump(exclude_none=True, exclude={"parsed"}), *results]
    final = ask(client, target, tools=[WEATHER], messages=turns).choices[0].message.content
    assert final is not None
    assert results_in(place.upstream.last().json, target.speaks) == {call.id: f"result of {call.id}" for call in calls}


def test_tool_arguments_come_in_pieces(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always({**CITIES, "interleaved": True})
    chunks = streamed(client, target, tools=[WEATHER])
    fragments = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    made = {index: [each for each in fragments if each.index == index] for index in {each.index for each in fragments}}
    assert sorted(made) == [0, 1]
    for index, city in ((0, "Köln"), (1, "Rome")):
        first, *rest = made[index]
        assert first.id and first.function and first.function.name == "weather"
        assert {each.id for each in rest} == {None}
        pieces = [each.function.arguments for each in made[index] if each.function and each.function.arguments]
        assert len(pieces) > 1 or target.speaks == "gemini"  # which says a call at once
        assert json.loads("".join(pieces)) == {"city": city}


def test_a_forced_tool(client: openai.OpenAI, target: Target) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = ask(client, target, tools=[WEATHER], tool_choice=choice)
    assert [call.function.name for call in answer.choices[0].message.tool_calls or [] if call.type == "function"] == ["weather"]


# Images, thinking, structured output -----------------------------------------------------


def test_an_image_arrives_byte_for_byte(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("image")
    url = f"data:image/png;base64,{PNG}"
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = ask(client, target, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == f"I see image/png, {len(PNG_BYTES)} bytes"
    assert place.upstream.last().body.count(PNG.encode()) == 1


def test_reasoning(client: openai.OpenAI, place: Place, target: Target) -> None:
    place.upstream.always("thinking")
    whole = ask(client, target, reasoning_effort="high").choices[0].message
    assert (whole.model_extra or {})["reasoning_content"] == THOUGHT
    assert whole.content == TEXT
    deltas = [choice.delta for chunk in streamed(client, target, reasoning_effort="high") for choice in chunk.choices]
    assert "".join((delta.model_extra or {}).get("reasoning_content") or "" for delta in deltas) == THOUGHT
    sent = place.upstream.last().json
    if target.speaks == "gemini":
        assert "thinkingConfig" in sent["generationConfig"]
    else:
        assert sent["reasoning_effort"] == "high" if target.speaks == "chat" else {"thinking", "reasoning"} & sent.keys()


@pytest.mark.parametrize("speaks", ["messages", "responses", "gemini"])
def test_the_signature_of_a_thought_comes_back_in_the_next_turn(client: openai.OpenAI, place: Place, speaks: str) -> None:
    """These refuse a tool's result whose thought is gone, so the message must carry it as it is replayed."""
    target = place.target(speaks)
    place.upstream.always("thinking-tool")
    for message in (ask(client, target), accumulated(client, target)):
        said = message.choices[0].message
        result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "done"}
        turns = [*HELLO, said.model_dump(exclude_none=True, exclude={"parsed"}), result]
        ask(client, target, messages=turns, reasoning_effort="high")
        assert signatures_in(place.upstream.last().json, speaks) == [SIGNATURE]


def test_a_parsed_answer(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = client.chat.completions.parse(model=target.model, messages=HELLO, response_format=Forecast)
    assert answer.choices[0].message.parsed == Forecast(city="sample", degrees=7)
    with client.chat.completions.stream(model=target.model, messages=HELLO, response_format=Forecast) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Forecast(city="sample", degrees=7)
    assert '"degrees"' in place.upstream.last().body.decode()


# Models, addresses, keys, async ----------------------------------------------------------


def test_models(client: openai.OpenAI, place: Place) -> None:
    target = place.target("chat", models=("first", "vendor/second"))
    prefix = target.prefix
    listed = {model.id: model for model in client.models.list()}
    for name in (f"{prefix}/first", f"{prefix}/vendor/second"):
        assert (listed[name].object, listed[name].owned_by) == ("model", prefix)
        assert client.models.retrieve(name) == listed[name]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(f"{prefix}/third")


def test_a_base_url_with_v1_twice(place: Place, target: Target) -> None:
    with openai.OpenAI(base_url=f"{place.v1}/v1", api_key=place.key, max_retries=0) as client:
        assert ask(client, target).choices[0].message.content == TEXT


def test_a_key_as_x_api_key(place: Place, target: Target) -> None:
    alone: Any = {"x-api-key": place.key, "Authorization": openai.Omit()}
    beside_a_wrong_one = {"x-api-key": place.key}
    with openai.OpenAI(base_url=place.v1, api_key="sk-somebody-elses", max_retries=0) as client:
        for headers in (alone, beside_a_wrong_one):
            assert ask(client, target, extra_headers=headers).choices[0].message.content == TEXT
            assert client.models.list(extra_headers=headers).object == "list"


def test_async(place: Place, target: Target) -> None:
    async def talk() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=place.v1, api_key=place.key, max_retries=0) as client:
            whole = await client.chat.completions.create(model=target.model, messages=HELLO)
            stream = await client.chat.completions.create(model=target.model, messages=HELLO, stream=True)
            pieces = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
            return whole.choices[0].message.content, "".join(pieces)

    assert in_a_loop_of_its_own(talk()) == (TEXT, TEXT)


def test_the_request_id_is_the_one_in_the_log(client: openai.OpenAI, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert answer._request_id
    assert [row["id"] for row in place.gateway.log_rows(1, requestId=answer._request_id)] == [answer._request_id]
