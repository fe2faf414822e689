"""What a gateway of a test has left behind, searched for secrets: its output, its data, its metrics, its answers.

tests.gateway looks through each real gateway when it stops, tests.databases through each database when its test is over, and
the conftests of houses within this process put `watched` around them. So every run of the tests is a search for leaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import psycopg
from flask import Flask
from psycopg import sql
from redis import Redis

from bench.processes import direct
from tests.canaries import Needle, find, look_through, look_through_files, needles, refuse

# Files in DATA_DIR in which a secret is at home.
AT_HOME = {"server.env": "the two secrets of a server, 0600; nothing else is in it"}
# Answers that tell a new client key, which is nowhere else to be had.
TELLS_A_KEY = {
    re.compile(r"POST /api/keys"): "made",
    re.compile(r"POST /api/keys/[^/]+/rotate"): "made anew",
    re.compile(r"POST /dashboard/keys/add"): "made on the page",
    re.compile(r"POST /dashboard/keys/[^/]+/rotate"): "made anew on the page",
    re.compile(r"POST /dashboard/start/key"): "made in the first steps",
    re.compile(r"POST /dashboard/start/(message|lines)"): "the page of the first steps gives it along: only it still knows it",
}
# Settings that are secrets.
SECRET_SETTINGS = ("SECRET_KEY", "STORAGE_ENCRYPTION_KEY", "INITIAL_PASSWORD")
SESSIONS = {"omniroute_session", "__Host-omniroute_session"}
REFUSED = {400: "by another name than it has", 401: "without a key"}
OVERLAP = 256  # bytes of a piece that are looked at with the next one: a secret may be cut by pieces


# A real gateway -----------------------------------------------------------------------------------------


def metrics_of(url: str) -> bytes:
    """What it tells a Prometheus on this machine; nothing from one that no longer answers.

    One that wants a key here too, or another name, tells that: its counters are in DATA_DIR, with their labels, and searched
    there. Raises HTTPError for a failure: a search through nothing would always pass.
    """
    try:
        with direct.open(f"{url}/metrics", timeout=10) as answer:
            told: bytes = answer.read()
            return told
    except HTTPError as exc:
        with exc:
            if exc.code not in REFUSED:
                raise
            return bytes(exc.read())
    except (URLError, OSError):
        return b""


def look_over(log: Path, data_dir: Path, env: Mapping[str, str], metrics: bytes = b"", sessions: Iterable[str] = ()) -> None:
    """Everything that a gateway has left which is stopped by now. `sessions` are cookies of its dashboard. Raises Leaked."""
    more = own_needles(data_dir, env, sessions)
    look_through("/metrics", metrics, more)
    files = (each for each in sorted(data_dir.rglob("*")) if each.is_file() and each.name not in AT_HOME)
    look_through_files([log, *files], more)
    if (url := env.get("DATABASE_URL", "")).startswith("postgres"):
        look_through_postgres(url, more)


def own_needles(data_dir: Path, env: Mapping[str, str], sessions: Iterable[str]) -> list[Needle]:
    """For what this gateway has made for itself, or was given without a mark."""
    path = data_dir / "server.env"
    lines = path.read_text().splitlines() if path.exists() else []
    kept = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    named = [(name, each) for given in (kept, env) for name in SECRET_SETTINGS for each in given.get(name, "").split(",")]
    return needles(dict.fromkeys([*named, *(("a session", each.partition("=")[2]) for each in sessions)]))


# Databases ----------------------------------------------------------------------------------------------


def look_through_sqlite(path: Path) -> None:
    """The file and its log as they lie there, freed pages and all. Raises Leaked."""
    look_through_files([path, path.with_name(f"{path.name}-wal")])


def look_through_postgres(url: str, more: Iterable[Needle] = ()) -> None:
    """Each row of each table, as text. Raises Leaked."""
    try:
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), connect_timeout=2) as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
            each = [sql.SQL("SELECT {} AS t, r::text FROM {} AS r").format(name, sql.Identifier(name)) for (name,) in names]
            rows = connection.execute(sql.SQL(" UNION ALL ").join(each)).fetchall() if each else []
    except psycopg.OperationalError:
        return  # a test may have stopped it, with all that it held
    tables: dict[str, list[str]] = {}
    for table, text in rows:
        tables.setdefault(table, []).append(text)
    more = tuple(more)
    refuse(found for table, texts in tables.items() for found in find(f"table {table}", "\n".join(texts).encode(), more))


def look_through_redis(url: str) -> None:
    """Each key with its value, as Redis itself writes it; it must not compress texts. Raises Leaked."""
    with Redis.from_url(url) as client:
        for key in client.scan_iter(count=1000):
            look_through(f"Redis, {key!r}", key + b" " + (client.dump(key) or b""))


# Answers ------------------------------------------------------------------------------------------------


def watched(app: Flask) -> Flask:
    """The same, its answers searched on their way to the test: a secret in one raises Leaked where the test reads it."""
    app.wsgi_app = Watched(app.wsgi_app)  # type: ignore[method-assign]
    return app


def look_through_answer(request: str, data: bytes, more: Iterable[Needle] = ()) -> None:
    """`request` is its method and its path. Raises Leaked."""
    told = any(each.fullmatch(request.partition("?")[0]) for each in TELLS_A_KEY)
    look_through(f"the answer to {request}", data, more, client_keys=not told)


class Watched:
    """A WSGI application around another."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
        more = needles(("a session", cookies[name].value) for name in SESSIONS & cookies.keys())

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            look_through_answer(request, "\n".join(f"{name}: {value}" for name, value in headers).encode())
            return start_response(status, headers, *more)

        return _Pieces(request, self._inner(environ, started), more)


class _Pieces:
    """The pieces of an answer, each as it comes."""

    def __init__(self, request: str, pieces: Iterable[bytes], more: list[Needle]) -> None:
        self._request, self._pieces, self._more = request, pieces, more

    def __iter__(self) -> Iterator[bytes]:
        before = b""
        for piece in self._pieces:
            look_through_answer(self._request, before + piece, self._more)
            before = (before + piece)[-OVERLAP:]
            yield piece

    def close(self) -> None:
        if hasattr(self._pieces, "close"):
            self._pieces.close()
