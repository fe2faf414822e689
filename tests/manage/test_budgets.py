"""Budgets by the API: put, listed with how they stand, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.limits.limit import budget_limit
from omniroute.usage.logs import insert_rows
from tests.edge.conftest import House
from tests.manage.conftest import Api
from tests.parts import START


@pytest.fixture
def key(api: Api) -> str:
    return str(api("POST", "/api/keys", {"name": "CI"})[1]["id"])


def test_the_life_of_a_budget(api: Api, key: str) -> None:
    row = {"id": "r", "at": START, "key_id": key, "cost": 2_500_000, "input_tokens": 10, "output_tokens": 5}
    api.house.services.database.write(lambda session: insert_rows(session, [row]))
    given = {"apiKeyId": key, "period": "day", "limit_usd": 10, "warn_at": 0.25, "timezone": "Europe/Berlin"}
    status, made = api("POST", "/api/usage/budget", given)
    budget = made["budget"]
    assert status == 201
    assert {name: budget[name] for name in given} == given
    assert (budget["keyName"], budget["unit"], budget["limit_tokens"]) == ("CI", "usd", None)
    assert (budget["spent"], budget["reserved"], budget["left"], budget["share"], budget["state"]) == (2.5, 0, 7.5, 0.25, "warn")
    assert budget["resetsAt"] == "2027-01-15T23:00:00.000Z"
    limit = budget_limit(key, api.house.services.budgets.get(budget["id"]).value)
    api.house.services.shared.reserve("t", [limit.line(1_000_000, START)], {}, START, START + 60)
    status, listed = api("GET", f"/api/usage/budget?apiKeyId={key}")
    assert (status, listed["next"]) == (200, None)
    assert listed["budgets"] == [budget | {"reserved": 1, "left": 6.5}]
    assert api("GET", "/api/usage/budget?apiKeyId=another")[1]["budgets"] == []
    status, changed = api("POST", "/api/usage/budget", {"apiKeyId": key, "period": "day", "limit_tokens": 100})
    assert (status, changed["budget"]["id"]) == (201, budget["id"])
    assert (changed["budget"]["limit_usd"], changed["budget"]["spent"], changed["budget"]["warn_at"]) == (None, 15, 0.8)
    assert api("DELETE", f"/api/usage/budget?id={budget['id']}") == (204, None)
    assert api("GET", "/api/usage/budget")[1]["budgets"] == []
    assert api("DELETE", f"/api/usage/budget?id={budget['id']}")[0] == 404


def test_deleted_by_key_and_period(api: Api, key: str) -> None:
    for period in ("day", "week"):
        api("POST", "/api/usage/budget", {"apiKeyId": key, "period": period, "limit_usd": "0.5"})
    assert api("DELETE", f"/api/usage/budget?apiKeyId={key}&period=day") == (204, None)
    assert [each["period"] for each in api("GET", "/api/usage/budget")[1]["budgets"]] == ["week"]
    assert api("DELETE", f"/api/usage/budget?apiKeyId={key}&period=day")[0] == 404
    status, refused = api("DELETE", f"/api/usage/budget?apiKeyId={key}")
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, ["period"])


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        ({"apiKeyId": "nobody"}, 404, None),
        ({"period": "year"}, 400, "period"),
        ({"limit_usd": 0}, 400, "limit_usd"),
        ({"limit_usd": 0.0000001}, 400, "limit_usd"),
        ({"limit_usd": None}, 400, "limit_usd"),
        ({"limit_usd": True}, 400, "limit_usd"),
        ({"limit_tokens": 10}, 400, "limit_tokens"),
        ({"limitUsd": 10}, 400, "limitUsd"),
        ({"warn_at": 0}, 400, "warn_at"),
        ({"warn_at": 2}, 400, "warn_at"),
        ({"timezone": "Mars/Base"}, 400, "timezone"),
    ],
)
def test_what_is_refused(api: Api, key: str, more: dict[str, Any], status: int, field: str | None) -> None:
    answered, refused = api("POST", "/api/usage/budget", {"apiKeyId": key, "period": "day", "limit_usd": 1} | more)
    fields = [each["field"] for each in refused["error"]["details"]]
    assert (answered, fields) == (status, [field] if field else [])


def test_a_key_that_only_manages_sets_no_budget_of_one_that_relays(house: House) -> None:
    manage = Api(house, house.key("manage"))
    house.key("relay")
    relay = next(view.id for view in house.services.keys.list() if view.scopes == ("relay",))
    assert manage("POST", "/api/usage/budget", {"apiKeyId": relay, "period": "day", "limit_usd": 1})[0] == 403


def test_the_audit_log_has_the_share_as_a_share(api: Api, key: str) -> None:
    api("POST", "/api/usage/budget", {"apiKeyId": key, "period": "day", "limit_usd": 1, "warn_at": 0.5})
    (entry,) = api("GET", "/api/audit?action=budget.create")[1]["entries"]
    assert (entry["subject"], entry["after"]) == (
        f"budget:{key}:day",
        {"limit_usd": "1", "warn_at": 0.5, "timezone": "UTC"},
    )
