"""A key that manages keys hands on no more than it has, by no way there is: scopes, endpoints, models, the day it ends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from omniroute.keys.rights import within_models
from omniroute.security.audit import CLI
from tests.edge.conftest import ORIGIN, House, house, opened

__all__ = ["house", "opened"]

SOON, LATER = "2027-01-15T09:00:00.000Z", "2027-01-15T10:00:00.000Z"  # the clock of a House stands at 8:00

BLANK: dict[str, Any] = {"allowedEndpoints": [], "allowedModels": [], "expiresAt": None}

# What a manager is -> keys that it may make, and keys that are beyond it. None: as if it were not said.
MANAGERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {
    "manages only": (
        {"scopes": ["manage"]},
        [{"scopes": ["manage"]}, {"scopes": ["manage"], "allowedEndpoints": ["/api/keys"]}],
        [{"scopes": ["relay"]}, {"scopes": ["relay", "manage"]}],
    ),
    "some endpoints": (
        {
            "scopes": ["manage", "relay"],
            "allowedEndpoints": ["/api/keys", "/api/usage/budget", "/api/settings/import", "/v1/chat/*", "/v1/?mages/*"],
        },
        [
            {"scopes": ["relay"], "allowedEndpoints": ["/v1/chat/completions"]},
            {"scopes": ["relay"], "allowedEndpoints": ["/v1/chat/*"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/api/keys/"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/api/keys/<key_id>/rotate", "/api/keys/*"]},
        ],
        [
            {"scopes": ["relay"]},
            {"scopes": ["manage"], "allowedEndpoints": []},
            {"scopes": ["manage"], "allowedEndpoints": ["/api/keys", "/api/providers"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/api"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/*"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/api/key*"]},
            {"scopes": ["manage"], "allowedEndpoints": ["/api/keysX"]},
            {"scopes": ["relay"], "allowedEndpoints": ["/v1/ch*"]},
            {"scopes": ["relay"], "allowedEndpoints": ["/v1/[!x]*"]},
            {"scopes": ["relay"], "allowedEndpoints": ["/v1/*mages/*"]},
        ],
    ),
    "ends soon": (
        {"scopes": ["manage", "relay"], "expiresAt": SOON},
        [{"scopes": ["manage"], "expiresAt": SOON}, {"scopes": ["relay"], "expiresAt": SOON}],
        [
            {"scopes": ["manage"]},
            {"scopes": ["manage"], "expiresAt": LATER},
            {"scopes": ["manage", "relay"], "expiresAt": None},
            {"scopes": ["relay"]},
            {"scopes": ["relay"], "expiresAt": LATER},
        ],
    ),
    "some models": (
        {"scopes": ["manage", "relay"], "allowedModels": ["cheap/*", "auto", "own/?-[ab]"]},
        [
            {"scopes": ["relay"], "allowedModels": ["cheap/*"]},
            {"scopes": ["relay"], "allowedModels": ["cheap/small", "auto", "own/1-a"]},
            {"scopes": ["relay"], "allowedModels": ["cheap/?-*", "own/?-[ab]"]},
            {"scopes": ["manage"], "allowedModels": ["auto"]},
        ],
        [
            {"scopes": ["relay"]},
            {"scopes": ["manage"]},
            {"scopes": ["relay"], "allowedModels": ["*"]},
            {"scopes": ["relay"], "allowedModels": ["cheap*"]},
            {"scopes": ["relay"], "allowedModels": ["cheap/small", "dear/large"]},
            {"scopes": ["relay"], "allowedModels": ["auto*"]},
            {"scopes": ["relay"], "allowedModels": ["own/*-a"]},
            {"scopes": ["relay"], "allowedModels": ["own/?-?"]},
            {"scopes": ["relay"], "allowedModels": ["CHEAP/small"]},
            {"scopes": ["relay"], "allowedModels": ["cheap/[!x]"]},
        ],
    ),
}


@dataclass
class Manager:
    house: House
    id: str
    key: str

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.house.client.open(path, method=method, json=body, headers={"Authorization": f"Bearer {self.key}"})
        return answer.status_code, answer.get_json(silent=True)


@pytest.fixture(params=MANAGERS.values(), ids=MANAGERS.keys())
def case(request: pytest.FixtureRequest, house: House) -> Iterator[tuple[Manager, list[dict[str, Any]], list[dict[str, Any]]]]:
    own, within, beyond = request.param
    made = admin(house)("POST", "/api/keys", {"name": "manager", **own})
    yield Manager(house, made["id"], made["key"]), within, beyond


def admin(house: House) -> Callable[..., Any]:
    """Calls with the session of the admin, who may make everything."""
    browser = house.browser()

    def call(method: str, path: str, body: Any = None) -> Any:
        answer = browser.open(path, method=method, json=body, headers=ORIGIN)
        assert answer.status_code < 300, answer.text
        return answer.get_json(silent=True)

    return call


def everything(house: House) -> Any:
    """All keys and budgets, to see that nothing has changed. When a key was last used does not count."""
    keys = admin(house)("GET", "/api/keys")["keys"]
    budgets = admin(house)("GET", "/api/usage/budget")
    return [{name: value for name, value in key.items() if name != "lastUsedAt"} for key in keys], budgets


Case = tuple[Manager, list[dict[str, Any]], list[dict[str, Any]]]


def test_what_is_within_its_rights_it_may_make_and_change(case: Case) -> None:
    manager, within, _ = case
    for rights in within:
        status, made = manager("POST", "/api/keys", {"name": "made", **rights})
        assert status == 201, (rights, made)
        for other in within:
            assert manager("PUT", f"/api/keys/{made['id']}", {"name": "changed", **other})[0] in (200, 403)
        assert manager("PUT", f"/api/keys/{made['id']}", {**BLANK, **rights})[0] == 200
        assert manager("POST", f"/api/keys/{made['id']}/rotate")[0] == 200
        assert manager("DELETE", f"/api/keys/{made['id']}")[0] == 204


@pytest.mark.parametrize(
    ("entry", "own", "sure"),
    [
        ("a/b", "a/*", True),
        ("a/b", "a/[bc]", True),
        ("a/b*", "a/*", True),
        ("a/?", "*", True),
        ("x-*-mini", "*-mini", True),
        ("a/?", "a/?", True),
        ("a*c", "a?c", False),  # the text of the one matches the other, what it takes in does not
        ("[ab]", "*b]", False),
        ("a/**", "a/?*", False),
        ("a/*", "a/b", False),
        ("A/b", "a/*", False),
    ],
)
def test_a_glob_of_models_within_another(entry: str, own: str, sure: bool) -> None:
    assert within_models(entry, [own]) is sure


def test_nothing_beyond_it_can_be_made(case: Case) -> None:
    manager, _, beyond = case
    before = everything(manager.house)
    for rights in beyond:
        status, told = manager("POST", "/api/keys", {"name": "more", **rights})
        assert (status, told["error"]["code"]) == (403, "not_allowed"), rights
    assert everything(manager.house) == before


def test_it_can_raise_neither_itself_nor_what_it_has_made(case: Case) -> None:
    manager, within, beyond = case
    status, made = manager("POST", "/api/keys", {"name": "made", **within[0]})
    assert status == 201
    before = everything(manager.house)
    for rights in beyond:
        for key_id in (manager.id, made["id"]):
            assert manager("PUT", f"/api/keys/{key_id}", {**BLANK, **rights})[0] == 403, rights
    assert everything(manager.house) == before


def test_what_may_more_is_out_of_its_hands(case: Case) -> None:
    """Rotating such a key would tell its text; and to switch off or delete it is not for one that may less."""
    manager, within, beyond = case
    call = admin(manager.house)
    for rights in beyond:
        other = call("POST", "/api/keys", {"name": "more", **rights})["id"]
        budget = call("POST", "/api/usage/budget", {"apiKeyId": other, "period": "day", "limit_usd": 5})["budget"]["id"]
        before = everything(manager.house)
        for method, path, body in (
            ("POST", f"/api/keys/{other}/rotate", None),
            ("PUT", f"/api/keys/{other}", {"isActive": False}),
            ("PUT", f"/api/keys/{other}", within[0]),
            ("DELETE", f"/api/keys/{other}", None),
            ("POST", "/api/usage/budget", {"apiKeyId": other, "period": "day", "limit_usd": 50}),
            ("DELETE", f"/api/usage/budget?id={budget}", None),
        ):
            status, told = manager(method, path, body)
            assert (status, told["error"]["code"]) == (403, "not_allowed"), (method, path, rights)
        assert everything(manager.house) == before
        call("DELETE", f"/api/keys/{other}")


@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_backup_is_no_way_round(case: Case, mode: str) -> None:
    """It would bring in a key whose text its maker knows, or raise one that is there."""
    manager, _, beyond = case
    document = admin(manager.house)("POST", "/api/settings/export", {})
    own = next(each for each in document["configuration"]["keys"] if each["id"] == manager.id)
    before = everything(manager.house)
    for rights in beyond:
        raised, added = copy.deepcopy(document), copy.deepcopy(document)
        for each in raised["configuration"]["keys"]:
            each.update({**BLANK, **rights} if each["id"] == manager.id else {})
        new = {**own, **BLANK, "id": "a-key-of-mine", "sha256": "ab" * 32, **rights}
        added["configuration"]["keys"].append(new)
        for given in (raised, added):
            for preview in (True, False):
                status, told = manager("POST", "/api/settings/import", {"document": given, "mode": mode, "preview": preview})
                assert (status, told["error"]["code"]) == (403, "not_allowed"), (rights, told)
    assert everything(manager.house) == before


def test_a_key_sees_no_page_and_no_page_takes_a_key(house: House) -> None:
    """The forms make keys with the admin's session alone, whatever else comes along."""
    key = house.services.keys.create({"name": "all", "scopes": ["relay", "manage"]}, CLI)[1]
    for headers in ({"Authorization": f"Bearer {key}"}, {"x-api-key": key}, {"x-goog-api-key": key}):
        house.browser()  # there is an admin
        for path in ("/dashboard/keys", "/dashboard/keys/add", "/dashboard/settings/backup/restore"):
            assert house.client.get(path, headers=headers).status_code in (303, 405)
            assert house.client.post(path, headers=headers | ORIGIN, data={"name": "x"}).status_code in (303, 405)
    assert len(house.services.keys.list()) == 1
