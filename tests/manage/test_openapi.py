"""The description is made of what the program does, so here it is held against what the program does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from omniroute import __version__
from omniroute.edge.tiers import TIERS
from omniroute.manage import ENDPOINTS
from omniroute.manage.endpoint import Endpoint
from tests.manage.conftest import NODE, Api


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    status, told = api("GET", "/api/openapi.json")
    assert status == 200
    return dict(told)


def test_every_route_is_described_and_nothing_else(api: Api, document: dict[str, Any]) -> None:
    served = {
        (method.lower(), re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in api.house.app.url_map.iter_rules()
        if rule.endpoint.startswith("manage.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for path, methods in document["paths"].items() for method in methods} == served


def test_it_tells_the_version(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == __version__


def test_names_are_given_once(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names) == len(ENDPOINTS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_is_in_a_tier_and_says_what_it_answers(endpoint: Endpoint) -> None:
    assert endpoint.path in TIERS
    assert (endpoint.answer is None) is (endpoint.status == 204)
    assert (endpoint.status == 204) is (endpoint.method == "DELETE" or endpoint.name == "auth.logout")
    assert endpoint.body is None or endpoint.method in ("POST", "PUT", "PATCH")


def test_secrets_are_only_ever_written(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/providers"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["apiKey"]["writeOnly"] is True
    assert body["required"] == ["provider"] and body["additionalProperties"] is False
    answer = document["paths"]["/api/providers"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert "apiKey" not in answer["properties"]["connection"]["properties"]


# An answer against its own schema ---------------------------------------------------------

TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def mismatch(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Where `value` isn't what `schema` says. As much of JSON Schema as the description uses."""
    if "anyOf" in schema:
        return [] if any(not mismatch(value, each, at) for each in schema["anyOf"]) else [f"{at}: none of anyOf"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, TYPES[kind]) and not (kind != "boolean" and isinstance(value, bool)) for kind in kinds
    ):
        return [f"{at}: {value!r} is no {kinds}"]
    if isinstance(value, list):
        return [line for number, each in enumerate(value) for line in mismatch(each, schema.get("items", {}), f"{at}[{number}]")]
    if isinstance(value, dict) and "properties" in schema:
        if set(value) != set(schema["properties"]):
            return [f"{at}: {sorted(set(value) ^ set(schema['properties']))}"]
        return [line for name, each in value.items() for line in mismatch(each, schema["properties"][name], f"{at}.{name}")]
    return []


def test_the_answers_are_what_the_description_says(api: Api, document: dict[str, Any]) -> None:
    node = api("POST", "/api/provider-nodes", {**NODE, "customHeaders": {"X-A": None}})[1]["node"]["id"]
    key = api("POST", "/api/keys", {"name": "k"})[1]["id"]
    made = api("POST", "/api/providers", {"provider": node, "apiKey": "sk-test-0123456789"})[1]["connection"]["id"]
    asked = [
        ("get", "/api/provider-nodes", "", None),
        ("get", "/api/provider-nodes/{node_id}", node, None),
        ("get", "/api/providers", "", None),
        ("get", "/api/providers/{connection_id}", made, None),
        ("post", "/api/providers/bulk", "", {"provider": "agentrouter", "apiKeys": ["sk-test-a-b-c-d", "a b"]}),
        ("get", "/api/provider-catalog", "", None),
        ("post", "/api/provider-models", "", {"provider": "agentrouter", "modelIds": ["m"]}),
        ("get", "/api/keys", "", None),
        ("post", "/api/keys/{key_id}/rotate", key, None),
        ("get", "/api/usage/logs", "", None),
        ("get", "/api/usage/summary", "", None),
        ("get", "/api/usage/pulse", "", None),
        ("get", "/api/settings", "", None),
        ("get", "/api/audit", "", None),
        ("get", "/api/auth/status", "", None),
        ("get", "/healthz", "", None),
        ("get", "/readyz", "", None),
    ]
    for method, path, variable, body in asked:
        status, told = api(method.upper(), re.sub(r"\{\w+\}", variable, path), body)
        described = document["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
        assert mismatch(told, described) == [], path
