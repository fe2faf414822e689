"""One gateway for this folder, and for each test a node of its own."""

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
