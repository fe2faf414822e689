"""Who may use the dashboard: the one admin, his sessions, and failed logins. Times are seconds since 1970."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class AdminRow(Model):
    __tablename__ = "admins"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    password_hash: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[float] = mapped_column(sa.Double)
    password_changed_at: Mapped[float] = mapped_column(sa.Double)


class SessionRow(Model):
    """`digest` is the SHA-256 of the cookie's token, which is kept nowhere. `id` names the session in lists."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(36), unique=True)
    admin_id: Mapped[str] = mapped_column(sa.ForeignKey("admins.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float] = mapped_column(sa.Double)
    seen_at: Mapped[float] = mapped_column(sa.Double)
    expires_at: Mapped[float] = mapped_column(sa.Double)
    address: Mapped[str] = mapped_column(sa.String(64))
    user_agent: Mapped[str] = mapped_column(sa.String(256))


class LoginAttemptRow(Model):
    """Failed logins of one address or one account; `subject` is "address:..." or "account:..."."""

    __tablename__ = "login_attempts"

    subject: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[float] = mapped_column(sa.Double, index=True)
    blocked_until: Mapped[float] = mapped_column(sa.Double)
