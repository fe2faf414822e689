"""Keyset paging over (at, id), newest first.

As fast on the thousandth page as on the first, and rows added meanwhile shift nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Invalid

R = TypeVar("R")
V = TypeVar("V")

LONGEST = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """`next` is the `before` of the page that follows; None on the last one."""

    rows: tuple[V, ...]
    next: str | None


def page(
    session: Session, table: Any, wanted: list[sa.ColumnElement[bool]], before: str | None, limit: int, view: Callable[[Any], V]
) -> Page[V]:
    """Up to `limit` (1 to 500) rows of `table`, which has `at` and `id`, older than the cursor `before`.

    Raises Invalid for a cursor that none of these pages gave.
    """
    check_limit(limit)
    query = sa.select(table).where(*wanted).order_by(table.at.desc(), table.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(older(table, *read_cursor(before)))
    rows = session.scalars(query).all()
    more = cursor(rows[limit - 1].at, rows[limit - 1].id) if len(rows) > limit else None
    return Page(tuple(view(row) for row in rows[:limit]), more)


def check_limit(limit: int) -> None:
    """Raises Invalid."""
    if not 1 <= limit <= LONGEST:
        raise Invalid(f"limit must be from 1 to {LONGEST}", {"limit": f"must be from 1 to {LONGEST}"})


def older(table: Any, at: float, row_id: str) -> sa.ColumnElement[bool]:
    return sa.tuple_(table.at, table.id) < sa.tuple_(sa.literal(at), sa.literal(row_id))


def cursor(at: float, row_id: str) -> str:
    return f"{at!r}_{row_id}"


def read_cursor(text: str) -> tuple[float, str]:
    """Raises Invalid."""
    at, _, row_id = text.partition("_")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", at) or not re.fullmatch(r"[\x21-\x7e]{1,64}", row_id):
        raise Invalid("before is not a cursor of this list", {"before": "is not a cursor of this list"})
    return float(at), row_id
