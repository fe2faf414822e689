"""Responses that clients asked to have kept."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class ResponseRow(Model):
    """`key_id` is the owner's, "" for callers without a key. `sealed` holds the conversation and the answer, encrypted; null
    where the upstream keeps them, and then `connection_id` says whom to ask. Times are seconds since 1970.
    """

    __tablename__ = "responses"
    __table_args__ = (sa.Index(None, "expires_at"),)

    id: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    key_id: Mapped[str] = mapped_column(sa.String(36))
    provider_id: Mapped[str] = mapped_column(sa.String(80))
    connection_id: Mapped[str] = mapped_column(sa.String(36))
    sealed: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[float] = mapped_column(sa.Double)
    expires_at: Mapped[float] = mapped_column(sa.Double)
