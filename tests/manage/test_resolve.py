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


def test_the_request_can_be_described(api: Api) -> None:
    for provider in ("openai", "groq"):
        api("POST", "/api/providers", {"provider": provider, "apiKey": "sk-test-0123456789", "name": f"at {provider}"})
    asked = (
        "/api/resolve?model=openai/text-embedding-3-small&endpoint=/v1/embeddings&inputTokens=7&connection=at%20openai&tags=a,b"
    )
    status, told = api("GET", asked)
    assert (status, told["inputTokens"], told["outputTokens"]) == (200, 7, 0)
    assert [attempt["connection"] for attempt in told["attempts"]] == ["at openai"]
    assert told["lint"] == [] and told["config"]["maxAttempts"] == 8
    _, refused = api("GET", "/api/resolve?model=groq/openai/gpt-oss-20b&endpoint=/v1/rerank")
    assert refused["error"]["class"] == "endpoint_not_served"


def test_an_endpoint_that_is_none_and_odd_sizes_are_refused(api: Api) -> None:
    for query in ("endpoint=/v1/dreams", "inputTokens=-1", "outputTokens=many", "nothing=1"):
        status, told = api("GET", f"/api/resolve?model=openai/gpt-6-astra&{query}")
        assert status == 400 and query.partition("=")[0] in told["error"]["message"]
