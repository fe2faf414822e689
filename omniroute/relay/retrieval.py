"""Responses that were kept: shown, paged through, deleted; by the gateway, or by the upstream that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from omniroute.clock import Clock
from omniroute.errors import (
    BadRequest,
    NotFound,
    UpstreamError,
    UpstreamErrorEvent,
    UpstreamFailed,
    UpstreamStatus,
)
from omniroute.http import Answer, Transport
from omniroute.providers.catalog import Catalog
from omniroute.providers.outgoing import upstream_headers
from omniroute.providers.urls import chat_url
from omniroute.relay.answers import read_answer
from omniroute.relay.ask import Ask, Reply
from omniroute.relay.attempt import opened, upstream_id
from omniroute.relay.conversation import FORMAT, Conversation, numbered
from omniroute.relay.exhausted import none_available, problem_of
from omniroute.relay.ledger import Entry, Ledger
from omniroute.relay.masking import masked
from omniroute.relay.passthrough import UNNAMED
from omniroute.responses.operations import KeptResponse
from omniroute.routing.candidates import Candidate, LeftOut
from omniroute.routing.configuration import Configuration, Connection
from omniroute.routing.failures import classify
from omniroute.routing.plan import Plan
from omniroute.routing.route import Target
from omniroute.usage.meter import Claim, Meter

SECONDS = 30.0
PAGE, MOST = 20, 100  # items; OpenAI's numbers
ITEMS = "/input_items"
REASON = "the response is kept there"
# Parameters of the two GETs (openai-python 3.54.0), but for those of a stream, which is refused.
PASSED_ON = frozenset({"include", "include[]", "after", "limit", "order"})


@dataclass(frozen=True, slots=True)
class Retrieval:
    """`credential` opens a connection's key. Every method raises NotFound for what is not there or not the caller's.

    What an upstream is asked for is a request like any other to the caller's limits and in the log; only it costs nothing.
    """

    catalog: Catalog
    transport: Transport
    look: Callable[[], Configuration]
    credential: Callable[[Connection], str]
    conversation: Conversation
    ledger: Ledger
    meter: Meter
    clock: Clock

    def show(self, response_id: str, ask: Ask, query: Mapping[str, str]) -> Reply:
        kept = self._found(response_id, ask)
        if query.get("stream", "").lower() in ("true", "1"):
            raise BadRequest("A response that is kept can't be streamed again.", param="stream")
        return _json(kept.response) if kept.response is not None else self._asked("GET", kept, "", query, ask)

    def input_items(self, response_id: str, ask: Ask, query: Mapping[str, str]) -> Reply:
        """A page of what the response was made from, newest first unless `order` is asc."""
        kept = self._found(response_id, ask)
        return _json(_page(kept, query)) if kept.response is not None else self._asked("GET", kept, ITEMS, query, ask)

    def delete(self, response_id: str, ask: Ask) -> Reply:
        kept = self._found(response_id, ask)
        if kept.response is None:
            reply = self._asked("DELETE", kept, "", {}, ask)
        else:
            reply = _json({"id": kept.id, "object": "response", "deleted": True})
        self.conversation.responses.forget(kept.id)
        return reply

    def _found(self, response_id: str, ask: Ask) -> KeptResponse:
        return self.conversation.found(response_id, ask.key.id if ask.key is not None else None)

    def _asked(self, method: str, kept: KeptResponse, below: str, query: Mapping[str, str], ask: Ask) -> Reply:
        """Ask the upstream that keeps it. Raises UpstreamFailed, LimitReached, LimitsAway; all of it is in the log."""
        configuration = self.look()
        connection = configuration.connection(kept.connection_id)
        provider = configuration.providers.get(kept.provider_id)
        if connection is None or provider is None:
            raise NotFound("The connection that this response was made through is gone.", remedy="Send the conversation anew.")
        candidate = Candidate(Target(provider, UNNAMED).through(connection), connection)
        entry = self.ledger.open(ask)
        entry.reason = REASON
        path = f"/{quote(kept.id, safe='')}{below}" + (f"?{urlencode(passed)}" if (passed := _passed(query)) else "")
        try:
            self._admit(candidate, entry)
            entry.trying(candidate, ())
            reply = self._sent(method, path, candidate, entry)
        except BaseException as exc:  # also what is no RequestError: what was reserved must not stay so
            entry.settle_raised(exc)
            raise
        entry.settle(reply.status)
        reply.headers |= entry.limit_headers
        return reply

    def _admit(self, candidate: Candidate, entry: Entry) -> None:
        """Reserve a place with the key's limits, and with the connection's quota where that is in requests."""
        ask, quota = entry.ask, candidate.connection.quota
        claim = Claim(ask.request_id, entry.at, 0, 0, None, counting=True)
        if ask.key is not None and ask.key.limits is not None:
            entry.ticket = self.meter.admit(ask.key, claim, entry.sketch())
        if quota is None or quota.unit != "requests":
            return
        entered = self.meter.enter(entry.ticket, candidate, claim, entry.sketch(candidate))
        if isinstance(entered, LeftOut):
            plan = Plan((), (entered,), REASON)
            raise UpstreamFailed(none_available(plan.left_out, entry, plan, self.clock.now()))
        entry.ticket = entered

    def _sent(self, method: str, path: str, candidate: Candidate, entry: Entry) -> Reply:
        """Raises UpstreamFailed."""
        provider, answer = candidate.target.provider, None
        try:
            address, _, _ = chat_url(provider, "").partition("?")
            headers = upstream_headers(
                provider,
                self.catalog.wires,
                opened(self.credential, candidate),
                {},
                stream=False,
                timeout=SECONDS,
                caller_format=FORMAT,
            )
            answer = self.transport.send(method, address + path, headers, None, seconds=SECONDS)
            if answer.status >= 400:
                raise UpstreamStatus(answer.status, answer.headers, answer.read_error())
            entry.upstream_request_id = upstream_id(answer)
            body = answer.read(SECONDS)
            if body or method != "DELETE":
                _require_response(answer, body)
            reply = Reply(answer.status, {"Content-Type": "application/json"}, body)
        except UpstreamError as exc:
            failure = classify(exc, provider.failures, succeeded=True, now=self.clock.now())
            failure = masked(failure, candidate, self.credential)
            entry.failed(failure)
            raise UpstreamFailed(problem_of(failure, entry)) from exc
        finally:
            if answer is not None:
                answer.close()
        entry.answered(reply.status)
        return reply


def _passed(query: Mapping[str, str]) -> list[tuple[str, str]]:
    """What of a query an upstream may see: above all not `key`, by which a caller may have named itself."""
    return [(name, value) for name, value in query.items() if name in PASSED_ON]


def _require_response(answer: Answer, body: bytes) -> None:
    """Raises UpstreamEmpty, UpstreamNotJson, UpstreamErrorEvent unless `body` is a document of the upstream's.

    A response that failed has an `error` too, but says what it is.
    """
    document = read_answer(answer.status, answer.headers, body)
    if document.get("error") and "object" not in document:
        raise UpstreamErrorEvent(document)


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
