"""What an upstream gives back of the secrets that it was sent stands nowhere: no answer, log row, verdict or database has it.

The secrets here look like nothing that a pattern knows. They must be found because they are known, not because of their looks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import ask, logged, moved
from tests.relay.ways import WAYS, Way
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

CREDENTIAL = "walrus;lantern;quartz;1001"  # with signs: no pattern goes past one
HEADER = 'thimble/"gravel"\\saddle=1002'  # written otherwise within JSON
PART = "copper-violet-mitten-1003"  # sent as a piece of a header's value
CANARIES = ("lantern;quartz", "gravel", "saddle=1002", "violet-mitten")
HEADERS = {"X-Team-Secret": HEADER, "Authorization": f"Custom {PART}", "X-Team": "blue"}
SAID = "no entry for {credential} with {header} and {part} (team blue)"


def echoes(header: str = HEADER, part: str = PART, *, streamed: bool = False) -> dict[str, dict[str, Any]]:
    """Scripts whose answers give back what was sent, in every place that an error has."""
    said = SAID.format(credential=CREDENTIAL, header=header, part=part)
    error = json.dumps({"error": {"message": said, "type": f"t {part}", "code": f"c {part}", "param": f"p {part}"}})
    details = [{"reason": part, "metadata": {part: [part, {"said": said}]}}]
    google = {"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT", "details": details}}
    event = {"type": "invalid_request_error", "message": said, "code": part}
    events = {"error event first": event | {"error_after": 0}, "error event after content": event | {"error_after": 4}}
    return {
        "refused": {"status": 401, "raw": error},
        "bad request": {"status": 400, "raw": error},
        "letters escaped": {"status": 400, "raw": error.replace("w", "\\u0077")},
        "server error": {"status": 500, "raw": json.dumps({"detail": said})},
        "limited": {"status": 429, "raw": error, "headers": {"Retry-After": part, "X-Request-Id": part}},
        "plain text": {"status": 403, "raw": said, "content_type": "text/plain"},
        "Google's": {"status": 400, "raw": json.dumps(google)},
        "a page": {"status": 403, "raw": f"<html><head><title>{said}</title></head></html>", "content_type": "text/html"},
        "redirect": {"status": 302, "raw": "", "headers": {"Location": f"https://elsewhere.example/?{part}"}},
        "error in a good answer": {"status": 200, "raw": error, "content_type": "application/json"},
        "type": {"status": 200, "raw": "soon", "content_type": f"text/{part}"},
        **(events if streamed else {}),
    }


def echoed_to(prefix: str, *, streamed: bool = False) -> dict[str, dict[str, Any]]:
    """The native Gemini has no headers of the operator's: there only the credential was sent."""
    return echoes(CREDENTIAL, CREDENTIAL, streamed=streamed) if prefix == "gemini" else echoes(streamed=streamed)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    upstream = upstream_process
    with running_gateway(tmp_path_factory.mktemp("echoes"), LOG_BODIES="false", **moved(upstream)) as gateway:
        gateway.add_upstream("chat", upstream.v1, api_key=CREDENTIAL, customHeaders=HEADERS)
        gateway.add_upstream("messages", upstream.url, "anthropic-compatible", api_key=CREDENTIAL, customHeaders=HEADERS)
        gateway.add_upstream("responses", upstream.v1, apiType="responses", api_key=CREDENTIAL, customHeaders=HEADERS)
        gateway.add_connection("gemini", CREDENTIAL)
        yield gateway


@pytest.fixture
def here(running: Gateway, upstream: Upstream) -> Gateway:
    """Nothing is cooling, and the upstream is as new."""
    for connection in running.api("GET", "/api/providers")["connections"]:
        running.api("PUT", f"/api/providers/{connection['id']}", {"apiKey": CREDENTIAL})
    running.api("POST", "/api/resilience/reset", {})
    return running


NO_REFUSAL_OF_A_LIST = {"error in a good answer"}  # a document without a list is an empty list


