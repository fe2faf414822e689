"""`count_tokens`: the upstream's own count where it has one, else an estimate that says so.

It must not fail because the upstream can't count, now or ever: Claude Code then sends real generations instead, which are
paid for (docs/clients.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from omniroute.errors import UpstreamFailed, UpstreamNotJson
from omniroute.formats.body import replace_model
from omniroute.formats.estimate import estimate_tokens
from omniroute.formats.upstream_error import require_json
from omniroute.providers.urls import count_tokens_url
from omniroute.relay.ask import Ask, Reply
from omniroute.relay.lane import Facts, Lane
from omniroute.relay.native import NativeStream
from omniroute.relay.translated import TranslatedLane
from omniroute.routing.route import Target

# What an upstream says that has no such route, or that is out of breath. Its other errors are the caller's to see.
CAN_NOT_COUNT = frozenset({404, 405, 408, 429, *range(500, 600)})
ABOUT_THE_KEY = frozenset({"upstream_auth_error", "relay_client_rejected", "account_banned"})


# The formats whose clients can ask for a count, and whose upstreams can give one: the member that holds it.
COUNT = {"anthropic_messages": "input_tokens", "gemini": "totalTokens"}
# What of a request Anthropic counts (https://platform.claude.com/docs/en/api/messages-count-tokens, read 2026-11-27).
COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
WRAPPED = "generateContentRequest"  # Gemini's way to count a request with tools and system text


def counting_lane(ask: Ask, target: Target) -> Lane:
    """The lane for a count. Raises NoCount where the upstream's format has none, and like TranslatedLane."""
    url = count_tokens_url(target.provider, target.model)
    if url is None or target.provider.format not in COUNT:
        raise NoCount
    return CountingLane(ask, target, url)


class NoCount(Exception):
    """The upstream's format knows no counting."""


class CountingLane:
    """Asks the upstream, in its own format; answers in the client's."""

    dropped: tuple[str, ...] = ()
    streams = False

    def __init__(self, ask: Ask, target: Target, url: str) -> None:
        self._ask, self._url = ask, url
        self._native = ask.format == target.provider.format
        self._member = COUNT[target.provider.format]
        self._body = _own(ask, target) if self._native else _translated(ask, target)

    def url(self) -> str:
        return self._url

    def body(self) -> bytes:
        return self._body

    def stream(self) -> NativeStream:
        raise AssertionError("a count is never streamed")

    def whole(self, status: int, headers: Any, body: bytes) -> tuple[bytes, Facts]:
        require_json(status, headers, body)
        try:
            counted = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise UpstreamNotJson(status, headers.get("content-type", ""), "broken JSON") from exc
        if not isinstance(counted, dict) or not isinstance(counted.get(self._member), int):
            raise UpstreamNotJson(status, headers.get("content-type", ""), "JSON, but no count")
        return body if self._native else orjson.dumps({COUNT[self._ask.format]: counted[self._member]}), Facts()


def can_estimate(failed: UpstreamFailed) -> bool:
    """Whether the failure only means that the upstream can't count."""
    return failed.status in CAN_NOT_COUNT and failed.kind not in ABOUT_THE_KEY


def estimated(ask: Ask) -> Reply:
    """A count from the length of the texts, marked as such in a header."""
    body = orjson.dumps({COUNT[ask.format]: estimate_tokens(ask.document)})
    return Reply(200, {"Content-Type": "application/json", "X-OmniRoute-Estimate": "characters"}, body)


def _own(ask: Ask, target: Target) -> bytes:
    """The client's body; the model's name is in it, or in the address, or in both."""
    if ask.format != "gemini":
        return replace_model(ask.body, target.model)
    wrapped = ask.document.get(WRAPPED)
    if not isinstance(wrapped, dict):
        return ask.body
    return orjson.dumps({**ask.document, WRAPPED: {**wrapped, "model": f"models/{target.model}"}})


def _translated(ask: Ask, target: Target) -> bytes:
    wrapped = ask.document.get(WRAPPED)
    plain = replace(ask, document=wrapped) if isinstance(wrapped, dict) else ask
    document = TranslatedLane(plain, target).document
    if target.provider.format == "gemini":
        return orjson.dumps({WRAPPED: {"model": f"models/{target.model}", **document}})
    return orjson.dumps({name: document[name] for name in COUNTED if name in document})
