"""Which revision of the tables this version of the program needs, and what is said where they are of another.

Known here by heart, so that a start with nothing to migrate imports no Alembic (0.3 s). A test keeps it equal to
`migrations/versions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from omniroute.errors import OmniRouteError

State = Literal["absent", "behind", "current", "ahead"]

REVISIONS = ("0001", "0002", "0003", "0004", "0005")  # oldest first
HEAD = REVISIONS[-1]
PREPARE = "run 'python -m omniroute prepare' first"


class SchemaError(OmniRouteError):
    """The tables are of another version, or can't be brought to this one. The message is one line and says what to do."""


def state_of(revision: str | None, known: Sequence[str] = REVISIONS) -> State:
    """`revision` is what the database says; None when it holds no tables. One that is not known is from a newer program."""
    if revision is None:
        return "absent"
    if revision == known[-1]:
        return "current"
    return "behind" if revision in known else "ahead"


def require_current(revision: str | None, known: Sequence[str] = REVISIONS) -> None:
    """Raises SchemaError unless the tables are those that this version works with."""
    state = state_of(revision, known)
    if state == "absent":
        raise SchemaError(f"the database holds no tables yet, and this version needs revision {known[-1]}: {PREPARE}")
    if state == "behind":
        raise SchemaError(f"the database is at revision {revision}, and this version needs revision {known[-1]}: {PREPARE}")
    if state == "ahead":
        raise SchemaError(
            f"the database is at revision {revision}, which this version does not know (it knows up to {known[-1]}): "
            "start the newer version again, or restore a copy of the database that was made before it"
        )
