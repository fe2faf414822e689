"""Where a request goes out to is the operator's to say: no body, header, redirect, name or spelling of an address changes it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from bench.gateway import Refused
from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import ask, moved
from tests.relay.passing import BODIES, FORMS, content_type, good
from tests.relay.ways import WAYS, Way
from tests.security.names import NameServer
from tests.upstream.client import Seen, Upstream
from tests.upstream.raw import Answer, Client

PREFIXES = ("chat", "messages", "responses", "gemini")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """Where an attacker would like requests to go."""
    with Upstream(tmp_path_factory.mktemp("elsewhere"), "elsewhere") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    upstream = upstream_process
    with running_gateway(tmp_path_factory.mktemp("outbound"), **moved(upstream)) as gateway:
        gateway.add_upstream("chat", upstream.v1)
        gateway.add_upstream("messages", upstream.url, "anthropic-compatible")
        gateway.add_upstream("responses", upstream.v1, apiType="responses")
        gateway.add_connection("gemini", "sk-good-1")
        yield gateway


@pytest.fixture
def here(running: Gateway, upstream: Upstream, elsewhere: Upstream) -> Gateway:
    elsewhere.reset()
    return running


# What a request says ---------------------------------------------------------------------------------------------


def steering(url: str) -> dict[str, Any]:
    """Members that other gateways and their SDKs take for instructions to the transport."""
    place, key = urlsplit(url), "sk-of-somebody-else"
    headers = {"Authorization": f"Bearer {key}", "x-api-key": key, "Host": "evil.example", "X-Injected": "yes"}
    urls = ("api_base", "base_url", "baseURL", "baseUrl", "api_url", "url", "endpoint", "target_url", "azure_endpoint", "proxy")
    keys = ("api_key", "apiKey", "key", "token", "access_token", "aws_secret_access_key", "authorization")
    names = ("extra_headers", "headers", "default_headers", "extraHeaders", "custom_headers")
    return {
        **dict.fromkeys(urls, url),
        **dict.fromkeys(keys, key),
        **dict.fromkeys(names, headers),
        "proxies": {"http": url, "https": url},
        "host": place.netloc,
        "timeout": 0.001,
        "max_retries": 9,
        "organization": "org-evil",
        "project": "proj-evil",
        "custom_llm_provider": "openai",
        "provider": {"base_url": url, "api_key": key},
        "extra_body": {"api_base": url, "model": "other"},
        "extra_query": {"key": key},
        "model_list": [{"litellm_params": {"api_base": url}}],
        "litellm_params": {"api_base": url, "api_key": key},
        "fallbacks": [{"model": "x", "api_base": url}],
        "ssl_verify": False,
        "allow_redirects": True,
        "transport": url,
    }


def steering_headers(url: str) -> dict[str, str]:
    names = (
        "X-Api-Base",
        "X-Base-Url",
        "X-Target-Url",
        "X-Forwarded-Host",
        "X-Original-Url",
        "X-Portkey-Custom-Host",
        "Helicone-Target-Url",
        "Cf-Aig-Endpoint",
        "Api-Base",
        "Forwarded",
        "Via",
        "Proxy",
        "Destination",
    )
    more = {
        "OpenAI-Organization": "org-evil",
        "OpenAI-Project": "proj-evil",
        "Cookie": "a=b",
        "Proxy-Authorization": "Basic eA==",
    }
    return dict.fromkeys(names, url) | more


CHANGING = {"content-length", "content-type", "idempotency-key"}  # of themselves, from one request to the next


def line(seen: Seen) -> tuple[Any, ...]:
    """What the transport did: method, address, credential and all headers but those of the body."""
    headers = sorted((name.lower(), value) for name, value in seen.headers if name.lower() not in CHANGING)
    return seen.method, seen.target, seen.key, headers


def spoken(upstream: Upstream, send: Any) -> tuple[Any, ...]:
    before = len(upstream.requests())
    answer: Answer = send()
    seen = upstream.requests()[before:]
    assert len(seen) == 1, (answer.status, answer.body[:500])
    return line(seen[0])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_no_member_of_a_body_steers_the_transport(here: Gateway, upstream: Upstream, elsewhere: Upstream, way: Way) -> None:
    usual = spoken(upstream, lambda: ask(here, way))

    def send(more: dict[str, Any]) -> Answer:
        model = f"{way.prefix}/scripted-large"
        with Client(here.url) as client:
            return client.post(way.client.path(model, False), way.client.body(model, False) | more).read()

    for name, value in steering(elsewhere.url).items():
        assert spoken(upstream, lambda more={name: value}: send(more)) == usual, name
    assert spoken(upstream, lambda: send(steering(elsewhere.url))) == usual
    assert elsewhere.requests() == []


@pytest.mark.parametrize("path", [*BODIES, *FORMS])
def test_nor_where_a_body_is_passed_through(here: Gateway, upstream: Upstream, elsewhere: Upstream, path: str) -> None:
    key = here.make_key()  # a form needs one

    def send(**fields: Any) -> Answer:
        with Client(here.url) as client:
            headers = {"Content-Type": content_type(path), "x-api-key": key}
            return client.post(path, good(path, **fields), headers).read()

    usual = spoken(upstream, send)
    fields = steering(elsewhere.url)
    given = fields if path not in FORMS else {name: json.dumps(value) for name, value in fields.items()}
    assert spoken(upstream, lambda: send(**given)) == usual
    assert elsewhere.requests() == []


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_no_header_and_no_query_steers_it(here: Gateway, upstream: Upstream, elsewhere: Upstream, way: Way) -> None:
    headers = steering_headers(elsewhere.url)
    key = {"x-api-key": here.make_key()}  # who comes with signs of a proxy needs one
    usual = spoken(upstream, lambda: ask(here, way, key))
    assert spoken(upstream, lambda: ask(here, way, headers | key)) == usual
    query = urlencode(
        {name: value for name, value in steering(elsewhere.url).items() if isinstance(value, str) and name != "key"}
    )

    def with_query() -> Answer:
        path = way.client.path(f"{way.prefix}/scripted-large", False)
        with Client(here.url) as client:
            body = way.client.body(f"{way.prefix}/scripted-large", False)
            return client.post(f"{path}?{query}", body, key).read()

    assert spoken(upstream, with_query) == usual
    assert elsewhere.requests() == []


# What an answer brings --------------------------------------------------------------------------------------

# By whom they are set, they would be obeyed as the gateway's own.
BROUGHT = {
    "Set-Cookie": "omniroute_session=planted; Path=/",
    "Server": "upstream/1",
    "Via": "1.1 upstream",
    "Location": "https://evil.example/",
    "Refresh": "0; url=https://evil.example/",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "Content-Security-Policy": "default-src *",
    "Strict-Transport-Security": "max-age=0",
    "Clear-Site-Data": '"cookies"',
    "Content-Location": "/login",
    "Link": "<https://evil.example/>; rel=preload",
    "OpenAI-Organization": "org-of-the-operator",
    "X-Account": "account-of-the-operator",
    "X-Forwarded-For": "10.0.0.1",
    "X-OmniRoute-Connection": "forged",
    "X-OmniRoute-Cost": "0",
    "WWW-Authenticate": "Basic",
    "Proxy-Authenticate": "Basic",
    "Trailer": "Set-Cookie",
    "Upgrade": "websocket",
    "Alt-Svc": 'h3=":443"',
}
OWN = {"date", "x-request-id", "request-id", "x-omniroute-overhead-ms", "server-timing", "content-length"}  # differ each time


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_no_header_of_an_upstream_reaches_the_client(here: Gateway, upstream: Upstream, way: Way) -> None:
    def headers(stream: bool, **script: Any) -> dict[str, str]:
        upstream.queue(script or "text")
        found = ask(here, way, stream=stream).headers
        here.api("POST", "/api/resilience/reset", {})
        return {name: value for name, value in found.items() if name not in OWN}

    for stream in (False, True):
        assert headers(stream, headers=BROUGHT) == headers(stream)
        for status in (400, 401, 429, 500):
            assert headers(stream, status=status, headers=BROUGHT) == headers(stream, status=status), status


@pytest.mark.parametrize("path", BODIES)
def test_nor_where_an_answer_is_passed_through(here: Gateway, upstream: Upstream, path: str) -> None:
    def headers(script: Any) -> dict[str, str]:
        upstream.queue(script)
        with Client(here.url) as client:
            found = client.post(path, good(path), {"Content-Type": content_type(path)}).read().headers
        return {name: value for name, value in found.items() if name not in OWN}

    assert headers({"headers": BROUGHT}) == headers({"headers": {}})


# Redirects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_no_redirect_is_followed(here: Gateway, upstream: Upstream, elsewhere: Upstream, status: int) -> None:
    script = {"status": status, "raw": "", "headers": {"Location": f"{elsewhere.url}/v1/chat/completions"}}
    upstream.always(script)
    for way in WAYS.values():
        for stream in (False, True):
            answer = ask(here, way, stream=stream)
            assert (answer.status, answer.json["omniroute"]["class"]) == (502, "upstream_redirect")
            assert elsewhere.url.encode() not in answer.body
            assert "location" not in answer.headers
            here.api("POST", "/api/resilience/reset", {})
    for path in BODIES:
        with Client(here.url) as client:
            assert client.post(path, good(path), {"Content-Type": content_type(path)}).read().status == 502
        here.api("POST", "/api/resilience/reset", {})
    for row in here.api("GET", "/api/providers")["connections"]:
        assert not here.api("POST", f"/api/providers/{row['id']}/test", {})["valid"]
        here.refused("POST", f"/api/providers/{row['id']}/models/refresh", {})
    node = {"type": "openai-compatible", "apiType": "chat", "baseUrl": upstream.v1, "apiKey": "sk-good-1"}
    assert not here.api("POST", "/api/provider-nodes/validate", node)["valid"]
    assert elsewhere.requests() == []


# Addresses ----------------------------------------------------------------------------------------------

SPELLINGS = (
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "2130706434",
    "0x7f000002",
    "0x7f.0.0.2",
    "0177.0.0.2",
    "017700000002",
    "127.0.0.2.",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[64:ff9b::7f00:2]",
    "[2002:7f00:2::]",
    "[2001:0:7f00:2::80ff:fffd]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "0",
    "0.0.0.0",
    "[::]",
    "[::1]",
    "10.0.0.1",
    "metadata.google.internal",
    "\uff11\uff12\uff17.0.0.2",
    "127\u30020\u30020\u30022",
)
# What a name may turn into after it was admitted.
REBOUND = {
    "127.0.0.1": (
        ("127.0.0.2",),
        ("169.254.169.254",),
        ("10.0.0.1", "192.168.0.1"),
        ("0.0.0.0",),
        ("127.0.0.2", "127.0.0.1"),
    ),
    "::ffff:127.0.0.1": (
        ("::1",),
        ("::ffff:127.0.0.2",),
        ("::ffff:169.254.169.254",),
        ("64:ff9b::7f00:2",),
        ("64:ff9b::a9fe:a9fe",),
        ("64:ff9b:1::a9fe:a9fe",),
        ("2002:7f00:2::1",),
        ("2001:0:7f00:2::80ff:fffd",),
        ("fd00:ec2::254",),
        ("fe80::1",),
    ),
}


@pytest.fixture(scope="module")
def trap() -> Iterator[socket.socket]:
    """Listens where nobody may connect to: at 127.0.0.2, which for this gateway is as private as any."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.setblocking(False)
        yield listener


