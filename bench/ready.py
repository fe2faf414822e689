"""How soon a gateway whose data is there answers GET /readyz, from the start of gunicorn."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench import gateway
from bench.figures import Measurement, Round, Shot
from bench.processes import free_port


def measure(folder: Path, what: Measurement, runs: int, short: bool) -> list[Round]:
    """`folder` gets a data directory, as a first start makes it."""
    gateway.prepare(folder, gateway.settings(folder))
    count = what.short_count if short else what.count
    rounds: list[Round] = [{"gateway": _shot(folder, count)} for _ in range(runs)]
    print(f"{what.name}: {rounds[-1]['gateway']}", flush=True)
    return rounds


def _shot(folder: Path, count: int) -> Shot:
    seconds = []
    for _ in range(count):
        given = gateway.settings(folder) | {"PORT": str(free_port()), "WEB_CONCURRENCY": "2"}
        began = time.monotonic()
        with gateway.serve(folder, given) as server:
            server.wait_until_up("/readyz")
            seconds.append(time.monotonic() - began)
    return {"n": count, "lost": 0, "ready_s": round(statistics.median(seconds), 3)}
