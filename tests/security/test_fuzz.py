"""Made-up requests: to all that /api/openapi.json describes, and to every client endpoint. Never a 500, but what was promised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks

from omniroute import __version__
from omniroute.manage import ENDPOINTS
from omniroute.manage.openapi import document
from tests.api.clients import PATHS
from tests.formats.conformance.answers import SAID
from tests.formats.conformance.ask import BASES, CHAT, COMPLETIONS, GEMINI, MESSAGES, RESPONSES
from tests.formats.full_requests import FULL
from tests.gateway import Gateway, running_gateway
from tests.relay.passing import BODIES
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

STEADY = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# What would end the run, or take long, and says nothing about its schema that the others don't.
LEFT_OUT = {
    "/api/auth/login": "too many wrong passwords lock the address out",
    "/api/auth/logout": "ends the session",
    "/api/openapi.json": "is the description itself",
}
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("fuzz"), CONNECT_SECONDS="0.2") as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        gateway.add_combo("both", "chat/scripted-large", "chat/scripted-small")
        yield gateway


@pytest.fixture
def manager(here: Gateway) -> Iterator[str]:
    """A key of its own for each test: the one before may have guessed its id and deleted it."""
    yield here.make_key("manager", scopes=["relay", "manage"])


# Each operation and its arguments. What the program serves is this very document, which a test of its own holds against it.
DESCRIBED = document(ENDPOINTS, __version__)
OPERATIONS = [(path, method) for path, methods in DESCRIBED["paths"].items() if path not in LEFT_OUT for method in methods]


@pytest.fixture(scope="module")
def schema(here: Gateway) -> schemathesis.BaseSchema:
    assert here.api("GET", "/api/openapi.json") == json.loads(json.dumps(DESCRIBED))
    made = schemathesis.openapi.from_dict(DESCRIBED)
    made.config.update(base_url=here.url)
    return made


def _tried() -> Iterator[Any]:
    for path, method in OPERATIONS:
        yield pytest.param(path, method, True, id=f"{method} {path}")
        operation = DESCRIBED["paths"][path][method]
        if "parameters" in operation or "requestBody" in operation:  # else nothing can be wrong
            yield pytest.param(path, method, False, id=f"{method} {path} otherwise")


@pytest.mark.parametrize(("path", "method", "valid"), list(_tried()))
def test_the_management_api(
    here: Gateway, schema: schemathesis.BaseSchema, manager: str, path: str, method: str, valid: bool
) -> None:
    """What is as described, or wrong somewhere, is answered as described."""
    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE

    @STEADY
    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    def tried(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {manager}"}, timeout=30)
        if answer.status_code != 414:  # a target that is too long comes no further than gunicorn
            case.validate_response(answer, checks=CHECKS)

    tried()


# /v1 ------------------------------------------------------------------------------------

MODEL = "chat/scripted-large"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    **{client: (PATHS[client].format(model=MODEL), FULL.get(client, BASES[client])) for client in PATHS},
    "a count for Messages": ("/v1/messages/count_tokens", FULL[MESSAGES]),
    "a count for Gemini": (f"/v1beta/models/{MODEL}:countTokens", BASES[GEMINI]),
    **{path: (path, body) for path, body in BODIES.items()},
}
# JSON that some readers take and others don't, and what is none.
JUNK = [
    *(
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"-1e-400",
        b"9" * 400,
        b"-" + b"9" * 30,
        b"18446744073709551616",
        b"01",
        b"-0",
        b"1.",
        b"+1",
    ),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\t"',
        b'"\\x"',
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"0",
        b"1.5",
        b'"x"',
        b"'x'",
        b"[" * 300 + b"]" * 300,
        b'{"":' * 250 + b"0" + b"}" * 250,
    ),
    *(
        b'{"type":"text"}',
        b'{"type":5}',
        b'[{"type":null}]',
        b'{"__proto__":{}}',
        b'"' + b"a" * 20_000 + b'"',
        b"undefined",
        b"",
        b"/**/1",
    ),
]
HOLE = "\x00hole"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document, and of a member that is not there."""
    found = [path] if path else [("made up",)]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        found += places(each, (*path, name))
    return found


