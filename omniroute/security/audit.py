"""Who changed what: rows written in the transaction of the change itself, never altered, without secrets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from omniroute.errors import Conflict, Missing
from omniroute.models.audit import AuditRow
from omniroute.models.db import Database
from omniroute.models.paging import Page, cursor, older, page, read_cursor
from omniroute.security.redaction import redact_values

ALL_SCOPES = frozenset({"relay", "manage"})
LONGEST_SUBJECT = 128
SCAN = 20_000  # rows that one page of a search for a text looks at, at the most: no index helps there, and rows are kept for good
ACTORS = ("admin", "key", "cli", "system")
CHANGED = "This has been changed again since, so nothing was undone. Look at it as it is now, and change it by hand."
DONE = "This was undone already."

# Kind of thing -> how the actions on it begin. Every action is of one kind.
KINDS: dict[str, tuple[str, ...]] = {
    "provider": ("node.",),
    "connection": ("connection.",),
    "model": ("model.",),
    "price": ("price.",),
    "combo": ("combo.",),
    "alias": ("alias.",),
    "key": ("key.",),
    "budget": ("budget.",),
    "health": ("resilience.",),
    "settings": ("preferences.", "settings.", "restore.", "storage_key."),
    "access": ("login", "logout", "session.", "password.", "setup"),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind` is one of ACTORS. For a key, `scopes`, `endpoints` and `models` (none: all of them) and `until` (seconds
    since 1970; None: for ever) are its own: it can't hand on more than it has.

    `undoes` is the id of the row that is being taken back; the one row that does it tells it under that name.
    """

    kind: str
    name: str
    address: str | None = None
    scopes: frozenset[str] = ALL_SCOPES
    undoes: str | None = None
    endpoints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    until: float | None = None


SYSTEM = Actor("system", "gateway")
CLI = Actor("cli", "command line")


