"""What an upstream's error says, whatever shape it has.

Seen shapes: OpenAI `{"error": {message, type, param, code}}`; Anthropic `{"type": "error", "error": {type, message}}`; Gemini
`{"error": {code, message, status}}` and the same in a list; New-API `{"error": {message, type: "new_api_error"}}`;
`{"error": "text"}`, `{"message": ...}`, `{"detail": ...}` (FastAPI), and plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from omniroute.errors import UpstreamEmpty, UpstreamNotJson
from omniroute.formats.depth import MOST_VALUES, too_many


@dataclass(frozen=True, slots=True)
class Told:
    """The upstream's own words: `message` is "" when it said nothing readable; `text` is all of it in lower case, to match on.

    `retry_after` are the seconds that the body itself, not a header, says to wait.
    """

    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None
    details: Mapping[str, Any] | None = None
    text: str = ""
    retry_after: float | None = None


def read_error(body: bytes) -> Told:
    """Read the body of an error answer."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        plain = body.decode("utf-8", "replace").strip()
        readable = plain if plain and not plain.startswith("<") else ""
        return Told(message=readable[:1000], text=plain.lower()[:20000])
    return read_error_document(document, body.decode("utf-8", "replace"))


def read_error_document(document: Any, raw: str | None = None) -> Told:
    """Read an error that is parsed already, such as the data of an error event."""
    text = (raw if raw is not None else orjson.dumps(document).decode()).lower()[:20000]
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, Mapping):
        return Told(message=document if isinstance(document, str) else "", text=text)
    inner = document.get("error", document)
    if isinstance(inner, str):
        return Told(message=inner, text=_with_message(text, inner))
    if not isinstance(inner, Mapping):
        inner = document
    message = _first_text(inner, "message", "detail", "msg", "error") or _first_text(document, "message", "detail", "msg")
    beside = document.get("type")  # New-API relays put their type beside the error, where Anthropic has the word "error"
    kind = inner.get("type") or inner.get("status") or (beside if beside != "error" else None)
    param, details = inner.get("param"), inner.get("details")
    code = _reason(details) or inner.get("code")
    return Told(
        message=message,
        type=kind if isinstance(kind, str) else None,
        code=code if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param=param if isinstance(param, str) else None,
        details=details if isinstance(details, Mapping) else None,
        text=_with_message(text, message),
        retry_after=_retry_delay(details),
    )


def page_title(body: bytes) -> str:
    """The first title or heading of a web page, at most 120 characters; "" when there is none."""
    found = re.search(rb"<(title|h1)[^>]*>(.*?)</", body[:65536], re.IGNORECASE | re.DOTALL)
    if found is None:
        return ""
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", found.group(2).decode("utf-8", "replace")))
    return text.strip()[:120]


def require_json(status: int, headers: Mapping[str, str], body: bytes, most: int = MOST_VALUES) -> None:
    """Raise UpstreamEmpty or UpstreamNotJson unless `body` begins like JSON, with at most so many values."""
    start = body.lstrip()[:1]
    if not start:
        raise UpstreamEmpty(f"upstream answered {status} with an empty body")
    if start not in b'{["' and not start.isdigit() and body.strip() not in (b"null", b"true", b"false"):
        raise UpstreamNotJson(status, headers.get("content-type", ""), page_title(body))
    if too_many(body, most):
        raise UpstreamNotJson(status, headers.get("content-type", ""), f"JSON, but with more than {most:,} values")


def _reason(details: Any) -> str | None:
    """Google's word for what is wrong, among the details; its `code` only repeats the status (google.rpc.ErrorInfo,
    https://cloud.google.com/apis/design/errors, read 2026-11-27)."""
    return next((text for each in _listed(details) if (text := _first_text(each, "reason"))), None)


def _retry_delay(details: Any) -> float | None:
    """Google's wait, among the details: "34.07s" (google.rpc.RetryInfo, same page). Its 429 has no header for it."""
    for each in _listed(details):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)s", _first_text(each, "retryDelay"))
        if found is not None:
            return float(found[1])
    return None


def _listed(details: Any) -> list[Mapping[str, Any]]:
    return [each for each in details if isinstance(each, Mapping)] if isinstance(details, list) else []


def _first_text(document: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _with_message(text: str, message: str) -> str:
    """JSON may spell letters as escapes: matching needs the decoded message as well."""
    lower = message.lower()
    return text if lower in text else f"{text}\n{lower}"
