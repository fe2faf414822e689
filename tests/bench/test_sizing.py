"""The sums of bench/sizing.py: against numbers worked out by hand, against the program's own limits, and in the docs."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import pytest

from bench.processes import ROOT
from bench.sizing import Assumed, Measured, Program, kept, measure, size, table
from omniroute.settings import Settings

SEEN = Measured(event_ms=0.1, translated_event_ms=0.2, request_ms=2.0, worker_mb=100, stream_mb=0.1)
PLAIN = Assumed(
    stream_seconds=10,
    events_per_second=10,
    event_bytes=100,
    request_bytes=10_000,
    translated=0.0,
    core_used=0.5,
    connections_used=0.5,
    log_row_bytes=1000,
    limits=0.5,
)


def test_the_sums_worked_out_by_hand() -> None:
    """1,000 streams: 10,000 events/s of 0.1 ms and 100 requests/s of 2 ms are 1.2 cores, so three workers half full."""
    expected = {
        "streams": 1000,
        "workers": 3,
        "cores": 1.2,
        "memory_gb": 400 / 1024,
        "files": 2000 + 3 * 64,
        "requests_per_s": 100,
        "events_per_s": 10_000,
        "out_mbit": 8,
        "in_mbit": 16,
        "log_gb_per_day": 8.64,
        "database_connections": 3 * 5 + 4,
        "database_connections_small": 3 * 2 + 4,
        "redis_connections": 3 * 8 + 4,
        "redis_connections_small": 3 * 2 + 4,
        "redis_calls": 30 + 100,
        "redis_commands": 30 + 3200,
    }
    found = asdict(size(1000, SEEN, PLAIN))
    assert found.pop("bound_by") == "CPU"
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changed", "workers", "bound_by"),
    [
        ({"translated": 1.0}, 5, "CPU"),  # 2.2 cores
        ({"events_per_second": 0.1}, 2, "connections"),  # 500 connections each
        ({"core_used": 0.25}, 5, "CPU"),
    ],
)
def test_what_bounds_the_workers(changed: dict[str, float], workers: int, bound_by: str) -> None:
    found = size(1000, SEEN, replace(PLAIN, **changed))  # type: ignore[arg-type]
    assert (found.workers, found.bound_by) == (workers, bound_by)


def test_the_program_holds_what_the_sums_say() -> None:
    program, conf = Program(), (ROOT / "gunicorn.conf.py").read_text()
    assert f"worker_connections = {program.worker_connections}\n" in conf
    settings = Settings()
    assert (settings.database_connections, settings.redis_connections) == (program.database_pool, program.redis_pool)


def test_the_docs_show_what_it_prints() -> None:
    shown = re.search(r"<!-- bench/sizing.py -->\n(.*?)\n<!-- end -->", (ROOT / "docs" / "operations.md").read_text(), re.S)
    assert shown and shown[1].strip() == table(*kept())


def test_measuring_works() -> None:
    """So short that the times mean nothing; memory is what it is."""
    seen = measure(streams=20, requests=100, events=20)
    assert seen.request_ms > 0 and 20 < seen.worker_mb < 1000 and -10 < seen.stream_mb < 10
