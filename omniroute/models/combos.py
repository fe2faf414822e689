"""Combos and aliases: names of the user's own for models."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class ComboRow(Model):
    """`steps` is a list of {id, provider, model, combo, connection_id, weight, label, tags, enabled}, `provider` an id; a step
    that names a `combo` names it as it is called now. `config` holds what was chosen; the rest has its default.
    """

    __tablename__ = "combos"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)
    strategy: Mapped[str] = mapped_column(sa.String(32))
    steps: Mapped[list[Any]] = mapped_column(sa.JSON)
    config: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    tags: Mapped[list[Any]] = mapped_column(sa.JSON)
    enabled: Mapped[bool]
    sort_order: Mapped[int]
    created_at: Mapped[float] = mapped_column(sa.Double)
    updated_at: Mapped[float] = mapped_column(sa.Double)


class AliasRow(Model):
    """`pattern` is a name, or a glob; globs are looked at by `priority`, lower first."""

    __tablename__ = "model_aliases"

    pattern: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    model: Mapped[str] = mapped_column(sa.String(352))
    priority: Mapped[int]
