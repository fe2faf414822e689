from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import Invalid
from omniroute.security.audit import CLI, SYSTEM, Actor, record
from tests.parts import START, Parts


def write(parts: Parts, action: str, by: Actor = CLI, **given: Any) -> None:
    parts.clock.move(1)
    parts.database.write(lambda session: record(session, parts.clock.now(), by, action, "thing:1", **given))


def test_what_a_row_holds(parts: Parts) -> None:
    write(parts, "thing.make", Actor("key", "Laptop" * 30, "2001:db8::1"), after={"name": "x"})
    (row,) = parts.audited()
    assert (row.at, row.actor_kind, row.address, row.action, row.subject) == (
        START + 1,
        "key",
        "2001:db8::1",
        "thing.make",
        "thing:1",
    )
    assert len(row.actor_name) == 100
    assert (row.before, row.after) == (None, {"name": "x"})


def test_only_what_changed_is_kept(parts: Parts) -> None:
    write(parts, "thing.change", before={"a": 1, "b": 2, "c": 3}, after={"a": 1, "b": 5, "d": 4})
    (row,) = parts.audited()
    assert (row.before, row.after) == ({"b": 2, "c": 3}, {"b": 5, "d": 4})


def test_secrets_are_masked(parts: Parts) -> None:
    write(
        parts,
        "thing.make",
        after={"api_key": "plain", "note": "use sk-test-0123456789", "url": "https://u:hunter2@h", "headers": {"x-token": "abc"}},
    )
    dump = parts.dump()
    for secret in ("plain", "0123456789", "hunter2", "abc"):
        assert secret not in dump


def test_pages_and_filters(parts: Parts) -> None:
    for action in ("key.create", "key.update", "node.create", "key_ring.create", "login"):
        write(parts, action, SYSTEM)
    assert [row.action for row in parts.audit.page("key.").rows] == ["key.update", "key.create"]
    assert [row.action for row in parts.audit.page("node.create").rows] == ["node.create"]
    assert parts.audit.page("key%").rows == ()
    assert parts.audit.page(subject="thing:2").rows == ()
    first = parts.audit.page(limit=3)
    rest = parts.audit.page(before=first.next, limit=3)
    assert [row.action for row in first.rows + rest.rows] == [
        "login",
        "key_ring.create",
        "node.create",
        "key.update",
        "key.create",
    ]
    assert rest.next is None
    with pytest.raises(Invalid):
        parts.audit.page(before="nonsense")
