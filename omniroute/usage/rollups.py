"""Sums of log rows by hour and by day. They change in the transaction of the rows, so both always agree."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.models.db import inserting
from omniroute.models.usage import BOUNDS, DIMENSIONS, SUMS, DayRow, HourRow

HOUR, DAY = 3600, 86_400  # seconds
TABLES = ((HourRow.__table__, HOUR), (DayRow.__table__, DAY))
TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")

Dimensions = tuple[str | int, ...]  # in the order of DIMENSIONS
Group = tuple[int, str, Dimensions]  # beginning of the hour or day, digest, dimensions


def add_rows(session: Session, rows: Sequence[Mapping[str, Any]], times: int = 1) -> None:
    """Count these log rows, as `usage/logs.py: storable` made them, in hours and days. `times` of -1 takes them out again."""
    groups, dialect = _grouped(rows, times), session.get_bind().dialect.name
    for table, width in TABLES:
        groups = _joined(groups, width)
        if not groups:
            return
        # In order, so that two processes that add to the same groups wait for each other and never in a ring.
        session.connection().execute(_adding(dialect, table), [_row(*found) for found in sorted(groups.items())])
        if times < 0:
            moments = sorted({at for at, _, _ in groups})
            session.execute(sa.delete(table).where(table.c.at.in_(moments), table.c.requests == 0))


def dimensions(row: Mapping[str, Any]) -> Dimensions:
    """What a log row is counted under. A model that no provider serves is any word of a client's, so it is not among them."""
    named = {**row, "model": row["upstream_model"]}
    if not row["provider_id"]:
        named["requested_model"] = ""
    return tuple(named[name] if name == "status" else named[name] or "" for name in DIMENSIONS)


def digest(named: Dimensions) -> str:
    """32 hexadecimal digits that stand for the dimensions; migration 0005 makes the same."""
    return hashlib.sha256("\0".join(map(str, named)).encode()).hexdigest()[:32]


def sums(row: Mapping[str, Any]) -> Counter[str]:
    """What one log row adds, by the names of SUMS; what is 0 may be missing."""
    answered = row["kind"] == "ok"
    found = Counter({name: row[name] or 0 for name in (*TOKENS, "cost", "total_ms")})
    found["requests"] = 1
    found["attempts"] = len(row["attempts"])
    found["unpriced"] = int(answered and row["cost"] is None)
    found["guessed"] = int(row["usage_source"] in ("partial", "estimated"))
    found["untold"] = int(answered and row["cost"] is None and row["usage_source"] == "absent")
    for time in ("first", "total"):
        if row[f"{time}_ms"] is not None:
            found[f"{time}_{bisect_left(BOUNDS, row[f'{time}_ms'])}"] = 1
    return found


def _grouped(rows: Sequence[Mapping[str, Any]], times: int) -> dict[Group, Counter[str]]:
    """By the hour."""
    groups: dict[Group, Counter[str]] = {}
    digests: dict[Dimensions, str] = {}
    for row in rows:
        named = dimensions(row)
        if named not in digests:
            digests[named] = digest(named)
        added = groups.setdefault((int(row["at"] // HOUR) * HOUR, digests[named], named), Counter())
        for name, amount in sums(row).items():
            added[name] += amount * times
    return groups


def _joined(groups: dict[Group, Counter[str]], width: int) -> dict[Group, Counter[str]]:
    joined: dict[Group, Counter[str]] = {}
    for (at, stands_for, named), added in groups.items():
        joined.setdefault((at // width * width, stands_for, named), Counter()).update(added)
    return joined


def _row(group: Group, added: Counter[str]) -> dict[str, Any]:
    at, stands_for, named = group
    return {"at": at, "digest": stands_for, **dict(zip(DIMENSIONS, named, strict=True)), **{name: added[name] for name in SUMS}}


@cache
def _adding(dialect: str, table: Any) -> Any:
    statement = inserting(sqlite=dialect == "sqlite")(table)
    more = {name: table.c[name] + statement.excluded[name] for name in SUMS}
    return statement.on_conflict_do_update(index_elements=["at", "digest"], set_=more)
