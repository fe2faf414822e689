"""What a configuration is made of: nine kinds of thing, each with its table and the way it stands in a document.

Rows are plain dicts of all their columns here. In a document a secret is only a mark that there was one; the secrets themselves
stand apart, sealed (sealing.py). What is no configuration has no member: when a key was last used, how a connection's Test went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.connections.quotas import quota_view
from omniroute.connections.resilience import KEY as RESILIENCE
from omniroute.models.combos import AliasRow, ComboRow
from omniroute.models.configuration import ConfigVersionRow, SettingRow
from omniroute.models.db import Base
from omniroute.models.keys import BudgetRow, KeyRow
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow
from omniroute.models.usage import PriceRow
from omniroute.preferences.operations import KNOWN as PREFERENCES
from omniroute.prices.price import MILLION, price_of, usd

Row = Mapping[str, Any]
Identity = tuple[Any, ...]
Rows = dict[Identity, Row]

SECRET = {"secret": True}  # stands in a document where a secret was
RATES = {"input": "input", "output": "output", "cache_read": "cacheRead", "cache_write": "cacheWrite"}


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the member of the document. `identity` are the columns that tell one from another, on every gateway alike;
    `told` is how a row stands in a document.
    """

    name: str
    one: str
    row: type[Base]
    identity: tuple[str, ...]
    order: tuple[str, ...]
    told: Callable[[Row], Any]

    def identify(self, row: Row) -> Identity:
        return tuple(row[name] for name in self.identity)


@dataclass(frozen=True, slots=True)
class Stored:
    """All rows of one moment, by kind and identity, and the version that the configuration had then."""

    version: int
    rows: Mapping[str, Rows]


def read_stored(session: Session) -> Stored:
    """On Postgres too all of it is of one moment: `session` must not have been used before."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    version = session.scalars(sa.select(ConfigVersionRow.version)).one()
    rows: dict[str, Rows] = {}
    for kind in KINDS:
        table = kind.row.__table__
        found = session.execute(sa.select(table).order_by(*(table.c[name] for name in kind.order))).mappings()
        rows[kind.name] = {kind.identify(row): row for row in map(dict, found)}
    return Stored(version, rows)


def configuration_of(stored: Stored) -> dict[str, Any]:
    """The member `configuration` of a document."""
    made: dict[str, Any] = {kind.name: [kind.told(row) for row in stored.rows[kind.name].values()] for kind in KINDS[:-1]}
    settings = [SETTINGS.told(row) for row in stored.rows["settings"].values()]
    return made | {"settings": {name: value for name, value in settings if name}}


def iso(seconds: float | None) -> str | None:
    """To the microsecond, so that what was made one after the other keeps its order."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# How each kind stands in a document -----------------------------------------------------------------


def _node(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "prefix": row["prefix"],
        "type": row["type"],
        "compatMode": row["compat_mode"],
        "apiType": row["api_type"],
        "baseUrl": row["base_url"],
        "chatPath": row["chat_path"],
        "modelsPath": row["models_path"],
        "customHeaders": [[name, marked(value)] for name, value in row["custom_headers"]],
        "createdAt": iso(row["created_at"]),
    }


def _connection(row: Row) -> dict[str, Any]:
    quota = quota_view(row["quota"])
    return {
        "id": row["id"],
        "provider": row["provider_id"],
        "name": row["name"],
        "apiKey": {**SECRET, "hint": row["key_hint"]} if row["sealed"] else None,
        "fields": {name: marked(value) for name, value in row["fields"].items()},
        "priority": row["priority"],
        "maxConcurrent": row["max_concurrent"],
        "quota": None
        if quota is None
        else {
            "unit": quota.unit,
            "limit": quota.limit if isinstance(quota.limit, int) else _plain(quota.limit),
            "window": quota.window,
            "mode": quota.mode,
            "timezone": quota.timezone,
            "resetsAt": iso(quota.resets_at),
        },
        "isActive": row["is_active"],
        "createdAt": iso(row["created_at"]),
    }


def _model(row: Row) -> dict[str, Any]:
    return {
        "provider": row["provider_id"],
        "id": row["model_id"],
        "source": row["source"],
        "name": row["name"],
        "hidden": row["hidden"],
        "createdAt": iso(row["created_at"]),
    }


def _combo(row: Row) -> dict[str, Any]:
    """`config` has what was chosen, under the names that the API has for it."""
    return {
        "id": row["id"],
        "name": row["name"],
        "strategy": row["strategy"],
        "steps": [_step(step) for step in row["steps"]],
        "config": row["config"],
        "tags": row["tags"],
        "enabled": row["enabled"],
        "sortOrder": row["sort_order"],
        "createdAt": iso(row["created_at"]),
    }


