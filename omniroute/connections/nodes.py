"""Nodes: upstreams that a user adds by address. The verbs that change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.connections.custom_headers import read_headers, seal_headers, shown_headers
from omniroute.connections.prefixes import claim_for_node, prefix_problem
from omniroute.errors import FeatureOff, Missing
from omniroute.given import Given
from omniroute.models.db import Database
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow
from omniroute.models.usage import PriceRow
from omniroute.providers.catalog import Catalog
from omniroute.providers.nodes import ANTHROPIC_COMPATIBLE, API_TYPES, TYPES, Node, default_chat_path, is_cc, new_node_id
from omniroute.providers.urls import base_url_problem, path_problem
from omniroute.security.audit import Actor, record
from omniroute.security.vault import Vault
from omniroute.settings import Settings
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.rows import node_value

LABELS = {
    "name": "Name",
    "prefix": "Prefix",
    "type": "Type",
    "compat_mode": "Compatibility",
    "api_type": "API type",
    "base_url": "Base URL",
    "chat_path": "Chat path",
    "models_path": "Models path",
    "custom_headers": "Custom headers",
}
Kind = tuple[str, str | None, str | None]  # type, compatibility mode, API type
# A change of these makes another upstream of it: what was known of the connections no longer holds.
WIRE = ("base_url", "chat_path", "custom_headers")


@dataclass(frozen=True, slots=True)
class NodeView:
    """`chat_path` is the one in use, `custom_headers` has "***" for secret values and None to take a header out.

    `usable` is False for a Claude Code compatible node while its flag is off. Times are seconds since 1970.
    """

    id: str
    name: str
    prefix: str
    type: str
    compat_mode: str | None
    api_type: str | None
    base_url: str
    chat_path: str
    models_path: str | None
    custom_headers: tuple[tuple[str, str | None], ...]
    connections: int
    usable: bool
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class NodeDeleted:
    """How many connections and models went with the node."""

    connections: int
    models: int


class Nodes:
    def __init__(
        self, database: Database, store: ConfigurationStore, catalog: Catalog, vault: Vault, settings: Settings, clock: Clock
    ) -> None:
        self._database, self._store, self._catalog, self._vault = database, store, catalog, vault
        self._cc_on, self._clock = settings.enable_cc_compatible_provider, clock

    def list(self) -> tuple[NodeView, ...]:
        """By name."""
        count = sa.func.count(ConnectionRow.id)
        query = sa.select(NodeRow, count).outerjoin(ConnectionRow, ConnectionRow.provider_id == NodeRow.id).group_by(NodeRow.id)
        with self._database.unit_of_work() as session:
            views = [self._view(row, connections) for row, connections in session.execute(query)]
        return tuple(sorted(views, key=lambda view: (view.name.lower(), view.created_at)))

    def get(self, node_id: str) -> NodeView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            return self._view(_found(session, node_id), _connections(session, node_id))

    def node(self, node_id: str) -> Node:
        """The stored one, as providers/ works with it. Raises Missing."""
        with self._database.unit_of_work() as session:
            return node_value(_found(session, node_id), self._vault)

    def draft(self, given: Mapping[str, Any]) -> Node:
        """A node that is only to be checked, never saved; name and prefix may be left out. Raises Invalid, FeatureOff."""
        read = Given(given, LABELS)
        kind = read_kind(read)
        self._require_flag(kind)
        columns = read_address(read, None)
        name, prefix = read.text("name", "draft"), read.text("prefix", "draft")
        read.check()
        return Node(new_node_id(*kind, "draft"), name, prefix, *kind, **columns)

    def create(self, given: Mapping[str, Any], by: Actor) -> NodeView:
        """Raises Invalid, Conflict when the prefix has an owner, FeatureOff for a Claude Code node without the flag."""
        read = Given(given, LABELS)
        kind = read_kind(read)
        self._require_flag(kind)
        columns = read_address(read, None)
        name, prefix = read.text("name", needed=True), read_prefix(read, None)
        read.check()
        now = self._clock.now()
        columns["custom_headers"] = seal_headers(columns["custom_headers"], self._vault)
        row = NodeRow(
            id=new_node_id(*kind, self._clock.new_id()),
            name=name,
            prefix=prefix,
            type=kind[0],
            compat_mode=kind[1],
            api_type=kind[2],
            created_at=now,
            updated_at=now,
            **columns,
        )

        def work(session: Session) -> NodeView:
            claim_for_node(session, self._catalog, prefix)
            session.add(row)
            record(session, now, by, "node.create", f"node:{row.id}", after=_audited(row))
            return self._view(row, 0)

        return self._store.change(work)

    def update(self, node_id: str, given: Mapping[str, Any], by: Actor) -> NodeView:
        """Change what is given. Type, compatibility and API type stay: the id tells them. Raises as `create`, and Missing.

        A new address, path or header set sends the connections back to `untested`.
        """
        with self._database.unit_of_work() as session:
            stored = node_value(_found(session, node_id), self._vault)
        read = Given(given, LABELS)
        for name, now_is in (("type", stored.type), ("compat_mode", stored.compat_mode), ("api_type", stored.api_type)):
            if name in read and (read[name] or None) != now_is:
                read.refuse(name, "can't be changed; make a new node instead")
        columns = read_address(read, stored)
        columns["custom_headers"] = seal_headers(columns["custom_headers"], self._vault)
        columns["name"] = read.text("name", stored.name, needed="name" in read)
        columns["prefix"] = read_prefix(read, stored.prefix)
        read.check()

        def work(session: Session) -> NodeView:
            row = _found(session, node_id)
            claim_for_node(session, self._catalog, columns["prefix"], node_id)
            before, was = _audited(row), node_value(row, self._vault)
            for name, value in columns.items():
                setattr(row, name, value)
            row.updated_at = self._clock.now()
            becomes = node_value(row, self._vault)
            if any(getattr(was, name) != getattr(becomes, name) for name in WIRE):
                untest(session, node_id)
            record(session, row.updated_at, by, "node.update", f"node:{node_id}", before, _audited(row))
            return self._view(row, _connections(session, node_id))

        return self._store.change(work)

    def delete(self, node_id: str, by: Actor) -> NodeDeleted:
        """Its connections, models and prices go with it. Raises Missing."""

        def work(session: Session) -> NodeDeleted:
            row = _found(session, node_id)
            gone = NodeDeleted(
                len(
                    session.scalars(
                        sa.delete(ConnectionRow).where(ConnectionRow.provider_id == node_id).returning(ConnectionRow.id)
                    ).all()
                ),
                len(
                    session.scalars(sa.delete(ModelRow).where(ModelRow.provider_id == node_id).returning(ModelRow.model_id)).all()
                ),
            )
            session.execute(sa.delete(PriceRow).where(PriceRow.provider_id == node_id))
            before = _audited(row) | {"connections": gone.connections, "models": gone.models}
            session.delete(row)
            record(session, self._clock.now(), by, "node.delete", f"node:{node_id}", before=before)
            return gone

        return self._store.change(work)

    def _require_flag(self, kind: Kind) -> None:
        if kind[1] == "cc" and not self._cc_on:
            raise FeatureOff(
                "Claude Code compatible nodes are switched off. "
                "Set ENABLE_CC_COMPATIBLE_PROVIDER=true and start the gateway again."
            )

    def _view(self, row: NodeRow, connections: int) -> NodeView:
        return NodeView(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            type=row.type,
            compat_mode=row.compat_mode,
            api_type=row.api_type,
            base_url=row.base_url,
            chat_path=row.chat_path or default_chat_path(row.type, row.compat_mode, row.api_type),
            models_path=row.models_path,
            custom_headers=shown_headers(row.custom_headers),
            connections=connections,
            usable=self._cc_on or not is_cc(row.id),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def read_kind(read: Given) -> Kind:
    """Type, compatibility mode and API type of a new node. Raises Invalid."""
    kind = read.choice("type", TYPES, "")
    mode = read.text("compat_mode") or None
    api = read.text("api_type") or None
    if mode not in (None, "cc"):
        read.refuse("compat_mode", "must be cc or empty")
    if kind == ANTHROPIC_COMPATIBLE:
        if api is not None:
            read.refuse("api_type", "is for OpenAI compatible nodes only")
    else:
        api = api or "chat"
        if api not in API_TYPES:
            read.refuse("api_type", f"must be one of {', '.join(API_TYPES)}")
        if mode is not None:
            read.refuse("compat_mode", "is for Anthropic compatible nodes only")
    read.check()
    return kind, mode, api


def read_address(read: Given, stored: Node | None) -> dict[str, Any]:
    """Where requests go and with which headers, those in the open. What is wrong is noted in `read`."""
    base_url = read.text("base_url", stored.base_url if stored else "", longest=2048)
    if ("base_url" in read or stored is None) and (problem := base_url_problem(base_url)):
        read.refuse("base_url", f"can't be used: {problem[0].lower()}{problem[1:].rstrip('.')}")
    paths = {}
    for name in ("chat_path", "models_path"):
        paths[name] = read.text(name, (getattr(stored, name) or "") if stored else "", longest=1024)
        if paths[name] and (problem := path_problem(paths[name])):
            read.refuse(name, f"can't be used: {problem[0].lower()}{problem[1:].rstrip('.')}")
    return {
        "base_url": base_url,
        "chat_path": paths["chat_path"],
        "models_path": paths["models_path"] or None,
        "custom_headers": read_headers(read, stored.custom_headers if stored else ()),
    }


def read_prefix(read: Given, stored: str | None) -> str:
    """In lower case. What is wrong is noted in `read`."""
    prefix = read.text("prefix", stored or "", longest=64, needed=stored is None or "prefix" in read).lower()
    if prefix and (problem := prefix_problem(prefix)):
        read.refuse("prefix", problem)
    return prefix


def _found(session: Session, node_id: str) -> NodeRow:
    row = session.get(NodeRow, node_id)
    if row is None:
        raise Missing(f"There is no node {node_id[:80]!r}.")
    return row


def _connections(session: Session, node_id: str) -> int:
    return session.scalars(
        sa.select(sa.func.count()).select_from(ConnectionRow).where(ConnectionRow.provider_id == node_id)
    ).one()


def untest(session: Session, node_id: str) -> None:
    """Nothing is known any more of the connections of this node."""
    session.execute(
        sa.update(ConnectionRow)
        .where(ConnectionRow.provider_id == node_id)
        .values(test_status="untested", status_reason=None, status_at=None, succeeded=False)
    )


def _audited(row: NodeRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "prefix": row.prefix,
        "type": row.type,
        "compat_mode": row.compat_mode,
        "api_type": row.api_type,
        "base_url": row.base_url,
        "chat_path": row.chat_path,
        "models_path": row.models_path,
        "custom_headers": dict(shown_headers(row.custom_headers)),
    }
