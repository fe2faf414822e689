"""Settings: read once from the environment and `.env`, typed, and refused when wrong.

The only reader of `os.environ` (beside gunicorn.conf.py). A real environment variable wins over `.env`. A name in
`.env` that nobody knows is refused together with the nearest one that exists; the environment itself holds many
names that are not ours, so those are left alone.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values

from omniroute.errors import SettingError
from omniroute.secrets_file import ensure_secrets
from omniroute.shared_names import shared_by_strangers

# Values that people copy from documentation. A secret that everybody knows is none.
WELL_KNOWN = frozenset({"changeme", "change-me", "secret", "dev", "development", "password", "omniroute", "test", "default"})
MIN_SECRET = 32  # characters
MAKE_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
MAKE_KEY = "python3 -c 'import base64,secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# A name that the server answers to: `.example.com` is the name and all below it; a port counts where one is given.
HOST_ENTRY = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?|\[[0-9a-f:]+\](:\d+)?")

PrivateRule = str | tuple[str, ...]  # "auto", "true", "false", or hosts and networks


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """What the operator decided. Field names are the environment's names in lower case.

    Seconds for every `*_seconds`; `storage_encryption_keys` are Fernet keys, the first one encrypts and all decrypt.
    """

    host: str = "127.0.0.1"
    port: int = 20128
    data_dir: Path = Path("./data")
    database_url: str | None = None
    database_connections: int = 5
    redis_url: str | None = None
    redis_tls_verify: bool = True
    redis_connections: int = 8
    initial_password: str | None = None
    secret_key: str = ""
    storage_encryption_keys: tuple[str, ...] = ()
    require_api_key: str = "auto"
    enable_cc_compatible_provider: bool = False
    allow_private_upstreams: PrivateRule = "auto"
    provider_base_urls: tuple[tuple[str, str], ...] = ()
    web_concurrency: int = 2
    background_jobs: str = "auto"
    max_body_mb: int = 64
    body_seconds: float = 60.0
    max_answer_mb: int = 64
    trusted_hosts: tuple[str, ...] = ()
    proxy_hops: int = 0
    public_url: str | None = None
    log_level: str = "INFO"
    connect_seconds: float = 5.0
    first_event_seconds: float = 60.0
    idle_seconds: float = 180.0
    answer_seconds: float = 600.0
    heartbeat_seconds: float = 15.0
    drain_seconds: float = 15.0
    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_headers: tuple[tuple[str, str], ...] = ()
    otel_service_name: str = "omniroute"

    @property
    def loopback(self) -> bool:
        """Bound to an address that only this machine reaches."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where a browser finds the gateway, as far as it knows itself."""
        host = "localhost" if self.loopback or self.host in ("0.0.0.0", "::", "[::]") else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def max_body(self) -> int:
        """Bytes."""
        return self.max_body_mb * 1024 * 1024

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy names it: psycopg 3 for Postgres, a file in `data_dir` otherwise."""
        if self.database_url is None:
            return f"sqlite:///{(self.data_dir / 'omniroute.db').absolute()}"
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", self.database_url)

    @property
    def keyless_possible(self) -> bool:
        """Whether any request at all may come without a key (api.md, "Who needs a key")."""
        if self.require_api_key == "auto":
            return self.loopback and self.proxy_hops == 0 and self.public_url is None
        return self.require_api_key == "false"

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, data_dir={str(self.data_dir)!r})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
        """Read `environ` (default: the process's) over `dotenv` (default: `./.env`).

        Makes the secrets into `DATA_DIR/server.env` on a first start without DATABASE_URL.
        Raises SettingError with one line on the first mistake.
        """
        given = _gather(os.environ if environ is None else environ, Path(".env") if dotenv is None else dotenv)
        values = {name.lower(): reader(name, given[name]) for name, reader in READERS.items() if given.get(name, "") != ""}
        keys = values.pop("storage_encryption_key", ())
        settings = cls(**values, storage_encryption_keys=keys)
        return _with_secrets(settings)


def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1, with or without brackets."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


# Reading one value: each takes (name, text) and returns the value or raises SettingError -----------


def _text(name: str, text: str) -> str:
    return text


def _whole(low: int, high: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise SettingError(f"{name}={text!r}: must be a whole number from {low} to {high}")
        return int(text)

    return read


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 86400:
        raise SettingError(f"{name}={text!r}: must be seconds above 0 and up to 86400")
    return value


def _flag(name: str, text: str) -> bool:
    return _one_of("true", "false")(name, {"1": "true", "0": "false"}.get(text, text)) == "true"


def _one_of(*allowed: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        for choice in allowed:
            if text.lower() == choice.lower():
                return choice
        raise SettingError(f"{name}={text!r}: must be one of {', '.join(allowed)}")

    return read


def _path(name: str, text: str) -> Path:
    return Path(text).expanduser()


def _database(name: str, text: str) -> str:
    if not re.match(r"postgres(ql)?(\+psycopg)?://", text):
        raise SettingError(f"{name}: must start with postgres:// or postgresql:// (leave it out for SQLite in DATA_DIR)")
    return text


def _redis(name: str, text: str) -> str:
    if not re.match(r"(rediss?|unix)://", text):
        raise SettingError(f"{name}: must start with redis://, rediss:// or unix://")
    return text


def _password(name: str, text: str) -> str:
    if len(text) < 10 or text.lower() in WELL_KNOWN:
        raise SettingError(f"{name}: must have at least 10 characters and not be a well-known word")
    return text


def _secret(name: str, text: str) -> str:
    if len(text) < MIN_SECRET or text.lower() in WELL_KNOWN or len(set(text)) < 8:
        raise SettingError(
            f"{name}: too short or well-known; must be {MIN_SECRET} random characters or more, made with: {MAKE_SECRET}"
        )
    return text


def _fernet_keys(name: str, text: str) -> tuple[str, ...]:
    """Keys as Fernet takes them. 64 hex digits, which Heroku's generator makes, are 32 bytes too."""
    keys = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            raw = bytes.fromhex(part) if re.fullmatch(r"[0-9a-fA-F]{64}", part) else base64.urlsafe_b64decode(part)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) != 32 or len(set(raw)) < 8:
            raise SettingError(
                f"{name}: must be 32 random bytes in URL-safe base64 (several with commas, the first encrypts), "
                f"made with: {MAKE_KEY}"
            )
        keys.append(base64.urlsafe_b64encode(raw).decode())
    return tuple(keys)


