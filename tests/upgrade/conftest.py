from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.upgrade.olden import DATABASES, Olden, empty


@pytest.fixture(params=DATABASES)
def olden(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Olden]:
    """The test runs twice: on SQLite and on Postgres."""
    with empty(request.param, tmp_path / "olden", request) as database:
        yield database


@pytest.fixture
def lite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Olden]:
    with empty("sqlite", tmp_path / "olden", request) as database:
        yield database


@pytest.fixture
def postgres_olden(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Olden]:
    with empty("postgres", tmp_path / "olden", request) as database:
        yield database
