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
