"""The rules of passing through, without a gateway: who is asked, what an answer says of its usage, what kind of answer it is."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import (
    BadRequest,
    ModelNotFound,
    NotServed,
    Problem,
    UpstreamEmpty,
    UpstreamErrorEvent,
    UpstreamFailed,
    UpstreamNotJson,
)
from omniroute.formats.ir import Usage
from omniroute.relay.ask import Ask
from omniroute.relay.passthrough import PassStream, read_usage, served
from omniroute.routing.configuration import Configuration
from tests.routing.conftest import configuration, connection, provider


def asked(model: str, service: str = "embeddings") -> Ask:
    return Ask("r", f"/v1/{service}", "openai_chat", b"{}", {}, model, False, {}, 0.0, service=service)


def names(configuration: Configuration, model: str, service: str = "embeddings") -> list[str]:
    return [target.shown for target in served(asked(model, service), configuration).targets]


@pytest.fixture
def three() -> Configuration:
    """`alpha` says nothing of its endpoints, `beta` has moderations alone, `gamma` embeddings alone, `delta` speaks Messages."""
    return configuration(
        [
            provider("alpha", "big"),
            provider("beta", "big", endpoints=(("moderations", "/moderations"),)),
            provider("gamma", "big", endpoints=(("embeddings", "/embeddings"),)),
            provider("delta", "big", format="anthropic_messages"),
        ],
        connection("a", "alpha", priority=1),
        connection("b", "beta", priority=2),
        connection("c", "gamma", priority=3),
        connection("d", "delta", priority=0),
    )


def test_of_those_that_list_a_model_only_those_with_the_endpoint_are_asked(three: Configuration) -> None:
    assert names(three, "big") == ["alpha/big", "gamma/big"]
    assert names(three, "big", "moderations") == ["alpha/big", "beta/big"]
    assert names(three, "gamma/other") == ["gamma/other"]


def test_a_provider_without_it_is_named_with_those_that_have_it(three: Configuration) -> None:
    with pytest.raises(NotServed) as caught:
        served(asked("beta/big"), three)
    problem = caught.value.problem()
    assert (problem.status, problem.kind, problem.param) == (404, "endpoint_not_served", "model")
    assert "beta/big" in problem.message and "alpha/..., gamma/..." in problem.remedy


def test_a_model_that_nobody_has_is_told_as_such(three: Configuration) -> None:
    with pytest.raises(ModelNotFound):
        served(asked("nobody/x"), three)


def test_without_a_model_those_that_are_known_to_have_it_come_first(three: Configuration) -> None:
    assert names(three, "", "moderations") == ["beta/default", "alpha/default"]


def test_without_a_model_and_anybody_to_ask() -> None:
    off = connection("b", "beta", is_active=False)
    banned = connection("b2", "beta", test_status="banned")
    with pytest.raises(BadRequest, match="'model' is missing") as caught:
        served(asked("", "moderations"), configuration([provider("beta"), provider("idle")], off, banned))
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"usage": {"prompt_tokens": 5, "total_tokens": 5}}, Usage(5)),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}}, Usage(5, 7, 2)),
        ({"usage": {"input_tokens": 5, "output_tokens": 7, "input_tokens_details": {"text_tokens": 5}}}, Usage(5, 7)),
        ({"usage": {"type": "duration", "seconds": 9}}, None),
        ({"usage": {"total_tokens": 815}}, Usage(815)),
        ({"usage": {"total_tokens": 150, "search_units": 1, "cost": 0.001}}, Usage(150)),
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({"meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 12, "output_tokens": 0}}}, Usage(12, 0)),
        ({"meta": {"billed_units": {"input_tokens": 12}}}, Usage(12)),
        ({"usage": {"prompt_tokens": 0, "total_tokens": 0}}, Usage(0)),
        ({"usage": None, "meta": []}, None),
        ({"usage": {"prompt_tokens": "5", "input_tokens": True}}, None),
        ({}, None),
    ],
)
def test_usage_wherever_it_stands(document: dict[str, Any], usage: Usage | None) -> None:
    assert read_usage(document) == usage


def begun(content_type: str, only_json: bool = False, **headers: str) -> PassStream:
    stream = PassStream(only_json)
    stream.begin(200, {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()})
    return stream


def test_what_kind_of_answer_it_is() -> None:
    assert begun("application/json").is_json and begun("Application/Problem+JSON; charset=utf-8").is_json
    assert begun("", only_json=True).is_json and begun("text/event-stream", only_json=True).is_json
    assert begun("text/event-stream; charset=utf-8").is_events and not begun("audio/pcm").is_json


def test_what_goes_along_with_it() -> None:
    assert begun("audio/mpeg", content_length="5", content_disposition="inline", set_cookie="a=b").media == {
        "Content-Type": "audio/mpeg",
        "Content-Length": "5",
        "Content-Disposition": "inline",
    }
    assert begun("").media == {"Content-Type": "application/octet-stream"}
    assert "Content-Length" not in begun("audio/mpeg", content_length="5", content_encoding="gzip").media
    assert begun("text/event-stream", content_length="5").media.keys() == {"Content-Type", "Cache-Control", "X-Accel-Buffering"}


@pytest.mark.parametrize("data", [b"{not json", b"<p>1\r\n", b"[Music]\n", b"\n", b"\x00\x01", b" "])
def test_sound_and_text_may_begin_like_anything(data: bytes) -> None:
    stream = begun("audio/pcm")
    assert stream.feed(data) == data and stream.finish() == b"" and stream.committed


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>x</title>", b"\xef\xbb\xbf \n<HTML><head>"])
def test_a_page_is_no_sound(page: bytes) -> None:
    with pytest.raises(UpstreamNotJson):
        begun("audio/mpeg").feed(page)


def test_nothing_is_no_answer() -> None:
    for kind in ("audio/mpeg", "text/event-stream"):
        with pytest.raises(UpstreamEmpty):
            begun(kind).finish()


def test_comments_promise_nothing() -> None:
    stream = begun("text/event-stream")
    assert stream.feed(b": a comment\n\n") == b"" and not stream.committed
    assert stream.feed(b'data: {"a":1}\n\n') == b': a comment\n\ndata: {"a":1}\n\n' and stream.committed
    refused = begun("text/event-stream")
    assert refused.feed(b': a comment\n\ndata: {"error":{"message":"no"}}\n\n') == b"" and refused.facts.error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", UpstreamEmpty),
        (b"{}", UpstreamEmpty),
        (b"null", UpstreamEmpty),
        (b"{broken", UpstreamNotJson),
        (b"<html>", UpstreamNotJson),
        (b'{"error":{"message":"no"}}', UpstreamErrorEvent),
        (b'{"type":"error","error":{"message":"no"}}', UpstreamErrorEvent),
    ],
)
def test_json_that_is_no_answer(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        begun("application/json").whole(body)


@pytest.mark.parametrize("body", [b'{"data": [], "error": null}', b'[{"index":0,"score":1}]', b' {"x":1}\n'])
def test_json_of_any_shape_is_one(body: bytes) -> None:
    stream = begun("application/json")
    assert stream.whole(body) == body and stream.media["Content-Length"] == str(len(body))


def test_only_events_have_a_place_for_an_error() -> None:
    problem = Problem(502, "stream_cut", "broke")
    assert b'"message":"broke"' in begun("text/event-stream").fail(problem)
    with pytest.raises(UpstreamFailed):
        begun("audio/mpeg").fail(problem)
