from __future__ import annotations

from typing import Any

import pytest

from tests.manage.conftest import NODE, Api

KEY = "sk-good-0123456789"
BLANK = {"input": None, "output": None, "cacheRead": None, "cacheWrite": None, "request": None, "tiers": []}


@pytest.fixture
def node(api: Api) -> str:
    """One with two models, and a connection."""
    made: str = api("POST", "/api/provider-nodes", NODE)[1]["node"]["id"]
    api("POST", "/api/providers", {"provider": made, "apiKey": KEY})
    api("POST", "/api/provider-models", {"provider": made, "modelIds": ["llama", "qwen"]})
    return made


def details(refused: dict[str, Any]) -> dict[str, str]:
    return {each["field"]: each["message"] for each in refused["error"]["details"]}


def test_nothing_is_connected(api: Api) -> None:
    assert api("GET", "/api/pricing") == (200, {"prices": [], "models": [], "unknown": [], "next": None})


def test_a_price_is_set_counted_and_deleted(api: Api, node: str) -> None:
    unknown = [{"provider": node, "model": name} for name in ("llama", "qwen")]
    assert api("GET", "/api/pricing")[1]["unknown"] == unknown
    given = {"provider": node, "model": "ll*", "input": "0.25", "output": 1.5, "request": 0.01}
    status, told = api("PUT", "/api/pricing", given)
    (price,) = told["prices"]
    assert status == 200 and price.pop("updatedAt").endswith("Z")
    assert price == {**BLANK, **given, "input": 0.25}
    told = api("GET", "/api/pricing")[1]
    assert told["unknown"] == unknown[1:] and told["prices"][0]["model"] == "ll*"
    assert told["models"] == [{**price, "model": "llama", "source": "operator", "override": "ll*"}]
    api.house.clock.move(1)  # or both changes have one time, and the audit no order
    assert api("DELETE", f"/api/pricing?provider={node}&model=ll*") == (204, None)
    assert api("GET", "/api/pricing")[1]["unknown"] == unknown
    assert api("DELETE", f"/api/pricing?provider={node}&model=ll*")[0] == 404
    assert [row["action"] for row in api("GET", "/api/audit?action=price")[1]["entries"]] == ["price.delete", "price.put"]


def test_files_and_table_say_what_the_operator_does_not(api: Api) -> None:
    api("POST", "/api/providers", {"provider": "openai", "apiKey": KEY})
    api("POST", "/api/provider-models", {"provider": "openai", "modelIds": ["gpt-4.1-nano"]})
    models = {each["model"]: each for each in api("GET", "/api/pricing?provider=openai")[1]["models"]}
    assert models["gpt-4.1"] == {
        **BLANK,
        **{"provider": "openai", "model": "gpt-4.1", "source": "provider", "override": None},
        **{"input": 2.0, "output": 8.0, "cacheRead": 0.5},
    }
    assert models["gpt-4.1-nano"]["source"] == "genai-prices"
    assert models["gpt-6.1-sol"]["tiers"] == [
        {"above": 272_000, "input": 4.0, "output": 15.0, "cacheRead": 0.2, "cacheWrite": 5.0}
    ]
    assert api("GET", "/api/pricing?provider=anthropic")[1]["models"] == []


def test_many_are_set_at_once_or_none(api: Api, node: str) -> None:
    rows: list[dict[str, Any]] = [
        {"provider": node, "model": "llama", "input": 1, "tiers": [{"above": 1000, "cacheRead": "0.5"}]},
        {"provider": "openai", "model": "gpt-*", "output": "x"},
        {"provider": "nobody", "model": "m", "input": 1},
    ]
    status, refused = api("PUT", "/api/pricing", {"prices": rows})
    assert (status, list(details(refused))) == (400, ["prices[1].output", "prices[2].provider"])
    status, told = api("PUT", "/api/pricing", {"prices": rows[:1]})
    assert status == 200
    assert told["prices"][0]["tiers"] == [{"above": 1000, "input": 1.0, "output": None, "cacheRead": 0.5, "cacheWrite": None}]
    assert len(api("GET", "/api/pricing")[1]["prices"]) == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["provider", "model"]),
        ({"provider": "openai", "model": "m"}, ["input"]),
        ({"provider": "openai", "model": "m", "input": True}, ["input"]),
        ({"provider": "openai", "model": "m", "input": -1}, ["input"]),
        ({"provider": "openai", "model": "m", "cacheRead": "0.00000001", "input": 1}, ["cacheRead"]),
        ({"provider": "openai", "model": "m", "input": 1, "cacheWrit": 1}, ["cacheWrit"]),
        ({"provider": "openai", "model": "m", "input": 1, "tiers": [{}]}, ["tiers[0].above"]),
        ({"provider": "openai", "model": "m", "input": 1, "tiers": [{"above": 1, "cacheRead": "x"}]}, ["tiers[0].cacheRead"]),
        ({"provider": "openai", "model": "m", "input": 1, "tiers": [7]}, ["tiers[0]"]),
        ({"prices": []}, ["prices"]),
        ({"prices": [{"model": "m", "input": 1}]}, ["prices[0].provider"]),
        ({"prices": [{"provider": "openai", "model": "m", "input": 1}], "input": 2}, ["input"]),
        ({"prices": [{"provider": "openai", "model": "m", "tiers": [{"above": "x"}]}]}, ["prices[0].tiers[0].above"]),
    ],
)
def test_what_is_refused_is_named(api: Api, body: dict[str, Any], fields: list[str]) -> None:
    status, refused = api("PUT", "/api/pricing", body)
    assert (status, list(details(refused))) == (400, fields)
    assert all(details(refused).values()) and refused["error"]["message"]
    assert api("GET", "/api/pricing")[1]["prices"] == []


def test_a_provider_that_is_not_there(api: Api) -> None:
    status, refused = api("PUT", "/api/pricing", {"provider": "nobody", "model": "m", "input": 1})
    assert (status, list(details(refused))) == (404, ["provider"])
    assert api("DELETE", "/api/pricing?provider=openai")[0] == 400


def test_it_is_described(api: Api) -> None:
    told = api("GET", "/api/openapi.json")[1]["paths"]["/api/pricing"]
    assert set(told) == {"get", "put", "delete"}
    body = told["put"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert body["input"]["type"] == ["number", "string", "null"]
    assert body["prices"]["items"]["required"] == ["provider", "model"]