def with_junk(document: dict[str, Any], path: tuple[Any, ...], junk: bytes) -> bytes:
    made = json.loads(json.dumps(document))
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = HOLE
    return json.dumps(made).encode().replace(json.dumps(HOLE).encode(), junk)


def told(client: str, answer: Answer) -> None:
    """Answered, or refused in the caller's format for what the request is."""
    assert answer.status < 500, answer.body[:500]
    if answer.status < 400:
        return
    assert answer.headers["content-type"] == "application/json"
    document = answer.json
    assert document["omniroute"]["class"] and document["omniroute"]["remedy"] and document["error"]["message"]
    assert b"Traceback" not in answer.body and b"site-packages" not in answer.body
    shape = {MESSAGES: "type", "a count for Messages": "type", GEMINI: "status", "a count for Gemini": "status"}
    assert shape.get(client, "code") in document["error"]


@pytest.mark.parametrize("client", ASKED)
@settings(STEADY, max_examples=60)
@given(data=st.data())
def test_junk_in_a_body(here: Gateway, upstream: Upstream, manager: str, client: str, data: st.DataObject) -> None:
    path, body = ASKED[client]
    body = {**body, "model": MODEL}
    upstream.always({"status": 200, "raw": json.dumps(SAID["said"][CHAT])})  # whatever it is asked
    raw = with_junk(body, data.draw(st.sampled_from(places(body))), data.draw(st.sampled_from(JUNK)))
    if data.draw(st.integers(0, 5)) == 0:
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 3)) :]
    with Client(here.url, timeout=30) as line:
        told(client, line.post(path, raw, {"Authorization": f"Bearer {manager}"}).read())


HEADERS = [
    *("Authorization", "x-api-key", "x-goog-api-key", "Cookie", "Origin", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("X-OmniRoute-Tags", "X-OmniRoute-Connection", "X-OmniRoute-Strict", "X-OmniRoute-No-Log", "X-Request-Id", "traceparent"),
    *("anthropic-beta", "anthropic-version", "X-Stainless-Timeout", "Accept", "Accept-Encoding", "Content-Encoding", "Range"),
    *("Content-Type", "User-Agent", "Idempotency-Key", "If-None-Match", "If-Modified-Since", "X-HTTP-Method-Override", "Via"),
]
KEYS = [
    "Bearer",
    "Bearer ",
    "Bearer  x",
    "bearer {}",
    "Basic {}",
    "Basic eDp5",
    "{}",
    "Bearer {},Bearer x",
    "Bearer {} {}",
    "' OR 1=1 --",
]
# Where the key may stand too, and never comes back.
SAID_AGAIN = {"Authorization", "x-api-key", "x-goog-api-key", "X-OmniRoute-Connection", "X-OmniRoute-Tags", "Content-Encoding"}
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40) | st.sampled_from(
    [*KEYS, "9" * 400, "-1", "1e9", "nan", "inf", "%00%0d%0a", "\t", ",,,", ";;;=", 'a="', "x" * 8000, "*/*;q=nan", "bytes=9-1"]
)


@pytest.mark.parametrize("client", [CHAT, MESSAGES, RESPONSES, GEMINI, COMPLETIONS, "/v1/embeddings"])
@settings(STEADY, max_examples=60)
@given(given_headers=st.dictionaries(st.sampled_from(HEADERS), VALUES, min_size=1, max_size=4))
def test_junk_in_headers(here: Gateway, upstream: Upstream, manager: str, client: str, given_headers: dict[str, str]) -> None:
    path, body = ASKED[client]
    headers = {"Authorization": f"Bearer {manager}"} | {
        name: text.replace("{}", manager if name in SAID_AGAIN else "x") for name, text in given_headers.items()
    }
    as_messages = "anthropic-version" in headers and client in (CHAT, COMPLETIONS, "/v1/embeddings")  # its SDKs are known by it
    with Client(here.url, timeout=30) as line:
        told(MESSAGES if as_messages else client, line.post(path, {**body, "model": MODEL}, headers).read())
