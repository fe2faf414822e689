"""Sessions of the dashboard: a random token in the cookie, its SHA-256 in the database.

So each can be ended from anywhere, and a copy of the database lets nobody in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import AHEAD, Clock
from omniroute.models.access import SessionRow
from omniroute.models.db import Database
from omniroute.security.redaction import redact

IDLE = 12 * 3600.0  # seconds without a request after which a session is over
LONGEST = 7 * 86400.0  # seconds after which it is over in any case
SEEN_EVERY = 300.0  # seconds between two notes that it was used: a note is a write, a page view should be none


@dataclass(frozen=True, slots=True)
class SessionView:
    """`expires_at` is when it ends if it is not used again. `current` marks the one that asks."""

    id: str
    created_at: float
    seen_at: float
    expires_at: float
    address: str
    user_agent: str
    current: bool = False


class Sessions:
    """Times are seconds since 1970. Verbs that take a session are for use inside `Database.write`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def start(self, session: Session, admin_id: str, address: str, user_agent: str) -> str:
        """A new session; its token is returned and kept nowhere. Sweeps out those that are over."""
        now, token = self._clock.now(), self._clock.token()
        session.execute(sa.delete(SessionRow).where(_ended(now)))
        session.add(
            SessionRow(
                digest=_digest(token),
                id=self._clock.new_id(),
                admin_id=admin_id,
                created_at=now,
                seen_at=now,
                expires_at=now + LONGEST,
                address=address[:64],
                user_agent=redact(user_agent[:600])[:256],  # some send a key there
            )
        )
        return token

    def find(self, token: str) -> SessionView | None:
        """The running session of this token, noted as used; None if there is none. Raises DatabaseAway."""
        now, digest = self._clock.now(), _digest(token)
        with self._database.unit_of_work() as session:
            row = session.get(SessionRow, digest)
        if row is None or _over(row, now):
            return None
        if now - row.seen_at >= SEEN_EVERY:
            seen = sa.update(SessionRow).where(SessionRow.digest == digest, SessionRow.seen_at < now).values(seen_at=now)
            self._database.write(lambda session: bool(session.execute(seen)))
        return _view(row, max(now, row.seen_at), digest)

    def end(self, session: Session, token: str) -> bool:
        """Whether there was such a session to end."""
        ended = session.scalars(sa.delete(SessionRow).where(SessionRow.digest == _digest(token)).returning(SessionRow.id))
        return ended.first() is not None

    def end_id(self, session: Session, session_id: str) -> bool:
        ended = session.scalars(sa.delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.id))
        return ended.first() is not None

    def end_all(self, session: Session, keep: str | None = None) -> int:
        """How many were ended; `keep` is the token of one that stays."""
        query = sa.delete(SessionRow).returning(SessionRow.id)
        if keep is not None:
            query = query.where(SessionRow.digest != _digest(keep))
        return len(session.scalars(query).all())

    def all(self, current: str | None = None) -> tuple[SessionView, ...]:
        """Those that are running, last used first."""
        now, digest = self._clock.now(), None if current is None else _digest(current)
        with self._database.unit_of_work() as session:
            rows = session.scalars(sa.select(SessionRow).order_by(SessionRow.seen_at.desc(), SessionRow.id)).all()
        return tuple(_view(row, row.seen_at, digest) for row in rows if not _over(row, now))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _ended(now: float) -> sa.ColumnElement[bool]:
    return sa.or_(SessionRow.expires_at <= now, SessionRow.seen_at <= now - IDLE, SessionRow.seen_at > now + AHEAD)


def _over(row: SessionRow, now: float) -> bool:
    """Also of a clock that was set back since: nobody knows how long ago that was."""
    return now >= row.expires_at or now >= row.seen_at + IDLE or row.seen_at > now + AHEAD


def _view(row: SessionRow, seen_at: float, current: str | None) -> SessionView:
    ends = min(row.expires_at, seen_at + IDLE)
    return SessionView(row.id, row.created_at, seen_at, ends, row.address, row.user_agent, row.digest == current)
