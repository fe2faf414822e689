"""A body that is wrong anywhere is a 400 in the caller's format that names the field: never a 500, and nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import malformed
from tests.api.clients import PREFIXES, post, refusal
from tests.api.malformed import MALFORMED, Wrong
from tests.formats import strategies
from tests.formats.conformance.answers import SAID
from tests.formats.conformance.ask import BASES, CHAT, COMPLETIONS, GEMINI, MESSAGES, RESPONSES
from tests.formats.full_requests import FULL
from tests.gateway import Gateway
from tests.upstream.client import Upstream

# A client format, and one of another format that it is translated to.
WAYS = {CHAT: MESSAGES, MESSAGES: CHAT, RESPONSES: GEMINI, GEMINI: RESPONSES, COMPLETIONS: MESSAGES}
EACH = pytest.mark.parametrize("client", WAYS)
OTHERS = {client: [name for name in PREFIXES if name != client] for client in WAYS}
COMPLETION = {"prompt": "Hi", "max_tokens": 10, "temperature": 0.5, "stop": ["END"], "n": 1, "echo": False, "user": "u"}
BODIES = {**FULL, COMPLETIONS: COMPLETION}


def _cases() -> Iterator[Any]:
    for client, wrongs in MALFORMED.items():
        for number, wrong in enumerate(wrongs):
            yield pytest.param(client, wrong, id=f"{client}-{number}-{wrong[1]}")


@pytest.mark.parametrize(("client", "wrong"), list(_cases()))
def test_what_is_wrong_is_named(four: Gateway, upstream: Upstream, client: str, wrong: Wrong) -> None:
    members, field = wrong
    for asked in OTHERS[client]:
        answer = post(four, client, asked, {**BASES[client], **members})
        kind = (
            "unsupported_param" if answer.status == 400 and answer.json["omniroute"]["class"] != "bad_request" else "bad_request"
        )
        named, message = refusal(client, answer, kind)
        assert named == field and field in message
    assert not upstream.requests()


@EACH
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_broken_body_is_refused_by_name_or_answered(
    four: Gateway, upstream: Upstream, client: str, data: st.DataObject
) -> None:
    """The upstream answers a body that gets through without a look at it."""
    broken = data.draw(strategies.malformed(BODIES[client]))
    asked = data.draw(st.sampled_from(OTHERS[client]))
    upstream.reset()
    upstream.always({"status": 200, "raw": json.dumps(SAID["said"][asked])})
    answer = post(four, client, asked, broken)
    if answer.status == 200:
        assert len(upstream.requests()) == 1
        assert b"Hello" in answer.body and b'"error":{' not in answer.body
        return
    kind = answer.json["omniroute"]["class"]
    assert kind in ("bad_request", "unsupported_param")
    named, message = refusal(client, answer, kind)
    assert named and named.split(".")[0] in message
    assert not upstream.requests()


@EACH
@pytest.mark.parametrize("value", [None, [], "Hi", 5, True, 1.5])
def test_a_body_that_is_no_object(four: Gateway, upstream: Upstream, client: str, value: Any) -> None:
    _, message = refusal(client, post(four, client, WAYS[client], json.dumps(value).encode()), "bad_request")
    assert "must be a JSON object" in message
    assert not upstream.requests()


# Absurd sizes ---------------------------------------------------------------------------


@EACH
def test_a_hundred_thousand_turns_and_one_is_wrong(four: Gateway, upstream: Upstream, client: str) -> None:
    body, field = malformed.turns(client, 100_000, wrong=True)
    named, _ = refusal(client, post(four, client, WAYS[client], body), "bad_request")
    assert named == field
    assert not upstream.requests()


@pytest.mark.parametrize("client", FULL)
def test_ten_thousand_tools_and_one_is_wrong(four: Gateway, upstream: Upstream, client: str) -> None:
    body, field = malformed.tools(client, 10_000, wrong=True)
    named, _ = refusal(client, post(four, client, WAYS[client], body), "bad_request")
    assert named == field
    assert not upstream.requests()


@EACH
def test_what_is_large_and_right_is_answered(four: Gateway, upstream: Upstream, client: str) -> None:
    bodies = [malformed.long_text(client, 5_000_000), malformed.turns(client, 20_000, wrong=False)[0]]
    bodies += [malformed.tools(client, 2_000, wrong=False)[0]] if client in FULL else []
    for body in bodies:
        assert post(four, client, WAYS[client], body).status == 200


@EACH
@pytest.mark.parametrize("depth", [300, 600, 1000, 10_000])
def test_what_is_nested_too_deep_is_refused(four: Gateway, upstream: Upstream, client: str, depth: int) -> None:
    for place, body in malformed.deep(client, depth):
        for asked in OTHERS[client]:
            raw = encoded(client, asked, body)
            answer = post(four, client, asked, raw)
            assert answer.status in (200, 400), (place, asked, answer.body[:300])
            if answer.status == 400:
                refusal(client, answer, "bad_request")


def encoded(client: str, asked: str, body: dict[str, Any]) -> bytes:
    """The body as bytes, however deep it is."""
    if client != GEMINI:
        body = {**body, "model": f"{PREFIXES[asked]}/scripted-large"}
    return malformed.as_json(body)


@pytest.mark.parametrize("depth", [300, 900, 10_000])
@pytest.mark.parametrize("asked", [MESSAGES, GEMINI])
def test_deep_arguments_in_a_text(four: Gateway, upstream: Upstream, asked: str, depth: int) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": malformed.deep_text(depth)}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}]
    result = {"role": "tool", "tool_call_id": "c1", "content": "x"}
    answer = post(four, CHAT, asked, {"messages": [*messages, result]})
    assert answer.status == 200, answer.body[:300]
