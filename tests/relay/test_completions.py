"""Legacy completions: translated for most providers, as they are for one whose data lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import WAITS, logged
from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.script import TEXT

PATH = "/v1/completions"
PREFIXES = {"chat": "/chat/completions", "messages": "/messages", "gemini": ""}
EACH_PREFIX = pytest.mark.parametrize("prefix", PREFIXES)


def ask(here: Gateway, prefix: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    with Client(here.url) as client:
        return client.post(PATH, {"model": f"{prefix}/scripted-large", "prompt": "hello", **fields}, headers or {}).read()


def text(answer: Answer, streamed: bool) -> str:
    if not streamed:
        return str(answer.json["choices"][0]["text"])
    chunks = [data for _, data in answer.events if isinstance(data, dict)]
    return "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])


# Translated ----------------------------------------------------------------------------------------------


@EACH_PREFIX
def test_a_chat_model_completes_a_text(here: Gateway, upstream: Upstream, prefix: str, streamed: bool) -> None:
    answer = ask(here, prefix, stream=streamed, max_tokens=50)
    assert answer.status == 200 and text(answer, streamed) == TEXT
    assert upstream.last().path.endswith(PREFIXES[prefix]) and "hello" in str(upstream.last().json)
    row = logged(here, answer)
    assert (row["endpoint"], row["format"], row["class"], row["streamed"]) == (PATH, "openai_completions", "ok", streamed)
    assert (row["inputTokens"], row["outputTokens"]) == (PROMPT, OUTPUT)
    if streamed:
        assert answer.body.endswith(b"data: [DONE]\n\n") and b'"usage"' not in answer.body
    else:
        assert answer.json["object"] == "text_completion" and answer.json["usage"]["total_tokens"] == PROMPT + OUTPUT
        assert answer.json["choices"][0]["finish_reason"] == "stop"


@EACH_PREFIX
def test_usage_in_a_stream_for_those_who_ask(here: Gateway, upstream: Upstream, prefix: str) -> None:
    answer = ask(here, prefix, stream=True, stream_options={"include_usage": True})
    last = [data for _, data in answer.events if isinstance(data, dict)][-1]
    assert last["choices"] == [] and last["usage"]["prompt_tokens_details"] == {"cached_tokens": CACHE_READ}


@EACH_PREFIX
def test_what_has_no_place_is_named(here: Gateway, upstream: Upstream, prefix: str) -> None:
    answer = ask(here, prefix, logprobs=3, best_of=2)
    assert answer.status == 200 and {"logprobs", "best_of"} <= set(answer.headers["x-omniroute-dropped"].split(", "))
    upstream.reset()
    strict = ask(here, prefix, {"X-OmniRoute-Strict": "true"}, logprobs=3)
    assert (strict.status, strict.json["error"]["param"]) == (400, "logprobs")
    assert not upstream.requests()


@EACH_PREFIX
@pytest.mark.parametrize(
    "fields", [{"prompt": ["a", "b"]}, {"prompt": [1, 2]}, {"prompt": None}, {"suffix": "x"}, {"echo": True}]
)
def test_what_can_not_be_translated_is_refused(here: Gateway, upstream: Upstream, prefix: str, fields: dict[str, Any]) -> None:
    answer = ask(here, prefix, None, **fields)
    assert (answer.status, answer.json["error"]["param"]) == (400, next(iter(fields)))
    assert answer.json["error"]["type"] == "invalid_request_error" and not upstream.requests()


@EACH_PREFIX
def test_a_stream_that_breaks_off_ends_in_an_error(here: Gateway, upstream: Upstream, prefix: str) -> None:
    upstream.queue({"cut_after": 6, "pieces": 20})
    answer = ask(here, prefix, stream=True)
    assert answer.events[-1][1]["error"] and answer.events[-1][1]["omniroute"]["class"] == "stream_cut"


# As they are ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    """A gateway whose Ollama, which has the endpoint, is the scripted upstream."""
    given = WAITS | {"PROVIDER_BASE_URLS": f"ollama={upstream_process.v1}"}
    with running_gateway(tmp_path_factory.mktemp("native"), **given) as gateway:
        gateway.api("POST", "/api/providers", {"provider": "ollama", "name": "first"})
        yield gateway


def test_a_body_goes_on_byte_for_byte_but_for_the_model(native: Gateway, upstream: Upstream) -> None:
    sent = b'{ "prompt": [[1, 2], [3]], "suffix":"\\u00e9",\t"model" :"ollama/m:free", "echo": true, "logprobs": 2, "n": 2}'
    with Client(native.url) as client:
        answer = client.post(PATH, sent).read()
    seen = upstream.last(PATH)
    assert seen.body == sent.replace(b"ollama/", b"") and answer.body == seen.sent
    row = logged(native, answer)
    assert (row["endpoint"], row["format"], row["providerPrefix"]) == (PATH, "openai_completions", "ollama")
    assert (row["inputTokens"], row["outputTokens"]) == (PROMPT, OUTPUT)


def test_a_stream_comes_as_it_came_with_usage_asked_for_and_withheld(native: Gateway, upstream: Upstream) -> None:
    answer = ask(native, "ollama", stream=True)
    seen = upstream.last(PATH)
    assert seen.json["stream_options"] == {"include_usage": True}
    assert b'"usage"' in seen.sent and b'"usage"' not in answer.body
    assert text(answer, True) == TEXT and answer.body.endswith(b"data: [DONE]\n\n")
    assert logged(native, answer)["outputTokens"] == OUTPUT
    asked = ask(native, "ollama", stream=True, stream_options={"include_usage": True})
    assert asked.body == upstream.last(PATH).sent


@pytest.mark.parametrize("script", ["cut-first", "error-first", "html", "empty", "503"])
def test_a_failure_before_the_first_text_is_a_status(native: Gateway, upstream: Upstream, script: str) -> None:
    upstream.always(script, path=PATH)
    answer = ask(native, "ollama", stream=True)
    assert answer.status >= 500 and answer.json["error"]["message"]
    assert upstream.requests(PATH), "it was asked"


def test_errors_after_it_end_the_stream(native: Gateway, upstream: Upstream) -> None:
    upstream.queue("cut", path=PATH)
    answer = ask(native, "ollama", stream=True)
    assert answer.events[-1][1]["omniroute"]["class"] == "stream_cut"


def test_a_client_that_leaves_ends_the_upstreams_work(native: Gateway, upstream: Upstream) -> None:
    upstream.queue("hang", path=PATH)
    with Client(native.url) as client:
        client.post(PATH, {"model": "ollama/m", "prompt": "x", "stream": True})
        seen = upstream.wait_for(1, PATH)
    upstream.closed(seen.id)


def test_the_other_provider_answers_in_its_own_way(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    """A bare name that two list: the one with the endpoint fails, the other is asked as a chat."""
    here = gateway(**(WAITS | {"PROVIDER_BASE_URLS": f"ollama={upstream.v1}"}))
    here.api("POST", "/api/providers", {"provider": "ollama", "name": "first", "priority": 0})
    node_id = here.add_node("chat", upstream.v1)
    here.add_connection(node_id, "sk-good-2", priority=1)
    for provider in ("ollama", node_id):
        here.api("POST", "/api/provider-models", {"provider": provider, "modelIds": ["shared-model"]})
    upstream.always("503", path=PATH)
    upstream.queue("text", path="/chat/completions")
    with Client(here.url) as client:
        answer = client.post(PATH, {"model": "shared-model", "prompt": "hello"}).read()
    assert answer.status == 200
    assert [each["class"] for each in logged(here, answer)["attempts"]] == ["overloaded", "ok"]
