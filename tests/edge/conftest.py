"""A whole gateway in this process: the real application on a real SQLite file, with a clock that the test moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from omniroute.clock import Clock
from omniroute.models.migration import migrate
from omniroute.security.audit import CLI, Actor
from omniroute.services import Services
from omniroute.settings import Settings

PASSWORD = "a long enough password"
ORIGIN = {"Origin": "http://localhost"}


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def now(self) -> float:
        return self.at

    def tick(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


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


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; each test gets a copy."""
    path = tmp_path_factory.mktemp("empty") / "omniroute.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def opened(tmp_path: Path, empty_database: Path) -> Iterator[Open]:
    """Makes gateways with the settings that the test names."""
    houses: list[House] = []

    def make(**given: Any) -> House:
        folder = tmp_path / str(len(houses))
        folder.mkdir()
        shutil.copy(empty_database, folder / "omniroute.db")
        settings = Settings(
            data_dir=folder,
            secret_key="not a secret, but long enough for a test",
            storage_encryption_keys=(Fernet.generate_key().decode(),),
            **given,
        )
        clock = HandClock()
        app = create_app(settings, clock)
        houses.append(House(app, app.extensions["omniroute"], clock))
        return houses[-1]

    yield make
    for house in houses:
        house.services.database.close()


@pytest.fixture
def house(opened: Open) -> House:
    return opened()


ADMIN = Actor("admin", "admin", "127.0.0.1")
