"""What a relay is known to answer, in traffic: what the client gets in its own format, and what becomes of the connection."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import ask, logged
from tests.relay.ways import Chat, Messages, Way
from tests.upstream.client import Upstream, until
from tests.upstream.raw import Answer, post
from tests.upstream.relay import Relay
from tests.upstream.script import TEXT

MODEL = "claude-opus-4-6"
NUMBERS = itertools.count(1)
WAYS = {
    "chat": Way(Chat(), "relay", "/messages"),
    "messages": Way(Messages(), "relay", "/messages"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the client gets: status, class, words of the message, and Retry-After."""

    status: int
    kind: str
    says: tuple[str, ...] = ()
    wait: str | None = None


CLIENT = Told(502, "relay_client_rejected", ("did not accept this client", "Claude Code compatible"))
PLAN = Told(403, "model_not_in_plan", ("plan does not cover the model",))
NO_ACCESS = Told(403, "model_not_in_plan", ("This key may not use the model",))
KEY_REFUSED = Told(502, "upstream_auth_error", ("key is refused", "make a new one in the relay's dashboard"))
BLOCKED = Told(400, "content_blocked", ("The relay's moderation refused this request",))
QUOTA = Told(429, "quota_exhausted", ("credit",), wait="60")
PAGE = Told(502, "upstream_not_json", ("Invalid JSON response from provider (reset after 10s)", "ENABLE_CC_COMPATIBLE_PROVIDER"))

# The bodies of the guide's troubleshooting list, and the same with the type beside the error, as it has been seen.
PRINTED = {
    "client, as printed": {
        "status": 403,
        "raw": '{"error":{"message":"unauthorized client detected, contact support for assistance"}}',
    },
    "client, type beside": {
        "status": 401,
        "raw": '{"error":{"message":"unauthorized client detected, contact support"},"type":"unauthorized_client_error"}',
    },
    "plan, type beside": {
        "status": 401,
        "raw": '{"error":{"message":"this model is not for you"},"type":"unauthorized_client_error"}',
    },
    "token, as printed": {"status": 401, "raw": '{"error":{"message":"无效的令牌","type":"new_api_error"}}'},
    "blocked, as printed": {"status": 400, "raw": '{"error":{"code":"content-blocked","type":"agent_router_api_error"}}'},
    "quota until": {
        "status": 403,
        "raw": '{"error":{"message":"用户额度不足","type":"new_api_error"}}',
        "headers": {"Retry-After": "3600"},
    },
}
ON_A_NEW_CONNECTION: dict[str, Told] = {
    "client, as printed": CLIENT,
    "client, type beside": CLIENT,
    "unauthorized-client": CLIENT,
    "not-in-plan": CLIENT,
    "plan, type beside": CLIENT,
    "token, as printed": KEY_REFUSED,
    "invalid-token-english": KEY_REFUSED,
    "blocked, as printed": BLOCKED,
    "no-access": NO_ACCESS,
    "quota": QUOTA,
    "quota-400": QUOTA,
    "quota-402": QUOTA,
    "quota until": Told(429, "quota_exhausted", ("credit",), wait="3600"),
    "limited": Told(429, "rate_limited", wait="7"),
    "waf-page": PAGE,
    "unavailable": Told(503, "overloaded"),
    "broken": Told(500, "server_error"),
    "gateway-timeout": Told(504, "server_error"),
}
ONCE_IT_HAS_ANSWERED: dict[str, Told] = {
    "client, as printed": CLIENT,
    "client, type beside": CLIENT,
    "unauthorized-client": CLIENT,
    "not-in-plan": PLAN,
    "plan, type beside": PLAN,
    "token, as printed": KEY_REFUSED,
    "blocked, as printed": BLOCKED,
    "no-access": NO_ACCESS,
    "quota": QUOTA,
    "waf-page": PAGE,
}
# The type of an `event: error` that comes first in a stream with status 200.
FIRST_EVENTS: dict[str, Told] = {
    "overloaded_error": Told(529, "overloaded"),
    "rate_limit_error": Told(429, "rate_limited"),
    "api_error": Told(500, "server_error"),
    "timeout_error": Told(504, "server_error"),
    "invalid_request_error": Told(400, "bad_request"),
    "request_too_large": Told(413, "bad_request"),
    "permission_error": Told(403, "client_error"),
    "authentication_error": Told(502, "upstream_auth_error"),
    "billing_error": Told(429, "quota_exhausted", wait="60"),
    "never_heard_of": Told(502, "server_error"),
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("relay-errors"), ENABLE_CC_COMPATIBLE_PROVIDER="true") as gateway:
        yield gateway


