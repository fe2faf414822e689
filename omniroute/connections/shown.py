"""A connection as it is shown, and as it stands in the audit: its key only by a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniroute.connections.quotas import QuotaView, quota_view
from omniroute.models.upstreams import ConnectionRow
from omniroute.providers.addresses import base_url
from omniroute.providers.catalog import Provider
from omniroute.security.redaction import MASK


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """`prefix` is what is typed and shown for its provider. `key_hint` is like "sk-...1234". Times are seconds since 1970.

    `last_test` is a verdict as the API gives it, without the model list. Secret `fields` are shown as "***". `base_url` is where
    its requests go, "" when its provider is gone.
    """

    id: str
    provider_id: str
    provider_name: str
    prefix: str
    name: str
    key_hint: str
    has_key: bool
    priority: int
    max_concurrent: int | None
    is_active: bool
    test_status: str
    status_reason: str | None
    status_at: float | None
    succeeded: bool
    last_test: dict[str, Any] | None
    last_tested_at: float | None
    fields: dict[str, str]
    base_url: str
    created_at: float
    updated_at: float
    quota: QuotaView | None = None


def connection_view(row: ConnectionRow, provider: Provider | None) -> ConnectionView:
    return ConnectionView(
        id=row.id,
        provider_id=row.provider_id,
        provider_name=provider.name if provider else row.provider_id,
        prefix=provider.prefix if provider else row.provider_id,
        name=row.name,
        key_hint=row.key_hint,
        has_key=bool(row.sealed),
        priority=row.priority,
        max_concurrent=row.max_concurrent,
        is_active=row.is_active,
        test_status=row.test_status,
        status_reason=row.status_reason,
        status_at=row.status_at,
        succeeded=row.succeeded,
        last_test=row.last_test,
        last_tested_at=row.last_tested_at,
        fields={name: MASK if isinstance(value, Mapping) else value for name, value in row.fields.items()},
        base_url=base_url(provider, row.fields) if provider else "",
        created_at=row.created_at,
        updated_at=row.updated_at,
        quota=quota_view(row.quota),
    )


def audited(row: ConnectionRow) -> dict[str, Any]:
    """The key shows up only by its last characters, so that an exchange of it can be seen."""
    return {
        "provider": row.provider_id,
        "name": row.name,
        "ends_in": row.key_hint[-4:],
        "priority": row.priority,
        "max_concurrent": row.max_concurrent,
        "quota": row.quota,
        "is_active": row.is_active,
        "fields": {name: MASK if isinstance(value, Mapping) else value for name, value in row.fields.items()},
    }
