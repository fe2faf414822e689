"""The `anthropic` SDK, as its users call it: with upstreams of each format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message
from pydantic import BaseModel

from tests.clients.place import FORMATS, MODEL, UPSTREAM_KEY, Place, Target, in_a_loop_of_its_own
from tests.clients.samples import PNG, PNG_BYTES, results_in, signatures_in
from tests.upstream.answer import CACHE_READ, CACHE_WRITE, INPUT, OUTPUT, PROMPT
from tests.upstream.script import SIGNATURE, TEXT, THOUGHT, UNICODE

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CITIES: dict[str, Any] = {"say": "tool", "tool": "weather", "tool_input": [{"city": "Köln"}, {"city": "Rome"}]}

# Where upstreams count; for the others there is an estimate.
COUNTING = {"messages": "/v1/messages/count_tokens", "gemini": f"/v1beta/models/{MODEL}:countTokens"}


class Forecast(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[anthropic.Anthropic]:
    gateway, key = shared_gateway
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as made:
        yield made


def given(target: Target, **more: Any) -> dict[str, Any]:
    return {"model": target.model, "max_tokens": 500, "messages": HELLO, **more}


def ask(client: anthropic.Anthropic, target: Target, **more: Any) -> Message:
    return client.messages.create(**given(target, **more))


def accumulated(client: anthropic.Anthropic, target: Target, **more: Any) -> Message:
    """What the SDK's own accumulator makes of the stream."""
    with client.messages.stream(**given(target, **more)) as stream:
        return stream.get_final_message()


def essence(message: Message) -> dict[str, Any]:
    """All of an answer but its ids, which are another request's."""
    kept = message.model_dump(exclude_none=True, exclude={"id"})
    for block in kept["content"]:
        block.pop("id", None)
        block.pop("parsed_output", None)
    return kept


# Text ------------------------------------------------------------------------------------


