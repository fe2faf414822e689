"""What goes wrong, as users of the `anthropic` SDK catch it: the class by the status, the upstream's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.clients.place import FORMATS, Place, Target
from tests.clients.test_anthropic_sdk import HELLO, ask, given
from tests.upstream.script import NAMES

CLASSES: dict[str, tuple[int, type[anthropic.APIStatusError]]] = {
    "400": (400, anthropic.BadRequestError),
    "403": (403, anthropic.PermissionDeniedError),
    "404": (404, anthropic.NotFoundError),
    "408": (408, anthropic.RequestTimeoutError),
    "413": (413, anthropic.ContentTooLargeError),
    "422": (422, anthropic.UnprocessableEntityError),
    "429": (429, anthropic.RateLimitError),
    "500": (500, anthropic.InternalServerError),
    "503": (503, anthropic.ServiceUnavailableError),
    "529": (529, anthropic.OverloadedError),
}


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[anthropic.Anthropic]:
    gateway, key = shared_gateway
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as made:
        yield made


def refused(client: anthropic.Anthropic, model: str, **more: Any) -> anthropic.APIStatusError:
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(**{"model": model, "max_tokens": 500, "messages": HELLO, **more})
    return caught.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", CLASSES)
def test_an_upstream_error(client: anthropic.Anthropic, place: Place, fresh: Target, script: str, stream: bool) -> None:
    place.upstream.always(script)
    error = refused(client, fresh.model, stream=stream)
    status, kind = CLASSES[script]
    assert (type(error), error.status_code) == (kind, status)
    told = NAMES[script]
    assert error.type == told.type
    assert (error.api_message or "").startswith(str(told.message))
    assert isinstance(error.body, dict)
    assert error.body["type"] == "error"
    assert error.request_id == error.body["request_id"]
    assert len(place.upstream.requests()) == 1


def test_retry_after_is_passed_on(client: anthropic.Anthropic, place: Place, fresh: Target) -> None:
    place.upstream.always({"name": "429", "headers": {"Retry-After": "7", "x-should-retry": "true"}})
    error = refused(client, fresh.model)
    assert (error.response.headers["retry-after"], error.response.headers["x-should-retry"]) == ("7", "true")


def test_the_sdk_comes_back_when_it_was_told_to(place: Place, fresh: Target) -> None:
    place.upstream.queue({"name": "529", "headers": {"retry-after-ms": "20"}})
    with anthropic.Anthropic(base_url=place.url, api_key=place.key, max_retries=1) as client:
        assert ask(client, fresh).stop_reason == "end_turn"
    assert len(place.upstream.requests()) == 2


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_key_that_the_upstream_refuses_is_not_the_callers_fault(
    client: anthropic.Anthropic, place: Place, fresh: Target, stream: bool
) -> None:
    place.upstream.always("401")
    error = refused(client, fresh.model, stream=stream)
    assert (type(error), error.status_code) == (anthropic.InternalServerError, 502)
    place.wait_until_tested(fresh)


def test_a_prompt_that_is_too_long_keeps_its_words(client: anthropic.Anthropic, place: Place, fresh: Target) -> None:
    """Claude Code and others shorten the conversation when they read them."""
    place.upstream.always("context")
    error = refused(client, fresh.model)
    assert type(error) is anthropic.BadRequestError
    assert (error.api_message or "").startswith("prompt is too long: 250000 tokens > 200000 maximum")


@pytest.mark.parametrize("script", ["html", "empty", "not-json", "cut", "redirect"])
def test_an_answer_that_is_none(client: anthropic.Anthropic, place: Place, fresh: Target, script: str) -> None:
    place.upstream.always(script)
    error = refused(client, fresh.model)
    assert (type(error), error.status_code) == (anthropic.InternalServerError, 502)


# The gateway's own -----------------------------------------------------------------------


def test_a_wrong_key(place: Place, fresh: Target) -> None:
    with anthropic.Anthropic(base_url=place.url, api_key="sk-or-wrong", max_retries=0) as client:
        error = refused(client, fresh.model)
        assert (type(error), error.type) == (anthropic.AuthenticationError, "authentication_error")
        with pytest.raises(anthropic.AuthenticationError):
            client.models.list()
        with pytest.raises(anthropic.AuthenticationError):
            client.messages.count_tokens(model=fresh.model, messages=HELLO)
    assert place.upstream.requests() == []


def test_a_key_that_may_not_ask_this_model(place: Place, fresh: Target) -> None:
    key = place.gateway.make_key(allowedModels=["other/*"])
    with anthropic.Anthropic(base_url=place.url, api_key=key, max_retries=0) as client:
        error = refused(client, fresh.model)
        assert (type(error), error.type) == (anthropic.PermissionDeniedError, "permission_error")
    assert place.upstream.requests() == []


def test_an_unknown_model(client: anthropic.Anthropic, place: Place) -> None:
    error = refused(client, "nobody/knows-this")
    assert (type(error), error.type) == (anthropic.NotFoundError, "not_found_error")
    assert place.upstream.requests() == []


def test_a_body_over_the_limit(client: anthropic.Anthropic, place: Place, fresh: Target) -> None:
    error = refused(client, fresh.model, messages=[{"role": "user", "content": "x" * (34 << 20)}])
    assert (type(error), error.type) == (anthropic.ContentTooLargeError, "request_too_large")
    assert place.upstream.requests() == []


def test_a_field_that_is_wrong(client: anthropic.Anthropic, place: Place) -> None:
    error = refused(client, place.target("chat").model, messages=[{"role": "nobody", "content": "hello"}])
    assert (type(error), error.type) == (anthropic.BadRequestError, "invalid_request_error")
    assert place.upstream.requests() == []


# In the middle of a stream ---------------------------------------------------------------


@pytest.mark.parametrize(("script", "kind"), [("error-later", "overloaded_error"), ("cut", "api_error")])
def test_a_stream_that_breaks(client: anthropic.Anthropic, place: Place, fresh: Target, script: str, kind: str) -> None:
    """What the SDK raises has status 200, that of the answer; `type` says what it is."""
    place.upstream.always(script)
    with pytest.raises(anthropic.APIStatusError) as caught, client.messages.stream(**given(fresh)) as stream:
        stream.get_final_message()
    assert caught.value.type == kind
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"]


def test_what_came_before_the_break_is_the_users(client: anthropic.Anthropic, place: Place, fresh: Target) -> None:
    place.upstream.always({"error_after": 6, "type": "overloaded_error", "message": "Overloaded"})
    texts: list[str] = []
    with pytest.raises(anthropic.APIStatusError), client.messages.stream(**given(fresh)) as stream:
        texts.extend(stream.text_stream)
    assert len(texts) >= 2


def test_a_stream_that_fails_before_it_begins_is_a_status(client: anthropic.Anthropic, place: Place, fresh: Target) -> None:
    place.upstream.always("error-first")
    error = refused(client, fresh.model, stream=True)
    assert (type(error), error.status_code) == (anthropic.OverloadedError, 529)


@pytest.mark.parametrize("speaks", FORMATS)
def test_another_connection_takes_over_unseen(client: anthropic.Anthropic, place: Place, speaks: str) -> None:
    target = place.target(speaks, connections=2)
    place.upstream.queue("529")
    assert ask(client, target).stop_reason == "end_turn"
    place.upstream.queue("cut-first")
    with client.messages.stream(**given(target)) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"
    assert len(place.upstream.requests()) == 4
