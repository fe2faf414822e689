"""What goes wrong, as users of the `openai` SDK catch it: class by status, the upstream's own words, no second request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.clients.place import FORMATS, Place, Target
from tests.clients.test_openai_sdk import HELLO, ask, streamed
from tests.upstream.script import NAMES

CLASSES: dict[str, tuple[int, type[openai.APIStatusError]]] = {
    "400": (400, openai.BadRequestError),
    "403": (403, openai.PermissionDeniedError),
    "404": (404, openai.NotFoundError),
    "413": (413, openai.APIStatusError),
    "422": (422, openai.UnprocessableEntityError),
    "429": (429, openai.RateLimitError),
    "500": (500, openai.InternalServerError),
    "503": (503, openai.InternalServerError),
    "529": (529, openai.InternalServerError),
}


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[openai.OpenAI]:
    gateway, key = shared_gateway
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def refused(client: openai.OpenAI, model: str, **more: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, **{"messages": HELLO, **more})
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", CLASSES)
def test_an_upstream_error(client: openai.OpenAI, place: Place, fresh: Target, script: str, stream: bool) -> None:
    place.upstream.always(script)
    error = refused(client, fresh.model, stream=stream)
    status, kind = CLASSES[script]
    assert (type(error), error.status_code) == (kind, status)
    told = NAMES[script]
    assert isinstance(error.body, dict)
    assert (error.body["message"].startswith(str(told.message)), error.type) == (True, told.type)
    assert told.code is None or error.code == told.code
    assert error.request_id
    assert len(place.upstream.requests()) == 1


def test_retry_after_is_passed_on(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    place.upstream.always({"name": "429", "headers": {"Retry-After": "7", "x-should-retry": "true"}})
    error = refused(client, fresh.model)
    assert (error.response.headers["retry-after"], error.response.headers["x-should-retry"]) == ("7", "true")


def test_the_sdk_comes_back_when_it_was_told_to(place: Place, fresh: Target) -> None:
    place.upstream.queue({"name": "429", "headers": {"retry-after-ms": "20"}})
    with openai.OpenAI(base_url=place.v1, api_key=place.key, max_retries=1) as client:
        assert ask(client, fresh).choices[0].finish_reason == "stop"
    assert len(place.upstream.requests()) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_key_that_the_upstream_refuses_is_not_the_callers_fault(
    client: openai.OpenAI, place: Place, fresh: Target, stream: bool
) -> None:
    place.upstream.always("401")
    error = refused(client, fresh.model, stream=stream)
    assert (type(error), error.status_code) == (openai.InternalServerError, 502)
    place.wait_until_tested(fresh)


def test_a_used_up_account_is_a_limit(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    place.upstream.always("402")
    error = refused(client, fresh.model)
    assert (type(error), error.code) == (openai.RateLimitError, "insufficient_quota")


def test_a_prompt_that_is_too_long_has_the_code_that_clients_look_for(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    place.upstream.always("context")
    error = refused(client, fresh.model)
    assert (type(error), error.code) == (openai.BadRequestError, "context_length_exceeded")
    assert "prompt is too long: 250000 tokens > 200000 maximum" in error.message


@pytest.mark.parametrize("script", ["html", "empty", "not-json", "cut", "redirect"])
def test_an_answer_that_is_none(client: openai.OpenAI, place: Place, fresh: Target, script: str) -> None:
    place.upstream.always(script)
    error = refused(client, fresh.model)
    assert (type(error), error.status_code) == (openai.InternalServerError, 502)


# The gateway's own -----------------------------------------------------------------------


def test_a_wrong_key(place: Place, fresh: Target) -> None:
    with openai.OpenAI(base_url=place.v1, api_key="sk-or-wrong", max_retries=0) as client:
        error = refused(client, fresh.model)
        assert (type(error), error.code) == (openai.AuthenticationError, "invalid_api_key")
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
    assert place.upstream.requests() == []


def test_a_key_that_may_not_ask_this_model(place: Place, fresh: Target) -> None:
    key = place.gateway.make_key(allowedModels=["other/*"])
    with openai.OpenAI(base_url=place.v1, api_key=key, max_retries=0) as client:
        assert type(refused(client, fresh.model)) is openai.PermissionDeniedError
    assert place.upstream.requests() == []


def test_an_unknown_model(client: openai.OpenAI, place: Place) -> None:
    error = refused(client, "nobody/knows-this")
    assert (type(error), error.code, error.param) == (openai.NotFoundError, "model_not_found", "model")
    assert place.upstream.requests() == []


def test_a_provider_without_a_connection(client: openai.OpenAI, place: Place) -> None:
    error = refused(client, place.target("chat", connections=0).model)
    assert (type(error), error.code) == (openai.NotFoundError, "no_connection")


def test_a_body_over_the_limit(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    error = refused(client, fresh.model, messages=[{"role": "user", "content": "x" * (34 << 20)}])
    assert (error.status_code, error.type) == (413, "request_too_large")
    assert place.upstream.requests() == []


def test_a_field_that_is_wrong(client: openai.OpenAI, place: Place) -> None:
    error = refused(client, place.target("messages").model, messages=[{"role": "nobody", "content": "hello"}])
    assert type(error) is openai.BadRequestError
    assert error.param is not None
    assert "messages" in error.param
    assert place.upstream.requests() == []


# In the middle of a stream ---------------------------------------------------------------


@pytest.mark.parametrize(("script", "message"), [("error-later", "Overloaded"), ("cut", "broke off")])
def test_a_stream_that_breaks(client: openai.OpenAI, place: Place, fresh: Target, script: str, message: str) -> None:
    place.upstream.always(script)
    texts = []
    with (
        pytest.raises(openai.APIError, match=message),
        client.chat.completions.create(model=fresh.model, messages=HELLO, stream=True) as stream,
    ):
        texts += [choice.delta.content for chunk in stream for choice in chunk.choices if choice.delta.content]
    assert place.upstream.last().how in ("complete", "cut")


def test_what_came_before_the_break_is_the_users(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    place.upstream.always({"error_after": 6, "type": "overloaded_error", "message": "Overloaded"})
    texts: list[str] = []
    stream = client.chat.completions.create(model=fresh.model, messages=HELLO, stream=True)
    with pytest.raises(openai.APIError) as caught, stream:
        for chunk in stream:
            texts += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    assert len(texts) >= 2
    assert caught.value.type == "overloaded_error"


def test_a_stream_that_fails_before_it_begins_is_a_status(client: openai.OpenAI, place: Place, fresh: Target) -> None:
    place.upstream.always("error-first")
    error = refused(client, fresh.model, stream=True)
    assert (type(error), error.status_code) == (openai.InternalServerError, 529)


@pytest.mark.parametrize("speaks", FORMATS)
def test_another_connection_takes_over_unseen(client: openai.OpenAI, place: Place, speaks: str) -> None:
    target = place.target(speaks, connections=2)
    place.upstream.queue("500")
    assert ask(client, target).choices[0].finish_reason == "stop"
    place.upstream.queue("cut-first")
    assert streamed(client, target)[-1].choices[0].finish_reason == "stop"
    assert len(place.upstream.requests()) == 4
