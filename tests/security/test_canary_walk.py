"""A walk through one real gateway that logs all it can and is given marked secrets of every kind: none of them comes out again.

The clients used here search every answer; when the walk is over `running_gateway` searches the log, the data and the metrics.
What each test asserts besides is that the secret did go where it belongs, so that there was something to leak.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from omniroute.manage import ENDPOINTS
from tests.browser.furnished import House, furnish
from tests.canaries import look_through, marked
from tests.gateway import PASSWORD, Gateway, Refused, running_gateway
from tests.observe.collector import Collector, running_collector
from tests.relay.ways import WAYS
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.relay import Relay
from tests.upstream.script import NAMES

KEYS = {name: marked(f"key of {name}", "0001") for name in ("chat", "messages", "responses", "gemini", "vertex", "bedrock")}
HEADER = marked("a header of the node")
COLLECTOR = marked("a header for the collector")
FIELDS = {"vertex": {"project": "team", "location": "global"}, "bedrock": {"region": "eu-west-1"}}
AT_NODES = ("chat", "messages", "responses")
STATUSES = sorted(name for name in NAMES if name.isdigit())


def echoes(key: str, header: str) -> dict[str, dict[str, Any]]:
    """An upstream's failures, by class, each telling what it was sent wherever it has room for a word."""
    said = f"Incorrect API key provided: {key}. You sent Authorization: Bearer {key} and X-Team-Secret={header}"
    page = f"<html><head><title>{said}</title></head><body>{quote(said)}</body></html>"
    return {
        **{name: {"name": name, "message": said, "type": f"type {key}", "code": f"code {header}"} for name in STATUSES},
        "in headers": {"name": "429", "message": said, "headers": {"Retry-After": "1", "X-Request-Id": key, "X-Seen": said}},
        "long": {"name": "401", "message": f"{key} " * 400},  # wherever it is cut, it is within a key
        "long page": {"name": "html-500", "raw": f"<html><body>{f'{key} {header} ' * 4000}</body></html>"},
        "context": {"name": "context", "message": f"prompt is too long: 250000 tokens > 200000 maximum ({said})"},
        "html": {"name": "html", "raw": page},
        "html-500": {"name": "html-500", "raw": page},
        "not json": {"name": "not-json", "raw": f"{{'key': '{key}', 'said': '{said}'"},
        "redirect": {"name": "redirect", "headers": {"Location": f"http://127.0.0.1:9/?key={quote(key)}&x={header}"}},
        "error in a good answer": {"status": 200, "raw": json.dumps({"error": {"message": said}})},
        "error first": {"name": "error-first", "message": said},
        "error later": {"name": "error-later", "message": said},
        "cut": {"name": "cut"},
        "reset": {"name": "reset"},
        "malformed": {"name": "malformed"},
    }


def echoed_by(prefix: str) -> dict[str, dict[str, Any]]:
    """An upstream can tell what it was sent: providers of the catalogue get no headers of the operator's."""
    return echoes(KEYS[prefix], HEADER if prefix in AT_NODES else KEYS[prefix])


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, relay_process: Relay, collector: Collector
) -> Iterator[House]:
    """A furnished gateway, and besides an upstream of each format and what takes other credentials than API keys."""
    upstream, relay = upstream_process, relay_process
    moved = {"gemini": upstream.url, "vertex": upstream.v1, "bedrock": upstream.v1, "agentrouter": relay.url}
    given = {
        "LOG_LEVEL": "DEBUG",
        "ENABLE_CC_COMPATIBLE_PROVIDER": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR}",
        "PROVIDER_BASE_URLS": ",".join(f"{name}={url}" for name, url in moved.items()),
    }
    headers = {"X-Team-Secret": HEADER, "X-Team": "blue"}
    with running_gateway(tmp_path_factory.mktemp("walk"), **given) as here:
        made = furnish(here, relay, upstream)
        # `furnish` has an upstream called "chat": its key and headers are made secrets that no pattern knows.
        connections = here.api("GET", "/api/providers")["connections"]
        nodes = {node["prefix"]: node["id"] for node in here.api("GET", "/api/provider-nodes")["nodes"]}
        here.api("PUT", f"/api/provider-nodes/{nodes['chat']}", {"customHeaders": headers})
        chat = next(each["id"] for each in connections if each["provider"] == nodes["chat"])
        here.api("PUT", f"/api/providers/{chat}", {"apiKey": KEYS["chat"]})
        here.add_upstream("messages", upstream.url, "anthropic-compatible", KEYS["messages"], customHeaders=headers)
        here.add_upstream("responses", upstream.v1, api_key=KEYS["responses"], apiType="responses", customHeaders=headers)
        for name in ("gemini", "vertex", "bedrock"):
            here.add_connection(name, KEYS[name], fields=FIELDS.get(name, {}))
        yield replace(made, key=here.add_key("without limits"))


