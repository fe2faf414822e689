from __future__ import annotations

from tests.manage.conftest import Api


def test_a_name_is_explained_without_asking_anybody(api: Api) -> None:
    made = api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": "sk-test-0123456789"})[1]["connection"]
    status, told = api("GET", "/api/resolve?model=agentrouter/claude-opus-4-6")
    assert status == 200
    assert [attempt["connectionId"] for attempt in told["attempts"]] == [made["id"]]
    assert "sk-test" not in str(told)


def test_a_name_that_nobody_answers_to_is_told_as_that(api: Api) -> None:
    status, told = api("GET", "/api/resolve?model=nobody/nothing")
    assert (status, told["error"]["status"]) == (200, 404)


def test_the_key_parameter_is_the_id_of_a_key(api: Api) -> None:
    api("POST", "/api/providers", {"provider": "agentrouter", "apiKey": "sk-test-0123456789"})
    bound = api("POST", "/api/keys", {"name": "bound", "allowedModels": ["openai/*"]})[1]
    free = api("POST", "/api/keys", {"name": "free"})[1]
    asked = "/api/resolve?model=agentrouter/claude-opus-4-6&key="
    assert api("GET", asked + bound["id"])[1] != api("GET", asked + free["id"])[1]
    assert api("GET", asked + "no-such-key")[0] == 404
    assert api("GET", "/api/resolve")[0] == 400
