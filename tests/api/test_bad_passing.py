"""What bad input gets at the endpoints that are passed through: a 400 that names the field, a log row, nothing upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway import Gateway, running_gateway
from tests.relay.passing import BODIES, BOUNDARY, FORMS, field, file, form, good, send
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

JSON = tuple(BODIES)
MODEL_NEEDED = [path for path in JSON if path != "/v1/moderations"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("bad-passing"), MAX_BODY_MB="1") as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        yield gateway


@pytest.fixture(scope="module")
def key(here: Gateway) -> str:
    return here.make_key()


def refused(here: Gateway, path: str, answer: Answer, status: int = 400, kind: str = "bad_request") -> dict[str, Any]:
    """The inner error, after checking the shape and the log row."""
    assert answer.status == status, answer.body
    error: dict[str, Any] = answer.json["error"]
    beside = answer.json["omniroute"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert beside["class"] == kind and beside["remedy"] and beside["request_id"] == answer.headers["x-request-id"]
    row = here.log_rows(1, requestId=beside["request_id"])[0]
    assert (row["status"], row["class"], row["endpoint"]) == (status, kind, path)
    return error


@pytest.mark.parametrize("path", JSON)
@pytest.mark.parametrize(
    ("body", "says"),
    [(b"", "no body"), (b"{", "not valid JSON"), (b"[]", "must be a JSON object"), (b"\xff{}", "not valid JSON")],
)
def test_no_json(here: Gateway, upstream: Upstream, key: str, path: str, body: bytes, says: str) -> None:
    assert says in refused(here, path, send(here, key, path, body))["message"]
    assert not upstream.requests()


@pytest.mark.parametrize("path", MODEL_NEEDED)
def test_no_model(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    error = refused(here, path, send(here, key, path, json.dumps(BODIES[path]).encode()))
    assert error["param"] == "model" and not upstream.requests()


@pytest.mark.parametrize("path", JSON)
@pytest.mark.parametrize(
    ("fields", "param"),
    [({"model": 5}, "model"), ({"model": " "}, "model"), ({"model": "a/../b"}, "model"), ({"stream": "yes"}, "stream")],
)
def test_wrong_types(here: Gateway, upstream: Upstream, key: str, path: str, fields: dict[str, Any], param: str) -> None:
    error = refused(here, path, send(here, key, path, good(path, **fields)))
    assert error["param"] == param and not upstream.requests()


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/v1/embeddings", "input"),
        ("/v1/images/generations", "prompt"),
        ("/v1/audio/speech", "input"),
        ("/v1/moderations", "input"),
        ("/v1/rerank", "query"),
        ("/v1/rerank", "documents"),
    ],
)
@pytest.mark.parametrize("value", [None, 5, True])
def test_what_each_endpoint_needs(here: Gateway, upstream: Upstream, key: str, path: str, param: str, value: Any) -> None:
    error = refused(here, path, send(here, key, path, good(path, **{param: value})))
    assert error["param"] == param and not upstream.requests()


@pytest.mark.parametrize("path", JSON)
def test_two_models(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    error = refused(here, path, send(here, key, path, good(path).replace(b"{", b'{"model":"chat/other",', 1)))
    assert error["param"] == "model" and not upstream.requests()


@pytest.mark.parametrize("path", [*JSON, *FORMS])
def test_a_model_that_nobody_has(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    error = refused(here, path, send(here, key, path, good(path, "chta")), 404, "model_not_found")
    assert "chta/" in error["message"] and not upstream.requests()


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b"", None, "breaks off"),
        (b"{}", None, "breaks off"),
        (form(field("model", "chat/m"), file())[:-10], None, "breaks off"),
        (form(file()), "model", "'model' is missing"),
        (form(field("model", ""), file()), "model", "'model' must be a text"),
        (form(field("model", "chat/m"), field("model", "chat/n"), file()), "model", "more than one field"),
        (form(field("model", "m" * 3000), file()), "model", "too long"),
        (form(field("model", "chat/\x00"), file()), "model", "control characters"),
        (form(field("model", "chat/m"), field("stream", "perhaps"), file()), "stream", "true or false"),
    ],
)
def test_malformed_forms(
    here: Gateway, upstream: Upstream, key: str, path: str, body: bytes, param: str | None, says: str
) -> None:
    error = refused(here, path, send(here, key, path, body))
    assert error["param"] == param and says in error["message"] and not upstream.requests()


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain", "multipart/form-data; boundary="])
def test_what_is_no_form(here: Gateway, upstream: Upstream, key: str, path: str, kind: str) -> None:
    refused(here, path, send(here, key, path, Content_Type=kind))
    assert not upstream.requests()


@pytest.mark.parametrize("path", [*JSON, *FORMS])
def test_a_compressed_body(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    assert "compressed" in refused(here, path, send(here, key, path, Content_Encoding="gzip"))["message"]
    assert not upstream.requests()


@pytest.mark.parametrize("path", [*JSON, *FORMS])
def test_a_body_over_the_limit(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    body = form(field("model", "chat/m"), file(bytes(2**20))) if path in FORMS else good(path, more="x" * 2**20)
    with Client(here.url) as client:
        lines = {"Host": "localhost", "Authorization": f"Bearer {key}", "Content-Length": str(len(body))}
        kind = f"multipart/form-data; boundary={BOUNDARY}" if path in FORMS else "application/json"
        answer = client.send(f"POST {path}", {**lines, "Content-Type": kind}).read()
    refused(here, path, answer, 413, "body_too_large")
    assert not upstream.requests()


@pytest.mark.parametrize("path", FORMS)
def test_a_form_over_the_limit_of_no_announced_length(here: Gateway, upstream: Upstream, key: str, path: str) -> None:
    lines = {"Host": "localhost", "Authorization": f"Bearer {key}", "Transfer-Encoding": "chunked"}
    begun = form(field("model", "chat/m"), file())[:-20]
    body = begun + bytes(2**20)
    with Client(here.url) as client:
        client.send(
            f"POST {path}",
            {**lines, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        )
        refused(here, path, client.read(), 413, "body_too_large")
    assert not upstream.requests()


def test_without_a_key_only_json_is_taken(here: Gateway, upstream: Upstream) -> None:
    with Client(here.url) as client:
        assert client.post("/v1/embeddings", good("/v1/embeddings")).read().status == 200
    with Client(here.url) as client:
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = client.post(FORMS[0], good(FORMS[0]), kind).read()
    assert "application/json" in refused(here, FORMS[0], answer, 401, "unauthorized")["message"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
PIECES = st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), field("model", "chat/m"), file(b"x"), b'"', b"\x00", form()])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(JSON), st.dictionaries(st.sampled_from(["input", "prompt", "query", "documents", "model", "stream"]), VALUES)
)
def test_no_body_makes_a_500(here: Gateway, key: str, path: str, fields: dict[str, Any]) -> None:
    body = {"model": "chat/m", **BODIES[path], **fields}
    assert send(here, key, path, json.dumps(body).encode()).status in (200, 400, 404)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=8))
def test_no_form_makes_a_500(here: Gateway, upstream: Upstream, key: str, pieces: list[bytes]) -> None:
    upstream.always({"raw": '{"text": "ok"}'})
    assert send(here, key, FORMS[0], b"".join(pieces)).status in (200, 400)