@dataclass(frozen=True, slots=True)
class Node:
    """A Claude Code compatible node with one connection, both of this test alone: what an error leaves behind stays with them."""

    gate: Gateway
    relay: Relay
    id: str
    connection_id: str
    key: str

    def refuse(self, script: Any) -> None:
        """From now on."""
        self.relay.always(PRINTED.get(script, script) if isinstance(script, str) else script, path="/messages", key=self.key)

    def test(self) -> dict[str, Any]:
        verdict: dict[str, Any] = self.gate.api("POST", f"/api/providers/{self.connection_id}/test", {})
        return verdict

    def row(self) -> dict[str, Any]:
        row: dict[str, Any] = self.gate.api("GET", f"/api/providers/{self.connection_id}")["connection"]
        return row

    def asked(self) -> int:
        """How many messages have arrived with this connection's key."""
        return len(self.relay.requests("/messages", key=self.key))


@pytest.fixture
def node(gate: Gateway, relay: Relay) -> Iterator[Node]:
    key = f"sk-good-{next(NUMBERS):06d}"
    node_id = gate.add_node("relay", relay.url, "anthropic-compatible", compatMode="cc")
    yield Node(gate, relay, node_id, gate.add_connection(node_id, key), key)
    gate.api("DELETE", f"/api/provider-nodes/{node_id}")


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


def agrees(node: Node, way: Way, answer: Answer, told: Told) -> None:
    assert answer.status == told.status, answer.body
    document = answer.json
    error, beside = way.error(document), document["omniroute"]
    assert beside["class"] == told.kind
    assert beside["remedy"] and beside["remedy"] in error["message"]
    assert [each["class"] for each in beside["attempts"]] == [told.kind]
    for words in told.says:
        assert words in error["message"], error["message"]
    assert answer.headers.get("retry-after") == told.wait
    text = answer.body.decode()
    assert node.key not in text and node.relay.url.rpartition(":")[2] not in text
    assert "invalid api key" not in error["message"].lower()


@pytest.mark.parametrize("name", ON_A_NEW_CONNECTION)
def test_a_new_connection(node: Node, way: Way, streamed: bool, name: str) -> None:
    node.refuse(name)
    answer = ask(node.gate, way, model=MODEL, stream=streamed)
    agrees(node, way, answer, ON_A_NEW_CONNECTION[name])
    if answer.json["omniroute"]["class"] != "upstream_auth_error":  # that one is confirmed by a Test of its own
        assert node.asked() == 1


@pytest.mark.parametrize("name", ONCE_IT_HAS_ANSWERED)
def test_a_connection_that_has_answered(node: Node, way: Way, streamed: bool, name: str) -> None:
    assert node.test()["valid"]
    node.refuse(name)
    agrees(node, way, ask(node.gate, way, model=MODEL, stream=streamed), ONCE_IT_HAS_ANSWERED[name])


def test_the_log_says_the_same(node: Node, way: Way, streamed: bool) -> None:
    answers = {}
    for name in ON_A_NEW_CONNECTION:
        key = f"sk-good-{next(NUMBERS):06d}"
        connection_id = node.gate.add_connection(node.id, key, name)
        replace(node, key=key).refuse(name)
        answers[name] = ask(node.gate, way, {"X-OmniRoute-Connection": connection_id}, model=MODEL, stream=streamed)
    for name, answer in answers.items():
        told, row = ON_A_NEW_CONNECTION[name], logged(node.gate, answer)
        assert (row["status"], row["class"], row["connectionName"]) == (told.status, told.kind, name)
        assert (row["requestedModel"], row["providerPrefix"]) == (f"relay/{MODEL}", "relay")
        assert row["canonicalModel"] == f"{node.id}/{MODEL}"
        assert all(words in f"{row['message']} {row['remedy']}" for words in told.says)


