"""Requests to the endpoints that are passed through, and forms as bytes."""

from __future__ import annotations

import json
from typing import Any

from tests.gateway import Gateway
from tests.upstream.raw import Answer, Client

BOUNDARY = "a-boundary-1"
MODEL = "scripted-large"

# By path: a body that is all right, without the model. Forms are lists of fields, in their order.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"input": ["one", "two"]},
    "/v1/images/generations": {"prompt": "a cat"},
    "/v1/audio/speech": {"input": "hello", "voice": "alloy"},
    "/v1/moderations": {"input": "hello"},
    "/v1/rerank": {"query": "what", "documents": ["one", "two", "three"]},
}
FORMS = ("/v1/audio/transcriptions", "/v1/audio/translations")
SOUND = b"RIFF\x00\r\n--a-boundary-10\r\n\r\n--a-bounda" + bytes(range(256)) * 8


def field(name: str, value: str | bytes, more: str = "", head: str = "") -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'.encode() + data + b"\r\n"


def file(data: bytes = SOUND) -> bytes:
    return field("file", data, '; filename="model.wav"', "Content-Type: audio/wav\r\n")


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def good(path: str, prefix: str = "chat", **fields: Any) -> bytes:
    """A body for this path."""
    model = f"{prefix}/{MODEL}"
    if path in FORMS:
        return form(file(), field("model", model), *(field(name, str(value)) for name, value in fields.items()))
    return json.dumps({"model": model, **BODIES[path], **fields}).encode()


def content_type(path: str) -> str:
    return f"multipart/form-data; boundary={BOUNDARY}" if path in FORMS else "application/json"


def send(here: Gateway, key: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """One request on a connection of its own."""
    with Client(here.url) as client:
        return start(client, key, path, body, **headers).read()


def start(client: Client, key: str, path: str, body: bytes | None = None, **headers: str) -> Client:
    """The request alone; the answer is read by whoever wants it."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Authorization": f"Bearer {key}", "Content-Type": content_type(path), **more}
    return client.post(path, good(path) if body is None else body, sent)
