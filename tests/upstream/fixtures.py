"""Fixtures: one scripted upstream and one relay for the whole run, as new for each test; more of them on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.upstream.client import Upstream
from tests.upstream.relay import Relay


@pytest.fixture(scope="session")
def upstream_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with Upstream(tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def relay_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with Relay(tmp_path_factory.mktemp("relay"), "relay") as relay:
        yield relay


@pytest.fixture
def upstream(upstream_process: Upstream) -> Upstream:
    """A scripted upstream that has seen nothing yet."""
    upstream_process.reset()
    return upstream_process


@pytest.fixture
def relay(relay_process: Relay) -> Relay:
    """An AgentRouter-style relay that has seen nothing yet."""
    relay_process.reset()
    return relay_process


@pytest.fixture
def more_upstreams(tmp_path: Path) -> Iterator[Callable[[str], Upstream]]:
    """`more_upstreams("second")` starts another one, for tests that fall over from one to the next."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(Upstream(tmp_path, name))
