"""The connections that a provider has already, as a new one has to know them: their keys, names and priorities."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Conflict
from omniroute.models.upstreams import ConnectionRow
from omniroute.providers.catalog import Provider


class Siblings:
    """Read once, in one statement; `joined` adds to it what is made after that in the same transaction."""

    def __init__(self, session: Session, provider: Provider, without: str = "") -> None:
        """`without` is the id of a connection that does not count."""
        self._provider = provider
        self._by_digest: dict[str, str] = {}
        self._names: set[str] = set()
        self._priorities: tuple[int, int] | None = None  # lowest and highest
        self._number = 1  # of the last name that was tried: the lower ones are taken
        columns = sa.select(ConnectionRow.key_digest, ConnectionRow.name, ConnectionRow.priority)
        for row in session.execute(columns.where(ConnectionRow.provider_id == provider.id, ConnectionRow.id != without)):
            self._add(*row)

    def refuse_known_key(self, digest: str | None) -> None:
        """Raises Conflict when one of them has this key, at this address."""
        name = None if digest is None else self._by_digest.get(digest)
        if name is not None:
            message = f"{self._provider.name} has this key already, as the connection {name!r}."
            raise Conflict(message, {"api_key": message})

    def next_name(self) -> str:
        """AgentRouter, AgentRouter 2, AgentRouter 3: the first that is free."""
        name = self._provider.name
        while name in self._names:
            self._number += 1
            name = f"{self._provider.name[:90]} {self._number}"
        return name

    def next_priority(self) -> int:
        """Behind the others where they have an order; the same as theirs where they have none."""
        lowest, highest = self._priorities or (0, 0)
        return highest + (lowest != highest)

    def joined(self, row: ConnectionRow) -> None:
        """One more."""
        self._add(row.key_digest, row.name, row.priority)

    def _add(self, digest: str | None, name: str, priority: int) -> None:
        if digest is not None:
            self._by_digest[digest] = name
        self._names.add(name)
        lowest, highest = self._priorities or (priority, priority)
        self._priorities = min(lowest, priority), max(highest, priority)
