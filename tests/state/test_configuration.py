from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from omniroute.errors import DatabaseAway, OperationError
from omniroute.models.db import Database
from omniroute.state.configuration import POLL_EVERY
from tests.databases import Postgres
from tests.parts import ADMIN, START, Parts

NODE = {"name": "N", "prefix": "mine", "type": "openai-compatible", "base_url": "https://n.example/v1"}


def test_what_a_fresh_gateway_knows(parts: Parts) -> None:
    known = parts.store.current()
    assert set(known.providers) == set(parts.catalog.providers)
    assert known.prefixes["agentrouter"] == "agentrouter"
    assert (known.connections, known.keys, known.models, known.settings) == ({}, {}, {}, {})
    assert known.version == 1 and parts.store.stale_since is None
    assert parts.store.current() is known


def test_every_alias_leads_to_its_provider(parts: Parts) -> None:
    prefixes = parts.store.current().prefixes
    for provider in parts.catalog.all():
        for name in (provider.id, *provider.aliases):
            assert prefixes[name.lower()] == provider.id


def test_an_edit_counts_at_once_here_and_in_every_other_worker(parts: Parts) -> None:
    other = parts.another()
    before = other.store.current()
    node = parts.nodes.create(NODE, ADMIN)
    assert parts.store.current().prefixes["mine"] == node.id
    assert other.store.current().prefixes["mine"] == node.id
    assert "mine" not in before.prefixes  # who holds the old one keeps it as it was
    other.nodes.delete(node.id, ADMIN)
    assert "mine" not in parts.store.current().prefixes
    other.database.close()


def test_the_version_moves_with_each_change_only(parts: Parts) -> None:
    made = parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0001"}, ADMIN)
    assert parts.store.current().version == 2
    with pytest.raises(LookupError):
        parts.store.change(lambda session: {}["nothing"])
    assert parts.store.refresh().version == 2
    parts.connections.delete(made.id, ADMIN)
    assert parts.store.current().version == 3


def test_changes_come_one_after_the_other(parts: Parts) -> None:
    """Four workers want the same prefix: one gets it."""
    workers = [parts.another() for _ in range(4)]
    done: list[str] = []

    def take(worker: Parts) -> None:
        try:
            done.append(worker.nodes.create(NODE, ADMIN).id)
        except OperationError as exc:
            done.append(type(exc).__name__)

    threads = [threading.Thread(target=take, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done)[:3] == ["Conflict"] * 3 and sorted(done)[3].startswith("openai-compatible-chat-")
    for worker in workers:
        worker.database.close()


def test_workers_elsewhere_see_it_by_the_version_number(parts: Parts, tmp_path: Any) -> None:
    elsewhere = parts.another(data_dir=tmp_path / "another machine")
    elsewhere.store.current()
    assert elsewhere.store.poll() is False
    parts.nodes.create(NODE, ADMIN)
    assert "mine" not in elsewhere.store.current().prefixes
    assert elsewhere.store.poll() is False  # too soon to look again
    elsewhere.clock.move(POLL_EVERY)
    assert elsewhere.store.poll() is True
    assert "mine" in elsewhere.store.current().prefixes
    elsewhere.clock.move(POLL_EVERY)
    assert elsewhere.store.poll() is False
    elsewhere.database.close()


def test_secrets_stay_sealed(parts: Parts) -> None:
    parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0123456789"}, ADMIN)
    assert "sk-test-0123456789" not in repr(parts.store.current())


def test_disabled_connections_and_keys_are_listed_as_such(parts: Parts) -> None:
    parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0001", "is_active": False}, ADMIN)
    parts.keys.create({"name": "K", "is_active": False}, ADMIN)
    known = parts.store.current()
    assert [one.is_active for one in known.connections["agentrouter"]] == [False]
    assert [one.is_active for one in known.keys.values()] == [False]


def break_database(parts: Parts) -> Callable[[], None]:
    """Take the tables away under the feet of everybody; returns what brings them back."""

    def rename(old: str, new: str) -> None:
        statement = sa.text(f"ALTER TABLE {old} RENAME TO {new}")
        parts.database.write(lambda session: bool(session.execute(statement)))

    rename("config_version", "elsewhere")
    return lambda: rename("elsewhere", "config_version")


def test_the_last_configuration_stays_while_the_sqlite_database_is_away(
    sqlite_url: str, make_sqlite: Callable[[], Parts]
) -> None:
    parts = make_sqlite()
    parts.nodes.create(NODE, ADMIN)
    repair = break_database(parts)
    parts.clock.move(POLL_EVERY)
    assert parts.store.poll() is False
    assert parts.store.stale_since == START + POLL_EVERY
    parts.store.touched()
    known = parts.store.current()
    assert "mine" in known.prefixes and parts.store.stale_since == START + POLL_EVERY
    repair()
    assert parts.store.current() is known  # requests do not try; poll does
    parts.clock.move(POLL_EVERY)
    parts.store.poll()
    assert parts.store.stale_since is None
    parts.database.close()


def test_the_last_configuration_stays_while_postgres_is_away(
    postgres: Postgres, postgres_url: str, make_parts_on: Callable[[str], Parts]
) -> None:
    parts = make_parts_on(postgres_url)
    parts.nodes.create(NODE, ADMIN)
    name = make_url(postgres_url).database
    parts.database.close()
    postgres.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
    parts.clock.move(POLL_EVERY)
    assert parts.store.poll() is False and parts.store.stale_since == START + POLL_EVERY
    assert "mine" in parts.store.current().prefixes
    with pytest.raises(DatabaseAway):
        parts.nodes.create(NODE | {"prefix": "b"}, ADMIN)
    postgres.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
    parts.clock.move(POLL_EVERY)
    assert parts.store.poll() is False and parts.store.stale_since is None
    assert parts.nodes.create(NODE | {"prefix": "b"}, ADMIN).prefix == "b"
    parts.database.close()


def test_without_a_first_configuration_there_is_nothing_to_go_on(make_parts_on: Callable[[str], Parts]) -> None:
    parts = make_parts_on("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseAway):
        parts.store.current()
    parts.database.close()


def test_a_folder_that_can_not_be_written_only_delays(make_parts: Callable[..., Parts], tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    parts = make_parts(data_dir=tmp_path / "file" / "folder")
    parts.nodes.create(NODE, ADMIN)
    assert "mine" in parts.store.current().prefixes


@pytest.fixture
def make_parts_on(make_parts: Callable[..., Parts]) -> Callable[[str], Parts]:
    def make(url: str) -> Parts:
        usual = make_parts()
        return Parts(Database(url), usual.settings, usual.catalog)

    return make


@pytest.fixture
def make_sqlite(sqlite_url: str, make_parts_on: Callable[[str], Parts]) -> Callable[[], Parts]:
    return lambda: make_parts_on(sqlite_url)
