"""A connection that brings its own address: requests, Test and Discover all go there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway import Gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import Client


@pytest.fixture
def server(here: Gateway, upstream: Upstream) -> str:
    """The id of a vLLM connection at the scripted upstream; it takes no key, so none is given."""
    known: list[dict[str, Any]] = here.api("GET", "/api/providers?provider=vllm")["connections"]
    if known:
        return str(known[0]["id"])
    made = here.api("POST", "/api/providers", {"provider": "vllm", "apiKey": "sk-good-1", "fields": {"base_url": upstream.v1}})
    assert made["connection"]["baseUrl"] == upstream.v1
    return str(made["connection"]["id"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_requests_go_to_the_connections_address(here: Gateway, upstream: Upstream, server: str, stream: bool) -> None:
    body = {"model": "vllm/scripted-large", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    with Client(here.url) as client:
        answer = client.post("/v1/chat/completions", body).read()
    assert answer.status == 200
    assert answer.headers["x-omniroute-connection"] == server
    assert (upstream.last().path, upstream.last().model) == ("/v1/chat/completions", "scripted-large")


def test_a_test_and_the_list_of_models_ask_there(here: Gateway, upstream: Upstream, server: str) -> None:
    verdict = here.api("POST", f"/api/providers/{server}/test", {"model": "scripted-large"})
    assert verdict["valid"] is True, verdict
    assert {seen.path for seen in upstream.requests()} == {"/v1/models", "/v1/chat/completions"}


def test_an_address_that_is_refused_or_wrong(here: Gateway, server: str) -> None:
    told = here.refused("POST", "/api/providers", {"provider": "azure-openai", "apiKey": "k", "fields": {"resource": "a.b/"}})
    assert told.status == 400
    assert "one part of a host name" in str(told.body)
    told = here.refused("PUT", f"/api/providers/{server}", {"fields": {"base_url": "localhost"}})
    assert told.status == 400
