"""A whole gateway in this process: the real application on a real SQLite file, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from bench.gateway import PASSWORD
from omniroute.security.audit import CLI
from omniroute.services import Services
from omniroute.settings import Settings
from tests.canaries import SECRET_KEY, marked_storage_key
from tests.left_behind import watched
from tests.parts import HandClock

__all__ = ["PASSWORD"]

ORIGIN = {"Origin": "http://localhost"}


@dataclass
class House:
    app: Flask
    services: Services
    clock: HandClock
    session: str = field(default="", repr=False)

    @property
    def client(self) -> FlaskClient:
        """A new one, without cookies."""
        return self.app.test_client()

    def key(self, *scopes: str, **given: Any) -> str:
        """The text of a new client key."""
        wanted = {"name": " ".join(scopes) or "key", "scopes": list(scopes) or ["relay"], **given}
        return self.services.keys.create(wanted, CLI)[1]

    def browser(self) -> FlaskClient:
        """One that is signed in as the admin."""
        if not self.session:
            token = self.services.accounts.setup_token() or ""
            self.session = self.services.accounts.set_up(token, PASSWORD, "127.0.0.1")
        made = self.app.test_client()
        made.set_cookie("omniroute_session", self.session)
        return made


Open = Callable[..., House]


@pytest.fixture
def opened(tmp_path: Path, sqlite_url: str) -> Iterator[Open]:
    """Makes gateways on this test's database, with the settings that it names."""
    houses: list[House] = []
    storage_key = marked_storage_key()

    def make(**given: Any) -> House:
        settings = Settings(
            data_dir=tmp_path,
            secret_key=SECRET_KEY,
            storage_encryption_keys=(storage_key,),
            **given,
        )
        assert settings.sqlalchemy_url == sqlite_url
        clock = HandClock()
        app = watched(create_app(settings, clock))
        houses.append(House(app, app.extensions["omniroute"], clock))
        return houses[-1]

    yield make
    for house in houses:
        house.services.database.close()


@pytest.fixture
def house(opened: Open) -> House:
    return opened()
