"""What people call each row, so that a list of changes can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from omniroute.backup.kinds import Row, Rows
from omniroute.connections.resilience import KEY as RESILIENCE
from omniroute.preferences.operations import LABELS
from omniroute.providers.catalog import Catalog

Around = Mapping[str, Rows]


def named(kind: str, row: Row, around: Around, catalog: Catalog) -> str:
    """`around` has the rows that this one refers to."""
    return NAMES[kind](row, around, catalog)


def _own(row: Row, around: Around, catalog: Catalog) -> str:
    return str(row["name"])


def _of_provider(member: str) -> Callable[[Row, Around, Catalog], str]:
    """ "AgentRouter: first key"."""

    def name(row: Row, around: Around, catalog: Catalog) -> str:
        provider_id = row["provider_id"]
        node, native = around["nodes"].get((provider_id,)), catalog.get(provider_id)
        provider = node["name"] if node is not None else native.name if native is not None else provider_id
        return f"{provider}: {row[member]}"

    return name


def _key(row: Row, around: Around, catalog: Catalog) -> str:
    return f"{row['name']} ({row['prefix']}...{row['last4']})"


def _budget(row: Row, around: Around, catalog: Catalog) -> str:
    key = around["keys"].get((row["key_id"],))
    unit = "USD" if row["unit"] == "usd" else "tokens"
    return f"{key['name'] if key else row['key_id']}: {unit} per {row['period']}"


def _alias(row: Row, around: Around, catalog: Catalog) -> str:
    return f"{row['pattern']} for {row['model']}"


def _setting(row: Row, around: Around, catalog: Catalog) -> str:
    return "When breakers open" if row["key"] == RESILIENCE else LABELS[row["key"]]


NAMES: dict[str, Callable[[Row, Around, Catalog], str]] = {
    "nodes": _own,
    "connections": _of_provider("name"),
    "models": _of_provider("model_id"),
    "combos": _own,
    "aliases": _alias,
    "keys": _key,
    "budgets": _budget,
    "prices": _of_provider("model"),
    "settings": _setting,
}
