"""Keys that clients send. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class KeyRow(Model):
    """`digest` is the SHA-256 of the key; the key itself is kept nowhere. `prefix` and `last4` are for display."""

    __tablename__ = "client_keys"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    prefix: Mapped[str] = mapped_column(sa.String(16))
    last4: Mapped[str] = mapped_column(sa.String(4))
    scopes: Mapped[list[Any]] = mapped_column(sa.JSON)
    expires_at: Mapped[float | None] = mapped_column(sa.Double)
    is_active: Mapped[bool]
    allowed_models: Mapped[list[Any]] = mapped_column(sa.JSON)
    allowed_endpoints: Mapped[list[Any]] = mapped_column(sa.JSON)
    no_log: Mapped[bool]
    log_bodies: Mapped[bool] = mapped_column(default=False)
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None] = mapped_column(sa.BigInteger)
    max_concurrent: Mapped[int | None]
    last_used_at: Mapped[float | None] = mapped_column(sa.Double)
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)


class BudgetRow(Model):
    """One a key and period. `limit` is in micro-dollars for the unit "usd", in tokens for "tokens"."""

    __tablename__ = "budgets"
    __table_args__ = (sa.UniqueConstraint("key_id", "period"),)

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    key_id: Mapped[str] = mapped_column(sa.ForeignKey("client_keys.id", ondelete="CASCADE"))
    period: Mapped[str] = mapped_column(sa.String(8))
    unit: Mapped[str] = mapped_column(sa.String(8))
    limit: Mapped[int] = mapped_column(sa.BigInteger)
    warn_at: Mapped[float] = mapped_column(sa.Double)
    timezone: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)
