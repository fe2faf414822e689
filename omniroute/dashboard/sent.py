"""What is sent upstream, for people to see: address and headers, with the operator's own edits marked and keys masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omniroute.connections.shown import ConnectionView
from omniroute.providers.addresses import placed
from omniroute.providers.outgoing import masked, upstream_headers
from omniroute.providers.urls import chat_url, models_url
from omniroute.providers.values import Provider
from omniroute.security.redaction import MASK, secret_name
from omniroute.services import Services


@dataclass(frozen=True, slots=True)
class Header:
    """`edit` is what the operator has made of it: added, replaced, removed, or "". A removed one has the value it would have."""

    name: str
    value: str
    edit: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A streamed request as it goes upstream. `notice` and `profile` are those of the wire profile, "" without one."""

    url: str
    models_url: str
    headers: tuple[Header, ...]
    notice: str
    profile: str

    @property
    def edited(self) -> bool:
        return any(header.edit for header in self.headers)


def sent(services: Services, provider: Provider, rows: Sequence[ConnectionView]) -> Sent:
    """From a caller that sends none of its own, through the first connection."""
    hint = next((row.key_hint for row in rows if len(row.key_hint) > 3), "")  # a short key's is just "..."
    stand_in = hint.replace("...", "x" * 20) or "x" * 8  # as long as a key: masking it gives the hint again
    wires = services.catalog.wires

    def headers(of: Provider) -> dict[str, tuple[str, str]]:
        made = upstream_headers(
            of, wires, stand_in, {}, stream=True, timeout=services.settings.answer_seconds, caller_format=of.format
        )
        own = {name.lower() for name, _ in of.custom_headers}
        return {
            name.lower(): (name, MASK if name.lower() in own and secret_name(name) else value)
            for name, value in masked(made, stand_in)
        }

    now, before = headers(provider), headers(replace(provider, custom_headers=()))
    shown = [Header(name, value, _edit(lower, value, before)) for lower, (name, value) in now.items()]
    shown += [Header(name, value, "removed") for lower, (name, value) in before.items() if lower not in now]
    if rows:
        provider = placed(provider, rows[0].fields)  # secrets are no part of an address
    wire = wires.get(provider.wire) if provider.wire else None
    return Sent(
        chat_url(provider, provider.models[0].id if provider.models else "model", stream=True),
        models_url(provider),
        tuple(shown),
        wire.notice.strip() if wire else "",
        wire.name if wire else "",
    )


def _edit(lower: str, value: str, before: dict[str, tuple[str, str]]) -> str:
    if lower not in before:
        return "added"
    return "" if before[lower][1] == value else "replaced"
