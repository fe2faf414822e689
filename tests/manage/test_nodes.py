from __future__ import annotations

import re

import pytest

from tests.edge.conftest import House, Open
from tests.manage.conftest import NODE, Api
from tests.upstream.relay import MODELS, Relay

CC = {**NODE, "compatMode": "cc"}


def test_the_life_of_a_node(api: Api) -> None:
    status, made = api("POST", "/api/provider-nodes", {**NODE, "customHeaders": {"X-Team": "blue", "X-Gone": None}})
    assert status == 201
    node = made["node"]
    assert re.fullmatch(r"anthropic-compatible-[0-9a-f-]{36}", node["id"])
    assert node["customHeaders"] == {"X-Team": "blue", "X-Gone": None}
    assert node["chatPath"] == "/v1/messages" or node["chatPath"].startswith("/v1/messages")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", node["createdAt"])
    path = f"/api/provider-nodes/{node['id']}"
    assert api("GET", path) == (200, {"node": node})
    assert api("GET", "/api/provider-nodes") == (200, {"nodes": [node], "next": None, "ccCompatibleProviderEnabled": False})
    status, changed = api("PUT", path, {"name": "Other"})
    assert (status, changed["node"]["name"], changed["node"]["prefix"]) == (200, "Other", "relay")
    assert api("DELETE", path) == (204, None)
    status, refused = api("GET", path)
    assert (status, refused["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "field", "told"),
    [
        ({"baseURL": "https://x"}, "baseURL", "nearest is baseUrl"),
        ({"base_url": "https://x"}, "base_url", "nearest is baseUrl"),
        ({"name": 7}, "name", "must be a text"),
        ({"type": "grpc"}, "type", "must be one of openai-compatible, anthropic-compatible"),
        ({"customHeaders": ["X"]}, "customHeaders", "must be an object"),
        ({"baseUrl": "ftp://relay.example.com"}, "baseUrl", "can't be used"),
        ({"prefix": "combo"}, "prefix", ""),
    ],
)
def test_a_wrong_body_names_the_field(api: Api, wrong: dict[str, object], field: str, told: str) -> None:
    status, refused = api("POST", "/api/provider-nodes", {**NODE, **wrong})
    assert status in (400, 409)
    found = {each["field"]: each["message"] for each in refused["error"]["details"]}
    assert told in found[field]
    assert refused["error"]["message"] and refused["error"]["code"]


def test_what_is_missing_is_named_all_at_once(api: Api) -> None:
    status, refused = api("POST", "/api/provider-nodes", {})
    assert status == 400
    assert {each["field"] for each in refused["error"]["details"]} == {"name", "prefix", "type", "baseUrl"}


def test_the_second_owner_of_a_prefix_is_refused(api: Api) -> None:
    api("POST", "/api/provider-nodes", NODE)
    status, refused = api("POST", "/api/provider-nodes", {**NODE, "prefix": "RELAY", "name": "Second"})
    assert (status, refused["error"]["code"]) == (409, "conflict")
    assert "Relay" in refused["error"]["message"]


def test_without_the_flag_a_claude_code_node_is_refused_by_its_name(api: Api) -> None:
    for path in ("/api/provider-nodes", "/api/provider-nodes/validate"):
        status, refused = api("POST", path, CC)
        assert (status, refused["error"]["code"]) == (403, "feature_off")
        assert "ENABLE_CC_COMPATIBLE_PROVIDER=true" in refused["error"]["message"]


def test_with_the_flag_it_is_made_and_the_list_says_so(cc_house: House) -> None:
    api = Api(cc_house, cc_house.key("manage"))
    status, made = api("POST", "/api/provider-nodes", CC)
    assert status == 201
    assert made["node"]["id"].startswith("anthropic-compatible-cc-")
    assert made["node"]["chatPath"] == "/v1/messages?beta=true"
    assert api("GET", "/api/provider-nodes")[1]["ccCompatibleProviderEnabled"] is True


def test_the_check_answers_with_a_verdict(cc_house: House, relay: Relay) -> None:
    api = Api(cc_house, cc_house.key("manage"))
    asked = {"type": "anthropic-compatible", "compatMode": "cc", "baseUrl": relay.url, "apiKey": "sk-good-one"}
    status, verdict = api("POST", "/api/provider-nodes/validate", asked)
    assert status == 200
    assert set(verdict) == {"valid", "error", "warning", "method", "diagnosis", "latencyMs", "statusCode", "models"}
    assert set(verdict["diagnosis"]) == {"type", "source", "message", "code", "remedy"}
    assert (verdict["valid"], verdict["statusCode"], verdict["models"]) == (True, 200, list(MODELS))
    assert relay.last("/messages").key == "sk-good-one"
    assert api("GET", "/api/provider-nodes")[1]["nodes"] == []  # nothing was kept


def test_the_check_says_what_is_wrong(cc_house: House, relay: Relay) -> None:
    api = Api(cc_house, cc_house.key("manage"))
    asked = {"type": "anthropic-compatible", "compatMode": "cc", "baseUrl": relay.url, "apiKey": "sk-refused-one"}
    verdict = api("POST", "/api/provider-nodes/validate", asked)[1]
    assert (verdict["valid"], verdict["diagnosis"]["type"]) == (False, "upstream_auth_error")
    assert "sk-refused-one" not in str(verdict)


def test_the_check_obeys_the_address_guard(opened: Open, relay: Relay) -> None:
    house = opened(allow_private_upstreams="false")
    api = Api(house, house.key("manage"))
    verdict = api("POST", "/api/provider-nodes/validate", {**NODE, "baseUrl": relay.url})[1]
    assert (verdict["valid"], verdict["diagnosis"]["type"]) == (False, "address_refused")
    assert relay.requests() == []
