"""What clients sent and got, where somebody asked to keep it: sealed, in a table of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Missing, VaultError
from omniroute.models.db import Database, insert_new
from omniroute.models.logs import BodyRow
from omniroute.security.vault import Vault

# id of the log row, when the request came in, request and response (None: there was none), each with its size before it was cut
Bodies = tuple[str, float, bytes | None, int, bytes | None, int]


@dataclass(frozen=True, slots=True)
class StoredBodies:
    """The texts of one request, cut to what was to be kept; the sizes are in bytes, before. Undecodable bytes show as U+FFFD."""

    id: str
    request: str | None
    request_size: int
    response: str | None
    response_size: int


class BodyStore:
    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def insert(self, session: Session, rows: Sequence[Bodies]) -> None:
        """For use inside `Database.write`. What is there already is left alone."""
        insert_new(session, BodyRow, [self._row(*row) for row in rows])

    def has(self, log_id: str) -> bool:
        """Raises DatabaseAway."""
        with self._database.unit_of_work() as session:
            return session.scalar(sa.select(BodyRow.id).where(BodyRow.id == log_id)) is not None

    def get(self, log_id: str) -> StoredBodies:
        """Raises Missing when there are none (any more), or none that opens; DatabaseAway."""
        with self._database.unit_of_work() as session:
            row = session.get(BodyRow, log_id)
        if row is None:
            raise Missing("No bodies are stored for this request. They may never have been asked for, or be too old.")
        try:
            request, response = self._opened(row.request), self._opened(row.response)
        except VaultError as exc:
            raise Missing("These bodies were sealed with a storage key that is not in STORAGE_ENCRYPTION_KEY any more.") from exc
        return StoredBodies(row.id, request, row.request_size, response, row.response_size)

    def delete_older(self, session: Session, before: float, most: int) -> int:
        """Delete up to `most` of the oldest from before that moment; how many there were. For use inside `Database.write`."""
        old = sa.select(BodyRow.id).where(BodyRow.at < before).order_by(BodyRow.at).limit(most)
        return len(session.execute(sa.delete(BodyRow).where(BodyRow.id.in_(old)).returning(BodyRow.id)).all())

    def _row(
        self, id: str, at: float, request: bytes | None, request_size: int, response: bytes | None, response_size: int
    ) -> dict[str, object]:
        sealed = {"request": self._sealed(request), "response": self._sealed(response)}
        return {"id": id, "at": at, "request_size": request_size, "response_size": response_size, **sealed}

    def _sealed(self, body: bytes | None) -> str | None:
        return None if body is None else self._vault.seal(body.decode("utf-8", "replace"))

    def _opened(self, sealed: str | None) -> str | None:
        return None if sealed is None else self._vault.open(sealed)
