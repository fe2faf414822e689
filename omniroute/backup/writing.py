"""Writing a plan down, in the one transaction that also makes it known to every worker."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.backup.kinds import CONNECTIONS, KINDS, Identity, Kind, Row
from omniroute.backup.plan import Plan
from omniroute.backup.refusals import Refusals
from omniroute.connections.nodes import untest
from omniroute.connections.prefixes import claim_for_native, claim_for_node
from omniroute.models.configuration import ConfigVersionRow
from omniroute.providers.catalog import Catalog


class Moved(Exception):
    """The configuration is another one by now than the plan was made for."""


def write(session: Session, plan: Plan, catalog: Catalog) -> None:
    """For use inside `ConfigurationStore.change`. Raises Moved, and Invalid when a prefix would have two owners."""
    if session.scalars(sa.select(ConfigVersionRow.version)).one() != plan.version + 1:  # `change` has moved it on
        raise Moved
    for kind in reversed(KINDS):
        _delete(session, kind, plan.writes[kind.name].delete)
    for kind in KINDS:
        if kind is CONNECTIONS:
            for node_id in plan.untest:
                untest(session, node_id)
        _insert(session, kind, plan.writes[kind.name].insert)
    _require_one_owner(session, plan, catalog)


def _delete(session: Session, kind: Kind, identities: Iterable[Identity]) -> None:
    same = (getattr(kind.row, name) == sa.bindparam(f"is_{name}") for name in kind.identity)
    given = [{f"is_{name}": value for name, value in zip(kind.identity, each, strict=True)} for each in identities]
    if given:
        session.connection().execute(sa.delete(kind.row).where(*same), given)


def _insert(session: Session, kind: Kind, rows: Iterable[Row]) -> None:
    if given := [dict(row) for row in rows]:
        session.connection().execute(sa.insert(kind.row), given)


def _require_one_owner(session: Session, plan: Plan, catalog: Catalog) -> None:
    """One prefix, one owner, of all that is there now: the same questions as when a node or a connection is made."""
    refusals = Refusals()
    for row in plan.writes["nodes"].insert:
        with refusals.at(f"nodes {row['name']!r}"):
            claim_for_node(session, catalog, row["prefix"], row["id"])
    for provider_id in sorted({row["provider_id"] for row in plan.writes["connections"].insert}):
        native = catalog.get(provider_id)
        if native is not None:
            with refusals.at(f"connections of {native.name}"):
                claim_for_native(session, native)
    refusals.check()