def record(
    session: Session,
    at: float,
    by: Actor,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a row: `action` as in "connection.update", `subject` as in "connection:<id>".

    Of `before` and `after`, where both are given, only what differs is kept. Raises Conflict, for an actor that takes a change
    back, when somebody did already, or when `before` is not what that change left.
    """
    if by.undoes is not None:
        _require_undoable(session, by.undoes, action, before)
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        before = {name: value for name, value in before.items() if name in changed}
        after = {name: value for name, value in after.items() if name in changed}
    if by.undoes is not None:
        after = {**(after or {}), "undoes": by.undoes}
    session.add(
        AuditRow(
            id=str(uuid.uuid4()),
            at=at,
            actor_kind=by.kind,
            actor_name=by.name[:100],
            address=by.address[:64] if by.address else None,
            action=action,
            subject=subject[:LONGEST_SUBJECT],
            before=None if before is None else redact_values(before),
            after=None if after is None else redact_values(after),
        )
    )


def _require_undoable(session: Session, entry_id: str, action: str, before: Mapping[str, Any] | None) -> None:
    """Here, in the transaction of the change, because two who look before it may both see that all is well. The row is locked,
    so that on Postgres, too, the second one waits until the first is done.
    """
    entry = session.get(AuditRow, entry_id, with_for_update=True)
    if entry is None:
        return
    if session.scalars(_undoing(entry.at, [entry_id]).limit(1)).first() is not None:
        raise Conflict(DONE)
    if entry.after is None and before is not None:
        raise Conflict(CHANGED)
    if entry.action == action and before is not None:
        now = json.loads(json.dumps(redact_values(before)))  # as it would be stored
        if any(now.get(name) != value for name, value in (entry.after or {}).items()):
            raise Conflict(CHANGED)


def _undoing(since: float, entry_ids: Sequence[str]) -> sa.Select[Any]:
    """The ids among these of rows that a row written since then takes back."""
    undone = AuditRow.after["undoes"].as_string()
    return sa.select(undone).where(AuditRow.at >= since, undone.in_(entry_ids))


@dataclass(frozen=True, slots=True)
class AuditView:
    """`at` is seconds since 1970. `before` and `after` hold what changed; None where there was nothing before or after."""

    id: str
    at: float
    actor_kind: str
    actor_name: str
    address: str | None
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """What is "" or None filters nothing.

    `kind` is one of KINDS. `action` may be what stands before a dot, such as "connection". `actor` is one of ACTORS, or
    "key:<name>" for one key. `text` is looked for, whatever its case, in what a row holds and in the names that its subject has
    in the newest SCAN rows and in those that are looked at. Times are epoch seconds, `until` is not included. With `hide_system`
    the gateway's own rows are left out, unless `actor` asks for them.
    """

    kind: str = ""
    action: str = ""
    actor: str = ""
    subject: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None
    hide_system: bool = False


@dataclass(frozen=True, slots=True)
class LastKnown:
    """What rows say of a thing that is gone: its name, and for a connection the id of its provider. "" is not told."""

    name: str
    provider: str


class AuditLog:
    """Reading the rows. Nothing here or elsewhere changes or deletes one."""

    def __init__(self, database: Database, scan: int = SCAN) -> None:
        self._database, self._scan = database, scan

    def page(self, filters: AuditFilters | None = None, before: str | None = None, limit: int = 50) -> Page[AuditView]:
        """Newest first. With `text` a page ends after a look at SCAN rows, with fewer or even none, and the next goes on there.

        Raises Invalid for a bad cursor or limit.
        """
        filters = filters or AuditFilters()
        wanted = _wanted(filters)
        with self._database.unit_of_work() as session:
            if not filters.text:
                return page(session, AuditRow, wanted, before, limit, _view)
            stretch = _within(filters, before)
            end, newest = _end(session, stretch, self._scan), _end(session, [], self._scan)
            near = [] if end is None else [_not_older(AuditRow, end)]
            named = aliased(AuditRow)
            recent = sa.true() if newest is None else _not_older(named, newest)
            here = sa.true() if end is None else sa.and_(_not_older(named, end), *_within(filters, before, named))
            told = _told(filters.text, named, sa.or_(recent, here))
            found = page(session, AuditRow, [*wanted, *near, told], before, limit, _view)
        return found if found.next is not None or end is None else Page(found.rows, cursor(*end))

    def get(self, entry_id: str) -> AuditView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            row = session.get(AuditRow, entry_id)
        if row is None:
            raise Missing("There is no such entry in the audit.")
        return _view(row)

    def latest(self, action: str, subject: str, by: Actor, since: float) -> AuditView | None:
        """The newest row of exactly that action on that subject by that actor, not older than `since` (epoch seconds)."""
        query = sa.select(AuditRow).where(
            AuditRow.at >= since,
            AuditRow.action == action,
            AuditRow.subject == subject[:LONGEST_SUBJECT],
            AuditRow.actor_kind == by.kind,
            AuditRow.actor_name == by.name[:100],
        )
        with self._database.unit_of_work() as session:
            row = session.scalars(query.order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(1)).first()
        return None if row is None else _view(row)

    def undone(self, entries: Sequence[AuditView]) -> frozenset[str]:
        """The ids of those that a later row says it takes back. Looks at all that was written since the oldest of them."""
        if not entries:
            return frozenset()
        query = _undoing(min(entry.at for entry in entries), [entry.id for entry in entries])
        with self._database.unit_of_work() as session:
            return frozenset(session.scalars(query))

    def last_known(self, subjects: Iterable[str]) -> dict[str, LastKnown]:
        """By subject, for those of `subjects` of which any row tells a name."""
        query = (
            sa.select(AuditRow)
            .where(AuditRow.subject.in_(sorted(set(subjects))), sa.or_(_named(AuditRow.before), _named(AuditRow.after)))
            .order_by(AuditRow.at)
        )
        found: dict[str, LastKnown] = {}
        with self._database.unit_of_work() as session:
            for row in session.scalars(query):
                told = {**(row.before or {}), **(row.after or {})}
                was = found.get(row.subject, LastKnown("", ""))
                found[row.subject] = LastKnown(str(told.get("name") or was.name), str(told.get("provider") or was.provider))
        return found


def _wanted(filters: AuditFilters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.kind:
        begins = KINDS.get(filters.kind, ())
        wanted.append(sa.or_(sa.false(), *(AuditRow.action.startswith(each, autoescape=True) for each in begins)))
    if filters.action:
        within = AuditRow.action.startswith(f"{filters.action.rstrip('.')}.", autoescape=True)
        wanted.append(sa.or_(AuditRow.action == filters.action, within))
    if filters.subject:
        wanted.append(AuditRow.subject == filters.subject)
    if filters.actor:
        kind, _, name = filters.actor.partition(":")
        wanted.append(AuditRow.actor_kind == kind)
        wanted += [AuditRow.actor_name == name] if name else []
    elif filters.hide_system:
        wanted.append(AuditRow.actor_kind != SYSTEM.kind)
    return wanted + _within(filters, None)


def _within(filters: AuditFilters, before: str | None, table: Any = AuditRow) -> list[sa.ColumnElement[bool]]:
    """The stretch of time, as far as it is older than the cursor."""
    since = [] if filters.since is None else [table.at >= filters.since]
    until = [] if filters.until is None else [table.at < filters.until]
    return [*since, *until, *([] if before is None else [older(table, *read_cursor(before))])]


def _end(session: Session, stretch: Sequence[sa.ColumnElement[bool]], scan: int) -> tuple[float, str] | None:
    """The last row of the stretch that is looked at; None when all are."""
    newest_first = sa.select(AuditRow).where(*stretch).order_by(AuditRow.at.desc(), AuditRow.id.desc())
    beyond = session.scalars(newest_first.offset(scan - 1).limit(2)).all()
    return (beyond[0].at, beyond[0].id) if len(beyond) > 1 else None


def _not_older(table: Any, end: tuple[float, str]) -> sa.ColumnElement[bool]:
    return sa.not_(older(table, *end))


def _told(text: str, other: Any, among: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """JSON is stored with escapes for what is not ASCII, so the text is looked for as it stands there. Names of the subject are
    taken from the rows of `other`, an alias of the table, for which `among` holds.
    """
    stored = json.dumps(text)[1:-1]
    plain = (AuditRow.action, AuditRow.subject, AuditRow.actor_name, AuditRow.address)
    values = (sa.cast(AuditRow.before, sa.Text), sa.cast(AuditRow.after, sa.Text))
    names = (each["name"].as_string() for each in (other.before, other.after))
    named = sa.select(other.subject).where(among, sa.or_(*(name.icontains(text, autoescape=True) for name in names)))
    return sa.or_(
        *(column.icontains(text, autoescape=True) for column in plain),
        *(value.icontains(stored, autoescape=True) for value in values),
        AuditRow.subject.in_(named),
    )


def _named(column: Any) -> sa.ColumnElement[bool]:
    named: sa.ColumnElement[bool] = column["name"].as_string().is_not(None)
    return named


def _view(row: AuditRow) -> AuditView:
    return AuditView(row.id, row.at, row.actor_kind, row.actor_name, row.address, row.action, row.subject, row.before, row.after)
