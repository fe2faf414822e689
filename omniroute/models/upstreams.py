"""Where requests may go: nodes, connections, and models beside the catalogue's.

`provider_id` is a native provider's id (which stands in no table) or a node's, so it is no foreign key.
Times are seconds since 1970.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class NodeRow(Model):
    """`prefix` is lower case. `custom_headers` is a list of [name, value], value null to remove the header."""

    __tablename__ = "provider_nodes"

    id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    prefix: Mapped[str] = mapped_column(sa.String(64), unique=True)
    type: Mapped[str] = mapped_column(sa.String(32))
    compat_mode: Mapped[str | None] = mapped_column(sa.String(16))
    api_type: Mapped[str | None] = mapped_column(sa.String(16))
    base_url: Mapped[str] = mapped_column(sa.Text)
    chat_path: Mapped[str] = mapped_column(sa.Text)
    models_path: Mapped[str | None] = mapped_column(sa.Text)
    custom_headers: Mapped[list[Any]] = mapped_column(sa.JSON)
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)


class ConnectionRow(Model):
    """`sealed` is the encrypted API key, "" for none; `key_digest` a keyed hash that finds the same key again."""

    __tablename__ = "connections"
    __table_args__ = (sa.UniqueConstraint("provider_id", "key_digest"),)

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    provider_id: Mapped[str] = mapped_column(sa.String(80), index=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    sealed: Mapped[str] = mapped_column(sa.Text)
    key_digest: Mapped[str | None] = mapped_column(sa.String(64))
    key_hint: Mapped[str] = mapped_column(sa.String(32))
    priority: Mapped[int]
    max_concurrent: Mapped[int | None]
    quota: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))  # a ConnectionQuota of omniroute/limits
    is_active: Mapped[bool]
    fields: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    test_status: Mapped[str] = mapped_column(sa.String(16))
    status_reason: Mapped[str | None] = mapped_column(sa.Text)
    status_at: Mapped[float | None] = mapped_column(sa.Double)
    succeeded: Mapped[bool]
    last_test: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    last_tested_at: Mapped[float | None] = mapped_column(sa.Double)
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)


class ModelRow(Model):
    """A model that was added or discovered, or one of the catalogue that is hidden (`source` catalog)."""

    __tablename__ = "provider_models"

    provider_id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(16))
    name: Mapped[str] = mapped_column(sa.String(256))
    hidden: Mapped[bool]
    created_at: Mapped[float] = mapped_column(sa.Double)
