"""Sums of log rows by hour and by day. They change in the transaction of the rows, so both always agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session


def add_rows(session: Session, rows: Sequence[Mapping[str, Any]], times: int = 1) -> None:
    """Count these log rows, as `usage/logs.py: storable` made them, in hours and days. `times` of -1 takes them out again."""
    raise NotImplementedError
