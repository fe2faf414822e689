"""Connections, tested against an upstream that is really there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manage.conftest import NODE, Api
from tests.upstream.client import Upstream

KEY = "sk-test-0123456789-abcd"


@pytest.fixture
def node(api: Api, upstream: Upstream) -> str:
    made: dict[str, Any] = api("POST", "/api/provider-nodes", {**NODE, "baseUrl": upstream.url})[1]
    return str(made["node"]["id"])


def test_the_life_of_a_connection(api: Api) -> None:
    status, made = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": KEY, "priority": 2})
    assert status == 201
    connection = made["connection"]
    assert (connection["provider"], connection["testStatus"], connection["isActive"]) == ("agentrouter", "untested", True)
    assert connection["keyHint"].endswith("abcd") and connection["hasKey"] is True
    path = f"/api/providers/{connection['id']}"
    assert api("GET", path) == (200, {"connection": connection})
    assert api("GET", "/api/providers?provider=agentrouter") == (200, {"connections": [connection], "next": None})
    assert api("GET", "/api/providers?provider=openai")[1]["connections"] == []
    status, changed = api("PUT", path, {"isActive": False, "apiKey": "", "maxConcurrent": 3})
    assert (status, changed["connection"]["isActive"], changed["connection"]["maxConcurrent"]) == (200, False, 3)
    assert changed["connection"]["keyHint"] == connection["keyHint"]  # left blank, the key is kept
    assert api("DELETE", path) == (204, None)
    assert api("GET", path)[0] == 404


def test_the_key_never_comes_back(api: Api, node: str) -> None:
    made = api("POST", "/api/providers", {"provider": node, "apiKey": KEY})[1]["connection"]
    answers = [made, api("PUT", f"/api/providers/{made['id']}", {"apiKey": KEY + "2"})]
    answers += [api("POST", f"/api/providers/{made['id']}/test", {}), api("GET", "/api/providers"), api("GET", "/api/audit")]
    answers += [
        api("POST", "/api/providers", {"provider": node, "apiKey": KEY + "2"}),
        api("POST", "/api/providers/test-all", {}),
    ]
    assert KEY[:-4] not in str(answers)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"provider": "agentrouter"}, 400, "apiKey"),
        ({"apiKey": KEY}, 400, "provider"),
        ({"provider": "nobody", "apiKey": KEY}, 404, "provider"),
        ({"provider": "agentrouter", "apiKey": KEY, "priority": "high"}, 400, "priority"),
        ({"provider": "agentrouter", "apiKey": KEY, "apikey": KEY}, 400, "apikey"),
        ({"provider": "agentrouter", "apiKey": 5}, 400, "apiKey"),
        ({"provider": "agentrouter", "apiKey": "has space"}, 400, "apiKey"),
        ({"provider": "agentrouter", "apiKey": KEY, "maxConcurrent": 0}, 400, "maxConcurrent"),
        ({"provider": "agentrouter", "apiKey": KEY, "isActive": None}, 400, "isActive"),
    ],
)
def test_what_is_refused(api: Api, body: dict[str, Any], status: int, field: str) -> None:
    answered, refused = api("POST", "/api/providers", body)
    assert (answered, [each["field"] for each in refused["error"]["details"]]) == (status, [field])


def test_a_test_records_its_verdict(api: Api, node: str, upstream: Upstream) -> None:
    made = api("POST", "/api/providers", {"provider": node, "apiKey": KEY})[1]["connection"]
    path = f"/api/providers/{made['id']}"
    status, verdict = api("POST", f"{path}/test", {})
    assert (status, verdict["valid"]) == (200, True)
    shown = api("GET", path)[1]["connection"]
    assert (shown["testStatus"], shown["lastTest"]["valid"], shown["lastTest"]["latencyMs"] >= 0) == ("active", True, True)
    assert shown["lastTest"]["at"] == shown["lastTestedAt"]
    upstream.always({"status": 401, "raw": '{"error": {"message": "invalid token", "type": "new_api_error"}}'}, path="/messages")
    assert api("POST", f"{path}/test", {"model": "claude-opus-4-6"})[1]["diagnosis"]["type"] == "upstream_auth_error"
    assert api("GET", path)[1]["connection"]["testStatus"] == "error"
    assert api("POST", "/api/providers/none/test", {})[0] == 404


def test_all_are_tested(api: Api, node: str) -> None:
    for number in range(7):
        api("POST", "/api/providers", {"provider": node, "apiKey": f"{KEY}{number}", "isActive": number != 6})
    status, told = api("POST", "/api/providers/test-all", {"provider": node})
    assert (status, told["summary"]) == (200, {"total": 6, "passed": 6, "failed": 0})
    assert {result["provider"] for result in told["results"]} == {node}
    assert all(result["verdict"]["valid"] and result["connectionId"] and result["connectionName"] for result in told["results"])
    assert api("POST", "/api/providers/test-all", {"provider": "nobody"})[1]["results"] == []


def test_many_keys_at_once(api: Api) -> None:
    status, made = api("POST", "/api/providers/bulk", {"provider": "agentrouter", "apiKeys": [KEY, "two words", f"{KEY}2", KEY]})
    assert status == 200
    assert [connection["name"] for connection in made["created"]] == ["AgentRouter", "AgentRouter 2"]
    assert [refused["line"] for refused in made["refused"]] == [2, 4]
    assert KEY not in str(made)


def test_another_order(api: Api) -> None:
    ids = [
        api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": f"{KEY}{n}"})[1]["connection"]["id"] for n in "abc"
    ]
    status, told = api("POST", "/api/providers/reorder", {"provider": "agentrouter", "ids": ids[::-1]})
    assert (status, [(row["id"], row["priority"]) for row in told["connections"]]) == (
        200,
        list(zip(ids[::-1], range(3), strict=True)),
    )
    assert api("GET", "/api/providers?provider=agentrouter")[1] == told
    assert api("POST", "/api/providers/reorder", {"provider": "agentrouter", "ids": ["gone"]})[0] == 400
    assert api("POST", "/api/providers/reorder", {"provider": "openai", "ids": ids})[0] == 404
