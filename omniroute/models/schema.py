"""Which revision of the tables this version of the program needs.

Known here by heart, so that a start with nothing to migrate imports no Alembic (0.3 s). A test keeps it equal to
`migrations/versions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

State = Literal["absent", "behind", "current", "ahead"]

REVISIONS = ("0001", "0002", "0003", "0004", "0005")  # oldest first
HEAD = REVISIONS[-1]


def state_of(revision: str | None, known: Sequence[str] = REVISIONS) -> State:
    """`revision` is what the database says; None when it holds no tables. One that is not known is from a newer program."""
    if revision is None:
        return "absent"
    if revision == known[-1]:
        return "current"
    return "behind" if revision in known else "ahead"
