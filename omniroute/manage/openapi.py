"""GET /api/openapi.json, made of the same declarations that check the bodies and write the answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from omniroute.edge.declarations import Field, camel, field_schema, schema
from omniroute.edge.tiers import Tier, tier_of
from omniroute.manage.endpoint import Endpoint
from omniroute.manage.shapes import member_schema, schema_of

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code", "details"],
            "properties": {
                "message": {"type": "string"},
                "code": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["field", "message"],
                        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
            },
        }
    },
}
BY_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
BY_TIER: dict[Tier | None, list[dict[str, list[str]]]] = {Tier.MANAGE: [{"session": []}, *BY_KEY], Tier.LOOPBACK: [{}, *BY_KEY]}


def document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """The management API as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OmniRoute management API", "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "omniroute_session",
                    "description": "From POST /api/auth/login; __Host-omniroute over https. Changes need our own Origin.",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "A client key with the scope 'manage'."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.name.partition(".")[0]],
        "responses": {
            str(endpoint.status): _answer(endpoint),
            "default": _json("What was refused, and why.", {"$ref": "#/components/schemas/Error"}),
        },
        "security": BY_TIER.get(tier_of(endpoint.path, {endpoint.method}), []),
    }
    variables = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"<(?:\w+:)?(\w+)>", endpoint.path)
    ]
    if parameters := [*variables, *(_parameter(field) for field in endpoint.query)]:
        made["parameters"] = parameters
    if endpoint.body is not None:
        made["requestBody"] = {
            "required": not endpoint.partial and any(field.required for field in endpoint.body),
            "content": {"application/json": {"schema": schema(endpoint.body, partial=endpoint.partial)}},
        }
    return made


def _parameter(field: Field) -> dict[str, Any]:
    made = {"name": field.json, "in": "query", "required": field.required, "schema": field_schema(field)}
    return made | ({"description": field.help} if field.help else {})


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.answer is None:
        return {"description": "Done."}
    if endpoint.mimetype != "application/json":
        return {"description": endpoint.summary, "content": {endpoint.mimetype: {"schema": {"type": "string"}}}}
    if isinstance(endpoint.answer, Mapping):
        members = {camel(name): member_schema(name, kind) for name, kind in endpoint.answer.items()}
        return _json(endpoint.summary, {"type": "object", "properties": members, "required": list(members)})
    return _json(endpoint.summary, schema_of(endpoint.answer))


def _json(description: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": told}}}
