"""Features and what the server was started with: every setting is there, and of a secret only whether it is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from omniroute.dashboard.settings_about import UNTOLD
from omniroute.dashboard.settings_features import FIELDS, VARIABLES, _secret, started_with
from omniroute.settings import READERS, Settings
from tests.dashboard.conftest import Desk

FEATURES = "/dashboard/settings/features"
NAMES = [each.name for _, group in VARIABLES for each in group]

# Of these the value is shown: who adds a setting says here that it holds no secret, or makes it one.
OPEN = {
    *("HOST", "PORT", "REQUIRE_API_KEY", "TRUSTED_HOSTS", "PROXY_HOPS", "PUBLIC_URL", "DATA_DIR", "REDIS_TLS_VERIFY"),
    *("DATABASE_CONNECTIONS", "REDIS_CONNECTIONS"),
    *("ENABLE_CC_COMPATIBLE_PROVIDER", "ALLOW_PRIVATE_UPSTREAMS", "PROVIDER_BASE_URLS"),
    *("CONNECT_SECONDS", "FIRST_EVENT_SECONDS", "IDLE_SECONDS", "ANSWER_SECONDS", "HEARTBEAT_SECONDS", "DRAIN_SECONDS"),
    *("WEB_CONCURRENCY", "BACKGROUND_JOBS", "MAX_BODY_MB", "BODY_SECONDS", "MAX_ANSWER_MB", "LOG_LEVEL"),
    *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"),
}


def test_every_setting_is_shown_once_and_secrets_are_secrets() -> None:
    assert sorted(NAMES) == sorted(READERS)
    shown = {FIELDS.get(name, name.lower()) for name in NAMES}
    assert shown == {field.name for field in fields(Settings)}
    assert {each.name for _, group in VARIABLES for each in group if each.shown is not _secret} == OPEN
    assert UNTOLD <= OPEN


CANARIES: dict[str, Any] = {
    "database_url": "postgres://me:canary-database@db.lan/x",
    "redis_url": "redis://:canary-redis@127.0.0.1:1/0",
    "initial_password": "canary-password",
    "secret_key": "canary-secret-key, long enough for this",
    "storage_encryption_keys": ("canary-storage",),
    "otel_exporter_otlp_headers": (("x-api-key", "canary-collector"),),
    "provider_base_urls": (("openai", "https://mirror.lan/v1?key=canary-mirror"),),
}


def test_no_secret_is_among_what_is_shown() -> None:
    told = str(started_with(Settings(**CANARIES)))
    assert "canary" not in told and "db.lan" not in told
    values = {row.name: row.value for _, group in started_with(Settings(**CANARIES)) for row in group}
    assert (values["DATABASE_URL"], values["SECRET_KEY"], values["PROVIDER_BASE_URLS"]) == ("set", "set", "openai")
    usual = {row.name: row.value for _, group in started_with(Settings()) for row in group}
    assert (usual["DATABASE_URL"], usual["SECRET_KEY"], usual["REDIS_URL"]) == ("not set", "not set", "not set")


def test_no_page_of_settings_holds_one(open_desk: Callable[..., Desk]) -> None:
    given = {name: CANARIES[name] for name in ("redis_url", "initial_password", "secret_key", "otel_exporter_otlp_headers")}
    desk = open_desk(**given)
    admin = desk.admin()
    for path in ("", "/security", "/routing", "/logs", "/features", "/about"):
        page = admin.open(f"/dashboard/settings{path}")
        assert page.status == 200 and "canary" not in page.html, path
        assert desk.services.settings.storage_encryption_keys[0] not in page.html
    desk.services.board.close()


def test_what_was_chosen_stands_out() -> None:
    chosen = [row.name for _, group in started_with(Settings(port=1, trusted_hosts=("a",))) for row in group if not row.usual]
    assert chosen == ["PORT", "TRUSTED_HOSTS"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {},
            ["Claude Code compatible providers", "On", "Upstreams in your own network", "On, as nobody else reaches this server"],
        ),
        ({"enable_cc_compatible_provider": False}, ["Off", "ENABLE_CC_COMPATIBLE_PROVIDER=true", "terms admit your client"]),
        ({"host": "0.0.0.0"}, ["Off, as others may reach it"]),
        ({"allow_private_upstreams": ("nas.lan",)}, ["Some", "nas.lan"]),
        ({"allow_private_upstreams": "false"}, ["Upstreams in your own network"]),
        ({"background_jobs": "off"}, ["Nobody"]),
        ({}, ["One of the web workers", "Off: the database does it", "GET /metrics tells Prometheus"]),
        ({"otel_exporter_otlp_endpoint": "http://127.0.0.1:1"}, ["Traces", "http://127.0.0.1:1"]),
    ],
)
def test_features_say_what_is_on_and_how_to_change_it(
    open_desk: Callable[..., Desk], given: dict[str, Any], told: list[str]
) -> None:
    desk = open_desk(**given)
    page = desk.admin().open(FEATURES)
    assert [text for text in told if text not in page.text] == []
    if desk.services.traces is not None:
        desk.services.traces.close()


def test_a_process_of_its_own_that_cleans_up_is_seen(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(background_jobs="off")
    now = desk.services.clock.now()
    desk.services.shared.hold("jobs", 1, now, now + 60)
    assert "A process of its own" in desk.admin().open(FEATURES).text
