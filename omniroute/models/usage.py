"""Sums of the log by hour and by day, kept for longer than its rows; and what the operator says that models cost.

A rollup row is written in the transaction of the log rows that it sums up, so both always agree.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model

# What a rollup is by, all texts, "" for none; `status` is the number that the client got.
DIMENSIONS = ("key_id", "provider_id", "connection_id", "model", "requested_model", "combo", "endpoint", "kind", "status")

# Upper ends of the classes that times are counted in, in ms; the last class has none.
BOUNDS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)

# What is summed up. `unpriced` are answered requests whose cost is not known; `guessed` those whose usage is partial or
# estimated, `untold` those of the unpriced that were answered without any: what nothing was generated for, or what is paid
# by the request, needs none. `first_<n>` and `total_<n>` count times to first content and to the end.
SUMS = (
    "requests",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "unpriced",
    "guessed",
    "untold",
    "total_ms",
    *(f"first_{n}" for n in range(len(BOUNDS) + 1)),
    *(f"total_{n}" for n in range(len(BOUNDS) + 1)),
)


def _columns() -> list[sa.Column[Any]]:
    """`at` is the beginning of the hour or day in UTC, epoch seconds; `digest` stands for the dimensions."""
    return [
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("digest", sa.String(32), primary_key=True),
        *(sa.Column(name, sa.Integer if name == "status" else sa.Text, nullable=False) for name in DIMENSIONS),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
    ]


class HourRow(Model):
    __table__ = sa.Table("usage_hours", Model.metadata, *_columns())


class DayRow(Model):
    __table__ = sa.Table("usage_days", Model.metadata, *_columns())


class PriceRow(Model):
    """The operator's price of the models of one provider or node that `model` names, exactly or as a glob.

    `price` has the names of omniroute/prices: Price, in micro-dollars.
    """

    __tablename__ = "prices"

    provider_id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    model: Mapped[str] = mapped_column(sa.String(256), primary_key=True)
    price: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    updated_at: Mapped[float] = mapped_column(sa.Double)
