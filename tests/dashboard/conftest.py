"""The real application on a SQLite file of the test's own, in this process, with the scripted relay as upstream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from bench.gateway import PASSWORD
from omniroute.clock import Clock
from omniroute.security.audit import CLI
from omniroute.services import Services
from omniroute.settings import Settings
from omniroute.usage.logs import insert_rows
from tests.canaries import SECRET_KEY, marked_storage_key
from tests.dashboard.browsing import Browser
from tests.left_behind import watched
from tests.upstream.relay import Relay

__all__ = ["PASSWORD"]

KEY = "sk-good-0123456789abcd"
BAD_KEY = "sk-bad-0123456789wxyz"


@dataclass
class Desk:
    """A gateway and a way to its pages. `by` is who sets things up where no page is meant."""

    app: Flask
    services: Services
    by = CLI

    def visitor(self) -> Browser:
        return Browser(self.app.test_client())

    def admin(self) -> Browser:
        """Signed in; the first call sets the password."""
        accounts = self.services.accounts
        if accounts.has_admin():
            session = accounts.login(PASSWORD, "127.0.0.1")
        else:
            session = accounts.set_up(accounts.setup_token() or "", PASSWORD, "127.0.0.1")
        client = self.app.test_client()
        client.set_cookie("omniroute_session", session)
        return Browser(client)

    def node(self, relay: Relay, prefix: str = "team", **more: Any) -> str:
        """A Claude Code compatible node; its id."""
        given = {
            "name": prefix.title(),
            "prefix": prefix,
            "base_url": relay.url,
            "type": "anthropic-compatible",
            "compat_mode": "cc",
        }
        return self.services.nodes.create(given | more, self.by).id

    def connection(self, provider: str, api_key: str = KEY, **more: Any) -> str:
        return self.services.connections.create({"provider": provider, "api_key": api_key, **more}, self.by).id

    def log_row(self, id: str = "row-1", **columns: Any) -> None:
        """One row in the log, as the relay would have written it."""
        self.services.database.write(lambda session: insert_rows(session, [{"id": id, "at": 1_800_000_000.0} | columns]))


@pytest.fixture
def open_desk(sqlite_url: str, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """`open_desk(enable_cc_compatible_provider=False)`: settings by name, over ones that suit most tests."""
    usual = Settings(
        data_dir=tmp_path,
        secret_key=SECRET_KEY,
        storage_encryption_keys=(marked_storage_key(),),
        enable_cc_compatible_provider=True,
    )
    with ExitStack() as stack:

        def opened(clock: Clock | None = None, **settings: Any) -> Desk:
            app = watched(create_app(replace(usual, **settings), clock))
            services: Services = app.extensions["omniroute"]
            stack.callback(services.database.close)
            return Desk(app, services)

        yield opened


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()


@pytest.fixture
def admin(desk: Desk) -> Browser:
    return desk.admin()
