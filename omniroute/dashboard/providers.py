"""Every provider and node that is set up: how it is doing, what of it waits and until when, its share of today's requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from omniroute.connections.nodes import NodeView
from omniroute.connections.resilience import HeldView
from omniroute.dashboard.connection_rows import PASSING
from omniroute.dashboard.home import Connected, by_provider
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page, part, wants_part
from omniroute.limits.windows import Calendar
from omniroute.preferences.operations import chosen
from omniroute.routing.configuration import Configuration
from omniroute.services import Services

# What the list can be narrowed to: name -> label. Those that wait are so beside their state.
STATES = {
    "active": "Working",
    "waiting": "Waiting now",
    "trouble": "In trouble",
    "untested": "Not tested",
    "off": "Off",
    "empty": "Without a connection",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """`models` are those that clients see. `requests` and `share` are of today; the share is None while there are none at
    all. `waiting` is what is held and passes by itself, the longest last.
    """

    row: Connected
    node: NodeView | None
    base_url: str
    models: int
    requests: int
    share: float | None
    waiting: tuple[HeldView, ...]

    @property
    def kind(self) -> str:
        """Of a node, in words; "" for a native provider."""
        if self.node is None:
            return ""
        if self.node.compat_mode == "cc":
            return "Claude Code compatible"
        return "OpenAI compatible" if self.node.type == "openai-compatible" else "Anthropic compatible"

    @property
    def usable(self) -> bool:
        return self.node is None or self.node.usable

    @property
    def states(self) -> frozenset[str]:
        """Names of STATES that are true of it."""
        state = "trouble" if not self.usable or self.row.status in ("error", "banned") else self.row.status
        return frozenset({state, "waiting"} if self.waiting else {state})


def providers(services: Services) -> ResponseReturnValue:
    tiles = all_tiles(services)
    wanted, state = request.args.get("q", "").strip(), request.args.get("state", "")
    values: dict[str, Any] = {
        "found": [tile for tile in tiles if matches(tile, wanted) and (state not in STATES or state in tile.states)],
        "total": len(tiles),
        "wanted": wanted,
        "state": state,
        "states": {name: (label, sum(name in tile.states for tile in tiles)) for name, label in STATES.items()},
        "now": services.clock.now(),
    }
    if wants_part():
        return part("parts/providers.html", **values)
    testable = sum(row.is_active for tile in tiles if tile.usable for row in tile.row.connections)
    return page("providers.html", here="providers", title="Providers", testable=testable, **values)


def matches(tile: Tile, wanted: str) -> bool:
    """Each word stands somewhere in its names, its address or those of its connections."""
    names = " ".join(row.name for row in tile.row.connections)
    text = f"{tile.row.provider_id} {tile.row.name} {tile.row.prefix} {tile.base_url} {tile.kind} {names}".lower()
    return all(word in text for word in wanted.lower().split())


def all_tiles(services: Services) -> tuple[Tile, ...]:
    nodes = services.nodes.list()
    connected = by_provider(services.connections.list())
    having = {row.provider_id for row in connected}
    empty = tuple(Connected(node.id, node.name, node.prefix, ()) for node in nodes if node.id not in having)
    configuration = services.configuration.current()
    requests, held = today(services), services.resilience.overview().held
    by_id = {node.id: node for node in nodes}
    return tuple(tile(row, by_id.get(row.provider_id), configuration, requests, held) for row in connected + empty)


def tile(
    row: Connected,
    node: NodeView | None,
    configuration: Configuration,
    requests: Mapping[str, int],
    held: Sequence[HeldView],
) -> Tile:
    provider = configuration.providers.get(row.provider_id)
    mine, whole = requests.get(row.provider_id, 0), sum(requests.values())
    waiting = [each for each in held if each.provider_id == row.provider_id and each.state in PASSING]
    return Tile(
        row=row,
        node=node,
        base_url=provider.base_url if provider is not None else "",
        models=count(configuration, row.provider_id),
        requests=mine,
        share=mine / whole if whole else None,
        waiting=tuple(sorted(waiting, key=lambda each: each.until_at or 0.0)),
    )


def today(services: Services) -> dict[str, int]:
    """Requests by the provider that they went to, since the midnight that Home goes by; from the hour in which it was."""
    zone = chosen(services.configuration.current().settings, "time_zone")
    day = Calendar("day", zone).span(services.clock.now())
    groups = services.usage.summary(day.since, day.ends, "provider").groups
    return {group.id: group.figures.requests for group in groups if group.id}


def count(configuration: Configuration, provider_id: str) -> int:
    """How many models clients see of it."""
    provider, listed = configuration.providers.get(provider_id), configuration.models.get(provider_id, ())
    hidden = {row.id for row in listed if row.hidden}
    ids = {model.id for model in (provider.models if provider is not None else ())} | {row.id for row in listed}
    return len(ids - hidden)


ROUTES = (Route("GET", "/dashboard/providers", "providers", providers),)
