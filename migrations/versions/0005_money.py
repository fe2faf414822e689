"""Costs, limits, quotas, rollups and stored bodies. Rows that were logged before are summed up here, once."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

DIMENSIONS = ("key_id", "provider_id", "connection_id", "model", "requested_model", "combo", "endpoint", "kind", "status")
TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
BOUNDS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
CLASSES = tuple(f"{time}_{n}" for time in ("first", "total") for n in range(len(BOUNDS) + 1))
SUMS = ("requests", "attempts", *TOKENS, "cost", "unpriced", "guessed", "untold", "total_ms", *CLASSES)


AT_ONCE = 1000  # rows of an INSERT


def upgrade() -> None:
    for name in ("usage_hours", "usage_days"):
        op.create_table(
            name,
            sa.Column("at", sa.BigInteger(), nullable=False),
            sa.Column("digest", sa.String(32), nullable=False),
            *(sa.Column(column, sa.Integer() if column == "status" else sa.Text(), nullable=False) for column in DIMENSIONS),
            *(sa.Column(column, sa.BigInteger(), nullable=False) for column in SUMS),
            sa.PrimaryKeyConstraint("at", "digest", name=f"pk_{name}"),
        )
    _sum_up()
    _logs()  # after it: from here on Postgres lets nobody at the rows
    _limits()


def _limits() -> None:
    op.drop_table("reservations")  # nothing has used these two yet
    op.drop_table("counters")
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "bucket", name="pk_counters"),
    )
    op.create_index("ix_counters_expires", "counters", ["expires"])
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
    )
    op.create_index("ix_tickets_until", "tickets", ["until"])
    with op.batch_alter_table("client_keys") as table:
        table.add_column(sa.Column("log_bodies", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("requests_per_minute", sa.Integer(), nullable=True))
        table.add_column(sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("max_concurrent", sa.Integer(), nullable=True))
    with op.batch_alter_table("client_keys") as table:
        table.alter_column("log_bodies", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)
    with op.batch_alter_table("connections") as table:
        table.add_column(sa.Column("quota", sa.JSON(), nullable=True))
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("key_id", sa.String(36), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("warn_at", sa.Double(), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sa.ForeignKeyConstraint(["key_id"], ["client_keys.id"], name="fk_budgets_key_id_client_keys", ondelete="CASCADE"),
        sa.UniqueConstraint("key_id", "period", name="uq_budgets_key_id_period"),
    )
    op.create_table(
        "prices",
        sa.Column("provider_id", sa.String(80), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("price", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "model", name="pk_prices"),
    )


def _logs() -> None:
    with op.batch_alter_table("log_rows") as table:
        table.add_column(sa.Column("cost", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("price_source", sa.String(16), nullable=True))
        table.add_column(sa.Column("combo", sa.String(256), nullable=True))
        table.add_column(sa.Column("step_id", sa.String(36), nullable=True))
    op.create_table(
        "log_bodies",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("request_size", sa.BigInteger(), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("response_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_bodies"),
    )
    op.create_index("ix_log_bodies_at", "log_bodies", ["at"])


def _sum_up() -> None:
    """As omniroute/usage/rollups.py: add_rows does it, a day at a time, so that memory is not a matter of how many rows there
    are. What these rows cost is not known.
    """
    connection = op.get_bind()
    hours = sa.table("usage_hours", *(sa.column(name) for name in ("at", "digest", *DIMENSIONS, *SUMS)))
    by_hour, by_day = sa.text(_hours_of_a_day(connection.dialect.name == "sqlite")), sa.text(_day_of_hours())
    first = sa.text("SELECT MIN(at) FROM log_rows WHERE at >= :since")
    since = -1e300
    while (at := connection.scalar(first, {"since": since})) is not None:
        day = {"day": int(at // 86_400) * 86_400, "next": int(at // 86_400) * 86_400 + 86_400}
        found = connection.execute(by_hour, day)
        while some := found.fetchmany(AT_ONCE):
            op.bulk_insert(hours, [_row(*each) for each in some])
        connection.execute(by_day, day)
        since = day["next"]


def _hours_of_a_day(sqlite: bool) -> str:
    """Its columns are the hour, DIMENSIONS and SUMS."""
    hour = "CAST(at / 3600 AS INTEGER) * 3600" if sqlite else "CAST(FLOOR(at / 3600) AS BIGINT) * 3600"
    named = {name: f"COALESCE({name}, '')" for name in ("key_id", "provider_id", "connection_id", "endpoint", "kind")} | {
        "model": "COALESCE(upstream_model, '')",
        "requested_model": "CASE WHEN COALESCE(provider_id, '') = '' THEN '' ELSE COALESCE(requested_model, '') END",
        "status": "status",
    }
    groups = [hour, *(named[name] for name in DIMENSIONS if name != "combo")]
    answered = "kind = 'ok'"
    sums = {
        "requests": "COUNT(*)",
        "attempts": "COALESCE(SUM(json_array_length(attempts)), 0)",
        **{name: f"COALESCE(SUM({name}), 0)" for name in TOKENS},
        "cost": "0",
        "unpriced": f"SUM(CASE WHEN {answered} THEN 1 ELSE 0 END)",
        "guessed": "SUM(CASE WHEN usage_source IN ('partial', 'estimated') THEN 1 ELSE 0 END)",
        "untold": f"SUM(CASE WHEN {answered} AND usage_source = 'absent' THEN 1 ELSE 0 END)",
        "total_ms": "COALESCE(SUM(total_ms), 0)",
    }
    for time in ("first", "total"):
        for n, low in enumerate((-1, *BOUNDS)):
            within = f"{time}_ms > {low}" + (f" AND {time}_ms <= {BOUNDS[n]}" if n < len(BOUNDS) else "")
            sums[f"{time}_{n}"] = f"SUM(CASE WHEN {within} THEN 1 ELSE 0 END)"
    columns = ", ".join([*groups, *(sums[name] for name in SUMS)])
    return f"SELECT {columns} FROM log_rows WHERE at >= :day AND at < :next GROUP BY {', '.join(groups)}"


def _day_of_hours() -> str:
    named = ", ".join(("digest", *DIMENSIONS))
    return (
        f"INSERT INTO usage_days (at, {named}, {', '.join(SUMS)}) "
        f"SELECT CAST(:day AS BIGINT), {named}, {', '.join(f'SUM({name})' for name in SUMS)} "
        f"FROM usage_hours WHERE at >= :day AND at < :next GROUP BY {named}"
    )


def _row(at: int, *values: str | int) -> dict[str, object]:
    key, provider, connection, model, requested, endpoint, kind, status, *sums = values
    named = (key, provider, connection, model, requested, "", endpoint, kind, status)
    digest = hashlib.sha256("\0".join(map(str, named)).encode()).hexdigest()[:32]
    counts = {name: int(count) for name, count in zip(SUMS, sums, strict=True)}
    return {"at": at, "digest": digest, **dict(zip(DIMENSIONS, named, strict=True)), **counts}


def downgrade() -> None:
    for name in ("usage_days", "usage_hours", "log_bodies", "prices", "budgets", "tickets", "counters"):
        op.drop_table(name)
    with op.batch_alter_table("log_rows") as table:
        for column in ("step_id", "combo", "price_source", "cost"):
            table.drop_column(column)
    with op.batch_alter_table("connections") as table:
        table.drop_column("quota")
    with op.batch_alter_table("client_keys") as table:
        for column in ("max_concurrent", "tokens_per_minute", "requests_per_minute", "log_bodies"):
            table.drop_column(column)
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reservations"),
    )
    op.create_index("ix_reservations_name", "reservations", ["name"])
