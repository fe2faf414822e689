from __future__ import annotations

from tests.manage.conftest import Api


def test_the_native_providers_are_told_with_what_they_ask_for(api: Api) -> None:
    status, told = api("GET", "/api/provider-catalog")
    assert status == 200
    offers = {offer["id"]: offer for offer in told["providers"]}
    relay = offers["agentrouter"]
    assert [model["id"] for model in relay["models"]][:1] and "claude-opus-4-6" in {model["id"] for model in relay["models"]}
    assert relay["keyField"]["secret"] is True
    assert relay["notice"]  # it sends another client's headers: the form must say so
    assert isinstance(relay["models"][0]["contextWindow"], int | None)
    assert "customHeaders" not in relay and "failures" not in relay


def test_the_fields_that_make_an_address_are_told(api: Api) -> None:
    _, told = api("GET", "/api/provider-catalog")
    offers = {offer["id"]: offer for offer in told["providers"]}
    resource = offers["azure-openai"]["fields"][0]
    assert (resource["name"], resource["required"], resource["fills"], resource["default"]) == ("resource", True, "label", "")
    assert offers["azure-openai"]["baseUrl"] == "https://{resource}.openai.azure.com/openai/v1"
    assert {field["name"]: field["default"] for field in offers["vertex"]["fields"]} == {
        "project": "",
        "location": "global",
        "host": "aiplatform",
    }
    assert offers["vllm"]["local"] is True and offers["vllm"]["fields"][0]["fills"] == "address"
    free = {model["id"] for model in offers["zai"]["models"] if model["free"]}
    assert free == {"glm-4.7-flash", "glm-4.6v-flash"} and offers["zai"]["freeNote"]


def test_a_connection_at_an_address_of_its_own(api: Api) -> None:
    given = {"provider": "bedrock", "apiKey": "sk-test-0123456789abcdef", "fields": {"region": "us-west-2"}}
    status, told = api("POST", "/api/providers", given)
    assert status == 201
    assert told["connection"]["baseUrl"] == "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1"
    assert told["connection"]["fields"] == {"region": "us-west-2"}
    status, told = api("POST", "/api/providers", given | {"fields": {"region": "us-west-2.evil.example/"}})
    assert status == 400
    assert "one part of a host name" in str(told)
