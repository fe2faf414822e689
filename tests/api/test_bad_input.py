"""What bad input gets: the right status, the caller's format, a class and a remedy, a row in the log; nothing goes upstream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, Client

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
GOOD = {"model": "chat/m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 10}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("bad"), MAX_BODY_MB="1") as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        gateway.add_upstream("messages", upstream_process.url, "anthropic-compatible")
        yield gateway


def send(here: Gateway, path: str, body: bytes | dict[str, Any], **headers: str) -> Answer:
    with Client(here.url) as client:
        return client.post(path, body, {name.replace("_", "-"): value for name, value in headers.items()}).read()


def refused(here: Gateway, path: str, answer: Answer, status: int, kind: str) -> dict[str, Any]:
    """The inner error, after checking all that every error has, and the log row."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    document = answer.json
    error: dict[str, Any] = document["error"]
    if path == CHAT:
        assert {"message", "type", "param", "code"} <= error.keys()
    else:
        assert document["type"] == "error" and error["type"]
    beside = document["omniroute"]
    assert beside["class"] == kind and beside["remedy"] and beside["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in str(document) and ".py" not in str(document)
    row = here.log_rows(1, requestId=beside["request_id"])[0]
    assert (row["status"], row["class"], row["path"]) == (status, kind, path)
    return error


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no body"),
        (b"{", "not valid JSON"),
        (b'{"model": "chat/m", "messages": [', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"{}", "'model' is missing"),
        (b'{"model": null}', "'model' is missing"),
        (b'{"model": 5}', "'model' must be a text"),
        (b'{"model": "  "}', "'model' must be a text"),
        (b'{"model": "chat/m", "stream": "yes"}', "'stream' must be true or false"),
        (b'{"model": "a/../b"}', "control characters or '..'"),
        (b'{"model": "a\\u0000b"}', "control characters or '..'"),
    ],
)
def test_a_body_that_is_none(here: Gateway, upstream: Upstream, path: str, body: bytes, says: str) -> None:
    error = refused(here, path, send(here, path, body), 400, "bad_request")
    assert says in error["message"]
    assert not upstream.requests()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_deeply_nested_body(here: Gateway, path: str) -> None:
    body = b'{"model":"chat/m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused(here, path, send(here, path, body), 400, "bad_request")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_body_over_the_limit(here: Gateway, upstream: Upstream, path: str) -> None:
    with Client(here.url) as client:
        client.send(f"POST {path}", {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(2**21)})
        answer = client.read()
    refused(here, path, answer, 413, "body_too_large")


def test_a_chunked_body_over_the_limit(here: Gateway, upstream: Upstream) -> None:
    headers = {"Host": "localhost", "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with Client(here.url) as client:
        client.send(f"POST {CHAT}", headers, piece * 17 + b"0\r\n\r\n")
        assert client.read().status == 413


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_model_that_nobody_has(here: Gateway, upstream: Upstream, path: str) -> None:
    error = refused(here, path, send(here, path, GOOD | {"model": "chta/m"}), 404, "model_not_found")
    assert "'chta/m'" in error["message"]
    assert not upstream.requests()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("model", ["openai/gpt-5", "agentrouter/claude-opus-4-6"])
def test_a_provider_without_a_connection(here: Gateway, path: str, model: str) -> None:
    error = refused(here, path, send(here, path, GOOD | {"model": model}), 404, "no_connection")
    assert "has no connection" in error["message"] and "Providers" in error["message"]


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "x-goog-api-key"])
def test_a_wrong_key_is_refused_even_where_none_is_needed(here: Gateway, upstream: Upstream, path: str, header: str) -> None:
    key = "sk-or-" + "x" * 43
    answer = send(here, path, GOOD, **{header: f"Bearer {key}" if header == "Authorization" else key})
    refused(here, path, answer, 401, "unauthorized")
    assert key.encode() not in answer.body
    assert not upstream.requests()


def test_an_expired_key(here: Gateway) -> None:
    key = here.make_key("short-lived", expiresAt=datetime.fromtimestamp(time.time() + 1, UTC).isoformat())
    answer = until(lambda: expired(send(here, CHAT, GOOD, Authorization=f"Bearer {key}")), 10, lambda: "the key to expire")
    assert "expired" in refused(here, CHAT, answer, 401, "unauthorized")["message"]


def expired(answer: Answer) -> Answer | None:
    return answer if answer.status == 401 else None