def nobody_came(trap: socket.socket) -> bool:
    try:
        trap.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer("127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, names: NameServer) -> Iterator[Gateway]:
    """Of the private addresses it admits 127.0.0.1 alone: that one stands for what is public, for a test stays at home."""
    given = {"ALLOW_PRIVATE_UPSTREAMS": "127.0.0.1/32", "CONNECT_SECONDS": "2", **names.environ}
    with running_gateway(tmp_path_factory.mktemp("guarded"), **given) as gateway:
        yield gateway


@pytest.mark.parametrize("admitted", REBOUND)
def test_a_name_is_judged_by_where_it_leads_at_every_connection(
    guarded: Gateway, names: NameServer, trap: socket.socket, upstream: Upstream, admitted: str
) -> None:
    name = f"rebind{len(REBOUND[admitted])}.test"
    names.addresses = (admitted,)
    node = guarded.add_upstream("chat", f"http://{name}:{urlsplit(upstream.url).port}/v1")
    connection = guarded.api("GET", "/api/providers")["connections"][0]["id"]
    assert ask(guarded, WAYS["chat"]).status == 200
    assert name in names.asked
    seen = len(upstream.requests())
    try:
        for addresses in REBOUND[admitted]:
            names.addresses = addresses
            upstream.hang_up()  # the connection that was admitted goes on; the next one is judged anew
            for stream in (False, True):
                answer = ask(guarded, WAYS["chat"], stream=stream)
                assert (answer.status, answer.json["omniroute"]["class"]) == (502, "address_refused"), (addresses, answer.body)
                assert not any(each.encode() in answer.body for each in addresses), "the client is told no address"
                guarded.api("POST", "/api/resilience/reset", {})
            tested = guarded.api("POST", f"/api/providers/{connection}/test", {})
            assert tested["diagnosis"]["type"] == "address_refused"
            guarded.refused("POST", f"/api/providers/{connection}/models/refresh", {})
            guarded.api("POST", "/api/resilience/reset", {})
        names.addresses = (admitted,)
        assert ask(guarded, WAYS["chat"]).status == 200
    finally:
        guarded.api("DELETE", f"/api/provider-nodes/{node}")
    assert nobody_came(trap)
    assert len(upstream.requests()) == seen + 1


def test_no_spelling_of_an_address_passes(guarded: Gateway, names: NameServer, trap: socket.socket) -> None:
    """Refused where it is written down, or where it is connected to; what is no address is asked of the name server."""
    port = trap.getsockname()[1]
    names.addresses = ("127.0.0.2",)
    try:
        for spelling in SPELLINGS:
            node = {
                "type": "openai-compatible",
                "apiType": "chat",
                "baseUrl": f"http://{spelling}:{port}/v1",
                "apiKey": "sk-good-1",
            }
            try:
                verdict = guarded.api("POST", "/api/provider-nodes/validate", node)
            except Refused as refused:
                assert refused.status == 400, spelling
            else:
                assert verdict["diagnosis"]["type"] in ("address_refused", "network_error"), (spelling, verdict)
                assert not verdict["valid"], spelling
    finally:
        names.addresses = ("127.0.0.1",)
    assert nobody_came(trap)
