"""Connections: the credentials at providers and nodes. OmniRoute's API calls them providers, and so do the paths here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omniroute.connections.bulk import Refusal
from omniroute.connections.operations import ConnectionView
from omniroute.edge import current
from omniroute.edge.bodies import CONNECTION, CONNECTION_TEST, CONNECTIONS_BULK, CONNECTIONS_ORDER, PROVIDER_FILTER, TEST_ALL
from omniroute.manage.endpoint import Endpoint
from omniroute.relay.probe_all import Tested, ask_all
from omniroute.routing.verdict import Verdict
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"connections": services.connections.list(given.get("provider")), "next": None}


def create(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"connection": services.connections.create(given, current.actor())}


def bulk(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    made = services.connections.create_many(given["provider"], given["api_keys"], current.actor())
    return {"created": made.created, "refused": made.refused}


def shown(services: Services, given: dict[str, Any], connection_id: str) -> dict[str, Any]:
    return {"connection": services.connections.get(connection_id)}


def update(services: Services, given: dict[str, Any], connection_id: str) -> dict[str, Any]:
    return {"connection": services.connections.update(connection_id, given, current.actor())}


def delete(services: Services, given: dict[str, Any], connection_id: str) -> None:
    services.connections.delete(connection_id, current.actor())


def test(services: Services, given: dict[str, Any], connection_id: str) -> Verdict:
    return services.probe.test(connection_id, given.get("model") or None, by=current.actor())


def test_all(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    """Every connection that is switched on, some at a time: each test waits for its upstream."""
    results = ask_all(services.probe, services.connections.testable(given.get("provider")), current.actor()).results
    passed = sum(result.verdict.valid for result in results)
    return {"results": results, "summary": Summary(len(results), passed, len(results) - passed)}


def reorder(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"connections": services.connections.reorder(given["provider"], given["ids"], current.actor()), "next": None}


@dataclass(frozen=True, slots=True)
class Summary:
    total: int
    passed: int
    failed: int


ONE = {"connection": ConnectionView}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/providers",
        "All connections",
        listed,
        {"connections": tuple[ConnectionView, ...], "next": str | None},
        query=PROVIDER_FILTER,
    ),
    Endpoint("POST", "/api/providers", "Add a connection", create, ONE, status=201, body=CONNECTION),
    Endpoint(
        "POST",
        "/api/providers/bulk",
        "Add many keys of one provider; each line is taken or refused by itself",
        bulk,
        {"created": tuple[ConnectionView, ...], "refused": tuple[Refusal, ...]},
        body=CONNECTIONS_BULK,
    ),
    Endpoint(
        "POST",
        "/api/providers/test-all",
        "Test every active connection",
        test_all,
        {"results": tuple[Tested, ...], "summary": Summary},
        body=TEST_ALL,
    ),
    Endpoint(
        "POST",
        "/api/providers/reorder",
        "Put the connections of one provider in another order; their priorities then count from 0",
        reorder,
        {"connections": tuple[ConnectionView, ...], "next": str | None},
        body=CONNECTIONS_ORDER,
    ),
    Endpoint("GET", "/api/providers/<connection_id>", "One connection", shown, ONE),
    Endpoint("PUT", "/api/providers/<connection_id>", "Change a connection", update, ONE, body=CONNECTION, partial=True),
    Endpoint("DELETE", "/api/providers/<connection_id>", "Delete a connection", delete, status=204),
    Endpoint("POST", "/api/providers/<connection_id>/test", "Test a connection", test, Verdict, body=CONNECTION_TEST),
)