@pytest.fixture
def here(house: House, upstream: Upstream) -> Gateway:
    renew(house.gateway)
    return house.gateway


def renew(here: Gateway) -> None:
    """What was refused is tried again: a credential that is set anew counts as untested."""
    for each in connections(here).values():
        if each["testStatus"] not in ("ok", "untested"):
            here.api("PUT", f"/api/providers/{each['id']}", {"apiKey": key_of(each, here)})
    here.api("POST", "/api/resilience/reset", {})


def connections(here: Gateway) -> dict[str, dict[str, Any]]:
    """By the prefix of their provider, those whose keys are of `KEYS`."""
    nodes = {node["id"]: node["prefix"] for node in here.api("GET", "/api/provider-nodes")["nodes"]}
    found = {nodes.get(each["provider"], each["provider"]): each for each in here.api("GET", "/api/providers")["connections"]}
    return {name: each for name, each in found.items() if name in KEYS}


def key_of(connection: dict[str, Any], here: Gateway) -> str:
    return next(KEYS[name] for name, each in connections(here).items() if each["id"] == connection["id"])


def asked(house: House, way: str, streamed: bool, prefix: str = "", model: str = "scripted-large") -> Answer:
    """A client's request with its key, as each format carries it."""
    chosen = WAYS[way]
    name = f"{prefix or chosen.prefix}/{model}"
    headers = {"x-goog-api-key" if way == "gemini" else "Authorization": house.key if way == "gemini" else f"Bearer {house.key}"}
    with Client(house.gateway.url) as client:
        return client.post(chosen.client.path(name, streamed), chosen.client.body(name, streamed), headers).read()


def got(here: Gateway, path: str, headers: dict[str, str] | None = None) -> Answer:
    with Client(here.url, 30) as client:
        return client.get(path, {"Cookie": here.cookie or "", **(headers or {})}).read()


def sent(upstream: Upstream) -> set[str | None]:
    return {each.key for each in upstream.requests()}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_every_failure_in_every_format(house: House, here: Gateway, upstream: Upstream, streamed: bool) -> None:
    for number, name in enumerate(echoes("", "")):
        upstream.reset()
        for prefix in ("chat", "messages", "responses", "gemini"):
            upstream.always(echoed_by(prefix)[name], key=KEYS[prefix])
        answers = {way: asked(house, way, streamed) for way in ("chat", "messages", "responses", "gemini")}
        assert sent(upstream) == {KEYS[way] for way in answers}, name
        if number % 6 == 0:  # through a translation
            here.api("POST", "/api/resilience/reset", {})
            asked(house, "chat to messages", streamed)
            asked(house, "messages to gemini", streamed)
        if name.isdigit():
            assert {answer.status >= 400 for answer in answers.values()} == {True}, name
        renew(here)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_answers_that_are_none_too(house: House, here: Gateway, upstream: Upstream, streamed: bool) -> None:
    for way in WAYS:
        assert asked(house, way, streamed).status == 200
    for prefix, model in (("vertex", "google/gemini-3.8-flash"), ("bedrock", "openai.gpt-oss-120b-1:0")):
        assert asked(house, "chat", streamed, prefix, model).status == 200
    assert sent(upstream) == set(KEYS.values())
    assert {each.header("x-team-secret") for each in upstream.requests("/messages")} == {HEADER}


def test_clients_that_are_refused(house: House, here: Gateway) -> None:
    """What they send is no key of ours; it may be somebody else's."""
    wrong, path = marked("somebody's key"), "/v1/chat/completions"
    body = {"model": "chat/small", "messages": [{"role": "user", "content": "hello"}]}
    ways: list[tuple[str, dict[str, str]]] = [
        (path, {"Authorization": f"Bearer {wrong}"}),
        (path, {"Authorization": wrong}),
        (path, {"x-api-key": wrong}),
        (f"/v1beta/models/gemini/x:generateContent?key={wrong}", {}),
        (f"/v1/nowhere?api_key={wrong}&token={house.key}", {"Cookie": f"omniroute_session={wrong}"}),
    ]
    for target, headers in ways:
        with Client(here.url) as client:
            assert client.post(target, body, headers).read().status in (401, 404), target
    for document in ({"password": wrong}, {"password": [wrong]}, {"passwort": wrong}):
        with Client(here.url) as client:
            assert client.post("/api/auth/login", document, {"Origin": here.url}).read().status in (400, 401, 429)