def _step(step: Row) -> dict[str, Any]:
    to = {"combo": step["combo"]} if step.get("combo") else {"provider": step.get("provider"), "model": step.get("model")}
    return {
        "id": step["id"],
        **to,
        "connectionId": step.get("connection_id"),
        "weight": step.get("weight", 1),
        "label": step.get("label") or "",
        "tags": step.get("tags") or [],
        "enabled": step.get("enabled", True),
    }


def _alias(row: Row) -> dict[str, Any]:
    return {"pattern": row["pattern"], "model": row["model"], "priority": row["priority"]}


def _key(row: Row) -> dict[str, Any]:
    """By the hash of the key, so that clients go on with the one that they have."""
    return {
        "id": row["id"],
        "name": row["name"],
        "sha256": row["digest"],
        "prefix": row["prefix"],
        "last4": row["last4"],
        "scopes": row["scopes"],
        "expiresAt": iso(row["expires_at"]),
        "isActive": row["is_active"],
        "allowedModels": row["allowed_models"],
        "allowedEndpoints": row["allowed_endpoints"],
        "requestsPerMinute": row["requests_per_minute"],
        "tokensPerMinute": row["tokens_per_minute"],
        "maxConcurrent": row["max_concurrent"],
        "noLog": row["no_log"],
        "logBodies": row["log_bodies"],
        "createdAt": iso(row["created_at"]),
    }


def _budget(row: Row) -> dict[str, Any]:
    in_usd = row["unit"] == "usd"
    return {
        "apiKeyId": row["key_id"],
        "period": row["period"],
        "limitUsd": _plain(Decimal(row["limit"]) / MILLION) if in_usd else None,
        "limitTokens": None if in_usd else row["limit"],
        "warnAt": row["warn_at"],
        "timezone": row["timezone"],
    }


def _price(row: Row) -> dict[str, Any]:
    price = price_of(row["price"])
    tiers = [{"above": above, **_rates(rates)} for above, rates in price.tiers]
    request = _dollars(price.request or None)
    return {"provider": row["provider_id"], "model": row["model"], **_rates(price.rates), "request": request, "tiers": tiers}


def _rates(rates: Any) -> dict[str, str | None]:
    return {RATES[name]: _dollars(value) for name, value in asdict(rates).items()}


def _setting(row: Row) -> tuple[str, Any]:
    """("", None) for one that this program does not know."""
    name, value = row["key"], row["value"]
    if name == RESILIENCE:
        return camel(name), {camel(each): number for each, number in value.items()}
    return (camel(name), value) if name in PREFERENCES else ("", None)


def marked(value: Any) -> Any:
    """A header's or a field's value as it is stored; a sealed one is only a mark."""
    return SECRET if isinstance(value, Mapping) else value


def camel(name: str) -> str:
    """`base_url` -> `baseUrl`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _dollars(micro_dollars: int | None) -> str | None:
    amount = usd(micro_dollars)
    return None if amount is None else _plain(amount)


def _plain(amount: Decimal) -> str:
    """Every digit, and none of an exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


NODES = Kind("nodes", "node", NodeRow, ("id",), ("created_at", "id"), _node)
CONNECTIONS = Kind(
    "connections", "connection", ConnectionRow, ("id",), ("provider_id", "priority", "created_at", "id"), _connection
)
MODELS = Kind("models", "model", ModelRow, ("provider_id", "model_id"), ("provider_id", "created_at", "model_id"), _model)
COMBOS = Kind("combos", "combo", ComboRow, ("id",), ("sort_order", "created_at", "id"), _combo)
ALIASES = Kind("aliases", "alias", AliasRow, ("pattern",), ("priority", "pattern"), _alias)
KEYS = Kind("keys", "key", KeyRow, ("id",), ("created_at", "id"), _key)
BUDGETS = Kind("budgets", "budget", BudgetRow, ("key_id", "period"), ("key_id", "period"), _budget)
PRICES = Kind("prices", "price", PriceRow, ("provider_id", "model"), ("provider_id", "model"), _price)
SETTINGS = Kind("settings", "setting", SettingRow, ("key",), ("key",), _setting)

# In the order in which they are read and written: each refers only to those before it.
KINDS = (NODES, CONNECTIONS, MODELS, COMBOS, ALIASES, KEYS, BUDGETS, PRICES, SETTINGS)
