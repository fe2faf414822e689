"""One gateway for this folder; a node of its own for each test that makes its upstream fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.place import FORMATS, Place, Target, settings
from tests.gateway import Gateway, running_gateway
from tests.upstream.client import Upstream


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[tuple[Gateway, str]]:
    """The gateway, and a client key."""
    with running_gateway(tmp_path_factory.mktemp("clients"), **settings(upstream_process)) as gateway:
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
    found = nodes.get(speaks)
    if found is None or found.is_outdated:
        found = nodes[speaks] = place.target(speaks)
    return found


@pytest.fixture
def chat(shared_nodes: dict[str, Target], place: Place) -> Target:
    return shared(shared_nodes, place, "chat")


@pytest.fixture
def messages(shared_nodes: dict[str, Target], place: Place) -> Target:
    return shared(shared_nodes, place, "messages")


@pytest.fixture
def responses(shared_nodes: dict[str, Target], place: Place) -> Target:
    return shared(shared_nodes, place, "responses")


@pytest.fixture(params=FORMATS)
def target(request: pytest.FixtureRequest, shared_nodes: dict[str, Target], place: Place) -> Target:
    """The test runs with an upstream of each format: the client's own, and the others."""
    return shared(shared_nodes, place, request.param)


@pytest.fixture(params=FORMATS)
def fresh(request: pytest.FixtureRequest, place: Place) -> Target:
    """The same with a node of the test's own, for tests in which the upstream fails: that is held against a connection."""
    return place.target(request.param)
