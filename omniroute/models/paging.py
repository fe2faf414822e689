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
    if not 1 <= limit <= LONGEST:
        raise Invalid(f"limit must be from 1 to {LONGEST}", {"limit": f"must be from 1 to {LONGEST}"})
    query = sa.select(table).where(*wanted).order_by(table.at.desc(), table.id.desc()).limit(limit + 1)
    if before is not None:
        at, row_id = _read(before)
        query = query.where(sa.tuple_(table.at, table.id) < sa.tuple_(sa.literal(at), sa.literal(row_id)))
    rows = session.scalars(query).all()
    more = f"{rows[limit - 1].at!r}_{rows[limit - 1].id}" if len(rows) > limit else None
    return Page(tuple(view(row) for row in rows[:limit]), more)


def _read(cursor: str) -> tuple[float, str]:
    at, _, row_id = cursor.partition("_")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", at) or not re.fullmatch(r"[\x21-\x7e]{1,64}", row_id):
        raise Invalid("before is not a cursor of this list", {"before": "is not a cursor of this list"})
    return float(at), row_id
