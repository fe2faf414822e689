"""One gateway for this folder; a node of its own for each test that makes its upstream fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.place import SETTINGS, Place, Target
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    """The gateway, and a client key."""
    with running_gateway(tmp_path_factory.mktemp("clients"), **SETTINGS) as gateway:
        yield gateway, gateway.make_key("for the clients")


@pytest.fixture
def place(shared_gateway: tuple[Gateway, str], upstream: Upstream) -> Place:
    gateway, key = shared_gateway
    return Place(gateway, upstream, key)


@pytest.fixture(scope="session")
def shared_nodes() -> dict[str, Target]:
    """What an upstream speaks -> the node that all tests share which leave nothing behind on it."""
    return {}


def shared(nodes: dict[str, Target], place: Place, speaks: str) -> Target:
    if speaks not in nodes:
        nodes[speaks] = place.target(speaks)
    return nodes[speaks]


@pytest.fixture
def chat(shared_nodes: dict[str, Target], place: Place) -> Target:
    return shared(shared_nodes, place, "chat")


@pytest.fixture
def messages(shared_nodes: dict[str, Target], place: Place) -> Target:
    return shared(shared_nodes, place, "messages")


@pytest.fixture(params=["chat", "messages"])
def target(request: pytest.FixtureRequest, shared_nodes: dict[str, Target], place: Place) -> Target:
    """The test runs twice: with an upstream of the client's own format, and with one of the other."""
    return shared(shared_nodes, place, request.param)


@pytest.fixture(params=["chat", "messages"])
def fresh(request: pytest.FixtureRequest, place: Place) -> Target:
    """The same with a node of the test's own, for tests in which the upstream fails: that is held against a connection."""
    return place.target(request.param)
