"""Every operation on a real database, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from omniroute.accounts.operations import Accounts
from omniroute.clock import Clock
from omniroute.combos.aliases import Aliases
from omniroute.combos.operations import Combos
from omniroute.connections.models import ModelList
from omniroute.connections.nodes import Nodes
from omniroute.connections.operations import Connections
from omniroute.connections.resilience import Resilience
from omniroute.keys.budgets import Budgets
from omniroute.keys.operations import Keys
from omniroute.models.db import Database
from omniroute.preferences.operations import Preferences
from omniroute.providers import catalog as catalogs
from omniroute.providers.catalog import Catalog
from omniroute.security.audit import Actor, AuditFilters, AuditLog, AuditView
from omniroute.security.sessions import Sessions
from omniroute.security.throttle import LoginThrottle
from omniroute.security.vault import Vault
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard
from omniroute.state.recount import Recount
from omniroute.state.sql import SqlState
from omniroute.usage.logs import LogReports
from omniroute.usage.prices import Prices
from omniroute.usage.reports import UsageReports
from tests.canaries import SECRET_KEY, marked_storage_key

ADMIN = Actor("admin", "admin", "127.0.0.1")
START = 1_800_000_000.0


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> float:
        return self.at

    def tick(self) -> float:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Parts:
    """`another()` is a second worker of the same machine; `settings` given to it differ as named."""

    database: Database
    settings: Settings
    catalog: Catalog = field(repr=False)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        clock, database = self.clock, self.database
        self.vault = Vault(self.settings.storage_encryption_keys)
        self.store = ConfigurationStore(database, self.catalog, self.vault, self.settings, clock)
        common = (database, self.store, self.catalog, self.vault, self.settings, clock)
        self.shared = SqlState(database)
        self.recount = Recount(database, self.shared, clock)
        self.nodes, self.connections = Nodes(*common), Connections(*common[:-1], self.recount, clock)
        self.models = ModelList(database, self.store, self.catalog, clock)
        self.combos = Combos(database, self.store, self.catalog, clock)
        self.aliases = Aliases(database, self.store, clock)
        self.board = HealthBoard(clock)
        self.prices = Prices(database, self.store, self.catalog, clock)
        self.resilience = Resilience(self.store, self.board, self.connections, clock)
        self.keys = Keys(database, self.store, self.recount, clock)
        self.budgets = Budgets(database, self.store, self.recount, clock)
        self.preferences = Preferences(database, self.store, clock)
        self.sessions, self.throttle = Sessions(database, clock), LoginThrottle(database, clock)
        self.accounts = Accounts(database, self.sessions, self.throttle, self.settings, clock)
        self.audit, self.logs = AuditLog(database), LogReports(database, self.store.current)
        self.usage = UsageReports(database, self.store.current, self.logs, clock)

    def another(self, **settings: Any) -> Parts:
        database = Database(self.database.url)
        return Parts(database, replace(self.settings, **settings), self.catalog, self.clock)

    def actions(self) -> list[str]:
        """What the audit log holds, oldest first."""
        return [row.action for row in reversed(self.audited())]

    def audited(self, action: str = "") -> list[AuditView]:
        return list(self.audit.page(AuditFilters(action=action), limit=500).rows)

    def dump(self) -> str:
        """Everything that the database holds, as text."""
        with self.database.unit_of_work() as session:
            tables = sa.inspect(session.connection()).get_table_names()
            return "\n".join(str(row) for table in tables for row in session.execute(sa.text(f"SELECT * FROM {table}")))


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The one that is shipped."""
    return catalogs.load()


@pytest.fixture
def make_parts(database: Database, tmp_path: Path, catalog: Catalog) -> Iterator[Callable[..., Parts]]:
    """Makes `Parts` with the settings that the test names."""
    made: list[Parts] = []

    def make(**settings: Any) -> Parts:
        given: dict[str, Any] = {
            "data_dir": tmp_path,
            "secret_key": SECRET_KEY,
            "storage_encryption_keys": (marked_storage_key(),),
            "enable_cc_compatible_provider": True,
        }
        made.append(Parts(database, Settings(**given | settings), catalog))
        return made[-1]

    yield make


@pytest.fixture
def parts(make_parts: Callable[..., Parts]) -> Parts:
    return make_parts()