def told(text: str) -> list[str]:
    """The canaries in it, also as they are written within JSON."""
    return [canary for canary in CANARIES if canary in text or json.dumps(canary)[1:-1] in text]


def whole(answer: Answer) -> str:
    return f"{answer.headers}\n{answer.body.decode()}"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_an_upstream_echoes_is_masked(here: Gateway, upstream: Upstream, way: Way, streamed: bool) -> None:
    answers = {}
    for name, script in echoed_to(way.prefix, streamed=streamed).items():
        upstream.reset()
        upstream.queue(script)
        answers[name] = ask(here, way, stream=streamed)
        assert (name, told(whole(answers[name]))) == (name, [])
        here.api("POST", "/api/resilience/reset", {})
    for name, answer in answers.items():
        row = logged(here, answer)
        assert row["attempts"], name
        assert (name, told(json.dumps(row, ensure_ascii=False))) == (name, [])


def test_the_rest_of_what_it_says_still_stands(here: Gateway, upstream: Upstream) -> None:
    """Masked is the secret alone: a value that is none, and the words around, are what helps."""
    upstream.queue(echoes()["bad request"])
    answer = ask(here, WAYS["chat"])
    assert "no entry for *** with *** and *** (team blue)" in answer.json["error"]["message"]


def test_a_kept_response_of_an_upstream(here: Gateway, upstream: Upstream) -> None:
    with Client(here.url) as client:
        kept = (
            client.post("/v1/responses", {"model": "responses/scripted-large", "input": "hello", "store": True}).read().json["id"]
        )
    for name, script in echoes().items():
        upstream.queue(script)
        with Client(here.url) as client:
            answer = client.get(f"/v1/responses/{kept}").read()
        assert (name, told(whole(answer))) == (name, [])
        assert (name, told(json.dumps(logged(here, answer), ensure_ascii=False))) == (name, [])


def test_a_key_in_the_address_is_not_passed_on(here: Gateway, upstream: Upstream) -> None:
    """Google's clients name themselves by `?key=`; what is asked for a kept response is passed on, this is not."""
    key = here.make_key()
    body = {"model": "responses/scripted-large", "input": "hello", "store": True}
    with Client(here.url) as client:
        kept = client.post("/v1/responses", body, {"x-api-key": key}).read().json["id"]
    with Client(here.url) as client:
        assert client.get(f"/v1/responses/{kept}/input_items?key={key}&limit=1&api_key={key}").read().status == 200
    assert upstream.last().target.partition("?")[2] == "limit=1"


def test_a_check_and_a_test_and_what_they_leave_behind(here: Gateway, upstream: Upstream) -> None:
    nodes = here.api("GET", "/api/provider-nodes")["nodes"]
    given = [
        {"type": node["type"], "apiType": node.get("apiType"), "baseUrl": node["baseUrl"], "customHeaders": HEADERS}
        for node in nodes
    ]
    connections = here.api("GET", "/api/providers")["connections"]
    for name, script in echoes().items():
        upstream.reset()
        upstream.always(script)
        for each in given:
            checked = here.api("POST", "/api/provider-nodes/validate", each | {"apiKey": CREDENTIAL})
            assert (name, told(json.dumps(checked, ensure_ascii=False))) == (name, [])
        for connection in connections:
            upstream.reset()
            upstream.always(echoed_to(connection["provider"])[name])
            tested = here.api("POST", f"/api/providers/{connection['id']}/test", {})
            assert (name, told(json.dumps(tested, ensure_ascii=False))) == (name, [])
            if name not in NO_REFUSAL_OF_A_LIST:
                refreshed = here.refused("POST", f"/api/providers/{connection['id']}/models/refresh", {})
                assert (name, told(refreshed.body)) == (name, [])
    assert told(json.dumps(here.api("GET", "/api/providers"), ensure_ascii=False)) == []


def test_nothing_of_it_is_in_the_database_or_was_printed(here: Gateway) -> None:
    """Runs last: what all the others have left behind."""
    assert told(here.output()) == []
    with sqlite3.connect(here.data_dir / "omniroute.db") as database:
        assert told("\n".join(database.iterdump())) == []
