"""How the cost of a request grows with what it brings and with what the gateway holds.

    python -m bench.growth [--short] [--only CURVE] [--runs 3] [--strict] [--page]

--short   one run of a point or two of each curve, made small: does it all work? Its figures mean nothing, and are not kept.
--only    one curve (may be given more than once); names: see bench/growth/curves.py.
--strict  exit 1 when a curve has another shape than is asked; otherwise that is only printed.
--page    write the curves into docs/performance.md too.

Every run goes over all points of a curve, so that a slow minute of the machine weighs on all. What is judged is processor
time, which other programs on the machine disturb less than the clock. Results are kept in bench/results/growth-*.json. It
takes about 8 minutes, a million log rows included.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

from bench import gateway, page, report
from bench.figures import CHAT
from bench.growth import stands, told
from bench.growth.curves import CURVES, SECONDS, Curve, Point
from bench.growth.stands import Base, Stand
from bench.processes import PYTHON, ROOT, NotStarted, Server, cpu_seconds, direct, family, resident_mb
from bench.run import BUSY, start_bare, start_upstream

MOST = 100_000  # requests of a load; the seconds end it before
SURE = 20  # answers in a row that obey, until an edit is taken to be known to all workers
OBEYS = 30.0  # seconds until it must be

Figures = dict[str, float]
Round = dict[str, dict[str, Figures]]  # curve -> label -> figures


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"bench: this machine is busy already (load {load:.1f}): the figures will not be worth much", file=sys.stderr)
    chosen = [CURVES[name].short() if given.short else CURVES[name] for name in given.only or CURVES]
    try:
        rounds = measure(chosen, 1 if given.short else given.runs, SECONDS / 10 if given.short else SECONDS)
    except KeyboardInterrupt:
        print("\nstopped; nothing is kept", file=sys.stderr)
        return 130
    except (NotStarted, gateway.Refused) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    document = {**report.machine(), "load_before": round(load, 2), "rounds": rounds}
    print(told.text(document))
    return conclude(document, given)


def arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--short", action="store_true")
    asked.add_argument("--only", action="append", choices=list(CURVES))
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--strict", action="store_true")
    asked.add_argument("--page", action="store_true")
    return asked.parse_args()


def conclude(document: dict[str, object], given: argparse.Namespace) -> int:
    if given.short or given.only:
        print("A short run, or only a part: not kept.")
    else:
        kept = report.keep_as("growth", document)
        print(f"kept in {kept.relative_to(ROOT)}")
        if given.page:
            page.put("growth", kept)
            print(f"written into {page.PAGE.relative_to(ROOT)}")
    return 1 if given.strict and not all(each.passed for each in told.shapes(document).values()) else 0


# Measuring ------------------------------------------------------------------------------


def measure(curves: list[Curve], runs: int, seconds: float) -> list[Round]:
    rounds: list[Round] = [{} for _ in range(runs)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        upstream = stack.enter_context(start_upstream(folder / "upstream.log")).wait_until_up("/stats")
        bare = stack.enter_context(start_bare(folder / "bare.log", upstream.url)).wait_until_up("/healthz")
        (folder / "base").mkdir()
        base = stands.base(folder / "base", upstream.url)
        for curve in curves:
            began = time.monotonic()
            (own := folder / curve.name).mkdir()
            draw(curve, base, bare, own, rounds, seconds)
            print(f"{curve.name}: {time.monotonic() - began:.0f} s", flush=True)
    return rounds


def draw(curve: Curve, base: Base, bare: Server, folder: Path, rounds: list[Round], seconds: float) -> None:
    """All points of a curve in each round; their gateways run side by side, and end with it."""
    with ExitStack() as stack:
        running = {
            what: stands.start(stack, base, folder / f"{what[0]}-{what[1]}", *what, [point.model for point in curve.points])
            for what in dict.fromkeys(point.stand for point in curve.points)
        }
        for point in curve.points:  # connections opened, code paths warm
            shoot(running[point.stand].server, point.model, base.key, point, seconds / 4)
        for seen in rounds:
            seen[curve.name] = {point.label: at(point, curve, running[point.stand], bare, seconds) for point in curve.points}


def at(point: Point, curve: Curve, stand: Stand, bare: Server, seconds: float) -> Figures:
    seen = shoot(stand.server, point.model, stand.key, point, seconds)
    seen["memory_mb"] = round(max(map(resident_mb, stand.server.children()), default=0.0), 1)
    if curve.bare:
        other = shoot(bare, "bench-model", "sk-bench", point, seconds)
        seen |= {"bare_cpu_ms": other["cpu_ms"], "added_ms": round(seen["p50_ms"] - other["p50_ms"], 3)}
    return seen | edits(stand) if curve.edits else seen


def shoot(server: Server, model: str, key: str, point: Point, seconds: float) -> Figures:
    """One load, one request at a time. Raises NotStarted when a request had no right answer."""
    command = [PYTHON, str(ROOT / "bench" / "load.py"), server.url + CHAT, "--model", model, "--key", key, *point.options]
    command += ["-c", "1", "-n", str(MOST), "--seconds", str(seconds)]
    pids = family(server.pid)
    before = cpu_seconds(pids)
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
    used = cpu_seconds(pids) - before
    if ran.returncode:
        raise NotStarted(f"the load on {server.name} ended with status {ran.returncode}")
    seen = json.loads(ran.stdout)
    if seen["lost"]:
        lost = f"{point.label}: {seen['lost']} of {seen['asked']} requests were lost: {seen['status']} {seen['failed']}"
        raise NotStarted(f"{lost}\n{server.tail()}")
    return {"cpu_ms": round(1000 * used / seen["n"], 4), "p50_ms": seen["p50_ms"], "p99_ms": seen["p99_ms"], "n": seen["n"]}


def edits(stand: Stand) -> Figures:
    """A key is switched off, and on: the time until all workers obey, and the slowest request meanwhile."""
    made = stand.management.call("POST", "/api/keys", {"name": "edited"})
    address = f"/api/keys/{made['id']}"
    seen = [obeyed(stand, address, made["key"], active) for active in (False, True, False)]
    stand.management.call("DELETE", address)
    return {"edit_ms": round(statistics.median(each[0] for each in seen), 1), "pause_ms": round(max(each[1] for each in seen), 1)}


def obeyed(stand: Stand, address: str, key: str, active: bool) -> tuple[float, float]:
    """Milliseconds from the edit on, and of the slowest of the requests that go on all the while. Raises NotStarted."""
    seen: list[tuple[float, float, bool]] = []  # sent, answered, accepted
    over = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(ask_on, stand.server.url, key, seen, over)
        try:
            began = time.perf_counter()
            stand.management.call("PUT", address, {"isActive": active})
            while not (len(seen) >= SURE and all(each[2] == active for each in seen[-SURE:])):
                if time.perf_counter() - began > OBEYS or asking.done():
                    raise NotStarted(f"an edit of a key was not obeyed after {OBEYS:g} s")
                time.sleep(0.005)
        finally:
            over.set()
        asking.result()
    late = [answered for sent, answered, accepted in seen if accepted != active and answered > began]
    slowest = max(answered - sent for sent, answered, _ in seen if answered > began)
    return 1000 * (max(late, default=began) - began), 1000 * slowest


def ask_on(url: str, key: str, seen: list[tuple[float, float, bool]], over: threading.Event) -> None:
    while not over.is_set():
        sent = time.perf_counter()
        answer = accepted(url, key)
        seen.append((sent, time.perf_counter(), answer))


def accepted(url: str, key: str) -> bool:
    """Whether the gateway takes the key. A connection of its own: the next one may get another worker."""
    body = json.dumps({"model": "chat/bench-model", "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        with direct.open(Request(url + CHAT, body, headers), timeout=30) as answer:
            return bool(answer.read())
    except HTTPError as exc:
        with exc:
            if exc.code in (401, 403):
                return False
            raise NotStarted(f"a request with a key that is edited got {exc.code}") from exc


if __name__ == "__main__":
    sys.exit(main())
