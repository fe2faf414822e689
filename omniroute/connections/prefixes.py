"""One prefix, one owner: what stands before the slash in a model's name leads to one place at any time.

Prefixes are unique, without case, among nodes and those native ids and aliases that have a connection, be it a disabled
one. A node may take a native provider's name while that provider has no connection. Both checks run inside
`ConfigurationStore.change`, which lets one change in at a time.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Conflict
from omniroute.models.upstreams import ConnectionRow, NodeRow
from omniroute.providers.catalog import Catalog, Provider
from omniroute.providers.values import RESERVED_PREFIXES
from omniroute.state.configuration import typed_names

_PREFIX = re.compile(r"[a-z0-9._-]{1,64}")
_NODE_IDS = ("openai-compatible-", "anthropic-compatible-")


def prefix_problem(prefix: str) -> str | None:
    """What is wrong with a node's prefix, in words that go on after "Prefix"; None if nothing is."""
    if not _PREFIX.fullmatch(prefix) or ".." in prefix:
        return "may hold 1 to 64 of the letters a-z, digits, dot, dash and underscore"
    if prefix in RESERVED_PREFIXES:
        return f"must not be {' or '.join(RESERVED_PREFIXES)}: those names are the gateway's own"
    if prefix.startswith(_NODE_IDS):
        return "must not begin like a node's id"
    return None


def claim_for_node(session: Session, catalog: Catalog, prefix: str, node_id: str | None = None) -> None:
    """Raises Conflict when `prefix` belongs to another node than `node_id`, or to a native provider with a connection."""
    other = session.scalars(sa.select(NodeRow).where(NodeRow.prefix == prefix, NodeRow.id != (node_id or ""))).first()
    if other is not None:
        _taken(
            "prefix",
            f"The prefix {prefix!r} belongs to the node {other.name!r}. "
            f"Choose another prefix, or first change or delete that node (Providers -> {other.name}).",
        )
    for provider in catalog.all():
        if prefix in typed_names(provider) and (count := _connections(session, provider.id)):
            them, rows = ("it", "1 connection") if count == 1 else ("them", f"{count} connections")
            _taken(
                "prefix",
                f"The prefix {prefix!r} belongs to the built-in provider {provider.name}, which has {rows}. "
                f"Choose another prefix, or first delete {them} (Providers -> {provider.name}).",
            )


def claim_for_native(session: Session, provider: Provider) -> None:
    """Raises Conflict when a node owns the id or an alias of this native provider, which is to get a connection."""
    node = session.scalars(sa.select(NodeRow).where(NodeRow.prefix.in_(typed_names(provider)))).first()
    if node is not None:
        _taken(
            "provider",
            f"The prefix {node.prefix!r} belongs to the node {node.name!r}, so {provider.name} can't be connected beside it. "
            f"Add the connection to that node, or first give the node another prefix or delete it (Providers -> {node.name}).",
        )


def _connections(session: Session, provider_id: str) -> int:
    count = sa.select(sa.func.count()).select_from(ConnectionRow).where(ConnectionRow.provider_id == provider_id)
    return session.scalars(count).one()


def _taken(field: str, message: str) -> None:
    raise Conflict(message, {field: message})
