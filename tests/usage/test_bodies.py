from __future__ import annotations

from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from omniroute.errors import Missing
from omniroute.models.db import Database
from omniroute.security.vault import Vault
from omniroute.state.sql import SqlState
from omniroute.usage.bodies import Bodies, BodyStore, StoredBodies
from omniroute.usage.journal import Journal, Record
from omniroute.usage.logs import insert_rows
from tests.parts import START, Parts


@pytest.fixture
def store(parts: Parts) -> BodyStore:
    return BodyStore(parts.database, parts.vault)


def put(parts: Parts, store: BodyStore, *rows: Bodies) -> None:
    parts.database.write(store.sealed(rows))


def delete_older(parts: Parts, store: BodyStore, before: float, most: int) -> int:
    return parts.database.write(lambda session: store.delete_older(session, before, most))


def test_what_was_stored_is_read_again_and_lies_there_sealed(parts: Parts, store: BodyStore) -> None:
    put(parts, store, Bodies("r-1", START, b'{"model": "secret-plan"}', 9_000, "grün".encode(), 5))
    assert store.get("r-1") == StoredBodies("r-1", '{"model": "secret-plan"}', 9_000, "grün", 5)
    assert "secret-plan" not in parts.dump()
    assert store.has("r-1") and not store.has("r-2")


def test_what_is_not_text_and_what_never_came(parts: Parts, store: BodyStore) -> None:
    put(parts, store, Bodies("r-1", START, "é".encode()[:1], 2, None, 0), Bodies("r-2", START, b"a\0b", 3, b"", 0))
    assert store.get("r-1") == StoredBodies("r-1", "\ufffd", 2, None, 0)
    assert store.get("r-2") == StoredBodies("r-2", "a\0b", 3, "", 0)


def test_a_second_time_changes_nothing(parts: Parts, store: BodyStore) -> None:
    put(parts, store, Bodies("r-1", START, b"first", 5, None, 0))
    put(parts, store, Bodies("r-1", START, b"second", 6, None, 0), Bodies("r-2", START, b"x", 1, None, 0))
    put(parts, store)
    assert (store.get("r-1").request, store.get("r-2").request) == ("first", "x")


def test_what_does_not_open_is_missing_with_the_reason(parts: Parts, store: BodyStore) -> None:
    put(parts, store, Bodies("r-1", START, b"x", 1, None, 0))
    other = BodyStore(parts.database, Vault([Fernet.generate_key().decode()]))
    with pytest.raises(Missing, match="STORAGE_ENCRYPTION_KEY"):
        other.get("r-1")
    with pytest.raises(Missing, match="No bodies are stored"):
        store.get("r-2")


def test_others_write_while_bodies_are_sealed(sqlite_url: str) -> None:
    with closing(Database(sqlite_url)) as database, closing(Database(sqlite_url, write_wait=1)) as beside:

        class Watched(Vault):
            def seal(self, text: str) -> str:
                beside.write(lambda session: insert_rows(session, [{"id": "beside", "at": START}]))
                return super().seal(text)

        store = BodyStore(database, Watched([Fernet.generate_key().decode()]))
        journal = Journal(database, SqlState(database), lambda tickets: None, store.sealed)
        journal.write([Record({"id": "r-1", "at": START}, bodies=Bodies("r-1", START, b"x", 1, b"y", 1))])
        assert store.has("r-1")


def test_the_oldest_go_first(parts: Parts, store: BodyStore) -> None:
    put(parts, store, *(Bodies(f"r-{n}", START + n, b"x", 1, None, 0) for n in range(6)))
    assert [delete_older(parts, store, START + 4, 3) for _ in range(3)] == [3, 1, 0]
    assert [n for n in range(6) if store.has(f"r-{n}")] == [4, 5]
