"""Where clients are tried: a gateway that wants a key, a scripted upstream behind it, and nodes made as they are needed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.gateway import Gateway
from tests.upstream.client import Upstream, until

T = TypeVar("T")

SETTINGS = {"REQUIRE_API_KEY": "true", "ENABLE_CC_COMPATIBLE_PROVIDER": "true", "MAX_BODY_MB": "33"}
MODEL = "scripted-large"
UPSTREAM_KEY = "sk-good-upstream-1"
NUMBERS = itertools.count(1)
GEMINIS = [0]  # the last one is the number of Gemini targets made so far

# What a node is made of, by what its upstream is.
NODES: dict[str, dict[str, str]] = {
    "chat": {"type": "openai-compatible"},
    "messages": {"type": "anthropic-compatible"},
    "responses": {"type": "openai-compatible", "apiType": "responses"},
    "relay": {"type": "anthropic-compatible", "compatMode": "cc"},
}

FORMATS = ("chat", "messages", "responses", "gemini")
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "relay": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": f"/v1beta/models/{MODEL}:generateContent",
}


def settings(upstream: Upstream) -> dict[str, str]:
    """For the gateway before it. No node speaks Gemini: the native provider is moved to the upstream."""
    return SETTINGS | {"PROVIDER_BASE_URLS": f"gemini={upstream.url}"}


@dataclass(frozen=True, slots=True)
class Target:
    """A node as a client names it. `speaks` is what its upstream is: "chat", "messages", "relay", "responses" or "gemini"."""

    model: str
    speaks: str
    node_id: str
    made: int = 0  # how many Gemini targets there were then

    @property
    def is_outdated(self) -> bool:
        """Whether other tests may have done something to it: there is one Gemini, for all."""
        return self.speaks == "gemini" and self.made < GEMINIS[-1]

    @property
    def prefix(self) -> str:
        return self.model.partition("/")[0]

    @property
    def path(self) -> str:
        """Where the upstream is asked for a whole answer."""
        return PATHS[self.speaks]


@dataclass(frozen=True, slots=True)
class Place:
    """`key` is the client's key for the gateway."""

    gateway: Gateway
    upstream: Upstream
    key: str

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    def target(self, speaks: str, *, connections: int = 1, models: tuple[str, ...] = (), model: str = MODEL) -> Target:
        """A new node with so many connections, that lists `models`: what others have suffered says nothing of it.

        Of Gemini there is one: it gets new connections, and its earlier targets have them too.
        """
        if speaks == "gemini":
            name = node_id = "gemini"
            GEMINIS.append(len(GEMINIS))
            for each in self.gateway.api("GET", "/api/providers?provider=gemini")["connections"]:
                self.gateway.api("DELETE", f"/api/providers/{each['id']}")
        else:
            name = f"{speaks}{next(NUMBERS)}"
            base = self.upstream.url if speaks in ("messages", "relay") else self.upstream.v1
            node_id = self.gateway.add_node(name, base, **NODES[speaks])
        for number in range(connections):
            self.gateway.add_connection(node_id, f"{UPSTREAM_KEY[:-1]}{number + 1}", f"connection {number + 1}")
        if models:
            self.gateway.api("POST", "/api/provider-models", {"provider": node_id, "modelIds": list(models)})
        return Target(f"{name}/{model}", speaks, node_id, GEMINIS[-1])

    def wait_until_tested(self, target: Target) -> None:
        """After an upstream has refused the key: until the Test that confirms it is over, which would disturb what follows."""

        def status() -> str:
            listed = self.gateway.api("GET", f"/api/providers?provider={target.node_id}")["connections"]
            return str(listed[0]["testStatus"])

        until(lambda: status() == "error", 10.0, lambda: f"the Test of {target.model}; its status is {status()}")


def in_a_loop_of_its_own(work: Coroutine[Any, Any, T]) -> T:
    """Run async code to its end. In a thread, because the browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
