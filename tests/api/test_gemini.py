"""Gemini's own routes: verbs in the path, streams in both of its shapes, counts, the model list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.script import TEXT

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gemini")
    with running_gateway(folder, PROVIDER_BASE_URLS=f"gemini={upstream_process.url}", HEARTBEAT_SECONDS="0.3") as here:
        here.add_upstream("chat", upstream_process.v1)
        here.add_upstream("messages", upstream_process.url, "anthropic-compatible")
        here.add_connection("gemini", "sk-good-1")
        yield here


@pytest.fixture
def here(place: Gateway, upstream: Upstream) -> Gateway:
    return place


def post(here: Gateway, call: str, document: object = HELLO) -> Answer:
    with Client(here.url) as client:
        return client.post(f"/v1beta/models/{call}", document).read()


def get(here: Gateway, path: str) -> Answer:
    with Client(here.url) as client:
        return client.get(path).read()


def test_the_native_lane_is_faithful_to_the_byte(here: Gateway, upstream: Upstream) -> None:
    body = b'{ "contents":[{"parts":[{"text":"h\\u0069"}]}], "new_member": 1.0 }'
    answer = post(here, "gemini/gemini-3.8-flash:generateContent", body)
    seen = upstream.last()
    assert seen.body == body and seen.path.endswith("/v1beta/models/gemini-3.8-flash:generateContent")
    assert answer.body == seen.sent and seen.header("x-goog-api-key") == "sk-good-1"
    streamed = post(here, "google/gemini-3.8-flash:streamGenerateContent?alt=sse", body)
    assert upstream.last().target.endswith(":streamGenerateContent?alt=sse") and streamed.body == upstream.last().sent


@pytest.mark.parametrize("prefix", ["gemini", "chat", "messages"])
def test_a_stream_without_alt_is_one_json_list(here: Gateway, upstream: Upstream, prefix: str) -> None:
    upstream.queue({"gap": 0.4, "pieces": 2})
    answer = post(here, f"{prefix}/scripted-large:streamGenerateContent")
    assert answer.headers["content-type"].startswith("application/json")
    parts = [part for chunk in answer.json for part in chunk["candidates"][0].get("content", {}).get("parts", [])]
    assert "".join(part.get("text", "") for part in parts) == TEXT
    assert answer.json[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_list_that_breaks_off_ends_in_the_error(here: Gateway, upstream: Upstream) -> None:
    upstream.queue("cut")
    answer = post(here, "chat/scripted-large:streamGenerateContent")
    assert answer.json[-1]["error"]["status"] and "candidates" in answer.json[0]


@pytest.mark.parametrize(
    ("call", "count"),
    [("gemini/gemini-3.8-flash", 19), ("messages/scripted-large", 19)],
)
def test_tokens_are_counted_by_the_upstream(here: Gateway, upstream: Upstream, call: str, count: int) -> None:
    plain = post(here, f"{call}:countTokens")
    assert plain.json["totalTokens"] == count and "x-omniroute-estimate" not in plain.headers
    wrapped = post(here, f"{call}:countTokens", {"generateContentRequest": {"model": "models/ours", **HELLO}})
    assert wrapped.json["totalTokens"] == count
    assert b"models/ours" not in upstream.last().body and "max_tokens" not in upstream.last().json


def test_a_messages_client_gets_the_count_of_a_gemini_upstream(here: Gateway, upstream: Upstream) -> None:
    body = {"model": "gemini/gemini-3.8-flash", "system": "Be brief.", "messages": [{"role": "user", "content": "hello"}]}
    with Client(here.url) as client:
        answer = client.post("/v1/messages/count_tokens", body).read()
    assert answer.json == {"input_tokens": 19} and "x-omniroute-estimate" not in answer.headers
    asked = upstream.last().json["generateContentRequest"]
    assert asked["model"] == "models/gemini-3.8-flash" and "Be brief." in json.dumps(asked["systemInstruction"])


def test_an_upstream_without_counts_gets_an_estimate_that_says_so(here: Gateway, upstream: Upstream) -> None:
    answer = post(here, "chat/scripted-large:countTokens")
    assert answer.json["totalTokens"] > 0 and answer.headers["x-omniroute-estimate"] == "characters"
    assert upstream.requests() == []


def test_models_are_listed_and_paged(here: Gateway) -> None:
    first = get(here, "/v1beta/models?pageSize=2").json
    assert len(first["models"]) == 2 and first["models"][0]["name"].startswith("models/")
    second = get(here, f"/v1beta/models?pageSize=2&pageToken={first['nextPageToken']}").json
    assert second["models"] and second["models"][0] not in first["models"]
    one = get(here, f"/v1beta/{first['models'][0]['name']}").json
    assert one == first["models"][0] and "generateContent" in one["supportedGenerationMethods"]


@pytest.mark.parametrize(
    ("call", "document", "status", "name"),
    [
        ("gemini/gemini-3.8-flash:embedContent", HELLO, 404, "NOT_FOUND"),
        ("gemini/gemini-3.8-flash", HELLO, 404, "NOT_FOUND"),
        ("nobody/nothing:generateContent", HELLO, 404, "NOT_FOUND"),
        ("chat/scripted-large:generateContent", {"contents": 7}, 400, "INVALID_ARGUMENT"),
        ("chat/scripted-large:generateContent", b"{", 400, "INVALID_ARGUMENT"),
        ("gemini/..%2f..%2fsecret:generateContent", HELLO, 400, "INVALID_ARGUMENT"),
    ],
)
def test_errors_have_geminis_shape(
    here: Gateway, upstream: Upstream, call: str, document: object, status: int, name: str
) -> None:
    answer = post(here, call, document)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["status"]) == (status, status, name), answer.body
    assert answer.json["omniroute"]["remedy"] and upstream.requests() == []
