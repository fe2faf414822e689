"""The same tests on all three stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omniroute.state.shared import SharedState
from tests.redis_server import RedisServer
from tests.state.stores import opened


@pytest.fixture(params=["sqlite", "emptied_postgres", "redis"])
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty store of this test's own."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.url
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def shared(store_url: str) -> Iterator[SharedState]:
    with opened(store_url) as store:
        yield store


@pytest.fixture
def other(store_url: str) -> Iterator[SharedState]:
    """Another worker's way to the same store."""
    with opened(store_url) as store:
        yield store
