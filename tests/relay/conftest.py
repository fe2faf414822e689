"""One gateway for the package: a Chat upstream, a Messages upstream and a relay, short waits, and a request's three ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

WAITS = {"FIRST_EVENT_SECONDS": "3", "IDLE_SECONDS": "3", "ANSWER_SECONDS": "3", "HEARTBEAT_SECONDS": "0.4"}


@dataclass(frozen=True, slots=True)
class Way:
    """A client's path, the prefix of the upstream that answers, and how each side names things."""

    path: str
    prefix: str
    upstream_path: str

    @property
    def chat(self) -> bool:
        return self.path.endswith("/chat/completions")

    def body(self, model: str = "scripted-large", **fields: Any) -> dict[str, Any]:
        return {
            "model": f"{self.prefix}/{model}",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 100,
            **fields,
        }

    def text(self, answer: Answer, streamed: bool) -> str:
        """The text of an answer, whichever way it came."""
        if not streamed:
            said = answer.json
            if self.chat:
                return str(said["choices"][0]["message"]["content"])
            return "".join(block.get("text", "") for block in said["content"])
        if self.chat:
            chunks = [data for _, data in answer.events if isinstance(data, dict)]
            return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ()))
        return "".join(data["delta"].get("text", "") for event, data in answer.events if event == "content_block_delta")

    def error(self, document: dict[str, Any]) -> dict[str, Any]:
        """The inner error, after checking the shape that this path's clients need."""
        error: dict[str, Any] = document["error"]
        if self.chat:
            assert {"message", "type", "param", "code"} <= error.keys()
        else:
            assert document["type"] == "error" and {"message", "type"} <= error.keys()
        return error


WAYS = {
    "chat": Way("/v1/chat/completions", "chat", "/chat/completions"),
    "messages": Way("/v1/messages", "messages", "/messages"),
    "chat to messages": Way("/v1/chat/completions", "messages", "/messages"),
}


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("relay"), **WAITS) as gateway:
        gateway.add_upstream("chat", upstream_process.v1)
        gateway.add_upstream("messages", upstream_process.url, "anthropic-compatible")
        yield gateway


@pytest.fixture
def here(shared: Gateway, upstream: Upstream) -> Gateway:
    """The shared gateway, with the upstream as new."""
    return shared


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def logged(gateway: Gateway, answer: Answer) -> dict[str, Any]:
    """The log row of an answer, once it is written."""
    return gateway.log_rows(1, requestId=answer.headers["x-request-id"])[0]


def ask(gateway: Gateway, way: Way, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """One request on a connection of its own."""
    with Client(gateway.url) as client:
        return client.post(way.path, way.body(**fields), headers).read()
