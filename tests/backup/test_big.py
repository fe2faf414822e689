"""A large house: 1,000 connections and 10,000 keys go out and in by few statements, and within what a request may bring."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.backup.operations import LARGEST
from omniroute.connections.operations import UNTESTED
from omniroute.models.keys import KeyRow
from omniroute.models.upstreams import ConnectionRow
from tests.backup.conftest import PASSPHRASE, Place
from tests.parts import ADMIN, START

CONNECTIONS, KEYS, NODES = 1_000, 10_000, 10
STATEMENTS = 150  # whatever the number of rows: what grows with it would be tens of thousands


def fill(place: Place) -> None:
    given = {"type": "openai-compatible"}
    nodes = [
        place.nodes.create({"name": f"N{n}", "prefix": f"n{n}", "base_url": f"https://n{n}.example.com", **given}, ADMIN).id
        for n in range(NODES)
    ]
    ids = [f"{number:036}" for number in range(KEYS)]
    stamps = {"created_at": START, "updated_at": START}

    def work(session: Session) -> None:
        connection = session.connection()
        rows: list[dict[str, Any]] = [
            {"id": ids[n], "provider_id": nodes[n % NODES], "name": f"c{n}", "sealed": place.vault.seal(f"sk-key-{n:020}")}
            | {"key_digest": f"{n:064}", "key_hint": "sk-...", "priority": n, "max_concurrent": None, "quota": None}
            | {"is_active": True, "fields": {}, **UNTESTED, **stamps}
            for n in range(CONNECTIONS)
        ]
        connection.execute(sa.insert(ConnectionRow), rows)
        blank: dict[str, Any] = dict.fromkeys(
            ("expires_at", "requests_per_minute", "tokens_per_minute", "max_concurrent", "last_used_at")
        )
        lists: dict[str, Any] = {"scopes": ["relay"], "allowed_models": ["n1/*"], "allowed_endpoints": []}
        flags = {"is_active": True, "no_log": False, "log_bodies": False}
        keys = [
            {"id": ids[n], "name": f"key {n}", "digest": hashlib.sha256(ids[n].encode()).hexdigest(), "prefix": "sk-or-abcd"}
            | {"last4": "wxyz", **blank, **lists, **flags, **stamps}
            for n in range(KEYS)
        ]
        connection.execute(sa.insert(KeyRow), keys)

    place.store.change(work)


@contextmanager
def counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_a_large_house_moves(here_empty: Place, there: Place) -> None:
    fill(here_empty)
    with counted() as seen:
        file = here_empty.backup.export(ADMIN, PASSPHRASE)
    assert len(seen) < STATEMENTS and len(file.raw) < LARGEST / 2
    upload = there.backup.read(file.raw, PASSPHRASE)
    with counted() as seen:
        shown = there.backup.preview(upload, "replace", ADMIN)
        done = there.backup.restore_shown(shown.carried, ADMIN)
    assert len(seen) < STATEMENTS, seen[:50]
    assert len(shown.carried) < LARGEST / 10
    assert done.plan.counts() == {"added": {"nodes": NODES, "connections": CONNECTIONS, "keys": KEYS}}
    assert len(there.store.current().keys) == KEYS
    assert there.keys_by_connection()["c999"] == "sk-key-00000000000000000999"
    document = orjson.loads(file.raw)
    assert there.exported()["configuration"]["keys"] == document["configuration"]["keys"]