def test_a_key_for_other_models_and_endpoints(here: Gateway, upstream: Upstream) -> None:
    key = here.make_key("narrow", allowedModels=["chat/m*"], allowedEndpoints=[CHAT])
    bearer = f"Bearer {key}"
    assert send(here, CHAT, GOOD, Authorization=bearer).status == 200
    refused(here, CHAT, send(here, CHAT, GOOD | {"model": "messages/m"}, Authorization=bearer), 403, "forbidden")
    refused(here, MESSAGES, send(here, MESSAGES, GOOD, Authorization=bearer), 403, "forbidden")
    assert len(upstream.requests()) == 1


def test_a_compressed_body(here: Gateway, upstream: Upstream) -> None:
    error = refused(here, CHAT, send(here, CHAT, GOOD, Content_Encoding="gzip"), 400, "bad_request")
    assert "compressed" in error["message"]


def test_a_field_without_a_place_is_named_or_with_strict_refused(here: Gateway, upstream: Upstream) -> None:
    body = GOOD | {"model": "messages/m", "logit_bias": {"1": 2}, "seed": 5}
    answer = send(here, CHAT, body)
    assert answer.status == 200 and {"logit_bias", "seed"} <= set(answer.headers["x-omniroute-dropped"].split(", "))
    upstream.reset()
    strict = send(here, CHAT, body, X_OmniRoute_Strict="true")
    assert refused(here, CHAT, strict, 400, "unsupported_param")["param"] in ("logit_bias", "seed")
    assert not upstream.requests()


MALFORMED = (
    None,
    [],
    "hello",
    [5],
    [{"role": "user"}],
    [{"role": "king", "content": "x"}],
    [{"role": "user", "content": 5}],
    [{"content": "x"}],
    [{"role": "user", "content": [{"type": "text"}]}],
    [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}],
    [{"role": "tool", "content": "x"}],
)


@pytest.mark.parametrize("messages", MALFORMED)
def test_malformed_messages_are_refused_by_name_before_translating(here: Gateway, upstream: Upstream, messages: Any) -> None:
    body = GOOD | {"model": "messages/m", "messages": messages}
    error = refused(here, CHAT, send(here, CHAT, body), 400, "bad_request")
    assert str(error["param"]).startswith("messages")
    assert not upstream.requests()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "tool_choice", "stop", "temperature", "max_tokens", "response_format"]), JSON
    )
)
def test_no_body_makes_a_500(here: Gateway, fields: dict[str, Any]) -> None:
    body = json.dumps(GOOD | {"model": "messages/m"} | fields).encode()
    assert send(here, CHAT, body).status in (200, 400)


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/chat", "/v1/messages/x"])
def test_a_path_that_is_not_served(here: Gateway, path: str) -> None:
    answer = send(here, path, GOOD)
    assert answer.status == 404 and answer.json["omniroute"]["class"] == "not_found"


def test_a_method_that_is_not_served(here: Gateway) -> None:
    with Client(here.url) as client:
        answer = client.get(CHAT).read()
    assert answer.status == 405 and answer.headers["allow"] and answer.json["omniroute"]["remedy"]


def test_a_dead_upstream(gateway: Callable[..., Gateway]) -> None:
    here = gateway()
    here.add_upstream("dead", "http://127.0.0.1:9/v1")
    here.add_upstream("nowhere", "http://no-such-host.invalid/v1")
    for name in ("dead", "nowhere"):
        answer = send(here, CHAT, GOOD | {"model": f"{name}/m"})
        error = refused(here, CHAT, answer, 502, "network_error")
        assert "127.0.0.1" not in error["message"] and "invalid" not in error["message"]
        detail = here.log_rows(1, requestId=answer.headers["x-request-id"])[0]["attempts"][0]["detail"]
        assert ("127.0.0.1:9" if name == "dead" else "no-such-host.invalid") in detail, "the log names the place"


def test_an_address_that_is_not_allowed(gateway: Callable[..., Gateway], upstream: Upstream) -> None:
    here = gateway(ALLOW_PRIVATE_UPSTREAMS="false")
    here.add_upstream("private", upstream.v1)
    error = refused(here, CHAT, send(here, CHAT, GOOD | {"model": "private/m"}), 502, "address_refused")
    assert "127.0.0.1" not in error["message"] and "ALLOW_PRIVATE_UPSTREAMS" in error["message"]
    assert not upstream.requests()