# Words that are meant as true or false, and would pass for the name of a machine.
_NO_HOSTS = frozenset({"yes", "no", "on", "off", "always", "never", "sometimes", "none", "all", "any"})


def _private(name: str, text: str) -> PrivateRule:
    if text.lower() in ("auto", "true", "false"):
        return text.lower()
    entries = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for entry in entries:
        if entry in _NO_HOSTS:
            raise SettingError(
                f"{name}: {entry!r} is not understood; allowed are auto, true, false, or a list of hosts and networks"
            )
        if re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", entry) and not re.fullmatch(r"[\d.]+", entry):
            continue
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise SettingError(
                f"{name}: {entry!r} is no host, address or network; "
                "allowed are auto, true, false, or a list such as 10.0.0.0/8,nas.lan"
            ) from None
    return entries


def _hosts(name: str, text: str) -> tuple[str, ...]:
    entries = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for entry in entries:
        if not HOST_ENTRY.fullmatch(entry):
            raise SettingError(f"{name}: {entry!r} is no host name; give names such as gateway.example.com or .example.com")
        if entry.startswith(".") and shared_by_strangers(entry[1:].partition(":")[0]):
            raise SettingError(f"{name}: {entry!r} covers names of strangers; write the whole name, or one below that is yours")
    return entries


