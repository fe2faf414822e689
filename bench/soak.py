"""The soak: paced streams for an hour, over combos whose targets go down and come up again, and clients that leave.

    python -m bench.soak [--minutes 60] [--clients 200] [--leaving 0.1] [--chunks 40] [--interval 0.25] [--pause 0.5]

Each client asks, reads an answer that takes ten seconds to come, waits a little and asks again: all four formats, native and
translated, over combos of four strategies, with keys with and without limits; one request in eight is not streamed, and one
in ten is left at a random moment. No request may fail and no stream be lost, attempts stay bounded, the memory and the open files
of each worker stay flat, every request has its row, and in the end nothing is in use or reserved. Prints one line a spell and
a summary as JSON; ends with 1 when a law was broken. A run of ten minutes or more is kept in bench/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import gateway, report
from bench.processes import PYTHON, Server, environment, free_port, get_json, resident_mb
from bench.soak_clients import Manners, Seen, client
from bench.soak_targets import TARGETS, Target, spells
from bench.upstream import Manner

STRATEGIES = ("priority", "round-robin", "least-used", "random")
WORKERS = 2
WARM = 0.25  # the share of the run after which memory and files have to be flat
MOST_ATTEMPTS = 8  # the default of a combo
MOST_GROWTH = 40.0  # MB of a worker after that, in a run that is too short for a slope
MOST_FILES = 24  # of a worker beyond those at its begin and its upstreams' connections: the database's pool
LONG = 10.0  # minutes from which a run has one, and is kept
PATIENCE = {"FIRST_EVENT_SECONDS": "2", "ANSWER_SECONDS": "2", "IDLE_SECONDS": "20"}
MODEL = "soak-model"


@dataclass(slots=True)
class Watched:
    """One worker: (seconds, MB, open files), each second."""

    points: list[tuple[float, float, int]] = field(default_factory=list)
    at_end: int = 0  # open files when everybody has gone

    def told(self, minutes: float) -> dict[str, Any]:
        settled = [point for point in self.points if point[0] >= minutes * 60 * WARM] or self.points
        tenth = max(1, len(settled) // 10)
        seconds, memory, _ = zip(*settled, strict=True)
        slope = statistics.linear_regression(seconds, memory).slope * 60 if len(settled) > 1 else 0.0

        def files(points: list[tuple[float, float, int]]) -> int:
            return round(statistics.fmean(point[2] for point in points))

        return {
            "memory_mb": {"first": round(self.points[0][1], 1), "warm": round(memory[0], 1), "last": round(memory[-1], 1)},
            "memory_mb_per_minute": round(slope, 3),
            "files": {"first": self.points[0][2], "warm": files(settled[:tenth]), "last": files(settled[-tenth:])},
            "files_at_end": self.at_end,
        }


async def watch(server: Server, until: float, workers: dict[int, Watched]) -> None:
    """Each second."""
    began = time.monotonic()
    while time.monotonic() < until:
        for pid in server.children():
            workers[pid].points.append((time.monotonic() - began, resident_mb(pid), open_files(pid)))
        await asyncio.sleep(1)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass(frozen=True, slots=True)
class Books:
    """What the gateway has written and still holds, once nobody asks any more."""

    server: Server
    folder: Path

    def metric(self, name: str) -> float:
        text = gateway.direct.open(f"{self.server.url}/metrics", timeout=10).read().decode()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"omniroute_{name} ")))

    def rows(self) -> int:
        with closing(sqlite3.connect(self.folder / "data" / "omniroute.db")) as database:
            return int(database.execute("SELECT COUNT(*) FROM log_rows WHERE key_name LIKE 'soak%'").fetchone()[0])

    def reconciled(self) -> str:
        command = [PYTHON, "-m", "omniroute", "reconcile"]
        env = environment(gateway.settings(self.folder))
        told = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120)
        agreed = told.returncode == 0 and " 0 requests hold reservations" in told.stdout
        return "" if agreed else told.stdout + told.stderr

    def told(self, asked: int, seconds: float = 30.0) -> dict[str, Any]:
        """Waits until all is written, but no longer than that."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and (self.rows() < asked or self.metric("log_queue_rows") or self.metric("open_streams")):
            time.sleep(0.5)
        return {
            "rows": self.rows(),
            "rows_dropped": int(self.metric("log_rows_dropped_total")),
            "streams_open_at_end": int(self.metric("open_streams")),
            "database_in_use_at_end": int(self.metric("database_connections")),
            "books": self.reconciled(),
            "ready": get_json(f"{self.server.url}/readyz")["status"],
        }


async def soak(server: Server, keys: tuple[str, ...], targets: list[Target], given: argparse.Namespace) -> dict[str, Any]:
    seen, workers = Seen(), defaultdict[int, Watched](Watched)
    port, until = int(server.url.rpartition(":")[2]), time.monotonic() + given.minutes * 60
    for target in targets:
        await target.listen()
    manners = Manners(port, keys, given.pause, given.leaving, (given.chunks + 1) * given.interval)
    clients = [client(number, STRATEGIES, until, manners, seen) for number in range(given.clients)]
    await asyncio.gather(spells(targets, until, random.Random(given.seed)), watch(server, until, workers), *clients)
    await asyncio.sleep(12)  # who has left is noticed at once, and within ten seconds what an upstream has closed
    for pid in server.children():
        workers[pid].at_end = open_files(pid)
    tried = [count for count, times in seen.attempts.items() for _ in range(times)]
    return {
        "minutes": given.minutes,
        "clients": given.clients,
        "asked": seen.asked,
        "answered": seen.answered,
        "streams": seen.streams,
        "left": seen.left,
        "failed": seen.failed,
        "failures": seen.failures,
        "attempts_mean": round(statistics.fmean(tried), 3) if tried else None,
        "attempts_most": max(tried, default=None),
        "upstream_requests": sum(target.stats.requests for target in targets),
        "upstream_busy_at_end": sum(target.busy for target in targets),
        "upstream_connections_at_end": sum(len(target.open) for target in targets),
        "first_byte_p50_ms": round(statistics.median(seen.latencies) * 1000, 1) if seen.latencies else None,
        "first_byte_p99_ms": round(statistics.quantiles(seen.latencies, n=100)[98] * 1000, 1)
        if len(seen.latencies) > 100
        else None,
        "workers": [each.told(given.minutes) for each in workers.values()],
    }


