"""Who changed what. Rows are added and never changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class AuditRow(Model):
    """`before` and `after` hold only what changed, without secrets. `at` is seconds since 1970."""

    __tablename__ = "audit_rows"
    __table_args__ = (sa.Index(None, "at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    at: Mapped[float] = mapped_column(sa.Double)
    actor_kind: Mapped[str] = mapped_column(sa.String(16))
    actor_name: Mapped[str] = mapped_column(sa.String(100))
    address: Mapped[str | None] = mapped_column(sa.String(64))
    action: Mapped[str] = mapped_column(sa.String(64))
    subject: Mapped[str] = mapped_column(sa.String(128))
    before: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
