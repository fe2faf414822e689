"""Slowing down who guesses the admin's password: by address and by account, in the database, so that all workers count together.

Every try counts as failed before the password is looked at, and is struck off when it was right. So a hundred tries at
once can't all slip through before the first failure is written.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import AHEAD, Clock
from omniroute.errors import Throttled
from omniroute.models.access import LoginAttemptRow
from omniroute.models.db import Database, insert_new

FORGET = 3600.0  # seconds without a failure after which nothing is held against anybody


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` failures cost nothing; the next one costs a second, each further one twice as much, up to `longest` seconds."""

    free: int
    longest: float

    def delay(self, failures: int) -> float:
        beyond = failures - self.free
        return 0.0 if beyond <= 0 else min(self.longest, 2.0 ** min(beyond - 1, 30))


# The account's delay stays short: whoever guesses from many addresses must not be able to lock the admin out.
RULES = {"address": Rule(free=4, longest=900.0), "account": Rule(free=20, longest=30.0)}


class LoginThrottle:
    """Times are seconds since 1970."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def admit(self, address: str, account: str) -> None:
        """Count a try as failed, to begin with. Raises Throttled when it comes too early; then it is not counted."""
        now = self._clock.now()
        subjects = _subjects(address, account)
        self._database.write(lambda session: _count(session, subjects, now))

    def succeeded(self, session: Session, address: str, account: str) -> None:
        """Forget the failures of both; for use inside `Database.write`."""
        session.execute(sa.delete(LoginAttemptRow).where(LoginAttemptRow.subject.in_(_subjects(address, account))))


def _count(session: Session, subjects: dict[str, Rule], now: float) -> None:
    session.execute(sa.delete(LoginAttemptRow).where(sa.not_(LoginAttemptRow.last_at.between(now - FORGET, now + AHEAD))))
    fresh = {"failures": 0, "last_at": now, "blocked_until": 0.0}
    insert_new(session, LoginAttemptRow, [{"subject": subject, **fresh} for subject in subjects])
    # Locked in one order, so that two tries at once wait for each other and never deadlock.
    query = sa.select(LoginAttemptRow).where(LoginAttemptRow.subject.in_(subjects)).order_by(LoginAttemptRow.subject)
    rows = session.scalars(query.with_for_update()).all()
    wait = max(row.blocked_until for row in rows) - now
    if wait > 0:
        raise Throttled(wait)
    for row in rows:
        row.failures += 1
        row.last_at = now
        row.blocked_until = now + subjects[row.subject].delay(row.failures)


def _subjects(address: str, account: str) -> dict[str, Rule]:
    """In the order in which they are written."""
    return {f"account:{account}"[:128]: RULES["account"], f"address:{_network(address)}": RULES["address"]}


def _network(address: str) -> str:
    """An IPv6 customer has a whole /64, so that is what counts as one address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)).network_address)
