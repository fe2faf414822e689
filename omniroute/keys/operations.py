"""Client keys: what clients send to use the gateway. Each is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import Missing
from omniroute.given import Given
from omniroute.keys.rights import must_hold
from omniroute.models.db import Database
from omniroute.models.keys import KeyRow
from omniroute.security import client_keys
from omniroute.security.audit import ALL_SCOPES, Actor, record
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.recount import Recount

LABELS = {
    "name": "Name",
    "scopes": "Scopes",
    "expires_at": "Expiry",
    "is_active": "Active",
    "allowed_models": "Allowed models",
    "allowed_endpoints": "Allowed endpoints",
    "requests_per_minute": "Requests per minute",
    "tokens_per_minute": "Tokens per minute",
    "max_concurrent": "Requests at once",
    "no_log": "No log",
    "log_bodies": "Keep bodies",
}
# Limits that are a number; null is none. Name -> the most that makes sense.
NUMBERS: dict[str, int] = {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000, "max_concurrent": 100_000}
SCOPES = tuple(sorted(ALL_SCOPES, reverse=True))  # relay first: the usual one


@dataclass(frozen=True, slots=True)
class KeyView:
    """`expired` is as of the reading. Times are seconds since 1970; an `expires_at` of None is never, a limit of None is none.

    `allowed_models` are globs over the name as it is asked for, so a combo's or an alias's is as good as a model's.
    """

    id: str
    name: str
    prefix: str
    last4: str
    scopes: tuple[str, ...]
    expires_at: float | None
    expired: bool
    is_active: bool
    allowed_models: tuple[str, ...]
    allowed_endpoints: tuple[str, ...]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    max_concurrent: int | None
    no_log: bool
    log_bodies: bool
    last_used_at: float | None
    created_at: float
    updated_at: float

    @property
    def hint(self) -> str:
        """The key as it is shown after the first time: "sk-or-AbCd...wxyz"."""
        return f"{self.prefix}...{self.last4}"


class Keys:
    def __init__(self, database: Database, store: ConfigurationStore, recount: Recount, clock: Clock) -> None:
        self._database, self._store, self._recount, self._clock = database, store, recount, clock

    def list(self) -> tuple[KeyView, ...]:
        """Newest first."""
        with self._database.unit_of_work() as session:
            rows = session.scalars(sa.select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id)).all()
        return tuple(self._view(row) for row in rows)

    def get(self, key_id: str) -> KeyView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            return self._view(found_key(session, key_id))

    def create(self, given: Mapping[str, Any], by: Actor) -> tuple[KeyView, str]:
        """The view and the key itself, which nobody can see again. Raises Invalid, NotAllowed."""
        read = Given(given, LABELS)
        columns = read_columns(read, None, self._clock.now())
        columns["name"] = read.text("name", needed=True)
        read.check()
        must_hold(by, columns)
        key, now = client_keys.make(self._clock), self._clock.now()

        def work(session: Session) -> KeyView:
            row = KeyRow(id=self._clock.new_id(), last_used_at=None, created_at=now, updated_at=now, **_kept(key), **columns)
            session.add(row)
            record(session, now, by, "key.create", f"key:{row.id}", after=_audited(row))
            return self._view(row)

        return self._store.change(work), key

    def update(self, key_id: str, given: Mapping[str, Any], by: Actor) -> KeyView:
        """Change what is given. Raises Invalid, Missing, NotAllowed."""
        read = Given(given, LABELS)

        def work(session: Session) -> KeyView:
            row = found_key(session, key_id)
            must_hold(by, row)
            columns = read_columns(read, row, self._clock.now())
            columns["name"] = read.text("name", row.name, needed="name" in read)
            read.check()
            must_hold(by, columns)
            before = _audited(row)
            for name, value in columns.items():
                setattr(row, name, value)
            row.updated_at = self._clock.now()
            record(session, row.updated_at, by, "key.update", f"key:{key_id}", before, _audited(row))
            return self._view(row)

        return self._store.change(work)

    def delete(self, key_id: str, by: Actor) -> None:
        """With its budgets, which the database deletes after it. Raises Missing, NotAllowed."""

        def work(session: Session) -> None:
            row = found_key(session, key_id)
            must_hold(by, row)
            record(session, self._clock.now(), by, "key.delete", f"key:{key_id}", before=_audited(row))
            session.delete(row)

        self._store.change(work)
        self._recount.forget(f"key:{key_id}:")

    def rotate(self, key_id: str, by: Actor) -> tuple[KeyView, str]:
        """A new key with the same id and rights; the old one stops working at once. Raises Missing, NotAllowed."""
        key = client_keys.make(self._clock)

        def work(session: Session) -> KeyView:
            row = found_key(session, key_id)
            must_hold(by, row)
            before = _audited(row)
            for name, value in _kept(key).items():
                setattr(row, name, value)
            row.updated_at = self._clock.now()
            record(session, row.updated_at, by, "key.rotate", f"key:{key_id}", before, _audited(row))
            return self._view(row)

        return self._store.change(work), key

    def record_use(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used: key id -> seconds since 1970. For batches; changes no configuration."""

        def work(session: Session) -> None:
            for key_id, at in sorted(used.items()):
                later = sa.or_(KeyRow.last_used_at.is_(None), KeyRow.last_used_at < at)
                session.execute(sa.update(KeyRow).where(KeyRow.id == key_id, later).values(last_used_at=at))

        if used:
            self._database.write(work)

    def _view(self, row: KeyRow) -> KeyView:
        return KeyView(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            last4=row.last4,
            scopes=tuple(row.scopes),
            expires_at=row.expires_at,
            expired=row.expires_at is not None and row.expires_at <= self._clock.now(),
            is_active=row.is_active,
            allowed_models=tuple(row.allowed_models),
            allowed_endpoints=tuple(row.allowed_endpoints),
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            max_concurrent=row.max_concurrent,
            no_log=row.no_log,
            log_bodies=row.log_bodies,
            last_used_at=row.last_used_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def read_columns(read: Given, row: KeyRow | None, now: float) -> dict[str, Any]:
    """What of a key its owner decides but the name; what is not given is as `row` has it. What is wrong is noted in `read`."""
    scopes = read.texts("scopes", row.scopes if row else ("relay",))
    if not scopes or not ALL_SCOPES.issuperset(scopes):
        read.refuse("scopes", f"must be one or more of {', '.join(SCOPES)}")
    endpoints = read.texts("allowed_endpoints", row.allowed_endpoints if row else ())
    if any(not endpoint.startswith("/") for endpoint in endpoints):
        read.refuse("allowed_endpoints", "must be paths such as /v1/messages")
    no_log, log_bodies = (read.flag(name, getattr(row, name) if row else False) for name in ("no_log", "log_bodies"))
    if no_log and log_bodies:
        read.refuse("log_bodies", "can't be on for a key that keeps as little as possible: switch one of the two off")
    return {
        "scopes": [scope for scope in SCOPES if scope in scopes],
        "expires_at": _expiry(read, row.expires_at if row else None, now),
        "is_active": read.flag("is_active", row.is_active if row else True),
        "allowed_models": list(read.texts("allowed_models", row.allowed_models if row else ())),
        "allowed_endpoints": list(endpoints),
        **{name: read.whole_or_none(name, getattr(row, name) if row else None, 1, most) for name, most in NUMBERS.items()},
        "no_log": no_log,
        "log_bodies": log_bodies,
    }


def _expiry(read: Given, stored: float | None, now: float) -> float | None:
    """Must be to come, unless it is as before."""
    moment = read.moment("expires_at", stored)
    if moment is not None and moment != stored and moment <= now:
        read.refuse("expires_at", "must be in the future")
    return moment


def _kept(key: str) -> dict[str, str]:
    prefix, last4 = client_keys.shown(key)
    return {"digest": client_keys.digest(key), "prefix": prefix, "last4": last4}


def found_key(session: Session, key_id: str) -> KeyRow:
    row = session.get(KeyRow, key_id)
    if row is None:
        raise Missing(f"There is no key {key_id[:80]!r}.")
    return row


def _audited(row: KeyRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "begins_and_ends": f"{row.prefix}...{row.last4}",
        "scopes": row.scopes,
        "expires_at": row.expires_at,
        "is_active": row.is_active,
        "allowed_models": row.allowed_models,
        "allowed_endpoints": row.allowed_endpoints,
        **{name: getattr(row, name) for name in NUMBERS},
        "no_log": row.no_log,
        "log_bodies": row.log_bodies,
    }
