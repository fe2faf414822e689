"""Rows as the values that routing and providers work with. A sealed text stands in a row's JSON as `{"sealed": ...}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omniroute.limits.limit import Budget, KeyLimits, quota_of
from omniroute.models.combos import AliasRow, ComboRow
from omniroute.models.keys import BudgetRow, KeyRow
from omniroute.models.upstreams import ConnectionRow, ModelRow, NodeRow
from omniroute.models.usage import PriceRow
from omniroute.prices.price import Price, price_of
from omniroute.providers.addresses import base_url
from omniroute.providers.nodes import Node
from omniroute.providers.values import Provider
from omniroute.routing.configuration import Alias, ClientKey, Combo, ComboConfig, ComboStep, Connection, ListedModel
from omniroute.security.vault import Vault


def node_value(row: NodeRow, vault: Vault) -> Node:
    """Raises VaultError when a header's value was sealed with a key that is not at hand."""
    return Node(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        type=row.type,
        compat_mode=row.compat_mode,
        api_type=row.api_type,
        base_url=row.base_url,
        chat_path=row.chat_path,
        models_path=row.models_path,
        custom_headers=tuple((name, _opened(value, vault)) for name, value in row.custom_headers),
    )


def connection_value(row: ConnectionRow, provider: Provider | None = None) -> Connection:
    """`provider` is its provider or node, None if that is gone."""
    address = base_url(provider, row.fields) if provider else ""
    return Connection(
        id=row.id,
        provider_id=row.provider_id,
        name=row.name,
        sealed=row.sealed,
        priority=row.priority,
        max_concurrent=row.max_concurrent,
        is_active=row.is_active,
        test_status=row.test_status,
        status_reason=row.status_reason,
        succeeded=row.succeeded,
        fields={name: value["sealed"] if isinstance(value, Mapping) else value for name, value in row.fields.items()},
        base_url=address if provider and address != provider.base_url else "",
        quota=quota_of(row.quota),
    )


def key_value(row: KeyRow, budgets: Sequence[BudgetRow] = ()) -> ClientKey:
    return ClientKey(
        id=row.id,
        name=row.name,
        digest=row.digest,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
        is_active=row.is_active,
        allowed_models=tuple(row.allowed_models),
        allowed_endpoints=tuple(row.allowed_endpoints),
        no_log=row.no_log,
        log_bodies=row.log_bodies,
        limits=_limits(row, budgets),
    )


def budget_value(row: BudgetRow) -> Budget:
    return Budget(row.period, row.unit, row.limit, row.warn_at, row.timezone)  # type: ignore[arg-type]  # checked when it was saved


def price_value(row: PriceRow) -> Price:
    return price_of(row.price)


def model_value(row: ModelRow) -> ListedModel:
    return ListedModel(row.provider_id, row.model_id, row.source, row.name, row.hidden)


def combo_value(row: ComboRow) -> Combo:
    """What an older or newer program wrote beside the known names is passed over."""
    return Combo(
        id=row.id,
        name=row.name,
        strategy=row.strategy,
        steps=tuple(_step(step) for step in row.steps),
        config=ComboConfig(**{name: value for name, value in row.config.items() if name in ComboConfig.__dataclass_fields__}),
        tags=tuple(row.tags),
        enabled=row.enabled,
        sort_order=row.sort_order,
    )


def alias_value(row: AliasRow) -> Alias:
    return Alias(row.pattern, row.model, row.priority)


def _step(given: Mapping[str, Any]) -> ComboStep:
    return ComboStep(
        id=given["id"],
        provider_id=given.get("provider") or "",
        model=given.get("model") or "",
        combo=given.get("combo") or "",
        connection_id=given.get("connection_id"),
        weight=given.get("weight", 1),
        label=given.get("label") or "",
        tags=tuple(given.get("tags") or ()),
        enabled=given.get("enabled", True),
    )


def _limits(row: KeyRow, budgets: Sequence[BudgetRow]) -> KeyLimits | None:
    limits = KeyLimits(
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        max_concurrent=row.max_concurrent,
        budgets=tuple(budget_value(budget) for budget in budgets),
    )
    return None if limits == KeyLimits() else limits


def _opened(value: Any, vault: Vault) -> str | None:
    if isinstance(value, Mapping):
        return vault.open(value["sealed"])
    text: str | None = value
    return text
