"""Pages over a month of log rows in SQLite, over HTTP; and requests that go on while the oldest rows are deleted."""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request

from bench import gateway
from bench.figures import PAGES, Measurement, Round, Shot
from bench.processes import PYTHON, ROOT, NotStarted, direct
from bench.rows import DAYS, fill
from omniroute.models.db import Database

WORKERS = 2
TIMES = 3  # that each page is asked for; the slowest counts
REQUESTS, SHORT_REQUESTS = 4000, 500  # while rows are deleted
SHORT_FEWER = 10  # days that a short log gets shorter: that takes a while as well
DELETING = 30.0  # seconds until it must have begun


def measure(folder: Path, what: Measurement, upstream: str, runs: int, short: bool) -> list[Round]:
    """Each run makes the log some days shorter. Raises NotStarted when a page is no page or nothing is deleted."""
    made = time.time()
    given = gateway.settings(folder)
    gateway.prepare(folder, given)
    path = Path(given["DATA_DIR"]) / "omniroute.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        fill(database, what.short_count if short else what.count, made)
    print(f"{what.name}: rows made in {time.time() - made:.0f} s", flush=True)
    with gateway.start(folder, workers=WORKERS) as server:
        management = gateway.Management(server.url)
        management.log_in()
        management.add_connection(management.add_node("chat", f"{upstream}/v1", "openai-compatible"), "sk-bench")
        key = management.add_key("bench")
    requests, fewer = (SHORT_REQUESTS, SHORT_FEWER) if short else (REQUESTS, 1)
    return [_round(folder, path, what, key, DAYS - run * fewer, requests) for run in range(1, runs + 1)]


def _round(folder: Path, path: Path, what: Measurement, key: str, days: int, requests: int) -> Round:
    """A gateway of its own for the pages, and one for the deleting: that begins with its start."""
    with gateway.start(folder, workers=WORKERS) as server:
        management = gateway.Management(server.url)
        management.log_in()
        pages = {name: _slowest(management, address) for name, address in PAGES.items()}
        management.call("PUT", "/api/settings", {"logDays": days})
    before = rows(path)
    with gateway.start(folder, workers=WORKERS) as server:
        _wait_for_fewer(path, before)
        began = rows(path)
        seen = _load(server.url + what.path, what, key, requests)
        seen["deleted"] = began - (rows(path) - seen["n"])
        _wait_for_rest(path, days)
    shown = {f"{name} ms": ms for name, ms in pages.items()}
    print(
        f"{what.name}, {days} days to stay: slowest {max(pages, key=lambda name: pages[name])}, {max(pages.values()):.0f} ms",
        flush=True,
    )
    return {"gateway": {**seen, **shown, "pages_p50_ms": round(statistics.median(pages.values()), 1)}}


def _slowest(management: gateway.Management, address: str) -> float:
    """Milliseconds. Raises NotStarted."""
    now = datetime.now(UTC)
    moments = {"three_days_ago": now - timedelta(days=3), "month_ago": now - timedelta(days=30)}
    given = {name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in moments.items()}
    asked = Request(management.url + address.format(**given), headers={"Cookie": management.cookie or ""})
    times: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        with direct.open(asked, timeout=60) as answer:
            body = answer.read()
        times.append(1000 * (time.perf_counter() - began))
        if answer.url != asked.full_url or len(body) < 20:
            raise NotStarted(f"{address} answered with {answer.url}, {len(body)} bytes")
    return round(max(times), 1)


def _load(url: str, what: Measurement, key: str, requests: int) -> Shot:
    command = [PYTHON, str(ROOT / "bench" / "load.py"), url, "--model", what.model, "--key", key]
    command += ["-c", str(what.at_once), "-n", str(requests)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    if ran.returncode:
        raise NotStarted(f"the load on the gateway ended with status {ran.returncode}")
    seen: Shot = json.loads(ran.stdout)
    return seen


# The rows, read beside the gateway ---------------------------------------------------------------


def rows(path: Path, before: float = float("inf")) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM log_rows WHERE at < ?", (before,)).fetchone()
    return int(count)


def _wait_for_fewer(path: Path, count: int) -> None:
    until = time.monotonic() + DELETING
    while rows(path) >= count:
        if time.monotonic() > until:
            raise NotStarted(f"no row was deleted within {DELETING:g} s")
        time.sleep(0.05)


def _wait_for_rest(path: Path, days: int) -> None:
    """The next round's pages are not to compete with this one's deleting."""
    until = time.monotonic() + 20 * DELETING
    while rows(path, time.time() - days * 86_400 - DELETING) > 0 and time.monotonic() < until:
        time.sleep(0.5)