def test_an_answer(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert (answer.type, answer.role, answer.stop_reason, answer.stop_sequence) == ("message", "assistant", "end_turn", None)
    assert [(block.type, block.text) for block in answer.content if block.type == "text"] == [("text", TEXT)]
    asked = place.upstream.requests()
    assert [(each.path, each.key) for each in asked] == [(target.path, UPSTREAM_KEY)]


def test_a_stream(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always("unicode")
    with client.messages.create(**given(target), stream=True) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert (kinds.count("content_block_start"), kinds.count("content_block_delta"), kinds.count("content_block_stop")) == (
        1,
        5,
        1,
    )
    with client.messages.stream(**given(target)) as texts:
        assert "".join(texts.text_stream) == UNICODE


def test_usage(client: anthropic.Anthropic, target: Target) -> None:
    for usage in (ask(client, target).usage, accumulated(client, target).usage):
        written = usage.cache_creation_input_tokens or 0
        assert usage.input_tokens + written + (usage.cache_read_input_tokens or 0) == PROMPT
        assert (usage.cache_read_input_tokens, usage.output_tokens) == (CACHE_READ, OUTPUT)
        if target.speaks == "messages":
            assert (usage.input_tokens, written) == (INPUT, CACHE_WRITE)


@pytest.mark.parametrize("script", ["text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens"])
def test_a_stream_adds_up_to_the_whole_answer(client: anthropic.Anthropic, place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    assert essence(accumulated(client, target)) == essence(ask(client, target))


@pytest.mark.parametrize(
    ("script", "reason"), [("refusal", "refusal"), ("max_tokens", "max_tokens"), ("tool", "tool_use"), ("text", "end_turn")]
)
def test_why_it_ended(client: anthropic.Anthropic, place: Place, target: Target, script: str, reason: str) -> None:
    place.upstream.always(script)
    assert ask(client, target).stop_reason == reason


def test_a_whole_conversation_with_settings(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    turns: Any = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": [{"type": "text", "text": "three", "cache_control": {"type": "ephemeral"}}]},
    ]
    system: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    ask(client, target, messages=turns, system=system, stop_sequences=["END"], metadata={"user_id": "somebody"})
    sent = place.upstream.last().json
    if target.speaks == "messages":
        expected = {"messages": turns, "system": system, "stop_sequences": ["END"], "metadata": {"user_id": "somebody"}}
        assert {name: sent[name] for name in expected} == expected
        assert sent["max_tokens"] == 500
    elif target.speaks == "chat":
        assert [each["role"] for each in sent["messages"]] == ["system", "user", "assistant", "user"]
        assert (sent["max_tokens"], sent["stop"], sent["user"]) == (500, ["END"], "somebody")
    elif target.speaks == "responses":
        assert [each["role"] for each in sent["input"]] == ["user", "assistant", "user"]
        assert (sent["max_output_tokens"], sent["instructions"], sent["user"]) == (500, "Be brief.", "somebody")
    else:
        assert [each["role"] for each in sent["contents"]] == ["user", "model", "user"]
        assert {"maxOutputTokens": 500, "stopSequences": ["END"]}.items() <= sent["generationConfig"].items()


# Tools -----------------------------------------------------------------------------------


def test_a_tool_loop(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always({"name": "tool", "tool": "weather", "tool_input": {"city": "Köln"}})
    first = ask(client, target, tools=[WEATHER])
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("weather", {"city": "Köln"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "12 °C"}]}
    turns = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    final = ask(client, target, tools=[WEATHER], messages=turns).content[0]
    assert final.type == "text"
    assert final.text == "The tool said: 12 °C"
    assert call.id in place.upstream.last().body.decode()


def test_parallel_tools_whose_results_come_in_another_order(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always(CITIES)
    message = accumulated(client, target, tools=[WEATHER])
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Köln"}, {"city": "Rome"}]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.id}", "is_error": call is calls[0]}
        for call in reversed(calls)
    ]
    turns = [*HELLO, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    assert ask(client, target, tools=[WEATHER], messages=turns).stop_reason == "end_turn"
    sent = place.upstream.last().json
    if target.speaks == "messages":
        assert sent["messages"][-1]["content"] == results
    told = results_in(sent, target.speaks)
    assert set(told) == {call.id for call in calls}
    assert all(f"result of {call.id}" in told[call.id] for call in calls)


def test_tool_input_comes_in_pieces(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always(CITIES)
    pieces: dict[int, list[str]] = {}
    with client.messages.create(**given(target, tools=[WEATHER]), stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta" and event.delta.partial_json:
                pieces.setdefault(event.index, []).append(event.delta.partial_json)
    assert ["".join(each).replace(" ", "") for each in pieces.values()] == ['{"city":"Köln"}', '{"city":"Rome"}']
    assert target.speaks == "gemini" or all(len(each) > 1 for each in pieces.values())  # Gemini says a call at once


def test_a_forced_tool(client: anthropic.Anthropic, target: Target) -> None:
    answer = ask(client, target, tools=[WEATHER], tool_choice={"type": "tool", "name": "weather"})
    assert [block.name for block in answer.content if block.type == "tool_use"] == ["weather"]


def test_the_sdks_own_tool_loop(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    asked: list[str] = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"rain in {city}"

    place.upstream.always(CITIES)
    # thread=False: the conversation goes out whole each time; else the upstream would have to keep it.
    runner = client.beta.messages.tool_runner(**given(target), tools=[weather], thread=False)
    final = runner.until_done()
    assert asked == ["Köln", "Rome"]
    assert "rain in Rome" in final.content[0].text  # type: ignore[union-attr]


# Images, thinking, structured output -----------------------------------------------------


def test_an_image_arrives_byte_for_byte(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always("image")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [{"type": "text", "text": "What is this?"}, image]
    answer = ask(client, target, messages=[{"role": "user", "content": content}]).content[0]
    assert answer.type == "text"
    assert answer.text == f"I see image/png, {len(PNG_BYTES)} bytes"
    assert place.upstream.last().body.count(PNG.encode()) == 1


def test_an_image_in_a_tools_result(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    place.upstream.always("image")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    turns = [
        *HELLO,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [image]}]},
    ]
    answer = ask(client, target, messages=turns).content[0]
    assert answer.type == "text"
    assert answer.text == f"I see image/png, {len(PNG_BYTES)} bytes"


@pytest.mark.parametrize("speaks", ["messages", "responses", "gemini"])
def test_a_signature_goes_round_byte_for_byte(client: anthropic.Anthropic, place: Place, speaks: str) -> None:
    target = place.target(speaks)
    place.upstream.always("thinking-tool")
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    for answer in (
        ask(client, target, thinking=thinking, max_tokens=2000),
        accumulated(client, target, thinking=thinking, max_tokens=2000),
    ):
        thought, call = answer.content[0], answer.content[-1]
        assert thought.type == "thinking"
        assert thought.thinking == THOUGHT
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "done"}  # type: ignore[union-attr]
        turns = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        ask(client, target, messages=turns, thinking=thinking, max_tokens=2000)
        replayed = place.upstream.last()
        assert signatures_in(replayed.json, speaks) == [SIGNATURE]
        if speaks == "messages":
            assert thought.signature == SIGNATURE
            assert SIGNATURE.encode() in replayed.body
            assert replayed.json["messages"][1]["content"][0]["thinking"] == THOUGHT
            assert replayed.json["thinking"] == thinking


@pytest.mark.parametrize("speaks", FORMATS)
def test_a_thought(client: anthropic.Anthropic, place: Place, speaks: str) -> None:
    place.upstream.always("thinking")
    thought = accumulated(client, place.target(speaks)).content[0]
    assert thought.type == "thinking"
    assert thought.thinking == THOUGHT


def test_a_parsed_answer(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    answer = client.messages.parse(**given(target), output_format=Forecast)
    assert answer.parsed_output == Forecast(city="sample", degrees=7)
    with client.messages.stream(**given(target), output_format=Forecast) as stream:
        assert stream.get_final_message().parsed_output == Forecast(city="sample", degrees=7)
    assert '"degrees"' in place.upstream.last().body.decode()


# Models, counts, addresses, keys, async --------------------------------------------------


def test_models_page_by_page(client: anthropic.Anthropic, place: Place) -> None:
    prefix = place.target("messages", models=("first", "second", "third")).prefix
    own = [f"{prefix}/{name}" for name in ("first", "second", "third")]
    paged = [model.id for model in client.models.list(limit=1)]
    assert len(paged) == len(set(paged))
    assert [name for name in paged if name in own] == own
    assert [model.id for model in client.models.list(limit=1000)] == paged
    last = client.models.list(limit=2, after_id=own[0])
    assert (last.data[0].id, last.first_id) == (own[1], own[1])


def test_one_model(client: anthropic.Anthropic, place: Place) -> None:
    prefix = place.target("messages", models=("vendor/first",)).prefix
    found = client.models.retrieve(f"{prefix}/vendor/first")
    assert (found.type, found.id, found.lifecycle) == ("model", f"{prefix}/vendor/first", "active")
    assert found.display_name
    assert found.created_at.tzinfo is not None
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve(f"{prefix}/second")


def test_a_count_of_tokens(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    counted = client.messages.count_tokens(model=target.model, messages=HELLO, tools=[WEATHER], system="Be brief.")
    asked = [each.path for each in place.upstream.requests()]
    if target.speaks in COUNTING:
        assert (counted.input_tokens, asked) == (PROMPT, [COUNTING[target.speaks]])
    else:
        assert 0 < counted.input_tokens < 500
        assert asked == []


def test_a_base_url_that_ends_in_v1(place: Place, target: Target) -> None:
    with anthropic.Anthropic(base_url=place.v1, api_key=place.key, max_retries=0) as client:
        assert ask(client, target).stop_reason == "end_turn"
        assert client.messages.count_tokens(model=target.model, messages=HELLO).input_tokens > 0


def test_every_way_to_send_a_key(place: Place, target: Target) -> None:
    ways: list[dict[str, Any]] = [
        {"api_key": place.key},
        {"auth_token": place.key},
        {"api_key": "sk-somebody-elses", "default_headers": {"x-api-key": place.key}},
        {"api_key": place.key, "default_headers": {"x-api-key": "sk-somebody-elses"}},
    ]
    for way in ways:
        with anthropic.Anthropic(base_url=place.url, max_retries=0, **way) as client:
            assert ask(client, target).stop_reason == "end_turn"
            assert client.models.list().has_more in (True, False)
    assert {each.key for each in place.upstream.requests()} == {UPSTREAM_KEY}
    assert all(place.key not in str(each.headers) for each in place.upstream.requests())


def test_async(place: Place, target: Target) -> None:
    async def talk() -> tuple[Message, Message]:
        async with anthropic.AsyncAnthropic(base_url=place.url, api_key=place.key, max_retries=0) as client:
            whole = await client.messages.create(**given(target))
            async with client.messages.stream(**given(target)) as stream:
                return whole, await stream.get_final_message()

    whole, final = in_a_loop_of_its_own(talk())
    assert essence(whole) == essence(final)


def test_the_request_id_is_the_one_in_the_log(client: anthropic.Anthropic, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert answer._request_id
    assert [row["id"] for row in place.gateway.log_rows(1, requestId=answer._request_id)] == [answer._request_id]
