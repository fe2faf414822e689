"""The one admin of the dashboard: set up by a one-time link or INITIAL_PASSWORD, then login, logout, sessions."""

from __future__ import annotations

import hashlib
import hmac

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import Conflict, Invalid, Missing, SettingError, WrongPassword
from omniroute.models.access import AdminRow, LoginAttemptRow
from omniroute.models.db import Database, insert_new
from omniroute.security.audit import SYSTEM, Actor, record
from omniroute.security.passwords import check_policy, hash_password, outdated, password_problem, verify_password
from omniroute.security.sessions import Sessions, SessionView
from omniroute.security.throttle import LoginThrottle
from omniroute.settings import Settings

ADMIN = "admin"  # the id of the only row


class Accounts:
    def __init__(self, database: Database, sessions: Sessions, throttle: LoginThrottle, settings: Settings, clock: Clock) -> None:
        self._database, self._sessions, self._throttle, self._clock = database, sessions, throttle, clock
        self._secret, self._initial_password = settings.secret_key, settings.initial_password
        self._seen_admin = False

    def has_admin(self) -> bool:
        """Whether the set-up is done. Asks the database only until it is: an admin never goes away."""
        if not self._seen_admin:
            with self._database.unit_of_work() as session:
                self._seen_admin = session.get(AdminRow, ADMIN) is not None
        return self._seen_admin

    def setup_token(self) -> str | None:
        """The token of the one-time link: the same on every worker and start, worth nothing once there is an admin."""
        return None if self.has_admin() else self._derived_token()

    def set_up(self, token: str, password: str, address: str, user_agent: str = "") -> str:
        """Make the admin and log in; returns the session's token. Raises WrongPassword, Conflict, Invalid."""
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._derived_token().encode()):
            raise WrongPassword("This set-up link is not valid. The gateway prints the right one on its console.")
        if self.has_admin():
            raise Conflict("The gateway is set up already. Log in instead.")
        check_policy(password)
        hashed = hash_password(password)
        by = Actor("admin", ADMIN, address)

        def work(session: Session) -> str:
            self._add_admin(session, hashed, by)
            return self._sessions.start(session, ADMIN, address, user_agent)

        started = self._database.write(work)
        self._seen_admin = True
        return started

    def ensure_initial_password(self) -> bool:
        """Make the admin with INITIAL_PASSWORD, if that is set and there is none yet. Whether it did. Raises SettingError."""
        if self._initial_password is None or self.has_admin():
            return False
        if problem := password_problem(self._initial_password):
            raise SettingError(f"INITIAL_PASSWORD: {problem}")
        hashed = hash_password(self._initial_password)
        try:
            self._database.write(lambda session: self._add_admin(session, hashed, SYSTEM))
        except Conflict:  # another process was quicker
            return False
        return True

    def login(self, password: str, address: str, user_agent: str = "", previous: str | None = None) -> str:
        """The token of a new session; `previous`, the token that came with the request, is ended.

        Raises WrongPassword, or Throttled after too many of them.
        """
        self._throttle.admit(address, ADMIN)
        with self._database.unit_of_work() as session:
            row = session.get(AdminRow, ADMIN)
            stored = None if row is None else row.password_hash
        by = Actor("admin", ADMIN, address)
        if stored is None or not verify_password(stored, password):
            self._database.write(lambda session: record(session, self._clock.now(), by, "login.failed", "admin"))
            raise WrongPassword("The password is wrong.", {"password": "The password is wrong."})
        rehashed = hash_password(password) if outdated(stored) else None

        def work(session: Session) -> str:
            self._throttle.succeeded(session, address, ADMIN)
            if rehashed is not None:
                session.execute(sa.update(AdminRow).where(AdminRow.password_hash == stored).values(password_hash=rehashed))
            if previous:
                self._sessions.end(session, previous)
            record(session, self._clock.now(), by, "login", "admin")
            return self._sessions.start(session, ADMIN, address, user_agent)

        return self._database.write(work)

    def confirm(self, password: str, by: Actor, action: str, subject: str) -> None:
        """For what a session or a key is not enough. A wrong one is audited as `action` on `subject`, and a failed login.

        Raises WrongPassword, Throttled.
        """
        address = by.address or ""
        self._throttle.admit(address, ADMIN)
        with self._database.unit_of_work() as session:
            row = session.get(AdminRow, ADMIN)
            stored = None if row is None else row.password_hash
        if stored is None or not verify_password(stored, password):
            self._database.write(lambda session: record(session, self._clock.now(), by, action, subject))
            raise WrongPassword("The password is wrong.", {"password": "The password is wrong."})
        self._database.write(lambda session: self._throttle.succeeded(session, address, ADMIN))

    def session(self, token: str) -> SessionView | None:
        """The running session of a cookie, or None. Raises DatabaseAway."""
        return self._sessions.find(token) if token else None

    def logout(self, token: str, address: str | None = None) -> None:
        """End the session of this cookie, if it is one."""

        def work(session: Session) -> None:
            if self._sessions.end(session, token):
                record(session, self._clock.now(), Actor("admin", ADMIN, address), "logout", "admin")

        self._database.write(work)

    def sessions(self, current: str | None = None) -> tuple[SessionView, ...]:
        """Those that run, last used first; `current` is the token of the one that asks."""
        return self._sessions.all(current)

    def revoke(self, session_id: str, by: Actor) -> None:
        """End one session by its id. Raises Missing."""

        def work(session: Session) -> None:
            if not self._sessions.end_id(session, session_id):
                raise Missing("There is no such session; it may have ended by itself.")
            record(session, self._clock.now(), by, "session.revoke", f"session:{session_id}")

        self._database.write(work)

    def revoke_all(self, by: Actor, keep: str | None = None) -> int:
        """End all sessions, but for the one with the token `keep`. How many."""

        def work(session: Session) -> int:
            ended = self._sessions.end_all(session, keep)
            record(session, self._clock.now(), by, "session.revoke_all", "admin", after={"ended": ended})
            return ended

        return self._database.write(work)

    def change_password(self, current: str, new: str, address: str, keep: str | None = None) -> None:
        """Ends all sessions but the one with the token `keep`. Raises WrongPassword, Throttled, Invalid."""
        check_policy(new, "new")
        self._throttle.admit(address, ADMIN)
        with self._database.unit_of_work() as session:
            row = session.get(AdminRow, ADMIN)
            stored = "" if row is None else row.password_hash
        if not verify_password(stored, current):
            raise WrongPassword("The current password is wrong.", {"current": "The current password is wrong."})
        if current == new:
            raise Invalid("The new password is the current one.", {"new": "The new password is the current one."})
        self._replace_password(hash_password(new), Actor("admin", ADMIN, address), keep)

    def reset_password(self, new: str, by: Actor) -> None:
        """Set the password without knowing the old one; makes the admin if there is none. Ends all sessions. Raises Invalid."""
        check_policy(new)
        self._replace_password(hash_password(new), by, None)

    def _replace_password(self, hashed: str, by: Actor, keep: str | None) -> None:
        def work(session: Session) -> None:
            row, now = session.get(AdminRow, ADMIN), self._clock.now()
            if row is None:
                self._add_admin(session, hashed, by)
            else:
                row.password_hash, row.password_changed_at = hashed, now
                record(session, now, by, "password.change", "admin")
            self._sessions.end_all(session, keep)
            session.execute(sa.delete(LoginAttemptRow))  # whoever could set it need not wait

        self._database.write(work)

    def _add_admin(self, session: Session, hashed: str, by: Actor) -> None:
        """Raises Conflict if there is one: whoever comes second finds the door closed."""
        now = self._clock.now()
        fresh = {"id": ADMIN, "password_hash": hashed, "created_at": now, "password_changed_at": now}
        insert_new(session, AdminRow, [fresh])  # waits for another process that is about to do the same
        if session.get_one(AdminRow, ADMIN).password_hash != hashed:
            raise Conflict("The gateway is set up already. Log in instead.")
        record(session, now, by, "setup", "admin")

    def _derived_token(self) -> str:
        return hmac.new(self._secret.encode(), b"set-up link", hashlib.sha256).hexdigest()
