"""Requests fitted to each target of a combo: real providers' data, at the scripted upstream. And `auto` over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.chaos.conftest import PASSAGES, WAITS, Passage, asked, forgiven, logged
from tests.relay.ways import Messages
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.script import TEXT

OPUS, GPT, OSS = "claude-opus-4-7", "gpt-6-astra", "openai/gpt-oss-120b"  # without sampling; without; at most 65,536 tokens
ANTHROPIC, OPENAI, GROQ = "sk-test-anthropic", "sk-test-openai", "sk-test-groq"
MUCH = 200_000  # tokens, more than any of them gives


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    """Three providers of the catalogue, all at the scripted upstream."""
    url = upstream_process.url
    there = WAITS | {"PROVIDER_BASE_URLS": f"anthropic={url},openai={url}/v1,groq={url}/v1"}
    with running_gateway(tmp_path_factory.mktemp("moved"), **there) as gateway:
        for provider, key in (("anthropic", ANTHROPIC), ("openai", OPENAI), ("groq", GROQ)):
            gateway.add_connection(provider, key)
        gateway.add_combo("small-last", f"anthropic/{OPUS}", f"groq/{OSS}", config={"retry_same": 0})
        gateway.add_combo("anthropic-first", f"anthropic/{OPUS}", f"openai/{GPT}", config={"retry_same": 0})
        gateway.add_combo("only-anthropic", f"anthropic/{OPUS}")
        yield gateway


@pytest.fixture
def here(moved: Gateway, upstream: Upstream) -> Gateway:
    return forgiven(moved)


def ask(
    gateway: Gateway, passage: Passage, combo: str, stream: bool, headers: dict[str, str] | None = None, **fields: Any
) -> Answer:
    with Client(gateway.url) as client:
        return passage.way.post(client, combo, stream=stream, headers=headers, **fields).read()


def sent(upstream: Upstream, key: str, model: str) -> dict[str, Any]:
    """The one body that came with this key."""
    (seen,) = asked(upstream, key, model)
    document: dict[str, Any] = seen.json
    return document


def test_what_the_target_refuses_is_left_out_and_named(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    passage = PASSAGES["messages"]
    answer = ask(here, passage, "small-last", streamed, max_tokens=MUCH, temperature=0.5, top_k=4)
    assert passage.answered(answer, streamed) == TEXT
    body = sent(upstream, ANTHROPIC, OPUS)
    assert body["max_tokens"] == 128_000 and "temperature" not in body and "top_k" not in body
    assert answer.headers["x-omniroute-dropped"] == "max_tokens (128000 at most), temperature, top_k"
    assert logged(here, answer)["dropped"] == ["max_tokens (128000 at most)", "temperature", "top_k"]


def test_the_next_target_gets_what_the_client_sent_fitted_to_itself(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    passage = PASSAGES["messages"]
    upstream.always("500", key=ANTHROPIC, model=OPUS)
    answer = ask(here, passage, "small-last", streamed, max_tokens=MUCH, temperature=0.5)
    assert passage.answered(answer, streamed) == TEXT
    assert sent(upstream, ANTHROPIC, OPUS)["max_tokens"] == 128_000
    body = sent(upstream, GROQ, OSS)
    assert body["temperature"] == 0.5, "what the first target refuses, the second one takes"
    assert 65_536 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    dropped = answer.headers["x-omniroute-dropped"]
    assert "max_tokens (65536 at most)" in dropped and "temperature" not in dropped


def test_each_client_names_its_own_limit(here: Gateway, upstream: Upstream, passage: Passage, streamed: bool) -> None:
    field = "max_output_tokens" if "max_output_tokens" in passage.client.body("", streamed) else "max_tokens"
    answer = ask(here, passage, "small-last", streamed, **{field: MUCH})
    assert passage.answered(answer, streamed) == TEXT
    assert sent(upstream, ANTHROPIC, OPUS)["max_tokens"] == 128_000
    assert f"{field} (128000 at most)" in answer.headers["x-omniroute-dropped"]


def test_a_plain_model_gets_the_limit_that_the_client_named(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    with Client(here.url) as client:
        body = Messages().body(f"anthropic/{OPUS}", streamed) | {"max_tokens": MUCH, "temperature": 0.5}
        answer = client.post("/v1/messages", body).read()
    assert answer.status == 200 and "x-omniroute-dropped" not in answer.headers
    body = sent(upstream, ANTHROPIC, OPUS)
    assert (body["max_tokens"], body["temperature"]) == (MUCH, 0.5)


STRICT = {"X-OmniRoute-Strict": "true"}


def test_a_target_without_a_place_for_a_field_is_passed_over(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    passage = PASSAGES["chat"]
    answer = ask(here, passage, "anthropic-first", streamed, STRICT, logit_bias={"50256": -100})
    assert passage.answered(answer, streamed) == TEXT
    assert not asked(upstream, ANTHROPIC, OPUS) and sent(upstream, OPENAI, GPT)["logit_bias"] == {"50256": -100}
    assert answer.headers["x-omniroute-decision"].endswith("attempts=1")
    assert "x-omniroute-dropped" not in answer.headers


def test_without_strictness_it_is_dropped_and_named(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    answer = ask(here, PASSAGES["chat"], "anthropic-first", streamed, logit_bias={"50256": -100})
    assert PASSAGES["chat"].answered(answer, streamed) == TEXT and len(asked(upstream, ANTHROPIC, OPUS)) == 1
    assert "logit_bias" in answer.headers["x-omniroute-dropped"]


def test_when_nobody_has_a_place_for_it_the_field_is_named(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    answer = ask(here, PASSAGES["chat"], "only-anthropic", streamed, STRICT, logit_bias={"50256": -100})
    assert answer.status == 400 and "logit_bias" in PASSAGES["chat"].way.error(answer.json)["message"]
    assert not asked(upstream, None, OPUS)


def test_passed_over_and_failed_are_both_told(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    upstream.always("500", key=OPENAI, model=GPT)
    answer = ask(here, PASSAGES["chat"], "anthropic-first", streamed, STRICT, logit_bias={"50256": -100})
    told = answer.json["omniroute"]
    assert answer.status == 500 and [each["target"] for each in told["attempts"]] == [f"openai/{GPT}"]
    (left,) = told["left_out"]
    assert left["target"] == f"anthropic/{OPUS}" and "logit_bias" in left["why"]


@pytest.mark.parametrize("name", ["auto", "auto/fast", "auto/cheap"])
def test_auto_falls_over_between_all_that_is_connected(here: Gateway, upstream: Upstream, streamed: bool, name: str) -> None:
    with Client(here.url) as client:
        first = client.post("/v1/chat/completions", PASSAGES["chat"].client.body(name, streamed)).read()
    assert PASSAGES["chat"].answered(first, streamed) == TEXT
    upstream.always("500", key=upstream.last().key or "")
    with Client(here.url) as client:
        answer = client.post("/v1/chat/completions", PASSAGES["chat"].client.body(name, streamed)).read()
    assert PASSAGES["chat"].answered(answer, streamed) == TEXT
    assert answer.headers["x-omniroute-provider"] != first.headers["x-omniroute-provider"]
    assert f"reason={name}; attempts=" in answer.headers["x-omniroute-decision"]
