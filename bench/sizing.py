"""What so many streams at once take: sums from measured figures, with all that is assumed as data.

    python -m bench.sizing             the table of docs/operations.md
    python -m bench.sizing --measure   measure this machine anew (a minute), into bench/results/sizing.json

The sums are an estimate to plan with, no promise: streams of other lengths and machines of other kinds give other figures.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import gateway
from bench.processes import PYTHON, ROOT, Server, cpu_seconds, get_json, resident_mb
from bench.report import RESULTS, machine
from bench.run import start_upstream

FILE = RESULTS / "sizing.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one worker process. CPU in ms of one core, memory in MB (2**20), both with the default settings (SQLite, key, log)."""

    event_ms: float  # an event that arrives by itself and is passed on
    translated_event_ms: float  # the same from another format
    request_ms: float  # a request that is not streamed, its log row with it
    worker_mb: float  # with nothing to do
    stream_mb: float  # more for each open stream


@dataclass(frozen=True, slots=True)
class Assumed:
    """What can't be measured here, and how much is left free."""

    stream_seconds: float = 20.0  # how long a stream lasts on average
    events_per_second: float = 30.0  # of one stream while it runs
    event_bytes: int = 250  # on the wire, with its chunk
    request_bytes: int = 30_000  # a conversation so far
    translated: float = 0.5  # share of the streams whose upstream speaks another format
    core_used: float = 0.6  # how full a worker's core may be on average
    connections_used: float = 0.8  # of the 1,000 that a worker takes
    log_row_bytes: int = 800  # 767 with its index and its share of the sums: 60,000 of bench/rows.py in SQLite, 2026-11-27
    limits: float = 1.0  # share of the requests whose key has limits: two operations of the store each


@dataclass(frozen=True, slots=True)
class Program:
    """What the program holds by its own rules (gunicorn.conf.py, models/postgres.py, state/redis_client.py)."""

    worker_connections: int = 1000
    sockets_per_stream: int = 2
    files_per_worker: int = 64
    database_pool: int = 5
    redis_pool: int = 8
    small_pool: int = 2  # DATABASE_CONNECTIONS and REDIS_CONNECTIONS where a plan allows few
    beside: int = 4  # two for `work`, two for verbs and psql
    # Seen in INFO on 2026-11-27: one worker with nothing to do, and 200 requests of a key with two limits.
    redis_idle_calls: float = 10.0  # a second and worker: health is exchanged four times, leases and sums beside
    redis_script_commands: float = 64.0  # that the two scripts of a request with limits run inside Redis


@dataclass(frozen=True, slots=True)
class Size:
    streams: int
    workers: int
    bound_by: str
    cores: float
    memory_gb: float
    files: int
    requests_per_s: float
    events_per_s: float
    out_mbit: float
    in_mbit: float
    log_gb_per_day: float
    database_connections: int
    database_connections_small: int
    redis_connections: int
    redis_connections_small: int
    redis_calls: float
    redis_commands: float


def size(streams: int, seen: Measured, assumed: Assumed = Assumed(), program: Program = Program()) -> Size:
    events = streams * assumed.events_per_second
    requests = streams / assumed.stream_seconds
    event_ms = seen.event_ms + assumed.translated * (seen.translated_event_ms - seen.event_ms)
    cores = (events * event_ms + requests * seen.request_ms) / 1000
    by_cpu = math.ceil(cores / assumed.core_used)
    by_connections = math.ceil(streams / (program.worker_connections * assumed.connections_used))
    workers = max(by_cpu, by_connections)
    memory = workers * seen.worker_mb + streams * seen.stream_mb
    return Size(
        streams=streams,
        workers=workers,
        bound_by="CPU" if by_cpu >= by_connections else "connections",
        cores=cores,
        memory_gb=memory / 1024,
        files=streams * program.sockets_per_stream + workers * program.files_per_worker,
        requests_per_s=requests,
        events_per_s=events,
        out_mbit=events * assumed.event_bytes * 8 / 1e6,
        in_mbit=(events * assumed.event_bytes + requests * assumed.request_bytes) * 8 / 1e6,
        log_gb_per_day=requests * 86_400 * assumed.log_row_bytes / 1e9,
        database_connections=workers * program.database_pool + program.beside,
        database_connections_small=workers * program.small_pool + program.beside,
        redis_connections=workers * program.redis_pool + program.beside,
        redis_connections_small=workers * program.small_pool + program.beside,
        redis_calls=workers * program.redis_idle_calls + requests * assumed.limits * 2,
        redis_commands=workers * program.redis_idle_calls + requests * assumed.limits * program.redis_script_commands,
    )


# The table ------------------------------------------------------------------------------

LINES: tuple[tuple[str, Callable[[Size], str]], ...] = (
    ("requests a second (as many log rows)", lambda s: f"{s.requests_per_s:,.0f}"),
    ("events a second", lambda s: f"{s.events_per_s:,.0f}"),
    ("cores at work", lambda s: f"{s.cores:,.1f}"),
    ("worker processes", lambda s: f"{s.workers:,} (by {s.bound_by})"),
    ("streams a worker", lambda s: f"{s.streams / s.workers:,.0f}"),
    ("memory of the workers, GB", lambda s: f"{s.memory_gb:,.1f}"),
    ("open files", lambda s: f"{s.files:,}"),
    ("network to clients, Mbit/s", lambda s: f"{s.out_mbit:,.0f}"),
    ("network from upstreams and clients, Mbit/s", lambda s: f"{s.in_mbit:,.0f}"),
    ("log kept, GB a day", lambda s: f"{s.log_gb_per_day:,.1f}"),
    ("Postgres connections at most", lambda s: f"{s.database_connections:,}"),
    ("... with DATABASE_CONNECTIONS=2", lambda s: f"{s.database_connections_small:,}"),
    ("Redis connections at most", lambda s: f"{s.redis_connections:,}"),
    ("... with REDIS_CONNECTIONS=2", lambda s: f"{s.redis_connections_small:,}"),
    ("Redis calls a second", lambda s: f"{s.redis_calls:,.0f}"),
    ("... and commands in their scripts", lambda s: f"{s.redis_commands:,.0f}"),
)


