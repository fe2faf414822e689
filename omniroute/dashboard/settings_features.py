"""Settings, Features: what the environment decided when the server was started."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from omniroute.dashboard.routes import Route
from omniroute.dashboard.settings import section_page
from omniroute.services import Services
from omniroute.settings import Settings


def features(services: Services) -> ResponseReturnValue:
    return section_page("settings_features.html", "features", started=started_with(services.settings))


def started_with(settings: Settings) -> list[tuple[str, str, str]]:
    """(name, value, meaning) of what the environment decided. No secret and no address with a password is among them."""
    private = settings.allow_private_upstreams
    values = (
        f"{settings.host}:{settings.port}",
        settings.require_api_key,
        str(settings.enable_cc_compatible_provider).lower(),
        private if isinstance(private, str) else ", ".join(private),
        "Postgres" if settings.database_url else "SQLite in DATA_DIR",
        "set" if settings.redis_url else "not set",
        settings.public_url or "not set",
        ", ".join(settings.trusted_hosts) or "not set",
        str(settings.proxy_hops),
        str(settings.max_body_mb),
    )
    return [(name, value, meaning) for (name, meaning), value in zip(STARTED_WITH, values, strict=True)]


STARTED_WITH = (
    ("HOST, PORT", "Where it listens"),
    ("REQUIRE_API_KEY", "Who needs a key: auto spares programs on this machine, if nothing else can reach it"),
    ("ENABLE_CC_COMPATIBLE_PROVIDER", "Claude Code compatible providers"),
    ("ALLOW_PRIVATE_UPSTREAMS", "Upstreams on this machine and its network"),
    ("DATABASE_URL", "Where everything is kept"),
    ("REDIS_URL", "Shared counters"),
    ("PUBLIC_URL", "The address that clients use"),
    ("TRUSTED_HOSTS", "Host names that are answered"),
    ("PROXY_HOPS", "Proxies in front that are believed"),
    ("MAX_BODY_MB", "Largest request"),
)

ROUTES = (Route("GET", "/dashboard/settings/features", "settings_features", features),)
