"""One gateway in this process for all tests of a module, with upstreams of each format: for what is asked from the dashboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import create_app
from omniroute.settings import Settings
from tests.canaries import SECRET_KEY, marked_storage_key
from tests.dashboard.conftest import Desk
from tests.left_behind import look_through_sqlite, watched
from tests.upstream.client import Upstream

NODES: dict[str, dict[str, str]] = {
    "chat": {"type": "openai-compatible"},
    "messages": {"type": "anthropic-compatible"},
    "responses": {"type": "openai-compatible", "api_type": "responses"},
}


@pytest.fixture(scope="module")
def shared_desk(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, upstream_process: Upstream) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("playing")
    shutil.copyfile(_sqlite_template, folder / "omniroute.db")
    app = watched(
        create_app(
            Settings(
                data_dir=folder,
                secret_key=SECRET_KEY,
                storage_encryption_keys=(marked_storage_key(),),
                provider_base_urls=(("gemini", upstream_process.url),),
            )
        )
    )
    desk = Desk(app, app.extensions["omniroute"])
    for prefix, fields in NODES.items():
        base_url = upstream_process.url if prefix == "messages" else upstream_process.v1
        node = desk.services.nodes.create({"name": prefix, "prefix": prefix, "base_url": base_url, **fields}, desk.by)
        desk.connection(node.id)
    desk.connection("gemini")  # no node speaks its format
    desk.services.combos.create({"name": "both", "steps": ["chat/one", "messages/two"]}, desk.by)
    yield desk
    desk.services.database.close()
    look_through_sqlite(folder / "omniroute.db")


@pytest.fixture
def playing(shared_desk: Desk, upstream: Upstream) -> Desk:
    """The shared gateway with an upstream that has seen nothing, and nothing held against anybody."""
    shared_desk.services.resilience.reset({}, shared_desk.by)
    return shared_desk
