"""Responses that were kept: shown, paged through, deleted; by the gateway, or by the upstream that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from omniroute.clock import Clock
from omniroute.errors import BadRequest, NotFound, Problem, UpstreamError, UpstreamFailed, UpstreamStatus
from omniroute.http import Transport
from omniroute.providers.catalog import Catalog
from omniroute.providers.outgoing import upstream_headers
from omniroute.providers.urls import chat_url
from omniroute.relay.ask import Reply
from omniroute.relay.conversation import FORMAT, Conversation, numbered
from omniroute.responses.operations import KeptResponse
from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.failures import classify
from omniroute.security.redaction import redact

SECONDS = 30.0
PAGE, MOST = 20, 100  # items; OpenAI's numbers
ITEMS = "/input_items"


@dataclass(frozen=True, slots=True)
class Retrieval:
    """`credential` opens a connection's key. Every method raises NotFound for what is not there or not the caller's."""

    catalog: Catalog
    transport: Transport
    look: Callable[[], Configuration]
    credential: Callable[[Connection], str]
    conversation: Conversation
    clock: Clock

    def show(self, response_id: str, key_id: str | None, query: Mapping[str, str]) -> Reply:
        kept = self.conversation.found(response_id, key_id)
        if query.get("stream", "").lower() in ("true", "1"):
            raise BadRequest("A response that is kept can't be streamed again.", param="stream")
        return _json(kept.response) if kept.response is not None else self._ask("GET", kept, "", query)

    def input_items(self, response_id: str, key_id: str | None, query: Mapping[str, str]) -> Reply:
        """A page of what the response was made from, newest first unless `order` is asc."""
        kept = self.conversation.found(response_id, key_id)
        return _json(_page(kept, query)) if kept.response is not None else self._ask("GET", kept, ITEMS, query)

    def delete(self, response_id: str, key_id: str | None) -> Reply:
        kept = self.conversation.found(response_id, key_id)
        if kept.response is None:
            reply = self._ask("DELETE", kept, "", {})
        else:
            reply = _json({"id": kept.id, "object": "response", "deleted": True})
        self.conversation.responses.forget(kept.id)
        return reply

    def _ask(self, method: str, kept: KeptResponse, below: str, query: Mapping[str, str]) -> Reply:
        """Ask the upstream that keeps it. Raises UpstreamFailed."""
        configuration = self.look()
        connection = configuration.connection(kept.connection_id)
        provider = configuration.providers.get(kept.provider_id)
        if connection is None or provider is None:
            raise NotFound("The connection that this response was made through is gone.", remedy="Send the conversation anew.")
        provider = connection.at(provider)
        path, _, _ = chat_url(provider, "").partition("?")
        url = f"{path}/{quote(kept.id, safe='')}{below}" + (f"?{urlencode(query)}" if query else "")
        headers = upstream_headers(
            provider, self.catalog.wires, self.credential(connection), {}, stream=False, timeout=SECONDS, caller_format=FORMAT
        )
        answer = None
        try:
            answer = self.transport.send(method, url, headers, None, seconds=SECONDS)
            if answer.status >= 400:
                raise UpstreamStatus(answer.status, answer.headers, answer.read_error())
            return Reply(answer.status, {"Content-Type": "application/json"}, answer.read(SECONDS))
        except UpstreamError as exc:
            failure = classify(exc, provider.failures, succeeded=True, now=self.clock.now())
            problem = Problem(failure.status, failure.kind, redact(failure.message), failure.remedy, retry_after=failure.wait)
            raise UpstreamFailed(problem) from exc
        finally:
            if answer is not None:
                answer.close()


def _page(kept: KeptResponse, query: Mapping[str, str]) -> dict[str, Any]:
    limit = query.get("limit", str(PAGE))
    if not limit.isdigit() or not 1 <= int(limit) <= MOST:
        raise BadRequest(f"'limit' must be a whole number from 1 to {MOST}.", param="limit")
    if query.get("order", "desc") not in ("asc", "desc"):
        raise BadRequest("'order' must be asc or desc.", param="order")
    items = numbered(kept.input or [], kept.id)
    if query.get("order", "desc") == "desc":
        items.reverse()
    ids, after = [item["id"] for item in items], query.get("after")
    if after is not None:
        items = items[ids.index(after) + 1 :] if after in ids else []
    shown = items[: int(limit)]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(items) > len(shown),
    }


def _json(document: Any) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, orjson.dumps(document))
