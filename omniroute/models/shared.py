"""What all workers share when there is no Redis; see state/shared.py. All times are epoch seconds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class ConditionRow(Model):
    """What is known of one place. `digest` stands for the place: names of models are too long for an index of Postgres."""

    __tablename__ = "health_conditions"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    id: Mapped[str] = mapped_column(sa.Text)
    model: Mapped[str] = mapped_column(sa.Text)
    condition: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class TurnRow(Model):
    """`next` is the number that is given out next."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    next: Mapped[int] = mapped_column(sa.BigInteger)


class HoldRow(Model):
    """One of the places under `name`, taken until its lease ends."""

    __tablename__ = "holds"

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text, index=True)
    until: Mapped[float] = mapped_column(sa.Double)


class CounterRow(Model):
    """What counts against a limit, by parts of its window: `bucket` is when a part begins. `reserved` is not yet spent."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    bucket: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    spent: Mapped[int] = mapped_column(sa.BigInteger)
    reserved: Mapped[int] = mapped_column(sa.BigInteger)
    expires: Mapped[float] = mapped_column(sa.Double, index=True)


class TicketRow(Model):
    """What one request has reserved: `lines` is a list of [counter, bucket, amount, expires]. `document` is what its log row
    would say if nobody settled it.
    """

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    lines: Mapped[list[Any]] = mapped_column(sa.JSON)
    document: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    until: Mapped[float] = mapped_column(sa.Double, index=True)


class ReportRow(Model):
    """What one worker tells the others."""

    __tablename__ = "worker_reports"

    worker: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    until: Mapped[float] = mapped_column(sa.Double)
