from __future__ import annotations

import json

from tests.manage.conftest import NODE, Api
from tests.upstream.client import Upstream


def ids(told: dict[str, list[dict[str, object]]], **wanted: object) -> list[object]:
    return [row["id"] for row in told["models"] if all(row[name] == value for name, value in wanted.items())]


def test_models_are_added_hidden_shown_and_deleted(api: Api) -> None:
    listed = api("GET", "/api/provider-models?provider=agentrouter")[1]
    assert "claude-opus-4-6" in ids(listed, source="catalog")
    status, told = api("POST", "/api/provider-models", {"provider": "agentrouter", "modelIds": ["mine", "yours"]})
    assert (status, ids(told, source="custom")) == (201, ["mine", "yours"])
    named = "/api/provider-models?provider=agentrouter&modelId=claude-opus-4-6"
    assert ids(api("PATCH", named, {"isHidden": True})[1], isHidden=True) == ["claude-opus-4-6"]
    assert ids(api("PATCH", named, {"isHidden": False})[1], isHidden=True) == []
    assert api("DELETE", "/api/provider-models?provider=agentrouter&modelId=mine") == (204, None)
    assert ids(api("GET", "/api/provider-models?provider=agentrouter")[1], source="custom") == ["yours"]
    assert api("DELETE", named)[0] == 409  # the catalogue's can be hidden only


def test_what_is_not_there(api: Api) -> None:
    assert api("GET", "/api/provider-models?provider=nobody")[0] == 404
    assert api("DELETE", "/api/provider-models?provider=agentrouter&modelId=nothing")[0] == 404
    status, refused = api("GET", "/api/provider-models")
    assert (status, refused["error"]["details"]) == (400, [{"field": "provider", "message": "is missing"}])
    status, refused = api("GET", "/api/provider-models?providr=x")
    assert status == 400
    assert {"field": "providr", "message": "is not a field here; the nearest is provider"} in refused["error"]["details"]


def lists(upstream: Upstream, *names: str) -> None:
    upstream.queue({"raw": json.dumps({"data": [{"id": name} for name in names]})}, path="/models")


def test_the_upstreams_list_is_read_again(api: Api, upstream: Upstream) -> None:
    node = api("POST", "/api/provider-nodes", {**NODE, "baseUrl": upstream.url})[1]["node"]["id"]
    connection = api("POST", "/api/providers", {"provider": node, "apiKey": "sk-good-0123456789"})[1]["connection"]["id"]
    lists(upstream, "one", "two")
    status, told = api("POST", f"/api/providers/{connection}/models/refresh")
    assert (status, told["added"], told["removed"]) == (200, 2, 0)
    assert ids(told, source="discovered") == ["one", "two"]
    lists(upstream, "one", "three")
    told = api("POST", f"/api/providers/{connection}/models/refresh")[1]
    assert (told["added"], told["removed"]) == (1, 1)
    assert api("POST", "/api/providers/none/models/refresh")[0] == 404


def test_an_upstream_that_is_away_is_named_as_that(api: Api) -> None:
    node = api("POST", "/api/provider-nodes", {**NODE, "baseUrl": "http://127.0.0.1:9"})[1]["node"]["id"]
    connection = api("POST", "/api/providers", {"provider": node, "apiKey": "sk-test-0123456789"})[1]["connection"]["id"]
    status, refused = api("POST", f"/api/providers/{connection}/models/refresh")
    assert status == 502
    assert refused["error"]["message"]
