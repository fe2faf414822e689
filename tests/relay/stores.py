"""Where a gateway's workers share: the settings for an empty store of each kind."""

from __future__ import annotations

import base64

import pytest

from tests.databases import Postgres
from tests.redis_server import RedisServer

STORES = ("sqlite", "postgres", "redis")
SECRETS = {
    "SECRET_KEY": "a secret of these tests alone, long enough for anybody",
    "STORAGE_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(range(32))).decode(),
}


def where(store: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings for a store of its own."""
    if store == "redis":
        server: RedisServer = request.getfixturevalue("redis_process")
        if server.server is None:
            server.start()
        server.empty()
        return {"REDIS_URL": server.url}
    if store == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        name = postgres.create(request.getfixturevalue("_postgres_template"))
        return {"DATABASE_URL": postgres.url(name), **SECRETS}
    return {}
