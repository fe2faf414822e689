"""Check and Test against all that a relay is known to answer: the verdict, and what a person reads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from bench.processes import free_port
from tests.gateway import Gateway, running_gateway
from tests.upstream.relay import MODELS, Relay

KEY = "sk-good-0123456789abcdef"
BAD_KEY = "sk-bad-0123456789abcdef"
NODES = {
    "claude code": {"type": "anthropic-compatible", "compatMode": "cc"},
    "chat": {"type": "openai-compatible", "apiType": "chat"},
    "messages": {"type": "anthropic-compatible"},
}


@dataclass(frozen=True, slots=True)
class Told:
    """What has to come of it. `status` is the test_status of an untested connection after a Test."""

    type: str
    valid: bool
    code: int | None
    status: str
    says: tuple[str, ...]


AUTH = ("The wire is right, but the API key is refused", "Make a new key", "dashboard")
CLIENT = ("did not accept this client", "Claude Code compatible", "What is sent upstream")
PLAN = ("this key's plan does not cover the model",)
BLOCKED = ("the relay's moderation refused the probe's text, or the plan lacks the model", "Name a model that your plan covers")
QUOTA = ("The key works, but its credit is used up",)
PAGE = ("the request did not reach the upstream's api", "base url", "type", "ENABLE_CC_COMPATIBLE_PROVIDER", "Just a moment...")
LATER = ("The upstream has trouble of its own now", "Try again later")

# As the guide's troubleshooting list prints them; the relay itself has been seen to put the type beside the error.
PRINTED = {
    "client, as printed": {
        "status": 403,
        "raw": '{"error":{"message":"unauthorized client detected, contact support for assistance"}}',
    },
    "client, with 401": {
        "status": 401,
        "raw": '{"error":{"message":"unauthorized client detected, contact support"},"type":"unauthorized_client_error"}',
    },
    "token, as printed": {"status": 401, "raw": '{"error":{"message":"无效的令牌","type":"new_api_error"}}'},
    "token, escaped": {"status": 401, "raw": r'{"error":{"message":"\u65e0\u6548\u7684\u4ee4\u724c","type":"new_api_error"}}'},
    "blocked, as printed": {
        "status": 400,
        "raw": '{"error":{"code":"content-blocked","type":"agent_router_api_error"}}',
    },
    "quota until": {
        "status": 403,
        "raw": '{"error":{"message":"用户额度不足","type":"new_api_error"}}',
        "headers": {"Retry-After": "3600"},
    },
    "web page with 403": {"name": "waf-page", "status": 403},
    "another API": {"status": 200, "raw": '{"status":"ok","uptime":17}'},
    "error with 200": {"status": 200, "raw": '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'},
    "streamed unasked": {
        "status": 200,
        "raw": 'event: message_start\ndata: {"type":"message_start","message":{"id":"m","content":[],"stop_reason":null}}\n\n'
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"max_tokens"}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        "content_type": "text/event-stream",
    },
    "no text": {"status": 200, "raw": '{"id":"m","type":"message","role":"assistant","content":[],"stop_reason":"max_tokens"}'},
    "plain text": {"status": 200, "raw": "upstream request timeout", "content_type": "text/plain"},
}

TABLE: dict[str, Told] = {
    "text": Told("ok", True, 200, "active", ("Connected", "claude-opus-4-6")),
    "token, as printed": Told("upstream_auth_error", False, 401, "error", AUTH),
    "token, escaped": Told("upstream_auth_error", False, 401, "error", AUTH),
    "invalid-token-english": Told("upstream_auth_error", False, 401, "error", AUTH),
    "401": Told("upstream_auth_error", False, 401, "error", AUTH),
    "client, as printed": Told("relay_client_rejected", False, 403, "error", CLIENT),
    "client, with 401": Told("relay_client_rejected", False, 401, "error", CLIENT),
    "unauthorized-client": Told("relay_client_rejected", False, 403, "error", CLIENT),
    "not-in-plan": Told("relay_client_rejected", False, 403, "error", ("did not accept this client", "plan does not cover")),
    "blocked, as printed": Told("content_blocked", True, 400, "active", BLOCKED),
    "no-access": Told("model_not_in_plan", True, 403, "active", PLAN),
    "quota": Told("quota_exhausted", True, 403, "active", QUOTA),
    "quota-400": Told("quota_exhausted", True, 400, "active", QUOTA),
    "quota-402": Told("quota_exhausted", True, 402, "active", QUOTA),
    "402": Told("quota_exhausted", True, 402, "active", QUOTA),
    "quota until": Told("quota_exhausted", True, 403, "active", (*QUOTA, "3600 s")),
    "limited": Told("upstream_rate_limited", True, 429, "untested", ("The key works", "limiting it", "7 s")),
    "waf-page": Told("upstream_not_json", False, 200, "untested", PAGE),
    "web page with 403": Told("upstream_not_json", False, 403, "untested", PAGE),
    "empty": Told("upstream_not_json", False, None, "untested", ("empty body",)),
    "plain text": Told("upstream_not_json", False, 200, "untested", ("text/plain",)),
    "not-json": Told("upstream_not_json", False, 200, "untested", ("broken JSON",)),
    "another API": Told("upstream_not_json", False, 200, "untested", ("no answer to a message",)),
    "error with 200": Told("upstream_unavailable", False, None, "untested", ("Overloaded",)),
    "streamed unasked": Told("ok", True, 200, "active", ("Connected",)),
    "no text": Told("ok", True, 200, "active", ("Connected",)),
    "unavailable": Told("upstream_unavailable", False, 503, "untested", LATER),
    "broken": Told("upstream_unavailable", False, 500, "untested", LATER),
    "gateway-timeout": Told("upstream_not_json", False, 504, "untested", PAGE),
    "529": Told("upstream_unavailable", False, 529, "untested", LATER),
    "redirect": Told("upstream_redirect", False, 302, "untested", ("redirect", "http://127.0.0.1:9/elsewhere")),
}
# Read otherwise once the connection has answered: the client is known to be admitted.
AFTER_SUCCESS: dict[str, Told] = {
    "not-in-plan": Told("model_not_in_plan", True, 403, "active", PLAN),
    "unauthorized-client": Told("relay_client_rejected", False, 403, "error", CLIENT),
    "client, as printed": Told("relay_client_rejected", False, 403, "error", CLIENT),
    "invalid-token": Told("upstream_auth_error", False, 401, "error", AUTH),
    "broken": Told("upstream_unavailable", False, 500, "active", LATER),
    "waf-page": Told("upstream_not_json", False, 200, "active", PAGE),
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for this module, with the flag and little patience for connecting."""
    with running_gateway(
        tmp_path_factory.mktemp("probe"), ENABLE_CC_COMPATIBLE_PROVIDER="true", CONNECT_SECONDS="0.5"
    ) as gateway:
        yield gateway


