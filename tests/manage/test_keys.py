"""Client keys: told once, and nobody hands on more than he has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.edge.conftest import ORIGIN, House
from tests.manage.conftest import Api


def test_the_life_of_a_key(api: Api) -> None:
    status, made = api("POST", "/api/keys", {"name": "laptop", "expiresAt": "2030-01-01T00:00:00Z", "allowedModels": ["a/*"]})
    assert status == 201
    key = made.pop("key")
    assert key.startswith("sk-or-") and len(key) > 40
    assert (made["name"], made["scopes"], made["expiresAt"]) == ("laptop", ["relay"], "2030-01-01T00:00:00.000Z")
    path = f"/api/keys/{made['id']}"
    assert api("GET", path) == (200, {"key": made})
    assert made in api("GET", "/api/keys")[1]["keys"]
    assert key not in str(api("GET", "/api/keys")) + str(api("GET", "/api/audit"))
    assert api.house.client.get("/v1/models", headers={"x-api-key": key}).status_code == 200
    status, changed = api("PUT", path, {"expiresAt": None, "isActive": False})
    assert (status, changed["key"]["expiresAt"], changed["key"]["isActive"]) == (200, None, False)
    assert api.house.client.get("/v1/models", headers={"x-api-key": key}).status_code == 401
    api("PUT", path, {"isActive": True})
    status, rotated = api("POST", f"{path}/rotate")
    assert (status, rotated["id"], rotated["key"] != key) == (200, made["id"], True)
    assert api.house.client.get("/v1/models", headers={"x-api-key": key}).status_code == 401
    assert api.house.client.get("/v1/models", headers={"x-api-key": rotated["key"]}).status_code == 200
    assert api("DELETE", path) == (204, None)
    assert api.house.client.get("/v1/models", headers={"x-api-key": rotated["key"]}).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "k", "scopes": ["admin"]}, "scopes"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": "manage"}, "scopes"),
        ({"name": "k", "expiresAt": 1900000000}, "expiresAt"),
        ({"name": "k", "expiresAt": "tomorrow"}, "expiresAt"),
        ({"name": "k", "allowedEndpoints": ["v1/messages"]}, "allowedEndpoints"),
        ({"name": "k", "key": "sk-or-chosen"}, "key"),
        ({"name": "k", "noLogs": True}, "noLogs"),
    ],
)
def test_what_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    status, refused = api("POST", "/api/keys", body)
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, [field])


def test_a_key_cannot_hand_on_more_than_it_has(house: House) -> None:
    relay = house.key("relay")
    relay_id = next(view.id for view in house.services.keys.list())
    manage = Api(house, house.key("manage"))
    own_id = next(view.id for view in house.services.keys.list() if view.id != relay_id)
    assert manage("POST", "/api/keys", {"name": "k", "scopes": ["relay"]})[0] == 403
    assert manage("POST", "/api/keys", {"name": "k"})[0] == 403  # the default is relay
    assert manage("PUT", f"/api/keys/{own_id}", {"scopes": ["relay", "manage"]})[0] == 403
    assert manage("POST", f"/api/keys/{relay_id}/rotate")[0] == 403
    assert manage("POST", "/api/keys", {"name": "k", "scopes": ["manage"]})[0] == 201
    assert house.client.get("/v1/models", headers={"x-api-key": relay}).status_code == 200


def test_the_admin_may_make_any(house: House) -> None:
    answer = house.browser().post("/api/keys", json={"name": "k", "scopes": ["manage", "relay"]}, headers=ORIGIN)
    assert answer.status_code == 201
    entries = house.browser().get("/api/audit?action=key.create").get_json()["entries"]
    assert (entries[0]["actorKind"], entries[0]["actorName"], entries[0]["address"]) == ("admin", "admin", "127.0.0.1")
