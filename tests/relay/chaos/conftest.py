"""One gateway for the package, with combos whose first target fails as the test says and whose second one is good."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bench.processes import free_port
from tests.gateway import Gateway, running_gateway
from tests.relay.ways import Chat, Messages, Responses, Way
from tests.upstream.client import Seen, Upstream
from tests.upstream.raw import Answer, Client
from tests.upstream.untrusted import UntrustedTls

MODEL = "chaos-1"  # no upstream lists it: what a Test asks for is never counted among a request's attempts
FIRST, SECOND, THIRD = KEYS = "sk-test-first", "sk-test-second", "sk-test-third"  # the keys by which rules tell the targets apart
ONCE = {"retry_same": 0}  # a combo that repeats nothing at the same target
BEAT = b": keep-alive\n\n"
# Silence of an upstream is found after a second; no heartbeat commits to a stream before that.
WAITS = {"FIRST_EVENT_SECONDS": "1", "IDLE_SECONDS": "1", "ANSWER_SECONDS": "1", "HEARTBEAT_SECONDS": "20"}
QUICK = WAITS | {"FIRST_EVENT_SECONDS": "3", "IDLE_SECONDS": "3", "ANSWER_SECONDS": "3", "HEARTBEAT_SECONDS": "0.3"}
# By the upstream's format: how a node of it is made, and how the path ends at which it is asked.
FORMATS: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"apiType": "chat"}, "/chat/completions"),
    "messages": ({"type": "anthropic-compatible"}, "/messages"),
    "responses": ({"apiType": "responses"}, "/responses"),
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A client, and the format of the upstreams behind the combos that it asks."""

    client: Chat
    format: str

    @property
    def path(self) -> str:
        return FORMATS[self.format][1]

    @property
    def way(self) -> Way:
        """For reading answers: it knows the client's shapes."""
        return Way(self.client, "combo", self.path)

    def ask(
        self, gateway: Gateway, combo: str, *, stream: bool = False, headers: dict[str, str] | None = None, **fields: Any
    ) -> Answer:
        """One request to the combo of that name and this format, on a connection of its own."""
        with Client(gateway.url) as client:
            return self.way.post(client, f"{combo}-{self.format}", stream=stream, headers=headers, **fields).read()

    def answered(self, answer: Answer, stream: bool) -> str:
        """The text of an answer that came to its clean end. Raises AssertionError for any other."""
        assert answer.status == 200 and answer.whole, (answer.status, answer.body)
        if stream:
            assert any(end in answer.body for end in self.client.clean_ends), answer.body
        return self.way.text(answer, stream)

    def failed(self, answer: Answer) -> dict[str, Any]:
        """What the gateway says beside the error with which a stream ended. Raises AssertionError for a clean end."""
        assert answer.status == 200 and answer.whole, (answer.status, answer.body)
        assert not any(end in answer.body for end in self.client.clean_ends), answer.body
        event, last = answer.events[-1]
        assert event == self.client.error_event
        self.way.error(last)
        return self.way.beside(last)


PASSAGES = {
    "chat": Passage(Chat(), "chat"),
    "messages": Passage(Messages(), "messages"),
    "responses": Passage(Responses(), "responses"),
    "chat to messages": Passage(Chat(), "messages"),
    "responses to chat": Passage(Responses(), "chat"),
    "messages to responses": Passage(Messages(), "responses"),
}
CHAT = PASSAGES["chat"]


@pytest.fixture(params=PASSAGES.values(), ids=PASSAGES.keys())
def passage(request: pytest.FixtureRequest) -> Passage:
    chosen: Passage = request.param
    return chosen


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def node(gateway: Gateway, name: str, base_url: str, format: str, api_key: str, **more: Any) -> str:
    """A node `<name>-<format>` with one connection; the model of chaos at it, as a combo's step has it."""
    node_id = gateway.add_node(f"{name}-{format}", base_url, **FORMATS[format][0])
    gateway.add_connection(node_id, api_key, **more)
    return f"{name}-{format}/{MODEL}"