@pytest.fixture
def node(gate: Gateway, relay: Relay) -> Iterator[str]:
    """A new Claude Code compatible node at the relay, without a connection."""
    node_id = gate.add_node("relay", relay.url, compatMode="cc", type="anthropic-compatible")
    yield node_id
    gate.api("DELETE", f"/api/provider-nodes/{node_id}")


def check(gate: Gateway, base_url: str, kind: str = "claude code", key: str = KEY, **more: str) -> dict[str, Any]:
    asked = {**NODES[kind], "baseUrl": base_url, "apiKey": key, **more}
    verdict: dict[str, Any] = gate.api("POST", "/api/provider-nodes/validate", asked)
    return verdict


def script(name: str) -> Any:
    return PRINTED.get(name, name)


def agrees(verdict: dict[str, Any], told: Told, key: str = KEY) -> None:
    """The verdict has all its parts, and its words are those that somebody needs."""
    diagnosis = verdict["diagnosis"]
    assert (verdict["valid"], diagnosis["type"], verdict["statusCode"]) == (told.valid, told.type, told.code), verdict
    assert verdict["method"] == "message" and verdict["latencyMs"] >= 0
    assert diagnosis["source"] in ("upstream", "network", "gateway")
    assert (verdict["error"] is None) == told.valid
    assert (verdict["warning"] is None) == (not told.valid or told.type == "ok")
    read = f"{diagnosis['message']} {diagnosis['remedy']}".lower()
    for words in told.says:
        assert words.lower() in read, read
    assert key not in str(verdict)
    if told.type == "relay_client_rejected":
        assert "invalid api key" not in read and "key is refused" not in read


@pytest.mark.parametrize("name", TABLE)
def test_check(gate: Gateway, relay: Relay, name: str) -> None:
    relay.always(script(name), path="/messages")
    verdict = check(gate, relay.url)
    agrees(verdict, TABLE[name])
    assert verdict["models"] == list(MODELS)  # the list alone never decides
    asked = relay.last("/messages")
    assert (asked.target, asked.json["max_tokens"], asked.note["wrong"]) == ("/v1/messages?beta=true", 1, {})


@pytest.mark.parametrize("name", TABLE)
def test_the_first_test_of_a_connection(gate: Gateway, relay: Relay, node: str, name: str) -> None:
    relay.always(script(name), path="/messages")
    connection_id = gate.add_connection(node, KEY)
    agrees(gate.api("POST", f"/api/providers/{connection_id}/test", {}), TABLE[name])
    kept(gate, connection_id, TABLE[name])


@pytest.mark.parametrize("name", AFTER_SUCCESS)
def test_the_test_of_a_connection_that_has_answered(gate: Gateway, relay: Relay, node: str, name: str) -> None:
    connection_id = gate.add_connection(node, KEY)
    assert gate.api("POST", f"/api/providers/{connection_id}/test", {})["valid"]
    relay.always(script(name), path="/messages")
    agrees(gate.api("POST", f"/api/providers/{connection_id}/test", {}), AFTER_SUCCESS[name])
    kept(gate, connection_id, AFTER_SUCCESS[name])
    relay.reset()
    assert gate.api("POST", f"/api/providers/{connection_id}/test", {})["valid"]
    assert gate.api("GET", f"/api/providers/{connection_id}")["connection"]["testStatus"] == "active"


