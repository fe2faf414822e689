"""`count_tokens`: the upstream's own count where it has one, else an estimate that says so.

It must not fail because the upstream can't count, now or ever: Claude Code then sends real generations instead, which are
paid for (docs/clients.md).
"""

from __future__ import annotations

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
from omniroute.routing.resolve import Target

# What an upstream says that has no such route, or that is out of breath. Its other errors are the caller's to see.
CAN_NOT_COUNT = frozenset({404, 405, 408, 429, *range(500, 600)})
ABOUT_THE_KEY = frozenset({"upstream_auth_error", "relay_client_rejected", "account_banned"})


def counting_lane(ask: Ask, target: Target) -> Lane:
    """The lane for a count. Raises NoCount where the upstream's format has none."""
    url = count_tokens_url(target.provider)
    if target.provider.format != ask.format or url is None:
        raise NoCount
    return CountingLane(ask, target, url)


class NoCount(Exception):
    """The upstream's format knows no counting."""


class CountingLane:
    dropped: tuple[str, ...] = ()

    def __init__(self, ask: Ask, target: Target, url: str) -> None:
        self._ask, self._target, self._url = ask, target, url

    def url(self) -> str:
        return self._url

    def body(self) -> bytes:
        return replace_model(self._ask.body, self._target.model)

    def stream(self) -> NativeStream:
        raise AssertionError("a count is never streamed")

    def whole(self, status: int, headers: Any, body: bytes) -> tuple[bytes, Facts]:
        require_json(status, headers, body)
        try:
            counted = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise UpstreamNotJson(status, headers.get("content-type", ""), "broken JSON") from exc
        if not isinstance(counted, dict) or not isinstance(counted.get("input_tokens"), int):
            raise UpstreamNotJson(status, headers.get("content-type", ""), "JSON, but no count")
        return body, Facts()


def can_estimate(failed: UpstreamFailed) -> bool:
    """Whether the failure only means that the upstream can't count."""
    return failed.status in CAN_NOT_COUNT and failed.kind not in ABOUT_THE_KEY


def estimated(ask: Ask) -> Reply:
    """A count from the length of the texts, marked as such in a header."""
    body = orjson.dumps({"input_tokens": estimate_tokens(ask.document)})
    return Reply(200, {"Content-Type": "application/json", "X-OmniRoute-Estimate": "characters"}, body)
