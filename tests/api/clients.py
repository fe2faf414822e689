"""A request in each client format to an upstream of each: where it is posted, and what is wrong, as the caller is told it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.gateway import Gateway
from tests.upstream.raw import Answer, Client

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/{model}:generateContent",
    "openai_completions": "/v1/completions",
}
PREFIXES = {"openai_chat": "chat", "anthropic_messages": "messages", "openai_responses": "responses", "gemini": "gemini"}


def post(
    here: Gateway, client: str, upstream: str, document: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None
) -> Answer:
    """One request of `client`'s format to `upstream`'s; the model is put in its place, unless the body is given as bytes."""
    model = f"{PREFIXES[upstream]}/scripted-large"
    path = PATHS[client].format(model=model)
    body = document if isinstance(document, bytes) or client == "gemini" else {**document, "model": model}
    with Client(here.url, timeout=30) as line:
        return line.post(path, body, headers).read()


def refusal(client: str, answer: Answer, kind: str) -> tuple[str | None, str]:
    """(field, message) of a 400, after checking that it is one in the caller's format."""
    assert answer.status == 400, answer.body[:500]
    assert answer.headers["content-type"] == "application/json"
    document = answer.json
    error = document["error"]
    beside = document["omniroute"]
    assert beside["class"] == kind and beside["request_id"] == answer.headers["x-request-id"] and beside["attempts"] == []
    assert "Traceback" not in str(document) and ".py" not in str(document)
    if client == "gemini":
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        broken = [each["field"] for detail in error["details"] for each in detail.get("fieldViolations", ())]
        return (broken[0] if broken else None), error["message"]
    if client == "anthropic_messages":
        assert (document["type"], error["type"]) == ("error", "invalid_request_error")
        return error.get("param"), error["message"]
    assert {"message", "type", "param", "code"} <= error.keys()
    return error["param"], error["message"]
