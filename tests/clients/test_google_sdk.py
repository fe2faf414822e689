"""The `google-genai` SDK, as its users call it: with upstreams of each format."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from tests.clients.place import MODEL, UPSTREAM_KEY, Place, Target, in_a_loop_of_its_own
from tests.clients.samples import PNG, PNG_BYTES, results_in, signatures_in
from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT
from tests.upstream.script import NAMES, SIGNATURE, TEXT, THOUGHT, UNICODE

WEATHER = types.FunctionDeclaration(
    name="weather",
    description="The weather in a city",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CITIES: dict[str, Any] = {"say": "tool", "tool": "weather", "tool_input": [{"city": "Köln"}, {"city": "Rome"}]}
THINKING: dict[str, Any] = {"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)}
# By hand: else the SDK calls Python functions itself.
TOOLS: dict[str, Any] = {
    "tools": [types.Tool(function_declarations=[WEATHER])],
    "automatic_function_calling": {"disable": True},
}
# Where upstreams count; for the others there is an estimate.
COUNTING = {"messages": "/v1/messages/count_tokens", "gemini": f"/v1beta/models/{MODEL}:countTokens"}


class Forecast(BaseModel):
    city: str
    degrees: int


def connected(url: str, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[genai.Client]:
    gateway, key = shared_gateway
    with connected(gateway.url, key) as made:
        yield made


def ask(client: genai.Client, target: Target, contents: Any = "hello", **config: Any) -> types.GenerateContentResponse:
    return client.models.generate_content(model=target.model, contents=contents, config=config or None)


def streamed(client: genai.Client, target: Target, contents: Any = "hello", **config: Any) -> list[types.GenerateContentResponse]:
    return list(client.models.generate_content_stream(model=target.model, contents=contents, config=config or None))


def parts_of(*answers: types.GenerateContentResponse) -> list[types.Part]:
    contents = [candidate.content for answer in answers for candidate in answer.candidates or []]
    return [part for content in contents if content is not None for part in content.parts or []]


def essence(*answers: types.GenerateContentResponse) -> dict[str, Any]:
    """All of an answer, in one piece or many, but ids and times: texts and thoughts put together, calls, end, usage."""
    parts, last = parts_of(*answers), answers[-1]
    assert last.candidates and last.usage_metadata
    return {
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "thoughts": "".join(part.text or "" for part in parts if part.thought),
        "calls": [(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
        "signatures": [part.thought_signature for part in parts if part.thought_signature],
        "finish": last.candidates[0].finish_reason,
        "usage": last.usage_metadata.model_dump(exclude_none=True, exclude={"prompt_tokens_details"}),
        "model": {answer.model_version for answer in answers},
    }


# Text ------------------------------------------------------------------------------------


def test_an_answer(client: genai.Client, place: Place, target: Target) -> None:
    answer = ask(client, target)
    assert answer.text == TEXT
    assert essence(answer)["finish"] == types.FinishReason.STOP
    assert [(each.path, each.key) for each in place.upstream.requests()] == [(target.path, UPSTREAM_KEY)]


def test_a_stream(client: genai.Client, place: Place, target: Target) -> None:
    place.upstream.always("unicode")
    chunks = streamed(client, target)
    assert len(chunks) >= 5
    assert essence(*chunks)["text"] == UNICODE
    assert len({chunk.response_id for chunk in chunks}) == 1


def test_usage_counts_the_cache_once(client: genai.Client, target: Target) -> None:
    for usage in (ask(client, target).usage_metadata, streamed(client, target)[-1].usage_metadata):
        assert usage is not None
        assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (
            PROMPT,
            OUTPUT,
            PROMPT + OUTPUT,
        )
        assert usage.cached_content_token_count == CACHE_READ


@pytest.mark.parametrize("script", ["text", "unicode", "tool", "tools", "thinking", "thinking-tool", "refusal", "max_tokens"])
def test_a_stream_adds_up_to_the_whole_answer(client: genai.Client, place: Place, target: Target, script: str) -> None:
    place.upstream.always(script)
    assert essence(*streamed(client, target, **THINKING)) == essence(ask(client, target, **THINKING))


@pytest.mark.parametrize(
    ("script", "reason"), [("refusal", "SAFETY"), ("max_tokens", "MAX_TOKENS"), ("tool", "STOP"), ("text", "STOP")]
)
def test_why_it_ended(client: genai.Client, place: Place, target: Target, script: str, reason: str) -> None:
    place.upstream.always(script)
    assert essence(ask(client, target))["finish"] == types.FinishReason(reason)


def test_settings(client: genai.Client, place: Place, target: Target) -> None:
    ask(client, target, system_instruction="Be brief.", max_output_tokens=77, temperature=0.5, stop_sequences=["END"])
    sent = place.upstream.last().json
    wanted: dict[str, dict[str, Any]] = {
        "chat": {"max_tokens": 77, "temperature": 0.5, "stop": ["END"]},
        "messages": {"max_tokens": 77, "temperature": 0.5, "stop_sequences": ["END"]},
        "responses": {"max_output_tokens": 77, "temperature": 0.5, "instructions": "Be brief."},
        "gemini": {"generationConfig": {"maxOutputTokens": 77, "temperature": 0.5, "stopSequences": ["END"]}},
    }
    assert wanted[target.speaks].items() <= sent.items()
    assert b"Be brief." in place.upstream.last().body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_sdks_own_chat_remembers(client: genai.Client, place: Place, target: Target, stream: bool) -> None:
    """Its history is its accumulator: what it sends with the second message is the first answer."""
    chat = client.chats.create(model=target.model)
    for message in ("one", "two"):
        if stream:
            assert "".join(chunk.text or "" for chunk in chat.send_message_stream(message)) == TEXT
        else:
            assert chat.send_message(message).text == TEXT
    turns = itertools.groupby(
        chat.get_history(curated=True), key=lambda turn: turn.role
    )  # a streamed answer has one for each chunk
    history = [(role, "".join(part.text or "" for turn in parts for part in turn.parts or [])) for role, parts in turns]
    assert history == [("user", "one"), ("model", TEXT), ("user", "two"), ("model", TEXT)]
    sent = place.upstream.last().body.decode()
    assert all(piece in sent for piece in ("one", "two", "Hello"))


# Tools -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_loop(client: genai.Client, place: Place, target: Target, stream: bool) -> None:
    place.upstream.always(CITIES)
    answers = streamed(client, target, **TOOLS) if stream else [ask(client, target, **TOOLS)]
    parts = [part for part in parts_of(*answers) if part.text or part.function_call]
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == [("weather", {"city": "Köln"}), ("weather", {"city": "Rome"})]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": f"rain in {city}"}))
        for call, city in zip(calls, ("Köln", "Rome"), strict=True)
    ]
    turns = [
        types.Content(role="user", parts=[types.Part(text="hello")]),
        types.Content(role="model", parts=parts),
        types.Content(role="user", parts=results),
    ]
    final = ask(client, target, turns, **TOOLS)
    assert final.text == "The tool said: rain in Köln\nrain in Rome"
    told = results_in(place.upstream.last().json, target.speaks)
    assert list(told.values()) == ["rain in Köln", "rain in Rome"]


def test_the_sdks_own_tool_loop(client: genai.Client, place: Place, target: Target) -> None:
    asked: list[str] = []

    def weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"rain in {city}"

    place.upstream.always(CITIES)
    final = ask(client, target, tools=[weather])
    assert asked == ["Köln", "Rome"]
    assert "rain in Rome" in (final.text or "")


def test_a_forced_tool(client: genai.Client, target: Target) -> None:
    calling = {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["weather"]}}
    assert [call.name for call in ask(client, target, **TOOLS, tool_config=calling).function_calls or []] == ["weather"]


# Images, thinking, structured output -----------------------------------------------------


def test_an_image_arrives_byte_for_byte(client: genai.Client, place: Place, target: Target) -> None:
    place.upstream.always("image")
    picture = types.Part.from_bytes(data=PNG_BYTES, mime_type="image/png")
    assert ask(client, target, ["What is this?", picture]).text == f"I see image/png, {len(PNG_BYTES)} bytes"
    body = place.upstream.last().body
    assert body.count(PNG.encode()) + body.count(base64.urlsafe_b64encode(PNG_BYTES)) == 1


def test_thoughts(client: genai.Client, place: Place, target: Target) -> None:
    place.upstream.always("thinking")
    said = essence(ask(client, target, **THINKING))
    assert (said["thoughts"], said["text"]) == (THOUGHT, TEXT)
    sent = place.upstream.last().json
    if target.speaks == "gemini":
        assert sent["generationConfig"]["thinkingConfig"] == {
            "include_thoughts": True,
            "thinking_budget": 1024,
        }  # as the SDK has it
    else:
        assert {"reasoning_effort", "thinking", "reasoning"} & sent.keys()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("speaks", ["messages", "responses", "gemini"])
def test_a_signature_comes_back_in_the_next_turn(client: genai.Client, place: Place, speaks: str, stream: bool) -> None:
    target = place.target(speaks)
    place.upstream.always("thinking-tool")
    more = {**TOOLS, **THINKING}
    parts = parts_of(*(streamed(client, target, **more) if stream else [ask(client, target, **more)]))
    (call,) = [part.function_call for part in parts if part.function_call]
    result = types.FunctionResponse(id=call.id, name=call.name, response={"output": "done"})
    turns = [
        types.Content(role="user", parts=[types.Part(text="hello")]),
        types.Content(role="model", parts=parts),
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    assert ask(client, target, turns, **more).text == "The tool said: done"
    (signature,) = signatures_in(place.upstream.last().json, speaks)
    if speaks == "gemini":  # the SDK has decoded it, and writes it with the URL-safe letters
        assert base64.urlsafe_b64decode(signature) == base64.b64decode(SIGNATURE)
    else:
        assert signature == SIGNATURE


def test_structured_answers(client: genai.Client, place: Place, target: Target) -> None:
    for schema in ({"response_schema": Forecast}, {"response_json_schema": Forecast.model_json_schema()}):
        answer = ask(client, target, response_mime_type="application/json", **schema)
        assert Forecast.model_validate_json(answer.text or "") == Forecast(city="sample", degrees=7)
    assert '"degrees"' in place.upstream.last().body.decode()


# Counts, models, async -------------------------------------------------------------------


def test_a_count_of_tokens(client: genai.Client, place: Place, target: Target) -> None:
    counted = client.models.count_tokens(model=target.model, contents="hello there")
    asked = [each.path for each in place.upstream.requests()]
    assert counted.total_tokens is not None
    if target.speaks in COUNTING:
        assert (counted.total_tokens, asked) == (PROMPT, [COUNTING[target.speaks]])
    else:
        assert 0 < counted.total_tokens < 500
        assert asked == []


def test_models_page_by_page(client: genai.Client, place: Place) -> None:
    prefix = place.target("messages", models=("first", "second", "vendor/third")).prefix
    own = [f"models/{prefix}/{name}" for name in ("first", "second", "vendor/third")]
    paged = [model.name for model in client.models.list(config={"page_size": 1})]
    assert len(paged) == len(set(paged))
    assert [name for name in paged if name in own] == own
    found = client.models.get(model=f"{prefix}/vendor/third")
    assert (found.name, found.display_name) == (own[2], "vendor/third")
    with pytest.raises(errors.ClientError) as caught:
        client.models.get(model=f"{prefix}/fourth")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_async(place: Place, target: Target) -> None:
    async def talk() -> tuple[str | None, str]:
        async with connected(place.url, place.key).aio as client:
            whole = await client.models.generate_content(model=target.model, contents="hello")
            stream = await client.models.generate_content_stream(model=target.model, contents="hello")
            return whole.text, "".join([chunk.text or "" async for chunk in stream])

    assert in_a_loop_of_its_own(talk()) == (TEXT, TEXT)


# What goes wrong -------------------------------------------------------------------------

STATUSES = {
    "400": "INVALID_ARGUMENT",
    "403": "PERMISSION_DENIED",
    "404": "NOT_FOUND",
    "429": "RESOURCE_EXHAUSTED",
    "500": "INTERNAL",
    "503": "UNAVAILABLE",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", STATUSES)
def test_an_upstream_error(client: genai.Client, place: Place, fresh: Target, script: str, stream: bool) -> None:
    place.upstream.always(script)
    with pytest.raises(errors.APIError) as caught:
        streamed(client, fresh) if stream else ask(client, fresh)
    assert type(caught.value) is (errors.ServerError if script >= "500" else errors.ClientError)
    assert (caught.value.code, caught.value.status) == (int(script), STATUSES[script])
    assert (caught.value.message or "").startswith(str(NAMES[script].message))
    assert len(place.upstream.requests()) == 1


@pytest.mark.parametrize(("script", "message"), [("error-later", "Overloaded"), ("cut", "broke off")])
def test_a_stream_that_breaks(client: genai.Client, place: Place, fresh: Target, script: str, message: str) -> None:
    place.upstream.always({"name": script, "pieces": 20})
    with pytest.raises(errors.APIError, match=message):
        streamed(client, fresh)


def test_a_key_that_the_upstream_refuses_is_not_the_callers_fault(client: genai.Client, place: Place, fresh: Target) -> None:
    place.upstream.always("401")
    with pytest.raises(errors.ServerError) as caught:
        ask(client, fresh)
    assert caught.value.code == 502
    place.wait_until_tested(fresh)


def test_a_wrong_key_and_an_unknown_model(client: genai.Client, place: Place, target: Target) -> None:
    with connected(place.url, "sk-or-wrong") as stranger, pytest.raises(errors.ClientError) as caught:
        ask(stranger, target)
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="nobody/knows-this", contents="hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert place.upstream.requests() == []
