"""The native lane: bytes through, both ways."""

from __future__ import annotations

import json
import re

import pytest

from tests.gateway import Gateway
from tests.relay.conftest import ask, logged
from tests.relay.ways import MODEL, WAYS, Way
from tests.upstream.client import Upstream
from tests.upstream.raw import Client
from tests.upstream.script import TEXT

CHAT, MESSAGES = WAYS["chat"], WAYS["messages"]
NATIVE = {name: WAYS[name] for name in ("chat", "messages", "responses", "gemini")}
EACH = pytest.mark.parametrize("way", NATIVE.values(), ids=NATIVE.keys())


def as_asked(way: Way, sent: bytes) -> bytes:
    """The upstream's bytes; a Messages answer names its model as the client did, in its first event."""
    own = b'"scripted-large"'
    return sent.replace(own, b'"messages/scripted-large"', 1) if way is MESSAGES else sent


STRANGE = (
    b'{ "z_unknown" : {"a": [1.50, 1e3, "\\u00e9\\ud83d\\ude00"]},\n "model":\t"%s/some/model:free" ,'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"\xc3\xa9 \\"model\\": no",'
    b'"cache_control":{"type":"ephemeral"}}]}],'
    b' "input":"hi", "max_tokens": 10,"model_options":{"model":"inner"} }'
)


@pytest.mark.parametrize("way", [CHAT, MESSAGES, WAYS["responses"]], ids=["chat", "messages", "responses"])
def test_the_body_goes_on_byte_for_byte_but_for_the_model(here: Gateway, upstream: Upstream, way: Way) -> None:
    sent = STRANGE % way.prefix.encode()
    with Client(here.url) as client:
        assert client.post(way.client.path("", False), sent).read().status == 200
    assert upstream.last().body == sent.replace(b'"%s/some/model:free"' % way.prefix.encode(), b'"some/model:free"')


@EACH
@pytest.mark.parametrize("script", ["text", "tools", "thinking", "unicode", "refusal", "gzip", "close"])
def test_a_whole_answer_comes_back_byte_for_byte(here: Gateway, upstream: Upstream, way: Way, script: str) -> None:
    upstream.queue(script)
    answer = ask(here, way)
    assert answer.status == 200
    assert answer.body == as_asked(way, upstream.last().sent)


@pytest.mark.parametrize(
    "script", ["text", "tools", "thinking-tool", "unicode", "crlf", "comments", "split", "bytewise", "gzip", "close", "pings"]
)
@EACH
def test_a_stream_comes_back_byte_for_byte(here: Gateway, upstream: Upstream, way: Way, script: str) -> None:
    upstream.queue(script)
    fields = {"stream_options": {"include_usage": True}} if way is CHAT else {}
    answer = ask(here, way, stream=True, **fields)
    assert answer.whole
    assert answer.body == as_asked(way, upstream.last().sent)


def test_usage_is_asked_for_and_kept_from_a_client_that_did_not(here: Gateway, upstream: Upstream) -> None:
    answer = ask(here, CHAT, stream=True)
    seen = upstream.last()
    assert seen.json["stream_options"] == {"include_usage": True}
    assert b'"usage":{' in seen.sent.replace(b": ", b":")
    assert not [data for _, data in answer.events if isinstance(data, dict) and (data.get("usage") or not data["choices"])]
    assert answer.body.endswith(b"data: [DONE]\n\n")
    row = logged(here, answer)
    assert (row["inputTokens"], row["outputTokens"], row["cachedTokens"], row["usageSource"]) == (19, 17, 5, "reported")


def test_usage_goes_to_a_client_that_asked(here: Gateway, upstream: Upstream) -> None:
    answer = ask(here, CHAT, stream=True, stream_options={"include_usage": True})
    chunks = [data for _, data in answer.events if isinstance(data, dict)]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["prompt_tokens"] == 19


def test_null_events_of_relays_are_left_out(here: Gateway, upstream: Upstream) -> None:
    upstream.queue("nulls")
    answer = ask(here, MESSAGES, stream=True)
    assert answer.body == as_asked(MESSAGES, upstream.last().sent.replace(b"data: null\n\n", b""))
    assert MESSAGES.text(answer, True) == TEXT


@EACH
def test_one_malformed_event_does_not_lose_the_answer(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue("malformed")
    answer = ask(here, way, stream=True)
    assert way.text(answer, True) == TEXT


def test_a_stream_without_its_last_event_is_completed(here: Gateway, upstream: Upstream) -> None:
    upstream.queue("no-done")
    answer = ask(here, CHAT, stream=True)
    assert answer.body.endswith(b"data: [DONE]\n\n") and CHAT.text(answer, True) == TEXT


@EACH
def test_a_stream_without_its_last_blank_line_is_completed(here: Gateway, upstream: Upstream, way: Way) -> None:
    upstream.queue("no-last-blank")
    answer = ask(here, way, stream=True)
    assert answer.body.endswith(b"\n\n") and way.text(answer, True) == TEXT


def test_versions_and_betas_of_the_caller_are_kept(here: Gateway, upstream: Upstream) -> None:
    ask(
        here,
        MESSAGES,
        {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2", "Cookie": "x=y"},
    )
    seen = upstream.last()
    assert (seen.header("anthropic-version"), seen.header("anthropic-beta")) == ("2026-10-21", "a-1,b-2")
    assert seen.header("cookie") is None


def test_the_long_context_suffix_becomes_a_beta(here: Gateway, upstream: Upstream) -> None:
    with Client(here.url) as client:
        MESSAGES.post(client, "claude-large[1m]", headers={"anthropic-beta": "a-1"}).read()
    seen = upstream.last()
    assert seen.model == "claude-large"
    assert seen.header("anthropic-beta") == "a-1,context-1m-2025-08-07"


def test_two_models_in_one_body_are_refused(here: Gateway, upstream: Upstream) -> None:
    body = json.dumps(CHAT.client.body(f"chat/{MODEL}", False)).encode().replace(b"{", b'{"model":"chat/other",', 1)
    with Client(here.url) as client:
        answer = client.post(CHAT.client.path(MODEL, False), body).read()
    assert answer.status == 400 and CHAT.error(answer.json)["param"] == "model"
    assert not upstream.requests()


def test_headers_say_who_answered(here: Gateway, upstream: Upstream) -> None:
    answer = ask(here, CHAT)
    told = answer.headers
    assert (told["x-omniroute-provider"], told["x-omniroute-model"]) == ("chat", "scripted-large")
    assert told["x-omniroute-decision"].startswith("strategy=priority; reason=prefix chat; attempts=1")
    assert told["x-request-id"] == told["request-id"] == logged(here, answer)["id"]
    assert (told["x-omniroute-tokens-in"], told["x-omniroute-tokens-out"]) == ("19", "17")
    assert float(told["x-omniroute-overhead-ms"]) >= 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_headers_tell_the_gateways_part_from_the_upstreams(here: Gateway, stream: bool) -> None:
    told = ask(here, CHAT, model="chat/slow-0.1", stream=stream).headers
    timed = re.fullmatch(r"gateway;dur=(\d+\.\d), upstream;dur=(\d+\.\d)", told["server-timing"])
    assert timed is not None and timed[1] == told["x-omniroute-overhead-ms"]
    assert float(timed[2]) >= 95  # what the upstream waits is no part of the gateway's