def base_url(upstream: Upstream, format: str) -> str:
    return upstream.url if format == "messages" else upstream.v1


def connect(gateway: Gateway, upstream: Upstream, untrusted: str, format: str) -> None:
    """Nodes `first`, `second`, `third` of one format; combos `pair`, `twin` (two connections of one node), `refused`, `tls`."""
    url = base_url(upstream, format)
    first, second = node(gateway, "first", url, format, FIRST), node(gateway, "second", url, format, SECOND)
    node(gateway, "third", url, format, THIRD)
    refused = node(gateway, "refused", f"http://127.0.0.1:{free_port()}", format, FIRST)
    tls = node(gateway, "tls", untrusted, format, FIRST)
    twin_id = gateway.add_node(f"twin-{format}", url, **FORMATS[format][0])
    gateway.add_connection(twin_id, FIRST, "first", priority=1)
    gateway.add_connection(twin_id, SECOND, "second", priority=2)
    gateway.add_combo(f"pair-{format}", first, second, config=ONCE)
    gateway.add_combo(f"refused-{format}", refused, second, config=ONCE)
    gateway.add_combo(f"tls-{format}", tls, second, config=ONCE)
    gateway.add_combo(f"twin-{format}", f"twin-{format}/{MODEL}", config=ONCE)


@pytest.fixture(scope="package")
def untrusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UntrustedTls]:
    with UntrustedTls(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture(scope="package")
def chaotic(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, untrusted: UntrustedTls) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("chaos"), **WAITS) as gateway:
        for format in FORMATS:
            connect(gateway, upstream_process, untrusted.url, format)
        yield gateway


@pytest.fixture(scope="package")
def quick(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream, untrusted: UntrustedTls) -> Iterator[Gateway]:
    """The same with heartbeats after a short silence, and more patience with upstreams."""
    with running_gateway(tmp_path_factory.mktemp("quick"), **QUICK) as gateway:
        for format in FORMATS:
            connect(gateway, upstream_process, untrusted.url, format)
        yield gateway


@pytest.fixture
def here(chaotic: Gateway, upstream: Upstream) -> Gateway:
    """The package's gateway with nothing held against anybody, and the upstream as new."""
    return forgiven(chaotic)


@pytest.fixture
def beating(quick: Gateway, upstream: Upstream) -> Gateway:
    """The package's gateway with heartbeats, in the same state."""
    return forgiven(quick)


def forgiven(gateway: Gateway) -> Gateway:
    gateway.api("POST", "/api/resilience/reset", {})
    return gateway


def asked(upstream: Upstream, key: str | None = None, model: str = MODEL) -> list[Seen]:
    """The attempts that came with this key; what a Test asks is another model."""
    return upstream.requests(key=key, model=model)


def hits(upstream: Upstream) -> list[int]:
    """How many attempts the first, second and third node have seen."""
    return [len(asked(upstream, key)) for key in KEYS]


def made(gateway: Gateway, *nodes: str | dict[str, Any], **config: int) -> str:
    """A new combo of these nodes, all of Chat's format, as `CHAT.ask` takes its name. A step may be given in full."""
    name = f"made{next(NUMBERS)}"
    steps = [f"{each}-chat/{MODEL}" if isinstance(each, str) else each for each in nodes]
    gateway.add_combo(f"{name}-chat", *steps, config=ONCE | config)
    return name


NUMBERS = itertools.count(1)


def logged(gateway: Gateway, answer: Answer) -> dict[str, Any]:
    """The log row of an answer, once it is written."""
    return gateway.log_rows(1, requestId=answer.headers["x-request-id"])[0]


def classes(gateway: Gateway, answer: Answer) -> list[str]:
    """What became of each attempt, as the log has it."""
    return [each["class"] for each in logged(gateway, answer)["attempts"]]
