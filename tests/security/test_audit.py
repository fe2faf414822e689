from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omniroute.errors import Conflict, Invalid, Missing
from omniroute.security.audit import CHANGED, CLI, DONE, SYSTEM, Actor, AuditFilters, AuditLog, LastKnown, record
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
        after={"api_key": "plain", "note": "sk-test-0123456789", "url": "https://u:hunter2@h", "headers": {"x-token": "not-hex"}},
    )
    dump = parts.dump()
    for secret in ("plain", "0123456789", "hunter2", "not-hex"):
        assert secret not in dump


def test_pages(parts: Parts) -> None:
    for action in ("key.create", "key.update", "node.create"):
        write(parts, action, SYSTEM)
    first = parts.audit.page(limit=2)
    rest = parts.audit.page(before=first.next, limit=2)
    assert [row.action for row in first.rows + rest.rows] == ["node.create", "key.update", "key.create"]
    assert rest.next is None
    with pytest.raises(Invalid):
        parts.audit.page(before="nonsense")


def found(parts: Parts, **filters: Any) -> list[str]:
    return [row.action for row in parts.audit.page(AuditFilters(**filters)).rows]


def test_filters(parts: Parts) -> None:
    for action, by in (
        ("key.create", CLI),
        ("key.update", Actor("key", "Laptop")),
        ("node.create", Actor("admin", "admin", "192.0.2.7")),
        ("connection.status", SYSTEM),
        ("login.failed", Actor("admin", "admin", "198.51.100.1")),
    ):
        write(parts, action, by)
    write(parts, "key_ring.create")
    assert found(parts, action="key.") == ["key.update", "key.create"]
    assert found(parts, action="node.create") == ["node.create"]
    assert found(parts, action="key%") == []
    assert found(parts, subject="thing:2") == []
    assert found(parts, kind="key") == ["key.update", "key.create"]
    assert found(parts, kind="access") == ["login.failed"]
    assert found(parts, kind="nonsense") == []
    assert found(parts, actor="key") == found(parts, actor="key:Laptop") == ["key.update"]
    assert found(parts, actor="key:Other") == []
    assert found(parts, actor="system") == found(parts, actor="system", hide_system=True) == ["connection.status"]
    assert "connection.status" in found(parts) and "connection.status" not in found(parts, hide_system=True)
    assert found(parts, since=START + 2, until=START + 4) == ["node.create", "key.update"]
    assert found(parts, text="192.0.2") == ["node.create"]
    assert found(parts, text="LAPTOP") == ["key.update"]


def test_a_text_is_found_in_values_and_in_what_the_subject_was_ever_called(parts: Parts) -> None:
    def told(action: str, subject: str, **given: Any) -> None:
        parts.clock.move(1)
        parts.database.write(lambda session: record(session, parts.clock.now(), CLI, action, subject, **given))

    told("key.create", "key:1", after={"name": 'Büro "5 %"', "note": "x"})
    told("key.update", "key:1", before={"name": 'Büro "5 %"'}, after={"name": "Cellar"})
    told("key.update", "key:1", before={"on": True}, after={"on": False})
    told("key.create", "key:2", after={"name": "Other", "list": ["tûne"]})
    everything = ["key.update", "key.update", "key.create"]
    assert found(parts, text="Büro") == found(parts, text='"5 %"') == found(parts, text="CELLAR") == everything
    assert found(parts, text="tûne") == ["key.create"]
    assert found(parts, text="5_%") == found(parts, text="nobody") == []


def test_a_text_is_looked_for_in_so_many_rows_at_a_time(parts: Parts) -> None:
    def pages(scan: int, **filters: Any) -> list[list[str]]:
        audit, before, told = AuditLog(parts.database, scan), None, list[list[str]]()
        while before is not None or not told:
            page = audit.page(AuditFilters(**filters), before, 2)
            told.append([row.action for row in page.rows])
            before = page.next
        return told

    for number in range(10):
        write(parts, "rare.old" if number < 3 else f"thing.{number}")
    assert pages(100, text="rare") == [["rare.old"] * 2, ["rare.old"]]
    assert pages(4, text="rare") == [[], ["rare.old"], ["rare.old"] * 2]  # rows 9 to 6, 5 to 2, 1 and 0
    assert pages(4, text="rare", until=START + 5) == [["rare.old"] * 2, ["rare.old"]]
    assert pages(4, text="rare", since=START + 5) == [[], []]
    assert pages(4, action="rare") == [["rare.old"] * 2, ["rare.old"]]  # cheap, so at once


