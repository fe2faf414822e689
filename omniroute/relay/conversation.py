"""Responses that go on from an earlier one, and keeping this one for the next: `previous_response_id` and `store`.

Where the target speaks Responses itself, it keeps, and the gateway remembers only which connection was asked: the earlier
response pins it. Otherwise the gateway keeps, and only when `store` is literally true.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from omniroute.errors import BadRequest, DatabaseAway, NotFound, VaultError
from omniroute.relay.ask import Ask
from omniroute.relay.lane import Facts
from omniroute.responses.operations import KeptResponse, Responses
from omniroute.routing.candidates import Candidate
from omniroute.routing.configuration import Configuration
from omniroute.routing.resolve import Resolution

FORMAT = "openai_responses"

log = logging.getLogger(__name__)


class PreviousNotFound(BadRequest):
    """OpenAI's code for it: clients then send the whole conversation."""

    kind = code = "previous_response_not_found"
    remedy = "Send the whole conversation, or ask with the key that made the earlier response, and with 'store': true."


@dataclass(frozen=True, slots=True)
class Conversation:
    responses: Responses

    def continued(self, ask: Ask, resolution: Resolution, configuration: Configuration) -> Ask:
        """`ask` with what it goes on from: the items themselves, or the connection whose upstream has them.

        Raises BadRequest for an earlier response that is not there, or is kept by somebody who is not asked now.
        """
        previous = ask.document.get("previous_response_id")
        if previous is None:
            return ask
        if not isinstance(previous, str):
            raise BadRequest("'previous_response_id' must be a text.", param="previous_response_id")
        kept = self.responses.find(previous, ask.key.id if ask.key else None)
        if kept is None:
            raise PreviousNotFound(f"There is no response '{previous[:100]}'.", param="previous_response_id")
        if kept.response is None:
            return _pinned(ask, kept, resolution, configuration)
        earlier = [*(kept.input or ()), *kept.response["output"]]
        document = {**ask.document, "input": [*earlier, *items_of(ask.document)]}
        del document["previous_response_id"]
        return replace(ask, document=document, body=orjson.dumps(document), previous=previous)

    def keep(self, ask: Ask, candidate: Candidate, facts: Facts) -> None:
        """Keep what the client wants kept, before it is told the id. A database that is away keeps nothing, and is logged."""
        store = ask.document.get("store")
        kept: KeptResponse | None = None
        if facts.final is not None and store is True:
            kept = KeptResponse(
                facts.final["id"], candidate.target.provider.id, candidate.connection.id, items_of(ask.document), facts.final
            )
        elif facts.final is None and facts.id is not None and store is not False and candidate.target.provider.format == FORMAT:
            kept = KeptResponse(facts.id, candidate.target.provider.id, candidate.connection.id)
        if kept is None or facts.kept:
            return
        facts.kept = True
        try:
            self.responses.keep(kept, ask.key.id if ask.key else None)
        except (DatabaseAway, VaultError) as exc:
            log.warning("a response could not be kept: %s", exc)

    def found(self, response_id: str, key_id: str | None) -> KeptResponse:
        """Raises NotFound."""
        kept = self.responses.find(response_id, key_id)
        if kept is None:
            raise NotFound(
                f"There is no response '{response_id[:100]}'.",
                remedy="Only responses made with 'store': true and this key are kept, for 30 days.",
            )
        return kept


def items_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`input` as a list of items: a text is one user message. What is no item stays out; the format's reader names it."""
    given = document.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def numbered(items: list[dict[str, Any]], response_id: str) -> list[dict[str, Any]]:
    """The items with ids, as clients page through them."""
    return [item if item.get("id") else {**item, "id": f"item_{response_id[-24:]}_{at}"} for at, item in enumerate(items)]


def _pinned(ask: Ask, kept: KeptResponse, resolution: Resolution, configuration: Configuration) -> Ask:
    if kept.provider_id not in {target.provider.id for target in resolution.targets}:
        provider = configuration.providers.get(kept.provider_id)
        name = provider.name if provider is not None else "a provider that is gone"
        raise PreviousNotFound(
            f"The response '{kept.id[:100]}' is kept by {name}, which this model does not belong to.",
            param="previous_response_id",
        )
    return replace(ask, pinned=kept.connection_id)
