"""Settings, Features: what can be switched on and off at the start, and everything that this server was started with.

Nothing here can be changed by a browser: who may set the environment of a server may do more than who may use its dashboard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask.typing import ResponseReturnValue

from omniroute.about import jobs_alive
from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.services import Services
from omniroute.settings import Settings

State = tuple[str, str]  # (words, tone of the tag)
ON, OFF = ("On", "good"), ("Off", "")


@dataclass(frozen=True, slots=True)
class Feature:
    """`how` is what to set, "" for nothing; `notice` is what to know before."""

    name: str
    what: str
    state: Callable[[Services], State]
    how: str
    notice: str


def _private(services: Services) -> State:
    allowed, loopback = services.settings.allow_private_upstreams, services.settings.loopback
    if isinstance(allowed, tuple):
        return "Some", "good"
    if allowed == "auto":
        return ("On, as nobody else reaches this server", "good") if loopback else ("Off, as others may reach it", "")
    return ON if allowed == "true" else OFF


def _redis(services: Services) -> State:
    if not services.settings.redis_url:
        return "Off: the database does it", ""
    return ("Away", "bad") if services.board.away_since is not None else ON


def _jobs(services: Services) -> State:
    if services.settings.background_jobs == "auto":
        return "One of the web workers", "good"
    return ("A process of its own", "good") if jobs_alive(services) else ("Nobody", "bad")


FEATURES = (
    Feature(
        "Claude Code compatible providers",
        "Providers of your own that are asked with the headers of the Claude Code client.",
        lambda services: ON if services.settings.enable_cc_compatible_provider else OFF,
        "ENABLE_CC_COMPATIBLE_PROVIDER=true",
        "Use it only where the relay’s terms admit your client.",
    ),
    Feature(
        "Upstreams in your own network",
        "Whether an upstream may have a private or loopback address, such as an Ollama on this machine.",
        _private,
        "ALLOW_PRIVATE_UPSTREAMS=true",
        "Or false, or a list such as nas.lan,10.0.0.0/8. Addresses of cloud metadata are never allowed.",
    ),
    Feature(
        "Native providers at other addresses",
        "A mirror or an egress gateway of your own, asked in place of a provider.",
        lambda services: ON if services.settings.provider_base_urls else OFF,
        "PROVIDER_BASE_URLS=openai=https://mirror.example.com/v1",
        "The keys of connections go there, so name only hosts that may see them.",
    ),
    Feature(
        "Redis",
        "Where workers share health, turns and counters. For several machines, or hundreds of requests a second.",
        _redis,
        "REDIS_URL=redis://redis.lan:6379/0",
        "While it is away each worker goes by what it knows itself.",
    ),
    Feature(
        "Metrics",
        "GET /metrics tells Prometheus, for all workers.",
        lambda services: ON,
        "",
        "Always there: for this machine, and from elsewhere with a key that may manage. No key and no model is ever a label.",
    ),
    Feature(
        "Traces",
        "Each request and each attempt as a span, sent to a collector that speaks OTLP over HTTP.",
        lambda services: ON if services.traces is not None else OFF,
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318",
        "Prompts and answers are never in them.",
    ),
    Feature(
        "Who cleans up",
        "Deletes what is too old, and ends what has lapsed.",
        _jobs,
        "BACKGROUND_JOBS=off",
        "Then run python -m omniroute work as a process of its own, or nothing is ever deleted.",
    ),
)


@dataclass(frozen=True, slots=True)
class Variable:
    """One of the environment. `shown` makes its value a text that holds no secret."""

    name: str
    meaning: str
    shown: Callable[[Any], str] = str


def _secret(value: Any) -> str:
    return "set" if value else "not set"


def _text(value: Any) -> str:
    return str(value or "not set")


def _flag(value: bool) -> str:
    return str(value).lower()


def _list(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "not set"


def _mirrors(value: tuple[tuple[str, str], ...]) -> str:
    """Whose address is another. The address itself may hold a token."""
    return ", ".join(provider for provider, _ in value) or "not set"


def _seconds(value: float) -> str:
    return f"{value:g} s"


VARIABLES: tuple[tuple[str, tuple[Variable, ...]], ...] = (
    (
        "Where it listens, and who may come in",
        (
            Variable("HOST", "The address to listen on"),
            Variable("PORT", "The port to listen on"),
            Variable("REQUIRE_API_KEY", "Who needs a key"),
            Variable("TRUSTED_HOSTS", "Host names that are answered", _list),
            Variable("PROXY_HOPS", "Proxies in front that are believed"),
            Variable("PUBLIC_URL", "How others reach it", _text),
            Variable("INITIAL_PASSWORD", "The first password, until there is one", _secret),
        ),
    ),
    (
        "What it keeps",
        (
            Variable("DATA_DIR", "The folder of its files"),
            Variable("DATABASE_URL", "Postgres in place of SQLite", _secret),
            Variable("DATABASE_CONNECTIONS", "Connections of a process to Postgres"),
            Variable("REDIS_URL", "What workers share", _secret),
            Variable("REDIS_TLS_VERIFY", "Redis must prove who it is", _flag),
            Variable("REDIS_CONNECTIONS", "Connections of a process to Redis"),
            Variable("SECRET_KEY", "Signs cookies", _secret),
            Variable("STORAGE_ENCRYPTION_KEY", "Encrypts upstream keys", _secret),
        ),
    ),
    (
        "Upstreams",
        (
            Variable("ENABLE_CC_COMPATIBLE_PROVIDER", "Claude Code compatible providers", _flag),
            Variable("ALLOW_PRIVATE_UPSTREAMS", "Upstreams in your own network", _list),
            Variable("PROVIDER_BASE_URLS", "Native providers at other addresses", _mirrors),
            Variable("CONNECT_SECONDS", "To resolve and connect", _seconds),
            Variable("FIRST_EVENT_SECONDS", "To the first byte of a stream", _seconds),
            Variable("IDLE_SECONDS", "Between the bytes of a stream", _seconds),
            Variable("ANSWER_SECONDS", "To an answer that is not streamed", _seconds),
            Variable("HEARTBEAT_SECONDS", "Between signs of life to the client", _seconds),
        ),
    ),
    (
        "The process",
        (
            Variable("WEB_CONCURRENCY", "Worker processes"),
            Variable("BACKGROUND_JOBS", "Who cleans up"),
            Variable("MAX_BODY_MB", "Largest request, in MB"),
            Variable("BODY_SECONDS", "For a request's body to come", _seconds),
            Variable("MAX_ANSWER_MB", "Largest answer, in MB"),
            Variable("DRAIN_SECONDS", "How long streams may go on at a stop", _seconds),
            Variable("LOG_LEVEL", "What the program’s own log holds"),
        ),
    ),
    (
        "Traces",
        (
            Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "The collector", _text),
            Variable("OTEL_EXPORTER_OTLP_HEADERS", "Headers for it, such as its key", _secret),
            Variable("OTEL_SERVICE_NAME", "What the gateway is called there"),
        ),
    ),
)
FIELDS = {"STORAGE_ENCRYPTION_KEY": "storage_encryption_keys"}  # of Settings, where it isn't the name in lower case
MADE = frozenset({"SECRET_KEY", "STORAGE_ENCRYPTION_KEY"})  # by the first start, if nobody gives them


@dataclass(frozen=True, slots=True)
class Started:
    """`usual`: as it is when nobody says anything."""

    name: str
    value: str
    meaning: str
    usual: bool
    secret: bool


def started_with(settings: Settings) -> tuple[tuple[str, tuple[Started, ...]], ...]:
    """What the environment decided, in groups. No secret and no address with a password is among it."""
    return tuple((title, tuple(_started(settings, each) for each in group)) for title, group in VARIABLES)


def _started(settings: Settings, variable: Variable) -> Started:
    field = FIELDS.get(variable.name, variable.name.lower())
    value = getattr(settings, field)
    usual = variable.name in MADE or value == getattr(Settings(), field)
    return Started(variable.name, variable.shown(value), variable.meaning, usual, variable.shown is _secret)


def features(services: Services) -> ResponseReturnValue:
    shown = [(each, *each.state(services)) for each in FEATURES]
    return section_page("settings_features.html", "features", features=shown, started=started_with(services.settings))


ROUTES = (Route("GET", "/dashboard/settings/features", "settings_features", features),)