def test_former_names_are_looked_for_in_as_many_rows(parts: Parts) -> None:
    audit = AuditLog(parts.database, 3)
    write(parts, "thing.create", after={"name": "Cellar"})
    for number in range(5):
        write(parts, f"thing.{number}")
    assert audit.page(AuditFilters(text="cellar")).rows == ()
    write(parts, "thing.rename", before={"name": "Cellar"}, after={"name": "Attic"})
    first = audit.page(AuditFilters(text="cellar"))
    assert [row.action for row in first.rows] == ["thing.rename", "thing.4", "thing.3"]
    assert [row.action for row in audit.page(AuditFilters(text="cellar"), first.next).rows] == ["thing.2", "thing.1", "thing.0"]


def test_the_row_of_a_change_that_was_just_made(parts: Parts) -> None:
    write(parts, "thing.change", after={"n": 1})
    since = parts.clock.now()
    write(parts, "thing.change.more")
    write(parts, "thing.change", Actor("admin", "admin"))
    write(parts, "thing.change", after={"n": 2})
    row = parts.audit.latest("thing.change", "thing:1", CLI, since)
    assert row is not None and row.after == {"n": 2} and parts.audit.get(row.id) == row
    assert parts.audit.latest("thing.change", "thing:1", CLI, since + 10) is None
    assert parts.audit.latest("thing.change", "thing:2", CLI, since) is None
    with pytest.raises(Missing):
        parts.audit.get("nobody")


def test_what_takes_a_change_back_says_so(parts: Parts) -> None:
    write(parts, "thing.change", before={"n": 1}, after={"n": 2})
    (entry,) = parts.audited()
    assert parts.audit.undone([entry]) == parts.audit.undone([]) == frozenset()
    write(parts, "thing.change", replace(CLI, undoes=entry.id), before={"n": 2}, after={"n": 1})
    write(parts, "thing.delete", replace(CLI, undoes="another"), before={"n": 2})
    assert parts.audit.undone([*parts.audited()]) == {entry.id}
    assert [row.after for row in parts.audited()[:2]] == [{"undoes": "another"}, {"n": 1, "undoes": entry.id}]


def test_a_change_is_taken_back_once_and_only_while_things_are_as_it_left_them(parts: Parts) -> None:
    """Looked at in the transaction that takes it back: whoever has looked before may have been overtaken."""
    write(parts, "thing.change", before={"n": 1, "m": (1, 2)}, after={"n": 2, "m": (3, 4)})
    (entry,) = parts.audited()
    by = replace(CLI, undoes=entry.id)
    with pytest.raises(Conflict, match=re.escape(CHANGED)):
        write(parts, "thing.change", by, before={"n": 5, "m": (3, 4), "k": 0}, after={"n": 1, "m": (1, 2), "k": 0})
    write(parts, "thing.change", by, before={"n": 2, "m": (3, 4), "k": 0}, after={"n": 1, "m": (1, 2), "k": 0})
    with pytest.raises(Conflict, match=re.escape(DONE)):
        write(parts, "thing.change", by, before={"n": 2, "m": (3, 4)}, after={"n": 1, "m": (1, 2)})
    assert len(parts.audited()) == 2


def test_what_was_deleted_does_not_come_back_over_what_stands_in_its_place(parts: Parts) -> None:
    write(parts, "thing.delete", before={"n": 1})
    by = replace(CLI, undoes=parts.audited()[0].id)
    with pytest.raises(Conflict, match=re.escape(CHANGED)):
        write(parts, "thing.put", by, before={"n": 2}, after={"n": 1})
    write(parts, "thing.put", by, after={"n": 1})


def test_what_things_that_are_gone_were_called(parts: Parts) -> None:
    write(parts, "connection.create", after={"name": "first", "provider": "openai"})
    write(parts, "connection.update", before={"name": "first"}, after={"name": "second"})
    write(parts, "connection.update", before={"is_active": True}, after={"is_active": False})
    assert parts.audit.last_known(["thing:1", "thing:2"]) == {"thing:1": LastKnown("second", "openai")}
    assert parts.audit.last_known([]) == {}


def test_only_here_rows_are_touched_and_only_added() -> None:
    """Nobody else knows the table, so nobody else can change or delete a row; and here nothing is written but by `record`."""
    root = Path(__file__).parents[2] / "omniroute"
    knows = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "AuditRow" in (text := path.read_text()) or "audit_rows" in text
    }
    assert knows == {"models/audit.py", "models/tables.py", "security/audit.py"}
    text = (root / "security" / "audit.py").read_text()
    assert text.count("session.add(") == 1
    assert not re.findall(r"\.(delete|update|merge|insert|execute)\(", text)
