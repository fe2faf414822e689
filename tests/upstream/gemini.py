"""Gemini generateContent, as the upstream speaks it. The model and the wish for a stream come from the path: Request.asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.upstream.answer import CACHE_READ, OUTPUT, PROMPT, REASONING, Answer, Ask, Image, inline_image, pieces

name = "gemini"
path = ":generateContent"
STREAMED, COUNTED = ":streamGenerateContent", ":countTokens"  # the other endings of paths
SSE = "text/event-stream"

STOPS = {"end": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
# https://ai.google.dev/gemini-api/docs/generate-content/api-errors, 2026-11-27
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUSES |= {402: "RESOURCE_EXHAUSTED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}

Event = tuple[str | None, Any]


def read(given: Mapping[str, Any]) -> Ask:
    document = spelled(given)
    turns = document.get("contents") or []
    users = [turn for turn in turns if turn.get("role") != "model" and not of_kind(turn, "functionResponse")]
    recent = turns[max((at + 1 for at, turn in enumerate(turns) if turn.get("role") == "model"), default=0) :]
    results = [result for turn in recent for result in of_kind(turn, "functionResponse")]
    media = [part for turn in recent for part in turn["parts"]] + [part for result in results for part in result.get("parts", [])]
    calling = (document.get("toolConfig") or {}).get("functionCallingConfig") or {}
    names = calling.get("allowedFunctionNames") or ["any"]
    return Ask(
        model=str(document.get("model", "")),
        stream=document.get("stream") is True,
        prompt="\n".join(of_kind(users[-1], "text")) if users else "",
        tool_result="\n".join(said(result["response"]) for result in results) if results else None,
        tools=tuple(offered(one) for tool in document.get("tools") or [] for one in tool.get("functionDeclarations", [])),
        forced=names[0] if calling.get("mode") == "ANY" else None,
        images=tuple(image(part) for part in media if is_image(part)),
        schema=schema_in(document.get("generationConfig") or {}),
    )


def whole(answer: Answer) -> dict[str, Any]:
    return response(answer, parts_of(answer), finish=True)


def events(answer: Answer, ask: Ask) -> Iterator[Event]:
    """Chunks, the last of which has the finish reason; each tells the usage so far, as the API's do."""
    for part in parts_of(answer):
        for piece in pieces_of(part, answer.script.pieces):
            yield None, response(answer, [piece], finish=False)
    yield None, response(answer, [{"text": ""}], finish=True)


def error(status: int, type: str | None, code: str | int | None, message: str | None) -> dict[str, Any]:
    told = {"code": status, "message": message or f"scripted error {status}", "status": type or STATUSES.get(status, "INTERNAL")}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "googleapis.com"}
    return {"error": told if code is None else told | {"details": [info]}}


def error_event(type: str | None, code: str | int | None, message: str | None) -> Event:
    return None, error(500, type, code, message)


def count(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"totalTokens": PROMPT, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": PROMPT}]}


# Requests -------------------------------------------------------------------------------


FREE = ("args", "response", "parametersJsonSchema", "responseJsonSchema", "properties")  # whose members are the caller's


def spelled(value: Any) -> Any:
    """All names with capitals inside: the API takes mime_type for mimeType, and google-genai 3.6.1 sends both (2026-11-27)."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    renamed = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): inner for name, inner in value.items()}
    return {name: inner if name in FREE else spelled(inner) for name, inner in renamed.items()}


def schema_in(config: Mapping[str, Any]) -> Any:
    """As JSON Schema, from either of the two ways to say it; of OpenAPI's only the capitals of types differ here."""
    given = config.get("responseJsonSchema") or config.get("responseSchema")
    return None if given is None else json.loads(re.sub(r'"type": "([A-Z]+)"', lambda kind: kind[0].lower(), json.dumps(given)))


def of_kind(turn: Mapping[str, Any], kind: str) -> list[Any]:
    return [part[kind] for part in turn.get("parts") or [] if kind in part]


def said(response: Mapping[str, Any]) -> str:
    return str(response.get("output", response.get("error", response)))


def offered(declaration: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return str(declaration.get("name")), declaration.get("parametersJsonSchema") or {}


def is_image(part: Mapping[str, Any]) -> bool:
    return str((part.get("inlineData") or part.get("fileData") or {}).get("mimeType", "")).startswith("image/")


def image(part: Mapping[str, Any]) -> Image:
    if "fileData" in part:
        return Image("", None, part["fileData"]["fileUri"])
    data = part["inlineData"]["data"].translate(str.maketrans("-_", "+/"))  # of base64 the API takes both alphabets
    return inline_image(part["inlineData"]["mimeType"], data)


# Answers --------------------------------------------------------------------------------


def parts_of(answer: Answer) -> list[dict[str, Any]]:
    """A model that thinks signs the first call, and its text if it calls nothing."""
    signed = {} if answer.thinking is None else {"thoughtSignature": answer.script.signature}
    made: list[dict[str, Any]] = [{"text": answer.thinking, "thought": True}] if answer.thinking else []
    if answer.text:
        made.append({"text": answer.text} | ({} if answer.calls else signed))
    for number, call in enumerate(answer.calls):
        one = {"functionCall": {"id": f"fc_{call.id}", "name": call.name, "args": call.input}}
        made.append(one | (signed if number == 0 else {}))
    return made


def pieces_of(part: Mapping[str, Any], count: int) -> Iterator[Mapping[str, Any]]:
    """A call comes whole; a text in pieces, with its signature on an empty one after them."""
    if "functionCall" in part:
        yield part
        return
    signature = {"thoughtSignature"}
    plain = {name: value for name, value in part.items() if name not in signature}
    yield from (plain | {"text": piece} for piece in pieces(part["text"], count))
    if signature & part.keys():
        yield {**part, "text": ""}


def response(answer: Answer, parts: list[Any], finish: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = STOPS[answer.stop]
    return {"candidates": [candidate], **usage(answer), "modelVersion": answer.model, "responseId": answer.id}


def usage(answer: Answer) -> dict[str, Any]:
    """The `usageMetadata` member, or nothing. Here the prompt counts what the cache served, the candidates leave out thoughts."""
    thoughts = REASONING if answer.thinking else 0
    plain = {"promptTokenCount": PROMPT, "candidatesTokenCount": OUTPUT, "totalTokenCount": PROMPT + OUTPUT}
    full = plain | {"candidatesTokenCount": OUTPUT - thoughts, "cachedContentTokenCount": CACHE_READ}
    full |= {"thoughtsTokenCount": thoughts} if thoughts else {}
    kinds: dict[str, Any] = {"full": full, "plain": plain, "zero": dict.fromkeys(plain, 0), "null": None}
    return {} if answer.script.usage == "none" else {"usageMetadata": kinds[answer.script.usage]}