def test_checks_and_tests(here: Gateway, upstream: Upstream) -> None:
    nodes = {"chat": ("openai-compatible", "chat", upstream.v1), "messages": ("anthropic-compatible", None, upstream.url)}
    for name in ("200", "401", "403", "404", "429", "500", "html", "not json", "redirect"):
        upstream.reset()
        for prefix, key in KEYS.items():
            if name != "200":
                upstream.always(echoed_by(prefix)[name], key=key)
            if prefix in nodes:
                type, api_type, base_url = nodes[prefix]
                given = {"type": type, "baseUrl": base_url, "apiKey": key, "customHeaders": {"X-Team-Secret": HEADER}}
                here.api("POST", "/api/provider-nodes/validate", given | ({"apiType": api_type} if api_type else {}))
        for each in connections(here).values():
            here.api("POST", f"/api/providers/{each['id']}/test", {})
            try:
                here.api("POST", f"/api/providers/{each['id']}/models/refresh", {})
            except Refused as exc:
                assert exc.status >= 400  # its words are searched like any answer
        assert sent(upstream) == set(KEYS.values()), name
    here.refused("POST", "/api/providers", {"provider": "gemini", "apiKey": f"{KEYS['gemini']}\nX-Other: 1"})
    here.refused("POST", "/api/providers", {"provider": "nobody", "apiKey": KEYS["gemini"]})
    here.refused("PUT", "/api/settings", {"apiKey": KEYS["gemini"], "logDays": KEYS["gemini"]})


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_the_playground(here: Gateway, upstream: Upstream, streamed: bool) -> None:
    for name in ("401", "in headers", "html", "error later", "200"):
        if name != "200":
            upstream.always(echoed_by("messages")[name])
        page = got(here, "/dashboard/playground")
        token = re.search(rb'name="csrf_token" value="([^"]+)"', page.body)
        assert token is not None
        fields = {"csrf_token": token[1].decode(), "do": "send", "model": "messages/large", "format": "openai_chat"}
        fields |= {"turns-0-role": "user", "turns-0-text": "hello"} | ({"stream": "y"} if streamed else {})
        cookie = f"{here.cookie}; {page.headers['set-cookie'].partition(';')[0]}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Origin": here.url}
        more = {"HX-Request": "true"} if streamed else {}
        path = "/dashboard/playground/ask" if streamed else "/dashboard/playground"
        upstream_saw = len(upstream.requests())
        with Client(here.url) as client:
            assert client.post(path, urlencode(fields).encode(), headers | more).read().status in (200, 400, 502), name
        assert len(upstream.requests()) > upstream_saw and upstream.last().key == KEYS["messages"]
        upstream.reset()
        renew(here)


def test_every_page(house: House, here: Gateway) -> None:
    for page in house.pages:
        assert got(here, page).status in (200, 302, 303), page
    for path in ("/dashboard/combos/export", "/dashboard/palette", "/dashboard/combos/live", "/dashboard/usage/series"):
        assert got(here, path).status < 500, path


def test_everything_that_the_api_tells(house: House, here: Gateway) -> None:
    """By each GET that it has, of things that are there."""
    nodes = {node["prefix"]: node["id"] for node in here.api("GET", "/api/provider-nodes")["nodes"]}
    ids = house.ids | {"node_id": nodes["messages"], "connection_id": connections(here)["messages"]["id"]}
    asked = {"/api/provider-models": f"?provider={nodes['chat']}", "/api/resolve": "?model=messages/large"}
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids[found[1]], endpoint.path)
            answer = got(here, path + asked.get(path, ""))
            assert answer.status == 200, path


def test_a_backup_without_secrets_and_one_with(here: Gateway) -> None:
    plain = here.api("POST", "/api/settings/export", {})
    assert not plain["secrets"], "a backup that was asked to have none"
    document = {"includeSecrets": True, "password": PASSWORD, "passphrase": marked("a passphrase")}
    assert "secrets" in here.api("POST", "/api/settings/export", document)
    here.refused("POST", "/api/settings/export", document | {"password": marked("not the password")})


def test_the_logs_with_bodies_and_the_audit(house: House, here: Gateway) -> None:
    for kind in ("ok", "upstream_auth_error", "rate_limited", "server_error"):
        row = here.api("GET", f"/api/usage/logs?limit=1&class={kind}")["logs"][0]
        kept = here.api("GET", f"/api/usage/logs/{row['id']}/bodies")["bodies"]
        assert kept["request"] and (kept["response"] or kind != "ok"), kind


def test_the_collector_is_told_no_secret(here: Gateway, collector: Collector) -> None:
    collector.wait_for(20)
    assert {head.get("authorization") for head in collector.heads} == {f"Bearer {COLLECTOR}"}
    for number, body in enumerate(list(collector.raw)):
        look_through(f"message {number} to the collector", body)
