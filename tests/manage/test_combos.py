"""Combos by the API, tested against an upstream that is really there."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UpstreamError, UpstreamNetwork, UpstreamStatus
from omniroute.routing.candidates import Candidate
from omniroute.routing.failures import classify
from omniroute.routing.route import Target
from omniroute.routing.strategies import STRATEGIES
from tests.manage.conftest import NODE, Api
from tests.manage.test_openapi import document, mismatch
from tests.upstream.client import Upstream

__all__ = ["document"]
KEY = "sk-test-0123456789-abcd"


@pytest.fixture
def node(api: Api, upstream: Upstream) -> str:
    made: dict[str, Any] = api("POST", "/api/provider-nodes", {**NODE, "baseUrl": upstream.url})[1]
    return str(made["node"]["id"])


@pytest.fixture
def connection(api: Api, node: str) -> str:
    return str(api("POST", "/api/providers", {"provider": node, "apiKey": KEY, "name": "First"})[1]["connection"]["id"])


def make(api: Api, name: str, *steps: Any, **given: Any) -> dict[str, Any]:
    status, told = api("POST", "/api/combos", {"name": name, "steps": list(steps), **given})
    assert status == 201, told
    return dict(told["combo"])


def details(told: Any) -> list[str]:
    return [each["field"] for each in told["error"]["details"]]


def test_the_life_of_a_combo(api: Api, node: str, connection: str) -> None:
    step = {"model": "relay/m", "connectionId": connection, "weight": 5, "label": "l", "tags": ["t"]}
    made = make(api, "main", step, "agentrouter/x", strategy="weighted", config={"max_attempts": 3}, tags=["team"])
    assert made["config"] == {
        "max_attempts": 3,
        "deadline_ms": 120_000,
        "retry_same": 1,
        "retry_delay_ms": 500,
        "wait_for_cooldown_ms": 0,
    }
    first = made["steps"][0]
    assert (first["model"], first["canonical"], first["connectionId"]) == ("relay/m", f"{node}/m", connection)
    assert (first["connectionName"], first["weight"], first["label"], first["tags"]) == ("First", 5, "l", ["t"])
    assert made["steps"][1]["trouble"] == "no connection" and made["sortOrder"] == 0 and made["createdAt"].endswith("Z")
    path = f"/api/combos/{made['id']}"
    assert api("GET", path) == (200, {"combo": made})
    assert api("GET", "/api/combos") == (200, {"combos": [made], "next": None})
    status, changed = api("PUT", path, {"steps": made["steps"], "config": {"retry_same": 0}, "enabled": False})
    assert (status, changed["combo"]["steps"]) == (200, made["steps"])  # what was read can be sent back
    assert (changed["combo"]["config"]["max_attempts"], changed["combo"]["config"]["retry_same"]) == (3, 0)
    assert changed["combo"]["enabled"] is False
    status, copy = api("POST", f"{path}/duplicate")
    assert (status, copy["combo"]["name"]) == (201, "main-copy")
    assert [row["action"] for row in api("GET", "/api/audit?action=combo")[1]["entries"]].count("combo.create") == 2
    assert api("DELETE", path) == (204, None)
    assert [api(method, path, {})[0] for method in ("GET", "PUT", "DELETE")] == [404] * 3


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"steps": []}, ["name"]),
        ({"name": "auto"}, ["name"]),
        ({"name": "c", "strategy": "best"}, ["strategy"]),
        ({"name": "c", "steps": {}}, ["steps"]),
        ({"name": "c", "steps": ["relay/m"] * 101}, ["steps"]),
        ({"name": "c", "steps": ["relay/m", "nobody/m"]}, ["steps[1].model"]),
        ({"name": "c", "steps": [{"model": "relay/m", "connectionId": "none"}]}, ["steps[0].connectionId"]),
        ({"name": "c", "steps": [{"combo": "c"}]}, ["steps[0].combo"]),
        ({"name": "c", "config": {"max_attempts": 31}}, ["config.max_attempts"]),
        ({"name": "c", "config": {"maxAttempts": 3}}, ["config.maxAttempts"]),
        ({"name": "c", "config": []}, ["config"]),
        ({"name": "c", "strategie": "random"}, ["strategie"]),
        ({"name": "c", "steps": [], "models": []}, ["models"]),
        ({"name": "c", "enabled": "yes"}, ["enabled"]),
    ],
    ids=str,
)
def test_what_is_refused(api: Api, node: str, body: dict[str, Any], fields: list[str]) -> None:
    status, told = api("POST", "/api/combos", body)
    assert (status, details(told)) == (400, fields)
    assert api("GET", "/api/combos")[1]["combos"] == []


def test_omniroutes_way_of_writing_steps(api: Api, node: str) -> None:
    inner = make(api, "inner", "relay/m")
    told = api(
        "POST",
        "/api/combos",
        {
            "name": "outer",
            "models": [
                "relay/m",
                "inner",
                {"kind": "model", "providerId": node, "model": "relay/m", "weight": 3},
                {"kind": "combo-ref", "comboName": "inner", "weight": 0},
            ],
        },
    )[1]["combo"]
    assert [step["model"] or step["combo"] for step in told["steps"]] == ["relay/m", "inner", "relay/m", "inner"]
    status, order = api("POST", "/api/combos/reorder", {"comboIds": [told["id"], inner["id"]]})
    assert (status, [combo["name"] for combo in order["combos"]]) == (200, ["outer", "inner"])


def test_order_and_what_contains_what(api: Api, node: str) -> None:
    inner = make(api, "inner", "relay/m")
    outer = make(api, "outer", {"combo": "inner"})
    status, told = api("POST", "/api/combos/reorder", {"ids": [outer["id"]]})
    assert (status, [combo["name"] for combo in told["combos"]]) == (200, ["outer", "inner"])
    assert api("POST", "/api/combos/reorder", {"ids": ["none"]})[0] == 400
    assert details(api("POST", "/api/combos/reorder", {})[1]) == ["ids"]
    status, told = api("DELETE", f"/api/combos/{inner['id']}")
    assert status == 409 and "outer" in told["error"]["message"]
    status, told = api("PUT", f"/api/combos/{inner['id']}", {"steps": ["relay/m", {"combo": "outer"}]})
    assert (status, details(told)) == (400, ["steps[1].combo"]) and "inner -> outer -> inner" in told["error"]["message"]


def test_out_and_in_again(api: Api, node: str) -> None:
    make(api, "inner", "relay/m", config={"retry_same": 2})
    outer = make(api, "outer", {"combo": "inner"})
    api("PUT", "/api/models/alias", {"aliases": [{"pattern": "quick", "model": "inner"}]})
    status, whole = api("GET", "/api/combos/export")
    assert status == 200 and whole["combos"][0]["config"] == {"retry_same": 2} and len(whole["aliases"]) == 1
    some = api("GET", f"/api/combos/export?ids={outer['id']}")[1]
    assert [combo["name"] for combo in some["combos"]] == ["outer", "inner"] and some["aliases"] == []
    assert api("GET", "/api/combos/export?ids=none")[0] == 404
    for name in ("outer", "inner"):
        each = next(combo for combo in api("GET", "/api/combos")[1]["combos"] if combo["name"] == name)
        api("DELETE", f"/api/combos/{each['id']}")
    status, done = api("POST", "/api/combos/import", whole)
    assert (status, done["created"], done["refused"][0]["name"]) == (200, ["inner", "outer"], "quick")
    done = api("POST", "/api/combos/import", {**whole, "replace": True})[1]
    assert done == {"created": [], "updated": ["inner", "outer", "quick"], "refused": []}
    assert details(api("POST", "/api/combos/import", {**whole, "version": 2})[1]) == ["version"]


# Test -------------------------------------------------------------------------------------


def results(told: dict[str, Any]) -> dict[str, Any]:
    return {each["stepId"]: each for each in told["results"]}


def test_every_step_is_asked(api: Api, node: str, connection: str, upstream: Upstream) -> None:
    upstream.always({"status": 404, "raw": '{"error":{"type":"not_found_error","message":"model: bad"}}'}, model="bad")
    make(api, "inner", "relay/deep", "relay/good")
    made = make(
        api,
        "main",
        "relay/good",
        "relay/bad",
        "agentrouter/x",
        {"combo": "inner"},
        {"model": "relay/off", "enabled": False},
        {"model": "relay/good", "connectionId": connection},
    )
    status, told = api("POST", "/api/combos/test", {"comboId": made["id"]})
    assert (status, told["summary"]) == (200, {"total": 6, "passed": 4, "failed": 2})
    good, bad, gone, inner, off, bound = (step["id"] for step in made["steps"])
    assert [each["stepId"] for each in told["results"]] == [good, bad, gone, inner, inner, bound]
    found = results(told)
    assert found[good]["verdict"]["diagnosis"]["type"] == "ok" and found[good]["connectionName"] == "First"
    assert (found[good]["target"], found[good]["trouble"], found[good]["connectionId"]) == ("relay/good", "", connection)
    assert found[bad]["verdict"]["diagnosis"]["type"] == "model_not_found"
    assert (found[gone]["verdict"], found[gone]["trouble"]) == (None, "no connection") and off not in found
    assert sorted(str(each.model) for each in upstream.requests("/messages")) == ["bad", "deep", "good"]  # each once
    assert api("POST", "/api/combos/test", {"comboName": "main"})[1]["summary"] == told["summary"]


def test_steps_that_are_not_saved(api: Api, connection: str, upstream: Upstream) -> None:
    status, told = api("POST", "/api/combos/test", {"steps": ["relay/good", {"model": "relay/also", "connectionId": connection}]})
    assert (status, told["summary"]["passed"]) == (200, 2)
    assert details(api("POST", "/api/combos/test", {"steps": ["nobody/m"]})[1]) == ["steps[0].model"]
    assert details(api("POST", "/api/combos/test", {})[1]) == ["comboId"]
    assert api("POST", "/api/combos/test", {"comboId": "none"})[0] == 404
    assert api("POST", "/api/combos/test", {"comboName": "none"})[0] == 404
    assert api("GET", "/api/combos")[1]["combos"] == []


def test_one_step_of_a_combo_within(api: Api, connection: str, upstream: Upstream) -> None:
    upstream.always({"status": 500}, model="bad")
    make(api, "empty")
    make(api, "inner", "relay/bad", "relay/good")
    made = make(api, "main", {"combo": "inner"}, {"model": "relay/off", "enabled": False}, {"combo": "empty"})
    probe = api.house.services.combo_probe
    inner, off, empty = (probe.step(made["id"], step["id"]) for step in made["steps"])
    assert (inner.answered, inner.target) == (True, "relay/good") and off.answered
    assert (empty.verdict, empty.target, empty.trouble) == (None, "combo/empty", "that combo has no step")


def suffer(api: Api, connection_id: str, *errors: UpstreamError) -> None:
    """As if requests to the model `m` had failed."""
    services = api.house.services
    configuration = services.configuration.current()
    connection = configuration.connection(connection_id)
    assert connection is not None
    target = Target(configuration.providers[connection.provider_id], "m")
    for error in errors:
        failure = classify(error, (), succeeded=True, now=services.clock.now())
        services.probe.board.failed(Candidate(target, connection), failure)


def held(api: Api) -> set[tuple[str, str]]:
    return {(each["kind"], each["state"]) for each in api("GET", "/api/resilience")[1]["held"]}


def test_a_good_test_clears_and_a_bad_one_worsens_nothing(api: Api, connection: str, upstream: Upstream) -> None:
    made = make(api, "main", "relay/m")
    down = UpstreamNetwork("refused", "relay.example.com", 443, "refused")
    suffer(api, connection, UpstreamStatus(429, {}, b"{}"), UpstreamStatus(529, {}, b"{}"), *[down] * 5)
    suffered = {("cooldown", "cooling"), ("lockout", "locked"), ("breaker", "open")}
    before = api("GET", "/api/resilience")[1]
    assert held(api) == suffered
    for script in ({"status": 500}, {"status": 429}, {"status": 529}):
        upstream.always(script, path="/messages")
        api("POST", "/api/combos/test", {"comboId": made["id"]})
        assert api("GET", "/api/resilience")[1] == before
        upstream.reset()
    (told,) = api("POST", "/api/combos/test", {"comboId": made["id"]})[1]["results"]
    assert told["verdict"]["diagnosis"]["type"] == "ok" and held(api) == set()


def test_whom_a_step_asks(api: Api, node: str, connection: str, upstream: Upstream) -> None:
    made = make(api, "main", "relay/m")
    given = {"provider": node, "apiKey": f"{KEY}2", "priority": 1}
    second = api("POST", "/api/providers", given)[1]["connection"]["id"]

    def asked() -> tuple[str | None, bool]:
        (told,) = api("POST", "/api/combos/test", {"comboId": made["id"]})[1]["results"]
        return told["connectionId"], told["verdict"] is not None and told["verdict"]["valid"]

    assert asked() == (connection, True)
    suffer(api, connection, UpstreamStatus(429, {"retry-after": "60"}, b"{}"))
    assert asked() == (second, True)  # as a request would
    services = api.house.services
    for each in (connection, second):
        services.connections.mark(each, "error", "Refused.")
    assert asked() == (connection, True)  # a request would ask nobody; a Test brings it back
    assert api("GET", f"/api/providers/{connection}")[1]["connection"]["testStatus"] == "active"
    api("PUT", f"/api/providers/{connection}", {"isActive": False})
    assert asked() == (second, True)
    api("PUT", f"/api/providers/{second}", {"isActive": False})
    assert asked() == (None, False)


def test_the_answers_are_what_the_description_says(api: Api, connection: str, document: dict[str, Any]) -> None:
    made = make(api, "main", "relay/m", "agentrouter/x", config={"retry_same": 2})
    api("PUT", "/api/models/alias", {"aliases": [{"pattern": "quick", "model": "main"}]})
    api.house.services.connections.mark(connection, "error", "Refused.")
    asked: list[tuple[str, str, str, Any]] = [
        ("get", "/api/combos", "", None),
        ("get", "/api/combos/{combo_id}", made["id"], None),
        ("post", "/api/combos/reorder", "", {"ids": []}),
        ("post", "/api/combos/test", "", {"comboId": made["id"]}),
        ("get", "/api/combos/export", "", None),
        ("post", "/api/combos/import", "", {"version": 1, "combos": [{"name": "main"}]}),
        ("get", "/api/models/alias", "", None),
        ("get", "/api/resilience", "", None),
        ("patch", "/api/resilience", "", {"breakerFailures": 4}),
        ("post", "/api/resilience/reset", "", {}),
    ]
    for method, path, variable, body in asked:
        status, told = api(method.upper(), path.replace("{combo_id}", variable), body)
        described = document["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
        assert mismatch(told, described) == [], path
    body = document["paths"]["/api/combos"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["strategy"]["enum"] == list(STRATEGIES) and body["required"] == ["name"]
    answer = document["paths"]["/api/combos"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert "max_attempts" in answer["properties"]["combos"]["items"]["properties"]["config"]["properties"]
