"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "admins",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("password_changed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admins"),
    )
    op.create_table(
        "audit_rows",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("actor_name", sa.String(100), nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True)),
        sa.Column("after", sa.JSON(none_as_null=True)),
        sa.PrimaryKeyConstraint("id", name="pk_audit_rows"),
    )
    op.create_index("ix_audit_rows_at_id", "audit_rows", ["at", "id"])
    op.create_table(
        "client_keys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("last4", sa.String(4), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("allowed_models", sa.JSON(), nullable=False),
        sa.Column("allowed_endpoints", sa.JSON(), nullable=False),
        sa.Column("no_log", sa.Boolean(), nullable=False),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_client_keys"),
        sa.UniqueConstraint("digest", name="uq_client_keys_digest"),
    )
    config_version = op.create_table(
        "config_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_config_version"),
    )
    op.bulk_insert(config_version, [{"id": 1, "version": 1}])
    op.create_table(
        "connections",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("provider_id", sa.String(80), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(64)),
        sa.Column("key_hint", sa.String(32), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_concurrent", sa.Integer()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("test_status", sa.String(16), nullable=False),
        sa.Column("status_reason", sa.Text()),
        sa.Column("status_at", sa.Double()),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("last_test", sa.JSON(none_as_null=True)),
        sa.Column("last_tested_at", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connections"),
        sa.UniqueConstraint("provider_id", "key_digest", name="uq_connections_provider_id_key_digest"),
    )
    op.create_index("ix_connections_provider_id", "connections", ["provider_id"])
    op.create_table(
        "log_rows",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("streamed", sa.Boolean(), nullable=False),
        sa.Column("requested_model", sa.String(256)),
        sa.Column("provider_id", sa.String(80)),
        sa.Column("provider_prefix", sa.String(80)),
        sa.Column("upstream_model", sa.String(256)),
        sa.Column("canonical_model", sa.String(352)),
        sa.Column("connection_id", sa.String(36)),
        sa.Column("connection_name", sa.String(100)),
        sa.Column("key_id", sa.String(36)),
        sa.Column("key_name", sa.String(100)),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("remedy", sa.Text()),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("cached_tokens", sa.BigInteger()),
        sa.Column("cache_write_tokens", sa.BigInteger()),
        sa.Column("reasoning_tokens", sa.BigInteger()),
        sa.Column("usage_source", sa.String(16), nullable=False),
        sa.Column("first_ms", sa.Integer()),
        sa.Column("total_ms", sa.Integer()),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.Column("decision", sa.Text()),
        sa.Column("client", sa.String(256)),
        sa.Column("finish", sa.String(64)),
        sa.Column("upstream_request_id", sa.String(256)),
        sa.Column("dropped", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_rows"),
    )
    op.create_index("ix_log_rows_at_id", "log_rows", ["at", "id"])
    op.create_table(
        "login_attempts",
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("blocked_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_login_attempts"),
    )
    op.create_index("ix_login_attempts_last_at", "login_attempts", ["last_at"])
    op.create_table(
        "provider_models",
        sa.Column("provider_id", sa.String(80), nullable=False),
        sa.Column("model_id", sa.String(256), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "model_id", name="pk_provider_models"),
    )
    op.create_table(
        "provider_nodes",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("compat_mode", sa.String(16)),
        sa.Column("api_type", sa.String(16)),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("chat_path", sa.Text(), nullable=False),
        sa.Column("models_path", sa.Text()),
        sa.Column("custom_headers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_provider_nodes"),
        sa.UniqueConstraint("prefix", name="uq_provider_nodes_prefix"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("admin_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(256), nullable=False),
        sa.ForeignKeyConstraint(["admin_id"], ["admins.id"], name="fk_sessions_admin_id_admins", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
        sa.UniqueConstraint("id", name="uq_sessions_id"),
    )
    op.create_index("ix_sessions_admin_id", "sessions", ["admin_id"])


def downgrade() -> None:
    for table in (
        "sessions",
        "admins",
        "login_attempts",
        "provider_nodes",
        "connections",
        "provider_models",
        "client_keys",
        "log_rows",
        "audit_rows",
        "settings",
        "config_version",
    ):
        op.drop_table(table)
