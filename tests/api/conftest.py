"""A gateway with an upstream of each format, by the prefixes that `tests.api.clients` names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway import Gateway, running_gateway
from tests.relay.conftest import connect, moved
from tests.upstream.client import Upstream


@pytest.fixture(scope="package")
def four(tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("four"), **moved(upstream_process)) as gateway:
        connect(gateway, upstream_process)
        yield gateway
