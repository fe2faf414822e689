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
    last_used_at: Mapped[float | None] = mapped_column(sa.Double)
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)
