"""Everything that is stored sealed: checking that the keys at hand open it, and sealing it anew with the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.models.upstreams import ConnectionRow, NodeRow
from omniroute.security.audit import Actor, record
from omniroute.security.vault import Vault
from omniroute.state.configuration import ConfigurationStore


def check_storage_key(database: Database, vault: Vault) -> None:
    """Raises VaultError, naming the key that is missing, when a stored API key can't be opened."""
    with database.unit_of_work() as session:
        vault.check(session.scalars(sa.select(ConnectionRow.sealed).where(ConnectionRow.sealed != "")).all())


def rotate_storage_key(store: ConfigurationStore, vault: Vault, clock: Clock, by: Actor) -> int:
    """Seal every stored secret with the vault's first key; returns how many were sealed with another one before.

    All or nothing. Afterwards the other keys may be taken out of STORAGE_ENCRYPTION_KEY. Raises VaultError.
    """

    def work(session: Session) -> int:
        changed = 0
        for row in session.scalars(sa.select(ConnectionRow)):
            sealed = vault.rotate(row.sealed) if row.sealed else ""
            fields = {name: _anew(value, vault) for name, value in row.fields.items()}
            changed += (sealed != row.sealed) + (fields != row.fields)
            row.sealed, row.fields = sealed, fields
        for node in session.scalars(sa.select(NodeRow)):
            headers = [[name, _anew(value, vault)] for name, value in node.custom_headers]
            changed += headers != node.custom_headers
            node.custom_headers = headers
        record(session, clock.now(), by, "storage_key.rotate", "vault", after={"sealed_anew": changed})
        return changed

    return store.change(work)


def _anew(value: Any, vault: Vault) -> Any:
    return {"sealed": vault.rotate(value["sealed"])} if isinstance(value, Mapping) else value
