"""Which secret a restored connection or node gets: the one in the file, else the one that is stored here, else none.

A secret never goes to another address than it was kept for, whoever wrote the file. So each has a *destination*: what the
configuration itself says of where requests go. The address of a native provider is the program's and the environment's
word, so of that one only what a connection's own fields fill in counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omniroute.backup.kinds import Row, Rows, Stored
from omniroute.backup.sealing import Destination, Kept, Secrets, digest_of
from omniroute.errors import VaultError
from omniroute.providers.catalog import Catalog
from omniroute.security.vault import Vault

WIRE = ("base_url", "chat_path", "models_path")  # what of a node says where requests go


def destination(provider_id: str, node: Row | None, filled: Sequence[str], fields: Mapping[str, Any]) -> Destination:
    """`filled` are the names of the fields that fill the address in; `node` is the provider's row, None for a native one."""
    address = [] if node is None else [node[name] or "" for name in WIRE]
    return [provider_id, address, [[name, str(fields.get(name) or "")] for name in sorted(filled)]]


def filling(catalog: Catalog, provider_id: str) -> tuple[str, ...]:
    """The names of the fields of a native provider that fill its address in. A node has none."""
    provider = catalog.get(provider_id)
    return () if provider is None else tuple(field.name for field in provider.fields if field.fills)


def destination_of(row: Row, nodes: Mapping[Any, Row], catalog: Catalog) -> Destination:
    """Of a connection's row among all nodes, by identity."""
    provider_id = row["provider_id"]
    return destination(provider_id, nodes.get((provider_id,)), filling(catalog, provider_id), row["fields"])


def collected(stored: Stored, configuration: Mapping[str, Any], catalog: Catalog, vault: Vault) -> Secrets:
    """Every secret of the configuration, open. Raises VaultError when one was sealed with a key that is not at hand."""
    nodes = stored.rows["nodes"]
    connections, headers = {}, {}
    for row in stored.rows["connections"].values():
        values = {f"fields.{name}": vault.open(value["sealed"]) for name, value in row["fields"].items() if _is_sealed(value)}
        if row["sealed"]:
            values["apiKey"] = vault.open(row["sealed"])
        if values:
            connections[row["id"]] = Kept(destination_of(row, nodes, catalog), values)
    for row in nodes.values():
        values = {name.lower(): vault.open(value["sealed"]) for name, value in row["custom_headers"] if _is_sealed(value)}
        if values:
            headers[row["id"]] = Kept(destination(row["id"], row, (), {}), values)
    return Secrets(connections, headers, digest_of(configuration))


@dataclass(frozen=True, slots=True)
class Source:
    """Where one connection or node may take its secrets from. `here` are its texts stored here by name, sealed; both are empty
    where the destination is another one.
    """

    file: Mapping[str, str]
    here: Mapping[str, str]
    vault: Vault

    def text(self, name: str) -> str | None:
        """The secret in the open; None when it has to be typed in."""
        return self.file.get(name) or self._opened(name)

    def sealed(self, name: str, text: str) -> str:
        """As it is to be stored: as it is already, where it is the same."""
        return self.here[name] if self._opened(name) == text else self.vault.seal(text)

    def _opened(self, name: str) -> str | None:
        try:
            return self.vault.open(self.here[name]) if name in self.here else None
        except VaultError:  # stored under a key that is lost: as good as not stored
            return None


@dataclass(frozen=True, slots=True)
class Keeper:
    """`secrets` are those of the file, `stored` is what is here."""

    secrets: Secrets
    stored: Stored
    catalog: Catalog
    vault: Vault

    def of_node(self, row: Row) -> Source:
        """For a node as the file has it: its id and WIRE are asked for."""
        to, here = destination(row["id"], row, (), {}), self.stored.rows["nodes"].get((row["id"],))
        kept = sealed_of_node(here) if here is not None and destination(row["id"], here, (), {}) == to else {}
        return self._source(self.secrets.nodes.get(row["id"]), to, kept)

    def of_connection(self, row: Row, nodes: Rows) -> Source:
        """For a connection as the file has it, with its id, provider and fields, among the nodes as they will be."""
        to, here = destination_of(row, nodes, self.catalog), self.stored.rows["connections"].get((row["id"],))
        same = here is not None and destination_of(here, self.stored.rows["nodes"], self.catalog) == to
        return self._source(self.secrets.connections.get(row["id"]), to, sealed_of_connection(here) if here and same else {})

    def _source(self, file: Kept | None, to: Destination, here: Mapping[str, str]) -> Source:
        return Source(file.values if file is not None and file.to == to else {}, here, self.vault)


def sealed_of_connection(row: Row) -> dict[str, str]:
    texts = {f"fields.{name}": value["sealed"] for name, value in row["fields"].items() if _is_sealed(value)}
    return texts | ({"apiKey": row["sealed"]} if row["sealed"] else {})


def sealed_of_node(row: Row) -> dict[str, str]:
    return {name.lower(): value["sealed"] for name, value in row["custom_headers"] if _is_sealed(value)}


def _is_sealed(value: Any) -> bool:
    return isinstance(value, Mapping)
