"""One row a request."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from omniroute.models.db import Model


class LogRow(Model):
    """What became of one request. The key and connection are named as well as referred to: rows outlive both.

    `at` is seconds since 1970, when the request came in; `first_ms` and `total_ms` count from there. `status` is what the
    client got, `kind` "ok" or the failure class. A token count is null when it was not told; 0 was told. `usage_source` is
    reported, partial, estimated or absent. `cost` is in micro-dollars, null where it is not known; `price_source` says whose
    prices it was made of. `attempts` is a list of {target, connection, at_ms, status, class, message, detail, ms}.
    """

    __tablename__ = "log_rows"
    __table_args__ = (sa.Index(None, "at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[float] = mapped_column(sa.Double)
    method: Mapped[str] = mapped_column(sa.String(16))
    path: Mapped[str] = mapped_column(sa.Text)
    endpoint: Mapped[str] = mapped_column(sa.String(64))
    format: Mapped[str] = mapped_column(sa.String(32))
    streamed: Mapped[bool]
    requested_model: Mapped[str | None] = mapped_column(sa.String(256))
    provider_id: Mapped[str | None] = mapped_column(sa.String(80))
    provider_prefix: Mapped[str | None] = mapped_column(sa.String(80))
    upstream_model: Mapped[str | None] = mapped_column(sa.String(256))
    canonical_model: Mapped[str | None] = mapped_column(sa.String(352))
    connection_id: Mapped[str | None] = mapped_column(sa.String(36))
    connection_name: Mapped[str | None] = mapped_column(sa.String(100))
    key_id: Mapped[str | None] = mapped_column(sa.String(36))
    key_name: Mapped[str | None] = mapped_column(sa.String(100))
    status: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(64))
    message: Mapped[str | None] = mapped_column(sa.Text)
    remedy: Mapped[str | None] = mapped_column(sa.Text)
    input_tokens: Mapped[int | None] = mapped_column(sa.BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(sa.BigInteger)
    cached_tokens: Mapped[int | None] = mapped_column(sa.BigInteger)
    cache_write_tokens: Mapped[int | None] = mapped_column(sa.BigInteger)
    reasoning_tokens: Mapped[int | None] = mapped_column(sa.BigInteger)
    usage_source: Mapped[str] = mapped_column(sa.String(16))
    cost: Mapped[int | None] = mapped_column(sa.BigInteger)
    price_source: Mapped[str | None] = mapped_column(sa.String(16))
    combo: Mapped[str | None] = mapped_column(sa.String(256))
    step_id: Mapped[str | None] = mapped_column(sa.String(36))
    first_ms: Mapped[int | None]
    total_ms: Mapped[int | None]
    attempts: Mapped[list[Any]] = mapped_column(sa.JSON)
    decision: Mapped[str | None] = mapped_column(sa.Text)
    client: Mapped[str | None] = mapped_column(sa.String(256))
    finish: Mapped[str | None] = mapped_column(sa.String(64))
    upstream_request_id: Mapped[str | None] = mapped_column(sa.String(256))
    dropped: Mapped[list[Any]] = mapped_column(sa.JSON)


class BodyRow(Model):
    """The bodies of one request, sealed and cut to size, where somebody asked to keep them. They go before the row does."""

    __tablename__ = "log_bodies"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)  # of the log row
    at: Mapped[float] = mapped_column(sa.Double, index=True)
    request: Mapped[str | None] = mapped_column(sa.Text)
    request_size: Mapped[int] = mapped_column(sa.BigInteger)  # bytes, before it was cut
    response: Mapped[str | None] = mapped_column(sa.Text)
    response_size: Mapped[int] = mapped_column(sa.BigInteger)
