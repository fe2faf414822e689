"""The shared state as the settings want it."""

from __future__ import annotations

from omniroute.models.db import Database
from omniroute.settings import Settings
from omniroute.state.redis import RedisState
from omniroute.state.shared import SharedState
from omniroute.state.sql import SqlState


def shared_state(settings: Settings, database: Database) -> SharedState:
    """In Redis where REDIS_URL says so, else in the database. Connects nowhere yet."""
    if not settings.redis_url:
        return SqlState(database)
    return RedisState(settings.redis_url, settings.redis_tls_verify, settings.redis_connections)
