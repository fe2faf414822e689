"""Gateways with something of every kind, on databases and with storage keys of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.gateway import PASSWORD
from omniroute.backup.operations import Backup
from omniroute.models.db import Database
from omniroute.providers.catalog import Catalog
from omniroute.settings import Settings
from tests.canaries import marked, marked_storage_key
from tests.left_behind import look_through_sqlite
from tests.parts import ADMIN, Parts

__all__ = ["PASSWORD"]

PASSPHRASE = marked("a passphrase")
NODE, NATIVE, AZURE = (f"sk-{marked(of, '6789')}" for of in ("a node", "a provider", "one with fields"))
CANARIES = (NODE, NATIVE, marked("a header"), AZURE)


class Place(Parts):
    """One gateway's operations and database."""

    backup: Backup

    def __post_init__(self) -> None:
        super().__post_init__()
        common = (self.database, self.store, self.catalog, self.vault, self.settings)
        self.backup = Backup(*common, self.accounts, self.recount, self.clock)

    def __repr__(self) -> str:
        return "Place()"

    def exported(self, passphrase: str = "") -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads(self.backup.export(ADMIN, passphrase).raw)
        return document

    def restored(self, document: dict[str, Any], passphrase: str = "", mode: str = "replace") -> Any:
        """What was done, as a `Plan`."""
        return self.backup.restore(self.backup.read(orjson.dumps(document), passphrase), mode, ADMIN).plan

    def keys_by_connection(self) -> dict[str, str]:
        """In the open, by the connection's name."""
        rows = [row for rows in self.store.current().connections.values() for row in rows]
        return {row.name: self.connections.credential(row) for row in rows}

    def changes(self, plan: Any) -> list[tuple[str, str, str]]:
        return [(each.verb, each.kind, each.name) for each in plan.changes]


def furnish(place: Place) -> str:
    """Something of every kind. Returns a client key in full."""
    headers = {"X-Relay-Token": CANARIES[2], "X-Team": "blue", "User-Agent": None}
    common = {"type": "openai-compatible", "base_url": "https://local.example.com/v1"}
    node = place.nodes.create({"name": "Local", "prefix": "local", "custom_headers": headers, **common}, ADMIN).id
    place.clock.move(1)
    claude = {"type": "anthropic-compatible", "compat_mode": "cc", "base_url": "https://cc.example.com"}
    place.nodes.create({"name": "Team", "prefix": "team", **claude}, ADMIN)
    quota = {"unit": "usd", "limit": "2.5", "window": "month", "timezone": "Europe/Berlin"}
    at_node = place.connections.create({"provider": node, "api_key": CANARIES[0], "name": "Local one", "quota": quota}, ADMIN).id
    native = {"provider": "agentrouter", "api_key": CANARIES[1], "name": "Native", "priority": 3, "max_concurrent": 5}
    place.connections.create(native, ADMIN)
    azure = {"provider": "azure-openai", "api_key": CANARIES[3], "name": "Azure", "fields": {"resource": "my-house"}}
    place.connections.create(azure, ADMIN)
    place.models.add(node, ["m1", "m2", "vendor/m3"], "custom", ADMIN)
    place.models.hide("agentrouter", place.catalog.providers["agentrouter"].models[0].id, ADMIN)
    pinned = {"model": "local/m1", "connection_id": at_node, "weight": 7, "label": "first", "tags": ["eu"]}
    inner = place.combos.create(
        {"name": "inner", "steps": [pinned, "agentrouter/claude-opus-4-6"], "strategy": "weighted"}, ADMIN
    )
    place.combos.create({"name": "outer", "steps": [{"combo": "inner"}], "config": {"max_attempts": 3}, "tags": ["x"]}, ADMIN)
    place.combos.reorder([place.combos.list()[1].id, inner.id], ADMIN)
    place.aliases.put("fast", "outer", 0, ADMIN)
    place.aliases.put("gpt-*", "local/m2", 5, ADMIN)
    view, key = place.keys.create({"name": "CI", "requests_per_minute": 60, "allowed_models": ["fast"]}, ADMIN)
    place.clock.move(1)
    place.keys.create({"name": "Ops", "scopes": ["relay", "manage"], "expires_at": place.clock.now() + 60}, ADMIN)
    place.budgets.put({"api_key_id": view.id, "period": "month", "limit_usd": "12.000001", "timezone": "Asia/Tokyo"}, ADMIN)
    place.budgets.put({"api_key_id": view.id, "period": "day", "limit_tokens": 1000, "warn_at": 0.5}, ADMIN)
    place.prices.put(node, "m*", {"input": "2.5", "output": "10", "tiers": [{"above": 200_000, "input": "5"}]}, ADMIN)
    place.prices.put("agentrouter", "claude-opus-4-6", {"request": "0.01"}, ADMIN)
    place.preferences.update({"theme": "dark", "log_days": 5, "allowed_hosts": ["gw.example.com"]}, ADMIN)
    place.resilience.change_settings({"breaker_failures": 7}, ADMIN)
    return key


def build(url: str, folder: Path, catalog: Catalog, **settings: Any) -> Place:
    """On a database with tables, under keys of its own."""
    given: dict[str, Any] = {
        "data_dir": folder,
        "secret_key": marked(f"signs the forms of {folder.name}"),
        "storage_encryption_keys": (marked_storage_key(),),
        "enable_cc_compatible_provider": True,
    }
    return Place(Database(url), Settings(**given | settings), catalog)


@pytest.fixture
def make_place(tmp_path: Path, _sqlite_template: Path, catalog: Catalog) -> Iterator[Callable[..., Place]]:
    """`make_place(url=None, **settings)`: empty, on a SQLite file of its own unless a URL is given."""
    with ExitStack() as stack:
        made = 0

        def make(url: str | None = None, **settings: Any) -> Place:
            nonlocal made
            made += 1
            folder = tmp_path / f"place-{made}"
            folder.mkdir()
            if url is None:
                shutil.copyfile(_sqlite_template, folder / "omniroute.db")
                url = f"sqlite:///{folder / 'omniroute.db'}"
                stack.callback(look_through_sqlite, folder / "omniroute.db")
            place = build(url, folder, catalog, **settings)
            stack.callback(place.database.close)
            return place

        yield make


@pytest.fixture
def here(make_place: Callable[..., Place]) -> Place:
    """Furnished."""
    place = make_place()
    furnish(place)
    return place


@pytest.fixture
def here_empty(make_place: Callable[..., Place]) -> Place:
    return make_place()


@pytest.fixture
def there(make_place: Callable[..., Place]) -> Place:
    """Empty, with another storage key and another secret."""
    return make_place()


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path, catalog: Catalog) -> bytes:
    folder = tmp_path_factory.mktemp("furnished")
    shutil.copyfile(_sqlite_template, folder / "omniroute.db")
    place = build(f"sqlite:///{folder / 'omniroute.db'}", folder, catalog)
    furnish(place)
    raw = place.backup.export(ADMIN).raw
    place.database.close()
    return raw


@pytest.fixture
def fresh(_made_once: bytes) -> Callable[[], dict[str, Any]]:
    """Makes a document of a furnished gateway, without secrets."""
    return lambda: orjson.loads(_made_once)


@pytest.fixture
def document(fresh: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One such, the test's own to change."""
    return fresh()
