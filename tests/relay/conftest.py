"""One gateway for the package: an upstream of each format, short waits, and a request's ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.ways import WAYS, Way
from tests.upstream.client import Upstream
from tests.upstream.raw import Answer, Client

WAITS = {"FIRST_EVENT_SECONDS": "3", "IDLE_SECONDS": "3", "ANSWER_SECONDS": "3", "HEARTBEAT_SECONDS": "0.4"}


def moved(upstream: Upstream) -> dict[str, str]:
    """The setting that puts the native Gemini at the scripted upstream: no node speaks its format."""
    return {"PROVIDER_BASE_URLS": f"gemini={upstream.url}"}


def connect(gateway: Gateway, upstream: Upstream) -> None:
    """An upstream of each format, by the prefixes that the ways name, with the key sk-good-1."""
    gateway.add_upstream("chat", upstream.v1)
    gateway.add_upstream("messages", upstream.url, "anthropic-compatible")
    gateway.add_upstream("responses", upstream.v1, apiType="responses")
    gateway.add_connection("gemini", "sk-good-1")


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    given = WAITS | moved(upstream_process)
    with running_gateway(tmp_path_factory.mktemp("relay"), **given) as gateway:
        connect(gateway, upstream_process)
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
        return way.post(client, headers=headers, **fields).read()
