"""What clients sent and got, where somebody asked to keep it: sealed, in a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Missing, VaultError
from omniroute.models.db import Database, insert_new
from omniroute.models.logs import BodyRow
from omniroute.security.vault import Vault
from omniroute.threads import off_loop


class Bodies(NamedTuple):
    """What a client sent and got (None: there was none), each cut to size; the sizes are those before. `id` is the log row's,
    `at` when the request came in.
    """

    id: str
    at: float
    request: bytes | None
    request_size: int
    response: bytes | None
    response_size: int

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self.request or b"") + len(self.response or b"")


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

    def sealed(self, rows: Sequence[Bodies]) -> Callable[[Session], None]:
        """Seal them, which takes a millisecond for 64 kB, beside the event loop and before anybody holds a lock. What is returned
        stores them, inside `Database.write`; what is there already is left alone.
        """
        made = off_loop(lambda: [self._row(row) for row in rows])
        return lambda session: insert_new(session, BodyRow, made)

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

    def _row(self, row: Bodies) -> dict[str, object]:
        return row._asdict() | {"request": self._sealed(row.request), "response": self._sealed(row.response)}

    def _sealed(self, body: bytes | None) -> str | None:
        return None if body is None else self._vault.seal(body.decode("utf-8", "replace"))

    def _opened(self, sealed: str | None) -> str | None:
        return None if sealed is None else self._vault.open(sealed)
