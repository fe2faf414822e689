"""Settings: read, refused, and the secrets that are made on a first start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from omniroute.errors import SettingError
from omniroute.settings import READERS, Settings

GOOD_SECRET = "q7Yk2nVx0pLr5tBz8wCm3sDf6gHj9aKe1uIo4yTn"
GOOD_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def read(tmp_path: Path, dotenv: str = "", **environ: str) -> Settings:
    file = tmp_path / ".env"
    file.write_text(dotenv)
    return Settings.from_env({"DATA_DIR": str(tmp_path / "data"), **environ}, file)


def test_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.host, settings.port, settings.web_concurrency, settings.max_body) == (
        "127.0.0.1",
        20128,
        2,
        64 * 1024 * 1024,
    )
    assert settings.loopback and settings.keyless_possible
    assert settings.sqlalchemy_url == f"sqlite:///{tmp_path}/data/omniroute.db"


def test_environment_wins_over_dotenv(tmp_path: Path) -> None:
    assert read(tmp_path, "PORT=1000\nLOG_LEVEL=debug\n", PORT="2000").port == 2000
    assert read(tmp_path, "PORT=1000\nLOG_LEVEL=debug\n").log_level == "DEBUG"


def test_unknown_name_in_dotenv_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"REQUIRE_APIKEY in \.env: .*nearest is REQUIRE_API_KEY"):
        read(tmp_path, "REQUIRE_APIKEY=true\n")


def test_unknown_names_of_the_environment_are_not_ours(tmp_path: Path) -> None:
    assert read(tmp_path, PORTS="x").port == 20128


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "abc", "whole number from 1 to 65535"),
        ("PORT", "70000", "whole number from 1 to 65535"),
        ("WEB_CONCURRENCY", "0", "from 1 to 64"),
        ("MAX_BODY_MB", "-1", "from 1 to 1024"),
        ("REQUIRE_API_KEY", "maybe", "one of auto, true, false"),
        ("ENABLE_CC_COMPATIBLE_PROVIDER", "yes please", "one of true, false"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR"),
        ("DATABASE_URL", "mysql://x", "postgres://"),
        ("REDIS_URL", "http://x", "redis://"),
        ("INITIAL_PASSWORD", "short", "at least 10 characters"),
        ("SECRET_KEY", "secret", "too short or well-known"),
        ("SECRET_KEY", "a" * 60, "too short or well-known"),
        ("STORAGE_ENCRYPTION_KEY", "abc", "32 random bytes"),
        ("STORAGE_ENCRYPTION_KEY", "0" * 64, "32 random bytes"),
        ("ALLOW_PRIVATE_UPSTREAMS", "10.0.0.0/8,not a host!", "no host, address or network"),
        ("TRUSTED_HOSTS", "https://x", "no host name"),
        ("TRUSTED_HOSTS", "gateway.example.com,.co.uk", "names of strangers"),
        ("PROXY_HOPS", "two", "whole number"),
        ("ALLOW_PRIVATE_UPSTREAMS", "yes", "auto, true, false"),
        ("PROVIDER_BASE_URLS", "openai", "a provider's id and a URL"),
        ("PROVIDER_BASE_URLS", "openai=ftp://x", "a provider's id and a URL"),
        ("PUBLIC_URL", "gateway.example.com", "must be a URL"),
        ("HEARTBEAT_SECONDS", "0", "above 0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "URL of an OTLP/HTTP collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@collector:4318", "goes into OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key", "pairs of name=value"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%0d%0ab", "pairs of name=value"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        read(tmp_path, **{name: text})
    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SECRET_KEY", "hunter2hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2hunter2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@collector"),
    ],
)
def test_a_secret_is_never_repeated_in_its_refusal(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SettingError) as refused:
        read(tmp_path, **{name: text})
    assert "hunter2" not in str(refused.value)


def test_a_collector_of_traces_is_named_as_opentelemetry_names_it(tmp_path: Path) -> None:
    headers = "OTEL_EXPORTER_OTLP_HEADERS=X-Api-Key=a%20b%3D,  x-team = us\n"
    settings = read(tmp_path, headers, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318/v1/traces")
    assert settings.otel_exporter_otlp_endpoint == "http://localhost:4318"
    assert settings.otel_exporter_otlp_headers == (("x-api-key", "a b="), ("x-team", "us"))
    assert settings.otel_service_name == "omniroute"
    assert read(tmp_path).otel_exporter_otlp_endpoint is None


def test_first_start_makes_secrets_that_stay(tmp_path: Path) -> None:
    first, second = read(tmp_path), read(tmp_path)
    assert first.secret_key == second.secret_key and len(first.secret_key) >= 32
    assert first.storage_encryption_keys == second.storage_encryption_keys
    assert stat.S_IMODE((tmp_path / "data" / "server.env").stat().st_mode) == 0o600


def test_with_a_database_url_the_secrets_must_be_given(tmp_path: Path) -> None:
    url = "postgres://u:p@db/x"
    with pytest.raises(SettingError, match="SECRET_KEY is missing"):
        read(tmp_path, DATABASE_URL=url)
    with pytest.raises(SettingError, match="STORAGE_ENCRYPTION_KEY is missing"):
        read(tmp_path, DATABASE_URL=url, SECRET_KEY=GOOD_SECRET)
    settings = read(tmp_path, DATABASE_URL=url, SECRET_KEY=GOOD_SECRET, STORAGE_ENCRYPTION_KEY=GOOD_KEY)
    assert settings.sqlalchemy_url == "postgresql+psycopg://u:p@db/x"
    assert not (tmp_path / "data").exists()


def test_a_generated_hex_secret_is_a_storage_key(tmp_path: Path) -> None:
    settings = read(tmp_path, STORAGE_ENCRYPTION_KEY=bytes(range(32)).hex(), SECRET_KEY=GOOD_SECRET)
    assert settings.storage_encryption_keys == (GOOD_KEY,)


@pytest.mark.parametrize(
    ("given", "possible"),
    [
        ({}, True),
        ({"HOST": "0.0.0.0"}, False),
        ({"PROXY_HOPS": "1"}, False),
        ({"PUBLIC_URL": "https://g.example.com"}, False),
        ({"REQUIRE_API_KEY": "true"}, False),
        ({"REQUIRE_API_KEY": "false", "HOST": "0.0.0.0"}, True),
    ],
)
def test_when_a_request_may_come_without_a_key(tmp_path: Path, given: dict[str, str], possible: bool) -> None:
    assert read(tmp_path, **given).keyless_possible is possible


def test_the_example_file_lists_every_setting() -> None:
    lines = (Path(__file__).parent.parent / ".env.example").read_text().splitlines()
    assert {line[2:].partition("=")[0] for line in lines if line.startswith("# ") and "=" in line.split()[1]} == set(READERS)


def test_the_docs_explain_every_setting() -> None:
    text = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    assert [name for name in READERS if f"`{name}`" not in text] == []
