"""How limits stand, by the API; what a key and a connection may be given; alerts."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.limits.upstream import Learned
from omniroute.state.shared import Part
from tests.manage.conftest import Api
from tests.manage.test_openapi import mismatch
from tests.parts import START

KEY = "sk-test-0123456789-abcd"
QUOTA = {"unit": "usd", "limit": 12.5, "window": "month", "mode": "fixed", "timezone": "Europe/Berlin", "resetsAt": None}


def described(api: Api, method: str, path: str, status: str = "200") -> dict[str, Any]:
    document = api("GET", "/api/openapi.json")[1]
    told: dict[str, Any] = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    return told


def test_limits_of_a_key_come_back_as_they_were_given(api: Api) -> None:
    given = {"requestsPerMinute": 60, "tokensPerMinute": 100_000, "maxConcurrent": 4, "logBodies": True}
    status, made = api("POST", "/api/keys", {"name": "k", **given})
    assert status == 201
    assert {name: made[name] for name in given} == given
    path = f"/api/keys/{made['id']}"
    assert api("PUT", path, {"requestsPerMinute": None})[1]["key"]["requestsPerMinute"] is None
    status, refused = api("PUT", path, {"noLog": True})
    assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, ["logBodies"])
    for name, value in (("requestsPerMinute", 0), ("tokensPerMinute", 1.5), ("maxConcurrent", "4"), ("logBodies", None)):
        status, refused = api("PUT", path, {name: value})
        assert (status, [each["field"] for each in refused["error"]["details"]]) == (400, [name])


def test_the_quota_of_a_connection_comes_back_as_it_was_given(api: Api) -> None:
    made = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": KEY, "quota": QUOTA})[1]["connection"]
    assert made["quota"] == QUOTA
    path = f"/api/providers/{made['id']}"
    assert api("PUT", path, {"quota": made["quota"]})[1]["connection"]["quota"] == QUOTA
    reset = {"unit": "requests", "limit": 5, "window": "5h", "resetsAt": "2027-01-15T09:00:00.000Z"}
    changed = api("PUT", path, {"quota": reset})[1]["connection"]["quota"]
    assert changed == reset | {"mode": "fixed", "timezone": "UTC"}
    assert api("PUT", path, {"quota": None})[1]["connection"]["quota"] is None


@pytest.mark.parametrize(
    ("quota", "field"),
    [
        ([], "quota"),
        ({}, "quota.limit"),
        ({**QUOTA, "unit": "cents"}, "quota.unit"),
        ({**QUOTA, "limit": 0}, "quota.limit"),
        ({**QUOTA, "limit": "many"}, "quota.limit"),
        ({**QUOTA, "resets_at": 1}, "quota.resets_at"),
        ({**QUOTA, "resetsAt": "soon"}, "quota.resetsAt"),
        ({**QUOTA, "mode": "rolling", "resetsAt": "2027-01-15T09:00:00Z"}, "quota.resetsAt"),
        ({**QUOTA, "timezone": "Mars/Base"}, "quota.timezone"),
    ],
)
def test_what_is_refused_of_a_quota(api: Api, quota: Any, field: str) -> None:
    status, refused = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": KEY, "quota": quota})
    assert status == 400
    assert field in [each["field"] for each in refused["error"]["details"]]


def test_the_description_has_the_members_of_a_quota(api: Api) -> None:
    body = api("GET", "/api/openapi.json")[1]["paths"]["/api/providers"]["post"]["requestBody"]
    quota = body["content"]["application/json"]["schema"]["properties"]["quota"]
    assert quota["type"] == ["object", "null"]
    assert quota["required"] == ["unit", "limit", "window"] and "resetsAt" in quota["properties"]


def test_how_limits_and_quotas_stand(api: Api) -> None:
    assert api("GET", "/api/quota") == (200, {"keys": [], "connections": [], "away": False})
    key = api("POST", "/api/keys", {"name": "CI", "maxConcurrent": 2})[1]["id"]
    api("POST", "/api/usage/budget", {"apiKeyId": key, "period": "month", "limit_usd": 10})
    row = api("POST", "/api/providers", {"provider": "agentrouter", "name": "c", "apiKey": KEY, "quota": QUOTA})[1]["connection"]
    services = api.house.services
    services.shared.spend([Part(f"connection:{row['id']}", int(services.clock.now()), 10_000_000, 3e9)])
    services.board.told(row["id"], [Learned("5h", None, None, 0.25, START + 3600, START, 18_000)])
    status, told = api("GET", "/api/quota")
    assert status == 200
    assert mismatch(told, described(api, "get", "/api/quota")) == []
    (limited,) = told["keys"]
    assert (limited["id"], limited["name"], limited["isActive"]) == (key, "CI", True)
    concurrent, budget = limited["limits"]
    assert (concurrent["name"], concurrent["unit"], concurrent["limit"], concurrent["resetsAt"]) == (
        "concurrent requests",
        "concurrent",
        2,
        None,
    )
    assert budget == {
        "name": "USD per month",
        "unit": "usd",
        "limit": 10,
        "spent": 0,
        "reserved": 0,
        "left": 10,
        "share": 0,
        "state": "fine",
        "resetsAt": "2027-02-01T00:00:00.000Z",
    }
    (connection,) = told["connections"]
    assert (connection["id"], connection["provider"]) == (row["id"], "agentrouter")
    assert (connection["quota"]["spent"], connection["quota"]["left"], connection["quota"]["share"]) == (10, 2.5, 0.8)
    assert connection["learned"] == [
        {
            "name": "5h",
            "limit": None,
            "remaining": None,
            "share": 0.75,
            "resetsAt": "2027-01-15T09:00:00.000Z",
            "at": "2027-01-15T08:00:00.000Z",
        }
    ]


def test_alerts(api: Api) -> None:
    assert api("GET", "/api/alerts") == (200, {"alerts": [], "next": None})
    row = api("POST", "/api/providers", {"provider": "agentrouter", "name": "c", "apiKey": KEY})[1]["connection"]["id"]
    api.house.services.connections.mark(row, "error", "The key is refused.")
    status, told = api("GET", "/api/alerts")
    assert (status, mismatch(told, described(api, "get", "/api/alerts"))) == (200, [])
    (alert,) = told["alerts"]
    assert (alert["severity"], alert["kind"], alert["untilAt"]) == ("bad", "connection_out", None)
    assert alert["meaning"] == "The key is refused."
