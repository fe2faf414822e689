"""Every provider and node that is set up, with how it is doing."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from omniroute.dashboard.home import Connected, by_provider
from omniroute.dashboard.routes import Route
from omniroute.dashboard.shell import page
from omniroute.services import Services


def providers(services: Services) -> ResponseReturnValue:
    nodes = services.nodes.list()
    connected = by_provider(services.connections.list())
    having = {row.provider_id for row in connected}
    waiting = tuple(Connected(node.id, node.name, node.prefix, ()) for node in nodes if node.id not in having)
    return page(
        "providers.html",
        here="providers",
        title="Providers",
        connected=connected + waiting,
        nodes={node.id: node for node in nodes},
        catalog=services.catalog,
        counts={id: count(services, id) for id in [*having, *(row.provider_id for row in waiting)]},
    )


def count(services: Services, provider_id: str) -> int:
    """How many models clients see of it."""
    return len(services.models.for_provider(provider_id, hidden=False))


ROUTES = (Route("GET", "/dashboard/providers", "providers", providers),)
