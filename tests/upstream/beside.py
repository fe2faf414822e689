"""What an OpenAI-like upstream has beside its main endpoint: embeddings, images, speech, transcripts, moderations, rerank.

Shapes: types of openai-python 3.54.0; rerank: docs.cohere.com/reference/rerank (read 2026-11-27).
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.upstream.answer import token
from tests.upstream.chat import CREATED
from tests.upstream.connection import Connection, Request
from tests.upstream.script import TEXT, Script
from tests.upstream.sending import Event, Outgoing, Record, head

EMBEDDED, IMAGED, HEARD, RANKED = 8, (11, 170), (14, 45), 12  # tokens
VECTOR = (0.25, -0.5, 0.125, 1.0)
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(64))).decode()
SOUNDS = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm", "opus": "audio/ogg"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: a JSON document, events (a stream), plain text or sound."""

    document: Any = None
    events: list[Event] | None = None
    text: str | None = None
    sound: bytes | None = None
    content_type: str = "application/json"


def embeddings(request: Request) -> Said:
    asked = request.json()
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    vector = packed if asked.get("encoding_format") == "base64" else list(VECTOR)
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, _ in enumerate(texts)]
    usage = {"prompt_tokens": EMBEDDED, "total_tokens": EMBEDDED}
    return Said({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def images(request: Request) -> Said:
    asked = request.json()
    details = {"text_tokens": IMAGED[0], "image_tokens": 0}
    usage = {"input_tokens": IMAGED[0], "output_tokens": IMAGED[1], "total_tokens": sum(IMAGED), "input_tokens_details": details}
    about = {"created_at": CREATED, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
    if asked.get("stream") is True:
        partial = {"type": "image_generation.partial_image", "b64_json": PNG, "partial_image_index": 0, **about}
        completed = {"type": "image_generation.completed", "b64_json": PNG, **about, "usage": usage}
        return Said(events=[(each["type"], each) for each in (partial, completed)])
    return Said({"created": CREATED, "data": [{"b64_json": PNG}] * (asked.get("n") or 1), "usage": usage})


def speech(request: Request) -> Said:
    asked = request.json()
    made = b"ID3\x04\x00" + bytes(range(256)) + str(asked["input"]).encode()
    return Said(sound=made * 40, content_type=SOUNDS[asked.get("response_format") or "mp3"])


def transcript(request: Request) -> Said:
    """Says what it received: the file's size and hash, and all other fields."""
    parts = form(request)
    file = parts.pop("file", b"")
    fields = {name: value.decode() for name, value in parts.items()}
    usage = {"type": "tokens", "input_tokens": HEARD[0], "output_tokens": HEARD[1], "total_tokens": sum(HEARD)}
    if fields.get("response_format") == "text":
        return Said(text=f"{TEXT}\n", content_type="text/plain; charset=utf-8")
    if fields.get("stream") == "true":
        delta = {"type": "transcript.text.delta", "delta": TEXT}
        done = {"type": "transcript.text.done", "text": TEXT, "usage": usage}
        return Said(events=[(None, delta), (None, done)])
    received = {"size": len(file), "sha256": hashlib.sha256(file).hexdigest(), "fields": fields}
    return Said({"text": TEXT, "usage": usage, **received})


def moderations(request: Request) -> Said:
    asked = request.json()
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    result = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.001}}
    model = asked.get("model") or "omni-moderation-latest"
    return Said({"id": f"modr-{token()}", "model": model, "results": [result for _ in texts]})


def rerank(request: Request) -> Said:
    documents = request.json()["documents"]
    results = [{"index": index, "relevance_score": 1 / (index + 1)} for index, _ in enumerate(documents)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}, "tokens": {"input_tokens": RANKED}}
    return Said({"id": token(), "results": results, "meta": meta})


ENDPOINTS: Mapping[str, Callable[[Request], Said]] = {
    "/embeddings": embeddings,
    "/images/generations": images,
    "/audio/speech": speech,
    "/audio/transcriptions": transcript,
    "/audio/translations": transcript,
    "/moderations": moderations,
    "/rerank": rerank,
}


def endpoint(request: Request) -> Callable[[Request], Said] | None:
    return next((make for path, make in ENDPOINTS.items() if request.path.endswith(path)), None)


def form(request: Request) -> dict[str, bytes]:
    """The parts of a multipart body by name, read in the plainest way there is."""
    found = re.search(r'boundary="?([^";]+)', request.header("content-type") or "")
    assert found is not None, "no form"
    parts = {}
    separator = rb"\r\n--" + re.escape(found[1].encode()) + rb"(?=\r\n|--)"
    for piece in re.split(separator, b"\r\n" + request.body)[1:-1]:
        lines, _, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="([^"]*)"', lines)
        assert name is not None, f"a part without a name: {lines!r}"
        parts[name[1].decode()] = value
    return parts


async def send_bytes(connection: Connection, record: Record, said: Said, script: Script) -> None:
    """Sound or text in pieces, with what a script lets go wrong: counts are of pieces."""
    body = said.sound if said.sound is not None else (said.text or "").encode()
    framing = {"Transfer-Encoding": "chunked"} if script.chunked else {"Content-Length": str(len(body))}
    record.status = 200
    await connection.send(head(200, {"Content-Type": script.content_type or said.content_type, **framing, **script.headers}))
    if script.fault == "silence":
        await connection.rest(None)
    out = Outgoing(connection, record, script)
    size = -(-len(body) // script.pieces)
    for number, at in enumerate(range(0, len(body), size)):
        if number == script.cut_after:
            record.end("cut")
            return connection.transport.close()
        if number == script.stall_after:
            await connection.rest(None)
        await out.write(body[at : at + size])
        record.events += 1
        if script.gap:
            await connection.rest(script.gap)
    if script.chunked:
        await out.close()
    record.end("complete")