def kept(gate: Gateway, connection_id: str, told: Told) -> None:
    """The connection's row says the same as the verdict."""
    row = gate.api("GET", f"/api/providers/{connection_id}")["connection"]
    assert row["lastTest"]["diagnosis"]["type"] == told.type
    if told.status:
        assert row["testStatus"] == told.status
    if told.status == "error":
        for words in told.says:
            assert words.lower() in row["statusReason"].lower()


def test_a_bad_key(gate: Gateway, relay: Relay, node: str) -> None:
    told = TABLE["token, as printed"]
    agrees(check(gate, relay.url, key=BAD_KEY), told, BAD_KEY)
    connection_id = gate.add_connection(node, BAD_KEY)
    agrees(gate.api("POST", f"/api/providers/{connection_id}/test", {}), told, BAD_KEY)


def test_a_model_outside_the_plan_is_named(gate: Gateway, relay: Relay, node: str) -> None:
    relay.plan("claude-opus-4-6")
    connection_id = gate.add_connection(node, KEY)
    path = f"/api/providers/{connection_id}/test"
    assert gate.api("POST", path, {"model": "claude-opus-4-6"})["valid"]
    verdict = gate.api("POST", path, {"model": "glm-5.1"})
    agrees(verdict, AFTER_SUCCESS["not-in-plan"])
    assert "glm-5.1" in verdict["warning"]
    agrees(check(gate, relay.url, model="glm-5.1"), TABLE["not-in-plan"])
    assert check(gate, relay.url, model="claude-opus-4-6")["diagnosis"]["type"] == "ok"


@pytest.mark.parametrize("kind", ["chat", "messages"])
def test_another_kind_of_node_is_not_let_in(gate: Gateway, relay: Relay, kind: str) -> None:
    verdict = check(gate, relay.url, kind)
    agrees(verdict, TABLE["unauthorized-client"])
    assert "unauthorized client detected" in verdict["error"]
    assert verdict["models"] == []
    node_id = gate.add_node("plain", relay.url, **NODES[kind])
    connection_id = gate.add_connection(node_id, KEY)
    agrees(gate.api("POST", f"/api/providers/{connection_id}/test", {}), TABLE["unauthorized-client"])
    kept(gate, connection_id, TABLE["unauthorized-client"])
    gate.api("DELETE", f"/api/provider-nodes/{node_id}")


def test_a_list_alone_proves_nothing(gate: Gateway, relay: Relay) -> None:
    relay.always("waf-page", path="/messages")
    assert not check(gate, relay.url)["valid"]
    relay.reset()
    relay.always("waf-page", path="/models")
    verdict = check(gate, relay.url)
    assert verdict["valid"] and verdict["models"] == []


def test_nothing_listens(gate: Gateway) -> None:
    port = free_port()
    agrees(check(gate, f"http://127.0.0.1:{port}"), network(f"nothing listens at 127.0.0.1:{port}", "In a container, localhost"))


def test_no_such_name(gate: Gateway) -> None:
    agrees(check(gate, "http://no-such-host.invalid"), network("the name no-such-host.invalid can't be resolved"))


def test_no_tls(gate: Gateway, plain: str) -> None:
    agrees(check(gate, f"https://{plain}"), network(f"TLS with {plain} failed"))


def test_no_answer_to_the_call(gate: Gateway, deaf: str) -> None:
    agrees(check(gate, f"http://{deaf}"), network(f"{deaf} did not accept a connection in time"))


def test_the_line_is_cut(gate: Gateway, relay: Relay) -> None:
    relay.always("reset", path="/messages")
    agrees(check(gate, relay.url), network(f"{relay.url.partition('//')[2]} closed the connection"))


def network(*says: str) -> Told:
    return Told("network_error", False, None, "untested", ("can't be reached", *says))


@pytest.fixture
def plain() -> Iterator[str]:
    """A host and port that answers a TLS greeting in plain HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            for _ in ("the list", "the message"):
                caller, _ = listener.accept()
                with caller:
                    caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


@pytest.fixture
def deaf() -> Iterator[str]:
    """A host and port that never accepts: its queue of callers is full, and Linux drops whoever comes after."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("address", ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0"])
def test_addresses_that_are_never_upstreams(gate: Gateway, address: str) -> None:
    verdict = check(gate, f"http://{address}")
    agrees(verdict, Told("address_refused", False, None, "untested", (address.strip("[]"), "not allowed")))
    assert verdict["diagnosis"]["source"] == "gateway"


def test_a_private_address_where_they_are_not_allowed(gateway: Callable[..., Gateway], relay: Relay) -> None:
    here = gateway(ENABLE_CC_COMPATIBLE_PROVIDER="true", ALLOW_PRIVATE_UPSTREAMS="false")
    verdict = check(here, relay.url)
    agrees(verdict, Told("address_refused", False, None, "untested", ("127.0.0.1", "ALLOW_PRIVATE_UPSTREAMS")))
    assert relay.requests() == []
