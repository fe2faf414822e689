"""Provider nodes: upstreams that a user describes himself."""

from __future__ import annotations

from typing import Any

from omniroute.connections.nodes import NodeView
from omniroute.edge import current
from omniroute.edge.bodies import NODE, NODE_CHECK
from omniroute.manage.endpoint import Endpoint
from omniroute.routing.verdict import Verdict
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    allowed = services.settings.enable_cc_compatible_provider
    return {"nodes": services.nodes.list(), "next": None, "cc_compatible_provider_enabled": allowed}


def create(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"node": services.nodes.create(given, current.actor())}


def shown(services: Services, given: dict[str, Any], node_id: str) -> dict[str, Any]:
    return {"node": services.nodes.get(node_id)}


def update(services: Services, given: dict[str, Any], node_id: str) -> dict[str, Any]:
    return {"node": services.nodes.update(node_id, given, current.actor())}


def delete(services: Services, given: dict[str, Any], node_id: str) -> None:
    services.nodes.delete(node_id, current.actor())


def validate(services: Services, given: dict[str, Any]) -> Verdict:
    """The Check: the same refusals as creating it, then the smallest message to the address."""
    api_key, model = given.pop("api_key", None), given.pop("model", None)
    return services.probe.check(services.nodes.draft(given), api_key or None, model or None)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/provider-nodes",
        "All nodes",
        listed,
        {"nodes": tuple[NodeView, ...], "next": str | None, "cc_compatible_provider_enabled": bool},
    ),
    Endpoint("POST", "/api/provider-nodes", "Add a node", create, {"node": NodeView}, status=201, body=NODE),
    Endpoint(
        "POST", "/api/provider-nodes/validate", "Check an address and a key before saving", validate, Verdict, body=NODE_CHECK
    ),
    Endpoint("GET", "/api/provider-nodes/<node_id>", "One node", shown, {"node": NodeView}),
    Endpoint("PUT", "/api/provider-nodes/<node_id>", "Change a node", update, {"node": NodeView}, body=NODE, partial=True),
    Endpoint("DELETE", "/api/provider-nodes/<node_id>", "Delete a node, its connections and models", delete, status=204),
)