@pytest.mark.parametrize("type", FIRST_EVENTS)
def test_an_error_as_the_first_event(node: Node, way: Way, type: str) -> None:
    node.refuse({"error_after": 0, "type": type, "message": "So it says."})
    answer = ask(node.gate, way, model=MODEL, stream=True)
    agrees(node, way, answer, FIRST_EVENTS[type])
    assert "So it says." in answer.json["error"]["message"]


@pytest.mark.parametrize("name", ["nulls", "comments", "crlf", "no-last-blank", "pings", "bytewise"])
def test_odd_framing_is_tolerated(node: Node, way: Way, name: str) -> None:
    node.refuse(name)
    answer = ask(node.gate, way, model=MODEL, stream=True)
    assert answer.status == 200 and answer.whole
    assert way.text(answer, True) == TEXT
    assert None not in [data for _, data in answer.events]


@pytest.mark.parametrize(
    ("name", "kind"), [("unauthorized-client", "relay_client_rejected"), ("token, as printed", "upstream_auth_error")]
)
def test_the_connection_is_out_until_it_is_mended(node: Node, way: Way, name: str, kind: str) -> None:
    node.refuse(name)
    assert ask(node.gate, way, model=MODEL).json["omniroute"]["class"] == kind
    row = until(lambda: row if (row := node.row())["testStatus"] == "error" else None, 10.0, lambda: f"error: {node.row()}")
    assert "dashboard" in row["statusReason"] or "Claude Code compatible" in row["statusReason"]
    # The row is there a moment before the worker has seen it.
    until(lambda: ask(node.gate, way, model=MODEL).status == 503, 10.0, lambda: f"the connection to be out: {node.row()}")
    before = node.asked()
    answer = ask(node.gate, way, model=MODEL)
    message = way.error(answer.json)["message"]
    assert (answer.status, answer.json["omniroute"]["class"]) == (503, "no_target_available"), answer.body
    assert "dashboard" in message and node.asked() == before
    node.relay.reset()
    assert node.test()["valid"]
    assert ask(node.gate, way, model=MODEL).status == 200


def test_moderation_is_asked_once_and_not_at_the_next_connection(
    node: Node, upstream: Upstream, way: Way, streamed: bool
) -> None:
    other_key = f"sk-good-{next(NUMBERS):06d}"
    node.gate.add_connection(node.id, other_key, "second", priority=1)
    for script in (PRINTED["blocked, as printed"], "content-blocked"):
        node.relay.reset()
        node.relay.always(script, path="/messages")
        agrees(node, way, ask(node.gate, way, model=MODEL, stream=streamed), BLOCKED)
        assert len(node.relay.requests("/messages")) == 1


def test_another_provider_may_answer_what_moderation_refused(node: Node, upstream: Upstream, way: Way, streamed: bool) -> None:
    elsewhere = node.gate.add_node("elsewhere", upstream.url, "anthropic-compatible")
    node.gate.add_connection(elsewhere, "sk-good-1", priority=5)
    for provider in (node.id, elsewhere):
        node.gate.api("POST", "/api/provider-models", {"provider": provider, "modelIds": ["shared-model"]})
    node.refuse("content-blocked")
    try:
        path, body = way.client.path("shared-model", streamed), way.client.body("shared-model", streamed)
        answer = post(node.gate.url, path, **body)
    finally:
        node.gate.api("DELETE", f"/api/provider-nodes/{elsewhere}")
    assert answer.status == 200 and way.text(answer, streamed) == TEXT, answer.body
    row = logged(node.gate, answer)
    assert [each["class"] for each in row["attempts"]] == ["content_blocked", "ok"]


@pytest.mark.parametrize("kind", [{"type": "openai-compatible"}, {"type": "anthropic-compatible"}], ids=["chat", "messages"])
def test_a_node_of_another_kind(gate: Gateway, relay: Relay, way: Way, streamed: bool, kind: dict[str, str]) -> None:
    node_id = gate.add_node("relay", relay.url, **kind)
    node = Node(gate, relay, node_id, gate.add_connection(node_id, "sk-good-1"), "sk-good-1")
    try:
        answer = ask(gate, way, model=MODEL, stream=streamed)
        agrees(node, way, answer, CLIENT)
        assert "unauthorized client detected" in answer.json["error"]["message"]
    finally:
        gate.api("DELETE", f"/api/provider-nodes/{node_id}")