def table(seen: Measured, about: dict[str, Any], assumed: Assumed = Assumed()) -> str:
    sizes = [size(count, seen, assumed) for count in (1_000, 100_000)]
    lines = [f"| {' | '.join(['streams at once', *(f'{each.streams:,}' for each in sizes)])} |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {' | '.join(show(each) for each in sizes)} |" for name, show in LINES]
    return "\n".join([*lines, "", measured_line(seen, about), assumed_line(assumed)])


def measured_line(seen: Measured, about: dict[str, Any]) -> str:
    place = f"{about['cpu']}, {about['cores']} cores, Python {about['python']}, commit {about['commit']}"
    return (
        f"Measured {about['date'][:10]} ({place}): an event {seen.event_ms:g} ms of a core, from another format "
        f"{seen.translated_event_ms:g} ms; a request {seen.request_ms:g} ms; a worker {seen.worker_mb:g} MB, each open stream "
        f"{seen.stream_mb:g} MB more."
    )


def assumed_line(assumed: Assumed) -> str:
    return (
        f"Assumed: a stream lasts {assumed.stream_seconds:g} s and says {assumed.events_per_second:g} events/s of "
        f"{assumed.event_bytes} bytes; a request has {assumed.request_bytes:,} bytes; {assumed.translated:.0%} of the streams "
        f"are translated; {assumed.limits:.0%} of the requests come with a key that has limits; a core is "
        f"{assumed.core_used:.0%} full, a worker has {assumed.connections_used:.0%} of its 1,000 connections; a log row takes "
        f"{assumed.log_row_bytes} bytes."
    )


def kept(path: Path = FILE) -> tuple[Measured, dict[str, Any]]:
    """What was measured last, and where."""
    document = json.loads(path.read_text())
    return Measured(**document.pop("measured")), document


# Measuring ------------------------------------------------------------------------------


def measure(streams: int = 300, requests: int = 2000, events: int = 200) -> Measured:
    """On one worker: `requests` whole answers, then twice `streams` at once of so many `events`, 20 a second each."""
    with _stand(events) as (server, upstream, key):
        worker = server.children()[0]

        def load(
            model: str, *options: str, count: int, at_once: int, upstream_url: str = ""
        ) -> tuple[float, dict[str, Any], float]:
            return _load(server, worker, key, model, options, count, at_once, upstream_url)

        load("fast/m", count=300, at_once=16)  # connections opened, code paths warm
        idle = resident_mb(worker)
        spent, seen, _ = load("fast/m", count=requests, at_once=16)
        request_ms = spent * 1000 / seen["n"]
        found = []
        for model in ("paced/m", "translated/m"):
            spent, seen, held = load(model, "--stream", "--spread", "2", count=streams, at_once=streams, upstream_url=upstream)
            found.append(((spent * 1000 - seen["n"] * request_ms) / seen["events"], held))
    (event_ms, held), (translated_ms, _) = found
    return Measured(
        round(event_ms, 3), round(translated_ms, 3), round(request_ms, 2), round(idle), round((held - idle) / streams, 3)
    )


@contextmanager
def _stand(events: int) -> Iterator[tuple[Server, str, str]]:
    """One worker, a fast and a paced upstream, and a key."""
    with tempfile.TemporaryDirectory(prefix="sizing-") as name:
        folder = Path(name)
        fast = start_upstream(folder / "fast.log")
        paced = start_upstream(folder / "paced.log", ("--interval", "0.05", "--chunks", str(events)))
        with fast, paced:
            fast.wait_until_up("/stats"), paced.wait_until_up("/stats")
            with gateway.start(folder, workers=1, env={"REQUIRE_API_KEY": "true"}) as server:
                admin = gateway.Management(server.url)
                admin.log_in()
                admin.add_connection(admin.add_node("fast", f"{fast.url}/v1"))
                admin.add_connection(admin.add_node("paced", f"{paced.url}/v1"))
                admin.add_connection(admin.add_node("translated", f"{paced.url}/v1", "anthropic-compatible"))
                yield server, paced.url, admin.add_key("sizing")


def _load(
    server: Server, worker: int, key: str, model: str, options: tuple[str, ...], count: int, at_once: int, upstream: str
) -> tuple[float, dict[str, Any], float]:
    """(CPU seconds of the worker, what the load saw, the most MB that the worker held while all streams were open)."""
    command = [PYTHON, str(ROOT / "bench" / "load.py"), f"{server.url}/v1/chat/completions", "--model", model, "--key", key]
    before, most = cpu_seconds([worker]), 0.0
    with subprocess.Popen([*command, *options, "-c", str(at_once), "-n", str(count)], stdout=subprocess.PIPE, text=True) as load:
        while upstream and load.poll() is None:
            if get_json(f"{upstream}/stats")["streams_open"] == count:
                most = max(most, resident_mb(worker))
        output, _ = load.communicate(timeout=300)
    seen: dict[str, Any] = json.loads(output)
    if load.returncode or seen["lost"]:
        raise SystemExit(f"sizing: the load was lost: {output}")
    return cpu_seconds([worker]) - before, seen, most


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--measure", action="store_true")
    if asked.parse_args().measure:
        FILE.write_text(json.dumps({**machine(), "measured": asdict(measure())}, indent=1) + "\n")
    print(table(*kept()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