def broken_laws(told: dict[str, Any]) -> list[str]:
    """What of the soak's promises does not hold."""
    broken = []
    if told["failed"] or not told["answered"]:
        broken.append(f"{told['failed']} requests failed, {told['answered']} were answered")
    if (told["attempts_most"] or 0) > MOST_ATTEMPTS:
        broken.append(f"{told['attempts_most']} attempts for one request")
    if told["rows"] != told["asked"] or told["rows_dropped"]:
        broken.append(f"{told['asked']} requests have {told['rows']} rows; {told['rows_dropped']} were dropped")
    for name in ("upstream_busy_at_end", "streams_open_at_end", "database_in_use_at_end"):
        if told[name]:
            broken.append(f"{name.replace('_', ' ')}: {told[name]}")
    if told["books"] or told["ready"] != "ready":
        broken.append(f"in the end it is {told['ready']}, and the books say: {told['books'] or 'all agrees'}")
    if len(told["workers"]) != WORKERS:
        broken.append(f"{len(told['workers'])} workers have been seen where {WORKERS} began")
    files = sum(each["files_at_end"] - each["files"]["first"] for each in told["workers"]) - told["upstream_connections_at_end"]
    if files > MOST_FILES * WORKERS:
        broken.append(f"{files} files are open in the end that were not before, and are no connections to upstreams")
    for worker in told["workers"]:
        broken.extend(_not_flat(worker, told["minutes"]))
    return broken


def _not_flat(worker: dict[str, Any], minutes: float) -> list[str]:
    """Slopes tell something after ten minutes: before, a worker and its pools still grow a little."""
    memory, files, slope = worker["memory_mb"], worker["files"], worker["memory_mb_per_minute"]
    broken = []
    if minutes >= LONG and slope >= 1:
        broken.append(f"memory of a worker grows by {slope} MB a minute")
    if minutes < LONG and memory["last"] - memory["warm"] > MOST_GROWTH:
        broken.append(f"memory of a worker has grown from {memory['warm']} to {memory['last']} MB")
    if minutes >= LONG and files["last"] > files["warm"] * 1.25 + 16:
        broken.append(f"open files of a worker have grown from {files['warm']} to {files['last']}")
    return broken


def set_up(server: Server, targets: list[Target]) -> tuple[str, ...]:
    """A target of each format, a combo of each strategy over them, and client keys without and with limits."""
    management = gateway.Management(server.url)
    management.log_in()
    urls = [f"http://127.0.0.1:{target.port}" for target in targets]
    nodes = [
        management.add_node("t1", f"{urls[0]}/v1"),
        management.add_node("t2", urls[1], "anthropic-compatible"),
        management.add_node("t3", f"{urls[2]}/v1", apiType="responses"),
        "gemini",
    ]
    for node in nodes:
        management.add_connection(node, "sk-soak")
        management.call("PUT", "/api/pricing", {"provider": node, "model": "*", "input": "1", "output": "2"})
    models = [f"{name}/{MODEL}" for name in ("t1", "t2", "t3", "gemini")]
    for strategy in STRATEGIES:
        management.add_combo(strategy, *models, strategy=strategy)
    limits = {"requestsPerMinute": 1_000_000, "tokensPerMinute": 10**9, "maxConcurrent": 10_000}
    limited = management.call("POST", "/api/keys", {"name": "soak with limits", **limits})
    budget = {"apiKeyId": limited["id"], "period": "month", "timezone": "UTC", "limit_usd": 1_000_000}
    management.call("POST", "/api/usage/budget", budget)
    return management.add_key("soak"), management.add_key("soak too"), limited["key"]


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--clients", type=int, default=200)
    asked.add_argument("--leaving", type=float, default=0.1)
    asked.add_argument("--chunks", type=int, default=40)
    asked.add_argument("--interval", type=float, default=0.25)
    asked.add_argument("--pause", type=float, default=0.5)
    asked.add_argument("--seed", type=int, default=20128)
    given = asked.parse_args()
    targets = [Target(free_port(), Manner(chunks=given.chunks, interval=given.interval)) for _ in TARGETS]
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        moved = f"gemini=http://127.0.0.1:{targets[-1].port}"
        env = {"REQUIRE_API_KEY": "true", "PROVIDER_BASE_URLS": moved, **PATIENCE}
        with gateway.start(Path(folder), workers=WORKERS, env=env) as server:
            told = asyncio.run(soak(server, set_up(server, targets), targets, given))
            told |= Books(server, Path(folder)).told(told["asked"])
            if "Traceback" in server.output():
                told["failed"] += 1
                told["failures"].append(server.tail(60))
    print(json.dumps(told, indent=1))
    if given.minutes >= LONG:
        print(f"kept in {report.keep_soak(told)}")
    for each in (broken := broken_laws(told)):
        print(f"soak: {each}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
