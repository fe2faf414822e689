"""The scripted upstream as Gemini: the model and the stream are in the path, the rest is as in test_scripts.py."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.upstream.answer import PROMPT
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client, post
from tests.upstream.script import NAMES, SIGNATURE, TEXT, THOUGHT, UNICODE

WHOLE, STREAMED = "/v1beta/models/gemini-x:generateContent", "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
BOTH = pytest.mark.parametrize("path", [WHOLE, STREAMED])


def documents(answer: Answer) -> list[Any]:
    whole = answer.headers["content-type"] == "application/json"
    return [answer.json] if whole else [data for _, data in answer.events if data is not None]


def parts(answer: Answer) -> list[dict[str, Any]]:
    return [part for document in documents(answer) for part in document["candidates"][0]["content"]["parts"]]


def text_of(answer: Answer) -> str:
    return "".join(part["text"] for part in parts(answer) if "text" in part and not part.get("thought"))


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"text": text}]}]


@BOTH
@pytest.mark.parametrize(("script", "said"), [("text", TEXT), ("unicode", UNICODE), ("crlf", TEXT), ("nulls", TEXT)])
def test_it_says_what_the_script_says(upstream: Upstream, path: str, script: str, said: str) -> None:
    answer = post(upstream.url, path, contents=user(f"[[script:{script}]]"))
    assert (answer.status, answer.whole, text_of(answer)) == (200, True, said)
    assert documents(answer)[-1]["candidates"][0]["finishReason"] == "STOP"
    assert {each["modelVersion"] for each in documents(answer)} == {"gemini-x"}
    assert (b"data: null" in answer.body) == (script == "nulls" and path == STREAMED)


@BOTH
def test_thoughts_come_before_the_call_that_is_signed(upstream: Upstream, path: str) -> None:
    upstream.queue({"name": "thinking-tool", "tools": 2})
    answer = post(upstream.url, path, contents=user("go"))
    made = parts(answer)
    assert "".join(part["text"] for part in made if part.get("thought")) == THOUGHT
    calls = [part for part in made if "functionCall" in part]
    assert [part["functionCall"]["args"]["city"] for part in calls] == ["Paris", "Rome"]
    assert [part.get("thoughtSignature") for part in calls] == [SIGNATURE, None]
    usage = documents(answer)[-1]["usageMetadata"]
    told = (usage["promptTokenCount"], usage["candidatesTokenCount"], usage["thoughtsTokenCount"], usage["totalTokenCount"])
    assert told == (19, 13, 4, 36)


@BOTH
def test_it_repeats_what_the_tool_said_and_sees_its_images(upstream: Upstream, path: str) -> None:
    png = base64.b64encode(b"\x89PNG not really").decode()
    image = {"inlineData": {"mimeType": "image/png", "data": png}}
    call = {"functionCall": {"name": "f", "args": {}}}
    result = {"functionResponse": {"name": "f", "response": {"output": "42 degrees"}, "parts": [image]}}
    turns = [*user("[[script:tool]] run it"), {"role": "model", "parts": [call]}, {"role": "user", "parts": [result]}]
    assert text_of(post(upstream.url, path, contents=turns)) == "The tool said: 42 degrees"
    upstream.queue("image")
    assert text_of(post(upstream.url, path, contents=turns)) == "I see image/png, 15 bytes"


def test_it_calls_the_tool_that_is_forced_and_fills_a_schema(upstream: Upstream) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tools = [{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema} for name in ("first", "second")]}]
    choice = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["second"]}}
    answer = post(upstream.url, WHOLE, tools=tools, toolConfig=choice, contents=user("go"))
    assert parts(answer)[-1]["functionCall"] | {"id": ""} == {"id": "", "name": "second", "args": {"n": 7}}
    config = {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert text_of(post(upstream.url, WHOLE, generationConfig=config, contents=user("go"))) == '{"n": 7}'


ODD = [
    ("text", {}),
    ({"properties": "text"}, {}),
    ({"properties": {"n": "text"}}, {"n": {}}),
    ({"items": 1, "type": "array"}, [{}]),
    ({"enum": []}, {}),
    ({"type": "no type"}, {}),
    ({"type": []}, {}),
]


@pytest.mark.parametrize("name", ["responseSchema", "responseJsonSchema"])
def test_what_of_a_schema_is_none_counts_as_not_said(upstream: Upstream, name: str) -> None:
    for schema, value in ODD:
        answer = post(upstream.url, WHOLE, generationConfig={name: schema}, contents=user("go"))
        assert (answer.status, json.loads(text_of(answer))) == (200, value), schema


@BOTH
@pytest.mark.parametrize("name", ["429", "500", "503"])
def test_errors_are_googles(upstream: Upstream, path: str, name: str) -> None:
    answer = post(upstream.url, path.replace("gemini-x", f"fault-{name}"))
    assert (answer.status, answer.json["error"]["code"]) == (NAMES[name].status, NAMES[name].status)
    assert answer.json["error"]["message"] == NAMES[name].message


def test_errors_and_cuts_in_a_stream(upstream: Upstream) -> None:
    upstream.queue({"error_after": 2, "type": "UNAVAILABLE", "message": "overloaded"}, {"cut_after": 2}, "refusal")
    answer = post(upstream.url, STREAMED)
    assert answer.events[-1][1] == {"error": {"code": 500, "message": "overloaded", "status": "UNAVAILABLE"}}
    cut = post(upstream.url, STREAMED)
    assert (len(cut.events), cut.whole) == (2, False)
    assert post(upstream.url, STREAMED).events[-1][1]["candidates"][0]["finishReason"] == "SAFETY"


def test_rules_know_the_model_and_the_key_and_tokens_are_counted(upstream: Upstream) -> None:
    upstream.always({"text": "mine"}, model="gemini-x", key="AIza-test")
    assert text_of(post(upstream.url, WHOLE, {"x-goog-api-key": "AIza-test"})) == "mine"
    assert text_of(post(upstream.url, WHOLE.replace("gemini-x", "other"), {"x-goog-api-key": "AIza-test"})) == TEXT
    with Client(upstream.url) as client:
        counted = client.post("/v1beta/models/gemini-x:countTokens", {"contents": user("hi")}).read().json
    assert counted["totalTokens"] == PROMPT
