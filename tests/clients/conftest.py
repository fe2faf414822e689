"""One gateway for this folder, and for each test a node of its own: what a failure leaves on one says nothing of the next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream

MODEL = "scripted-large"
UPSTREAM_KEY = "sk-upstream-0001"
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Target:
    """A node as a client names it. `speaks` is the upstream's format: "chat" or "messages"."""

    model: str
    speaks: str
    node_id: str

    @property
    def path(self) -> str:
        """How the upstream's requests end."""
        return "/chat/completions" if self.speaks == "chat" else "/messages"


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway that wants a key, `key`, with the scripted upstream behind it."""

    gateway: Gateway
    upstream: Upstream
    key: str

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    def target(self, speaks: str, *, connections: int = 1, models: tuple[str, ...] = (), **more: Any) -> Target:
        """A new node with so many connections, that lists `models`. `more` goes into the node, as the API spells it."""
        name = f"{speaks}{next(NUMBERS)}"
        type, base = ("openai-compatible", self.upstream.v1) if speaks == "chat" else ("anthropic-compatible", self.upstream.url)
        node_id = self.gateway.add_node(name, base, type, **more)
        for number in range(connections):
            self.gateway.add_connection(node_id, f"{UPSTREAM_KEY[:-1]}{number + 1}", f"connection {number + 1}")
        if models:
            self.gateway.api("POST", "/api/provider-models", {"provider": node_id, "modelIds": list(models)})
        return Target(f"{name}/{MODEL}", speaks, node_id)


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    folder = tmp_path_factory.mktemp("clients")
    settings = {"REQUIRE_API_KEY": "true", "ENABLE_CC_COMPATIBLE_PROVIDER": "true", "MAX_BODY_MB": "33"}
    with running_gateway(folder, **settings) as gateway:
        yield gateway, gateway.make_key("for the clients")


@pytest.fixture
def place(shared_gateway: tuple[Gateway, str], upstream: Upstream) -> Place:
    gateway, key = shared_gateway
    return Place(gateway, upstream, key)


@pytest.fixture
def chat(place: Place) -> Target:
    return place.target("chat")


@pytest.fixture
def messages(place: Place) -> Target:
    return place.target("messages")


@pytest.fixture(params=["chat", "messages"])
def target(request: pytest.FixtureRequest, place: Place) -> Target:
    """The test runs twice: with an upstream of the client's own format, and with one of the other."""
    return place.target(request.param)