def _base_urls(name: str, text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of provider id and base URL. Whether such a provider exists is for the catalogue to say."""
    pairs = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        provider, _, url = part.partition("=")
        place = urlsplit(url)
        if not provider or place.scheme not in ("http", "https") or not place.hostname or place.username:
            raise SettingError(
                f"{name}: {part!r} must be a provider's id and a URL, such as openai=https://mirror.example.com/v1"
            )
        pairs.append((provider.strip(), url))
    return tuple(pairs)


def _public_url(name: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingError(f"{name}={text!r}: must be a URL such as https://gateway.example.com")
    return text.rstrip("/")


def _collector(name: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingError(
            f"{name}: must be the URL of an OTLP/HTTP collector such as http://localhost:4318 "
            f"(a key goes into OTEL_EXPORTER_OTLP_HEADERS)"
        )
    return text.rstrip("/").removesuffix("/v1/traces")


def _header_pairs(name: str, text: str) -> tuple[tuple[str, str], ...]:
    """As OpenTelemetry spells them: pairs with commas, values percent-encoded. They may be secrets, so none is repeated."""
    pairs = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        header, equals, value = (unquote(each.strip()) for each in part.partition("="))
        if not equals or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", header) or not re.fullmatch(r"[\x20-\x7e\t]*", value):
            raise SettingError(f"{name}: must be pairs of name=value with commas between them, such as x-api-key=...")
        pairs.append((header.lower(), value))
    return tuple(pairs)


READERS: dict[str, Callable[[str, str], Any]] = {
    "HOST": _text,
    "PORT": _whole(1, 65535),
    "DATA_DIR": _path,
    "DATABASE_URL": _database,
    "DATABASE_CONNECTIONS": _whole(2, 100),
    "REDIS_URL": _redis,
    "REDIS_TLS_VERIFY": _flag,
    "REDIS_CONNECTIONS": _whole(2, 100),
    "INITIAL_PASSWORD": _password,
    "SECRET_KEY": _secret,
    "STORAGE_ENCRYPTION_KEY": _fernet_keys,
    "REQUIRE_API_KEY": _one_of("auto", "true", "false"),
    "ENABLE_CC_COMPATIBLE_PROVIDER": _flag,
    "ALLOW_PRIVATE_UPSTREAMS": _private,
    "PROVIDER_BASE_URLS": _base_urls,
    "WEB_CONCURRENCY": _whole(1, 64),
    "BACKGROUND_JOBS": _one_of("auto", "off"),
    "MAX_BODY_MB": _whole(1, 1024),
    "BODY_SECONDS": _seconds,
    "MAX_ANSWER_MB": _whole(1, 1024),
    "TRUSTED_HOSTS": _hosts,
    "PROXY_HOPS": _whole(0, 10),
    "PUBLIC_URL": _public_url,
    "LOG_LEVEL": _one_of(*LOG_LEVELS),
    "CONNECT_SECONDS": _seconds,
    "FIRST_EVENT_SECONDS": _seconds,
    "IDLE_SECONDS": _seconds,
    "ANSWER_SECONDS": _seconds,
    "HEARTBEAT_SECONDS": _seconds,
    "DRAIN_SECONDS": _seconds,
    "OTEL_EXPORTER_OTLP_ENDPOINT": _collector,
    "OTEL_EXPORTER_OTLP_HEADERS": _header_pairs,
    "OTEL_SERVICE_NAME": _text,
}


def _gather(environ: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    """`.env` below the environment; unknown names in `.env` are refused."""
    stored = {name: text or "" for name, text in dotenv_values(dotenv).items()} if dotenv.is_file() else {}
    for name in stored:
        if name not in READERS:
            near = difflib.get_close_matches(name.upper(), READERS, n=1, cutoff=0.0)
            raise SettingError(f"{name} in {dotenv.name}: no such setting; the nearest is {near[0]}")
    return {name: environ.get(name, stored.get(name, "")).strip() for name in READERS}


def _with_secrets(settings: Settings) -> Settings:
    """Fill in the two secrets: from the environment, else (without DATABASE_URL) from DATA_DIR/server.env."""
    if settings.secret_key and settings.storage_encryption_keys:
        return settings
    if settings.database_url is not None:
        name, make = ("STORAGE_ENCRYPTION_KEY", MAKE_KEY) if settings.secret_key else ("SECRET_KEY", MAKE_SECRET)
        raise SettingError(f"{name} is missing: with DATABASE_URL it must come from the environment; make one with: {make}")
    try:
        found = ensure_secrets(settings.data_dir)
    except OSError as exc:
        raise SettingError(
            f"DATA_DIR={str(settings.data_dir)!r}: {exc.strerror or exc}; must be a folder that can be written"
        ) from exc
    return replace(
        settings,
        secret_key=settings.secret_key or _secret("SECRET_KEY", found["SECRET_KEY"]),
        storage_encryption_keys=settings.storage_encryption_keys
        or _fernet_keys("STORAGE_ENCRYPTION_KEY", found["STORAGE_ENCRYPTION_KEY"]),
    )
