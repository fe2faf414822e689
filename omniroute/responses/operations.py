"""Keeping responses: by the gateway, with the whole conversation, or by the upstream, and then only where it lies.

Whoever made a response is the only one who finds it: another key, and a caller without one, gets the same "not found" as for
an id that never was. A response is forgotten after 30 days, as at OpenAI
(https://platform.openai.com/docs/guides/conversation-state, read 2026-11-27).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.models.responses import ResponseRow
from omniroute.security.vault import Vault

KEPT_SECONDS = 30 * 24 * 3600.0
SWEEP_EVERY = 3600.0  # seconds between looks for expired rows, of one process
SWEPT = 200  # rows that one look removes at the most: nobody waits long for it


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """`input` and `response` are None where the upstream keeps them; `connection_id` is then the connection to ask."""

    id: str
    provider_id: str
    connection_id: str
    input: list[dict[str, Any]] | None = None
    response: dict[str, Any] | None = None


class Responses:
    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database, self._vault, self._clock = database, vault, clock
        self._swept_at = float("-inf")

    def keep(self, kept: KeptResponse, key_id: str | None) -> None:
        """Remember a response for the holder of this key. Raises DatabaseAway."""
        now = self._clock.now()
        sealed = None
        if kept.response is not None:
            sealed = self._vault.seal(orjson.dumps({"input": kept.input, "response": kept.response}).decode())
        sweeping = now - self._swept_at >= SWEEP_EVERY

        def work(session: Session) -> None:
            if sweeping:
                _sweep(session, now)
            row = session.get(ResponseRow, kept.id)
            if row is None:
                session.add(row := ResponseRow(id=kept.id, key_id=key_id or ""))
            elif row.key_id != (key_id or ""):
                return  # an upstream that gives one id twice: the first owner keeps it
            row.provider_id, row.connection_id, row.sealed = kept.provider_id, kept.connection_id, sealed
            row.created_at, row.expires_at = now, now + KEPT_SECONDS

        self._database.write(work)
        if sweeping:
            self._swept_at = now

    def find(self, response_id: str, key_id: str | None) -> KeptResponse | None:
        """None for what is not there, not theirs, or expired. Raises DatabaseAway, VaultError."""
        with self._database.unit_of_work() as session:
            row = session.get(ResponseRow, response_id[:200])
            if row is None or row.key_id != (key_id or "") or row.expires_at <= self._clock.now():
                return None
            found = KeptResponse(row.id, row.provider_id, row.connection_id)
            sealed = row.sealed
        if sealed is None:
            return found
        document = orjson.loads(self._vault.open(sealed))
        return KeptResponse(found.id, found.provider_id, found.connection_id, document["input"], document["response"])

    def forget(self, response_id: str) -> None:
        """Raises DatabaseAway."""
        self._database.write(
            lambda session: session.execute(sa.delete(ResponseRow).where(ResponseRow.id == response_id)) and None
        )


def _sweep(session: Session, now: float) -> None:
    expired = sa.select(ResponseRow.id).where(ResponseRow.expires_at <= now).limit(SWEPT)
    session.execute(sa.delete(ResponseRow).where(ResponseRow.id.in_(expired)))
