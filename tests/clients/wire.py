"""Requests on the wire itself, at each endpoint that generates, and what their answers say."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.place import Place, Target
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.raw import Answer, Client

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
RESPONSES = "/v1/responses"
GEMINI, GEMINI_COUNT = "/v1beta/models/{model}:generateContent", "/v1beta/models/{model}:countTokens"
ENDPOINTS = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES, "gemini": GEMINI}


def post(place: Place, path: str, body: dict[str, Any] | bytes, key: dict[str, str] | None = None, **more: str) -> Answer:
    """`more` are headers, with _ for -."""
    headers = {"Authorization": f"Bearer {place.key}"} if key is None else key
    with Client(place.url) as client:
        return client.post(path, body, headers | {name.replace("_", "-"): value for name, value in more.items()}).read()


def get(place: Place, path: str, method: str = "GET", **more: str) -> Answer:
    headers = {"Host": "localhost", "Authorization": f"Bearer {place.key}"}
    with Client(place.url) as client:
        return client.send(f"{method} {path}", headers | {name.replace("_", "-"): value for name, value in more.items()}).read()


def ask(place: Place, path: str, target: Target, **more: Any) -> Answer:
    return post(place, address(path, target.model, bool(more.get("stream"))), hello(path, target.model, **more))


def address(path: str, model: str, stream: bool = False) -> str:
    """Where an endpoint is asked about a model: with Gemini both stand in the path."""
    if stream:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    return path.replace("{model}", model)


def hello(path: str, model: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    """A body for the endpoint; `more` are members in its own format."""
    if "{model}" in path:
        more.pop("stream", None)
        return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}
    if path == RESPONSES:
        return {"model": model, "input": [{"role": "user", "content": text}], "store": False, **more}
    return {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": text}], **more}


def compact(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def datas(answer: Answer) -> list[Any]:
    return [data for _, data in answer.events]


def texts(path: str, answer: Answer) -> list[str]:
    """The pieces of text in a stream."""
    found = [data for data in datas(answer) if isinstance(data, dict)]
    if path == CHAT:
        return [choice["delta"].get("content") or "" for data in found for choice in data["choices"]]
    if path == MESSAGES:
        return [data["delta"].get("text", "") for data in found if data["type"] == "content_block_delta"]
    if path == RESPONSES:
        return [data["delta"] for data in found if data["type"] == "response.output_text.delta"]
    parts = [part for data in found for part in data["candidates"][0].get("content", {}).get("parts", [])]
    return [part.get("text", "") for part in parts if not part.get("thought")]


def told_error(path: str, answer: Answer) -> dict[str, Any]:
    """The error of a whole answer, once its shape is that of the endpoint's own API."""
    error: dict[str, Any] = answer.json["error"]
    if path == MESSAGES:
        assert (answer.json["type"], bool(error["type"])) == ("error", True)
        assert answer.json["request_id"] == answer.headers["request-id"]
    elif path == GEMINI:
        assert (error["code"], error["status"].isupper()) == (answer.status, True)
    else:
        assert {"message", "type", "param", "code"} == error.keys()
    return error


def counted(answer: Answer) -> bool:
    """Whether the last event of a Responses stream has the whole usage."""
    usage = datas(answer)[-1]["response"]["usage"]
    return (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (PROMPT, OUTPUT, PROMPT + OUTPUT)
