"""Errors inside an answer: a bare `error` event, a response that failed, and `{"error": ...}` as relays send it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omniroute.formats.openai_responses.usage import FAILED

_MEMBERS = ("message", "code", "param", "type")


def error_in(document: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """The error that an event of this type, or a whole answer (`kind` ""), tells, as {"error": {...}}; None if it is none."""
    if document.get("error"):
        return dict(document)
    if kind == "error":
        return {"error": {name: document[name] for name in _MEMBERS if name != "type" and document.get(name) is not None}}
    response = document.get("response") if kind else document
    response = response if isinstance(response, Mapping) else {}
    if kind in ("response.failed", "response.cancelled", "response.error") or response.get("status") in FAILED:
        told = response.get("error")
        return {
            "error": told if told else {"message": f"the response {response.get('status') or 'failed'}", "code": "server_error"}
        }
    return None
