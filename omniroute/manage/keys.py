"""Client keys. The key itself is told twice in its life at most: when it is made and when it is made anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_type_hints

from omniroute.edge import current
from omniroute.edge.bodies import KEY
from omniroute.keys.operations import KeyView
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services


def listed(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"keys": services.keys.list(), "next": None}


def create(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return _told(*services.keys.create(given, current.actor()))


def shown(services: Services, given: dict[str, Any], key_id: str) -> dict[str, Any]:
    return {"key": services.keys.get(key_id)}


def update(services: Services, given: dict[str, Any], key_id: str) -> dict[str, Any]:
    return {"key": services.keys.update(key_id, given, current.actor())}


def delete(services: Services, given: dict[str, Any], key_id: str) -> None:
    services.keys.delete(key_id, current.actor())


def rotate(services: Services, given: dict[str, Any], key_id: str) -> dict[str, Any]:
    return _told(*services.keys.rotate(key_id, current.actor()))


def _told(view: KeyView, key: str) -> dict[str, Any]:
    return {"id": view.id, "key": key, **asdict(view)}


ONE = {"key": KeyView}
TOLD = {"id": str, "key": str, **get_type_hints(KeyView)}

ENDPOINTS = (
    Endpoint("GET", "/api/keys", "All client keys", listed, {"keys": tuple[KeyView, ...], "next": str | None}),
    Endpoint(
        "POST", "/api/keys", "Make a key; the answer is the only place where it is told", create, TOLD, status=201, body=KEY
    ),
    Endpoint("GET", "/api/keys/<key_id>", "One key, without its text", shown, ONE),
    Endpoint("PUT", "/api/keys/<key_id>", "Change a key", update, ONE, body=KEY, partial=True),
    Endpoint("DELETE", "/api/keys/<key_id>", "Delete a key; it stops working at once", delete, status=204),
    Endpoint("POST", "/api/keys/<key_id>/rotate", "Make the key anew; the old text stops working at once", rotate, TOLD),
)
