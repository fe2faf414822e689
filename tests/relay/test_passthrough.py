"""The endpoints that are passed through: bytes in and out, usage, logs, faults, leaving, falling over."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from omniroute.providers.values import ENDPOINTS
from omniroute.relay.passthrough import PASSED
from tests.gateway import Gateway
from tests.relay.conftest import WAITS, logged
from tests.relay.passing import BODIES, BOUNDARY, FORMS, MODEL, SOUND, field, file, form, good, send, start
from tests.upstream.beside import EMBEDDED, HEARD, IMAGED, RANKED, VECTOR
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Client
from tests.upstream.script import TEXT

PATHS = (*BODIES, *FORMS)
JSON = tuple(BODIES)
USAGE = {
    "/v1/embeddings": (EMBEDDED, None),
    "/v1/images/generations": IMAGED,
    "/v1/audio/speech": (None, None),
    "/v1/moderations": (None, None),
    "/v1/rerank": (RANKED, None),
    "/v1/audio/transcriptions": HEARD,
    "/v1/audio/translations": HEARD,
}


@pytest.fixture(scope="module")
def key(shared: Gateway) -> str:
    """A form needs one: without a key only JSON is taken."""
    return shared.make_key("passing")


def test_every_passed_endpoint_is_tried_here() -> None:
    assert {f"/v1/{ENDPOINTS[name]}" for name in PASSED} == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_the_answer_comes_as_it_came_and_is_counted(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    answer = send(here, key, path)
    seen = upstream.last()
    assert answer.status == 200 and answer.body == seen.sent and answer.whole
    assert seen.path == path and seen.key == "sk-good-1"
    assert answer.headers["content-type"] == ("audio/mpeg" if path.endswith("speech") else "application/json")
    assert answer.headers["x-omniroute-provider"] == "chat" and answer.headers["x-omniroute-model"] == MODEL
    row = logged(here, answer)
    assert (row["endpoint"], row["status"], row["class"], row["streamed"]) == (path, 200, "ok", False)
    assert (row["providerPrefix"], row["upstreamModel"], row["requestedModel"]) == ("chat", MODEL, f"chat/{MODEL}")
    assert (row["inputTokens"], row["outputTokens"]) == USAGE[path]
    assert row["usageSource"] == ("absent" if USAGE[path] == (None, None) else "reported")
    told = answer.headers.get("x-omniroute-tokens-in"), answer.headers.get("x-omniroute-tokens-out")
    assert told == tuple(None if each is None else str(each) for each in USAGE[path])


@pytest.mark.parametrize("path", JSON)
def test_a_json_body_goes_on_byte_for_byte_but_for_the_model(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    start_of = json.dumps(BODIES[path], ensure_ascii=False).encode()[:-1]
    sent = start_of + b',\n "x" : [1.50, 1e3, "\\u00e9"],\t"model" :"chat/some/m\xc3\xb6del" , "nested":{"model":"inner"} }'
    assert send(here, key, path, sent).status == 200
    assert upstream.last().body == sent.replace(b"chat/some", b"some")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("last", [True, False], ids=["model last", "model first"])
def test_a_form_goes_on_byte_for_byte_but_for_the_model(
    here: Gateway, upstream: Upstream, key: str, path: str, last: bool
) -> None:
    model, others = field("model", "chat/größer"), [field("language", "de"), field("timestamp_granularities[]", "word"), file()]
    sent = form(*others, model) if last else form(model, *others)
    answer = send(here, key, path, b"before it all\r\n" + sent + b"after it all")
    assert answer.status == 200
    assert upstream.last().body == b"before it all\r\n" + sent.replace(b"chat/gr", b"gr") + b"after it all"
    received = answer.json
    assert (received["size"], received["sha256"]) == (len(SOUND), sha256(SOUND).hexdigest())
    assert received["fields"] == {"language": "de", "timestamp_granularities[]": "word", "model": "größer"}


def test_what_the_caller_takes_is_passed_on_and_little_else(here: Gateway, upstream: Upstream, key: str) -> None:
    send(here, key, "/v1/audio/speech", Accept="application/octet-stream", Cookie="a=b", X_Other="y")
    seen = upstream.last()
    assert seen.header("accept") == "application/octet-stream" and seen.header("content-type") == "application/json"
    assert seen.header("cookie") is None and seen.header("x-other") is None and seen.header("authorization") == "Bearer sk-good-1"
    send(here, key, FORMS[0])
    assert upstream.last().header("content-type") == f'multipart/form-data; boundary="{BOUNDARY}"'


def test_the_encoding_of_embeddings_is_never_chosen_here(here: Gateway, upstream: Upstream, key: str) -> None:
    plain = send(here, key, "/v1/embeddings").json
    assert "encoding_format" not in upstream.last().json and plain["data"][0]["embedding"] == list(VECTOR)
    packed = send(here, key, "/v1/embeddings", good("/v1/embeddings", encoding_format="base64")).json
    assert upstream.last().json["encoding_format"] == "base64" and isinstance(packed["data"][1]["embedding"], str)


def test_sound_comes_before_it_is_all_there(here: Gateway, upstream: Upstream, key: str) -> None:
    upstream.queue({"stall_after": 2})
    with Client(here.url) as client:
        head = start(client, key, "/v1/audio/speech").read_until(b"ID3")
        assert b"Transfer-Encoding: chunked" in head and b"audio/mpeg" in head
        seen = upstream.last()
        assert seen.events == 2 and seen.how is None
    upstream.closed(seen.id)


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
@pytest.mark.parametrize("kind", ["wav", "pcm"])
def test_sound_of_any_kind(here: Gateway, upstream: Upstream, key: str, chunked: bool, kind: str) -> None:
    upstream.queue({"chunked": chunked})
    answer = send(here, key, "/v1/audio/speech", good("/v1/audio/speech", response_format=kind))
    assert answer.headers["content-type"] == f"audio/{kind}" and answer.body == upstream.last().sent and answer.whole
    assert ("content-length" in answer.headers) is not chunked


def test_a_transcript_as_text(here: Gateway, upstream: Upstream, key: str) -> None:
    answer = send(here, key, FORMS[0], good(FORMS[0], response_format="text"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8" and answer.body == f"{TEXT}\n".encode()


@pytest.mark.parametrize(
    ("path", "asked", "last", "usage"),
    [
        ("/v1/images/generations", True, "image_generation.completed", IMAGED),
        (FORMS[0], "true", "transcript.text.done", HEARD),
    ],
)
def test_a_stream_of_events(
    here: Gateway, upstream: Upstream, key: str, path: str, asked: Any, last: str, usage: tuple[int, int]
) -> None:
    upstream.queue({"comments": True, "crlf": True, "split": 7})
    answer = send(here, key, path, good(path, stream=asked))
    assert answer.headers["content-type"] == "text/event-stream" and answer.headers["x-accel-buffering"] == "no"
    assert answer.body == upstream.last().sent and answer.whole
    assert upstream.last().header("accept") == "text/event-stream"
    row = logged(here, answer)
    assert row["streamed"] and (row["inputTokens"], row["outputTokens"]) == usage
    assert answer.events[-1][1]["type"] == last


def test_a_stream_that_is_not_streamed_stays_what_it_is(here: Gateway, upstream: Upstream, key: str) -> None:
    answer = send(here, key, FORMS[0], good(FORMS[0], stream="1"))
    assert answer.headers["content-type"] == "application/json" and answer.json["text"] == TEXT


def test_heartbeats_once_events_have_begun(here: Gateway, upstream: Upstream, key: str) -> None:
    upstream.queue({"gap": 0.9})
    answer = send(here, key, "/v1/images/generations", good("/v1/images/generations", stream=True))
    assert b": keep-alive\n\n" in answer.body
    assert answer.body.replace(b": keep-alive\n\n", b"") == upstream.last().sent


# Without a model -----------------------------------------------------------------------------------------


def test_a_moderation_needs_no_model(here: Gateway, upstream: Upstream, key: str) -> None:
    sent = b'{"input":["a","b"]}'
    answer = send(here, key, "/v1/moderations", sent)
    assert answer.status == 200 and upstream.last().body == sent
    assert answer.json["model"] == "omni-moderation-latest" and len(answer.json["results"]) == 2
    row = logged(here, answer)
    assert (row["upstreamModel"], row["requestedModel"], row["providerPrefix"]) == ("default", "", "chat")


def test_a_key_for_certain_models_has_to_name_one(here: Gateway, upstream: Upstream) -> None:
    narrow = here.make_key("narrow", allowedModels=["chat/*"])
    refused = send(here, narrow, "/v1/moderations", b'{"input":"a"}')
    assert refused.status == 400 and refused.json["error"]["param"] == "model"
    assert not upstream.requests()
    assert send(here, narrow, "/v1/moderations").status == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_key_for_other_endpoints_or_models(here: Gateway, upstream: Upstream, path: str) -> None:
    elsewhere = here.make_key("elsewhere", allowedEndpoints=["/v1/messages"])
    assert send(here, elsewhere, path).status == 403
    others = here.make_key("others", allowedModels=["messages/*"])
    assert send(here, others, path).status == 403
    assert not upstream.requests()


# Who has what ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_a_provider_without_the_endpoint(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    answer = send(here, key, path, good(path, "messages"))
    error, beside = answer.json["error"], answer.json["omniroute"]
    assert (answer.status, beside["class"], error["param"]) == (404, "endpoint_not_served", "model")
    assert path in error["message"] and "chat/..." in beside["remedy"]
    assert not upstream.requests()
    row = logged(here, answer)
    assert (row["status"], row["class"], row["endpoint"]) == (404, "endpoint_not_served", path)


@pytest.mark.parametrize("path", PATHS)
def test_a_pinned_connection(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    assert send(here, key, path, X_OmniRoute_Connection="no such one").status == 404
    assert not upstream.requests()


# Faults -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(gateway: Callable[..., Gateway], upstream: Upstream) -> tuple[Gateway, str]:
    """Two connections at one upstream; the first has the key sk-good-1."""
    here = gateway(**(WAITS | {"ANSWER_SECONDS": "1", "IDLE_SECONDS": "1"}))
    here.add_connection(here.add_upstream("chat", upstream.v1), "sk-good-2", "second", priority=1)
    return here, here.make_key()


@pytest.mark.parametrize("path", PATHS)
def test_the_next_connection_answers(pair: tuple[Gateway, str], upstream: Upstream, path: str) -> None:
    here, key = pair
    scripts = ["401", "402", "429-bare", "500", "503", "html", "empty", "404"]
    scripts += ["silence", {"cut_after": 0}] if path != "/v1/audio/speech" else ["silence", {"raw": '{"error":{"message":"no"}}'}]
    for script in scripts:
        for connection in here.api("GET", "/api/providers")["connections"]:
            here.api("POST", f"/api/providers/{connection['id']}/test", {})
        upstream.reset()
        upstream.queue(script, key="sk-good-1", path=path)
        answer = send(here, key, path)
        assert answer.status == 200, (script, answer.body)
        row = logged(here, answer)
        assert [each["class"] for each in row["attempts"]][1:] == ["ok"], script
        assert row["connectionName"] == "second" and row["class"] == "ok", script
        first, second = upstream.requests(path)
        assert first.body == second.body, "the second one gets all of it too"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("script", ["400", "413", "422"])
def test_what_is_wrong_with_the_request_is_not_repeated(
    here: Gateway, upstream: Upstream, key: str, path: str, script: str
) -> None:
    upstream.queue(script)
    answer = send(here, key, path)
    assert answer.status == int(script) and len(upstream.requests()) == 1
    error = answer.json["error"]
    assert {"message", "type", "param", "code"} <= error.keys() and error["type"] in (
        "invalid_request_error",
        "request_too_large",
    )
    assert answer.json["omniroute"]["attempts"][0]["status"] == int(script)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/rerank", "/v1/moderations"])
def test_an_answer_that_is_no_json_where_only_json_is_one(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    upstream.queue("not-json")
    answer = send(here, key, path)
    assert answer.status == 502 and answer.json["omniroute"]["class"] == "upstream_not_json"


@pytest.mark.parametrize("script", [{"cut_after": 2}, {"cut_after": 2, "chunked": False}, {"stall_after": 2}])
def test_sound_that_breaks_off_looks_broken(here: Gateway, upstream: Upstream, key: str, script: dict[str, Any]) -> None:
    upstream.queue(script)
    answer = send(here, key, "/v1/audio/speech")
    assert answer.status == 200 and not answer.whole and answer.body
    row = logged(here, answer)
    assert row["class"] == ("stream_stalled" if "stall_after" in script else "stream_cut")


@pytest.mark.parametrize("script", [{"cut_after": 1}, {"stall_after": 1}, {"error_after": 1, "type": "server_error"}])
def test_events_that_break_off_end_in_an_error(here: Gateway, upstream: Upstream, key: str, script: dict[str, Any]) -> None:
    upstream.queue(script)
    answer = send(here, key, "/v1/images/generations", good("/v1/images/generations", stream=True))
    assert answer.whole and answer.events[0][1]["type"] == "image_generation.partial_image"
    last = answer.events[-1][1]
    assert last["error"]["message"] and last["omniroute"]["class"] == logged(here, answer)["class"] != "ok"


def test_an_error_as_the_first_event_is_a_status(here: Gateway, upstream: Upstream, key: str) -> None:
    upstream.queue({"error_after": 0, "type": "rate_limit_error"})
    answer = send(here, key, "/v1/images/generations", good("/v1/images/generations", stream=True))
    assert answer.status == 429 and answer.json["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_leaves_ends_the_upstreams_work(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    upstream.queue("hang")
    with Client(here.url) as client:
        start(client, key, path)
        seen = upstream.wait_for(1)
    upstream.closed(seen.id)

    def written() -> dict[str, Any] | None:
        return next((row for row in here.log_rows(1) if row["endpoint"] == path and row["class"] == "client_gone"), None)

    assert until(written, 5.0, lambda: "the log row")["status"] == 499
