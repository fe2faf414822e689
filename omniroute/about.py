"""What is known of the gateway itself: versions, stores and whether they answer, processes, room on the disk.

Asked for on the dashboard's About page and by `GET /api/about`; a store that is away is a fact here, not a failure.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TypeVar

from omniroute import __version__
from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.models.schema import HEAD, State, state_of
from omniroute.services import Services
from omniroute.state.redis import RedisState
from omniroute.usage.jobs import NAME as JOBS

T = TypeVar("T")

# Those that a fault may be of. Their names are those of the package index.
LIBRARIES = (
    "alembic",
    "argon2-cffi",
    "cryptography",
    "flask",
    "gevent",
    "gunicorn",
    "opentelemetry-sdk",
    "orjson",
    "prometheus-client",
    "psycopg",
    "redis",
    "requests",
    "sqlalchemy",
    "urllib3",
    "werkzeug",
    "wtforms",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """Revisions of the tables: what the program needs, and what the database has; None where it could not be asked."""

    program: str
    database: str | None
    state: State | None


@dataclass(frozen=True, slots=True)
class Store:
    """The database, or Redis. `server` is its kind and version, "" where they are not told; `size` is in bytes."""

    server: str
    reachable: bool
    latency_ms: float | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """The one that DATA_DIR is on. Bytes; None where the folder can't be looked at."""

    folder: str
    free: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class AboutView:
    """`workers` are those alive on this machine, `workers_wanted` WEB_CONCURRENCY. `jobs` says whether some process cleans up:
    None where that could not be asked. `started_at` is when the gateway was started.
    """

    version: str
    schema: Schema
    python: str
    platform: str
    libraries: Mapping[str, str]
    database: Store
    redis: Store | None
    workers: int
    workers_wanted: int
    jobs: bool | None
    started_at: float
    uptime_s: float
    disk: Disk


def about(services: Services) -> AboutView:
    """As it is now. Asks the stores, so it takes as long as they do."""
    settings, clock = services.settings, services.clock
    now, since = clock.now(), services.metrics.since
    shared = services.shared
    return AboutView(
        version=__version__,
        schema=_schema(services),
        python=platform.python_version(),
        platform=platform.platform(aliased=True),
        libraries=libraries(),
        database=_store(clock, services.database.ping, services.database.server, services.database.size),
        redis=_store(clock, shared.health_mark, shared.server) if isinstance(shared, RedisState) else None,
        workers=services.metrics.workers(),
        workers_wanted=settings.web_concurrency,
        jobs=jobs_alive(services),
        started_at=since,
        uptime_s=max(0.0, round(now - since)),
        disk=_disk(str(settings.data_dir.absolute())),
    )


def jobs_alive(services: Services) -> bool | None:
    """Whether some process cleans up; None where that can't be asked."""
    return _unless_away(lambda: bool(services.shared.held([JOBS], services.clock.now())[JOBS]))


@cache
def libraries() -> Mapping[str, str]:
    """Version by name; what is not installed is left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return MappingProxyType(found)


def _schema(services: Services) -> Schema:
    try:
        revision = services.database.revision()
    except DatabaseAway:
        return Schema(HEAD, None, None)
    return Schema(HEAD, revision, state_of(revision))


def _store(
    clock: Clock, ask: Callable[[], object], server: Callable[[], str], size: Callable[[], int | None] = lambda: None
) -> Store:
    began = clock.tick()
    try:
        ask()
    except DatabaseAway:
        return Store("", False, None)
    took = round((clock.tick() - began) * 1000, 2)
    return Store(_unless_away(server) or "", True, took, _unless_away(size))


def _disk(folder: str) -> Disk:
    try:
        room = shutil.disk_usage(folder)
    except OSError:
        return Disk(folder, None, None)
    return Disk(folder, room.free, room.total)


def _unless_away(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except DatabaseAway:
        return None
