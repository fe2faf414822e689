"""Who changed what: rows written in the transaction of the change itself, never altered, without secrets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from omniroute.models.audit import AuditRow
from omniroute.models.db import Database
from omniroute.models.paging import Page, page
from omniroute.security.redaction import redact_values

ALL_SCOPES = frozenset({"relay", "manage"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind` is admin, key, cli or system. For a key, `scopes` are its own: it can't hand on more than it has."""

    kind: str
    name: str
    address: str | None = None
    scopes: frozenset[str] = ALL_SCOPES


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

    Of `before` and `after`, where both are given, only what differs is kept.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        before = {name: value for name, value in before.items() if name in changed}
        after = {name: value for name, value in after.items() if name in changed}
    session.add(
        AuditRow(
            id=str(uuid.uuid4()),
            at=at,
            actor_kind=by.kind,
            actor_name=by.name[:100],
            address=by.address[:64] if by.address else None,
            action=action,
            subject=subject[:128],
            before=None if before is None else redact_values(before),
            after=None if after is None else redact_values(after),
        )
    )


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


class AuditLog:
    """Reading the rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, action: str | None = None, subject: str | None = None, before: str | None = None, limit: int = 50
    ) -> Page[AuditView]:
        """Newest first. `action` may be a beginning, such as "connection". Raises Invalid for a bad cursor or limit."""
        wanted = []
        if action:
            wanted.append(AuditRow.action.startswith(action, autoescape=True))
        if subject:
            wanted.append(AuditRow.subject == subject)
        with self._database.unit_of_work() as session:
            return page(session, AuditRow, wanted, before, limit, _view)


def _view(row: AuditRow) -> AuditView:
    return AuditView(row.id, row.at, row.actor_kind, row.actor_name, row.address, row.action, row.subject, row.before, row.after)
