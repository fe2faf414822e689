"""The benchmark: upstream, bare relay and gateway side by side on this machine, and each figure against its target.

    python -m bench.run [--short] [--only NAME] [--runs 5] [--strict] [--no-gateway] [--page]

--short       one run of small counts: does it all work? Its figures mean nothing and are not kept.
--only        one measurement (may be given more than once); names: see bench/figures.py.
--strict      exit 1 when a target is missed; otherwise a miss is only printed.
--no-gateway  the bare relay and the upstream alone: what this machine's stack can do.
--page        write the table into docs/performance.md too.

A figure is the median of its runs, and each run puts the load on the gateway, then on the bare relay, then (where asked)
on the upstream itself, so that a slow minute of the machine weighs on all of them. Both relays run 2 gunicorn workers;
the gateway has its defaults: SQLite, key check on, log rows on. Results are kept in bench/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import gateway, log, page, paint, ready, report
from bench.figures import MEASUREMENTS, PACED_EVENTS, PACED_SECONDS, Measurement, Outcome, Round, Shot, judge
from bench.processes import PYTHON, ROOT, SERVED_BY, NotStarted, Server, free_port, get_json, resident_mb

WORKERS = 2
BUSY = 0.7  # load average before anything of ours runs


@dataclass(slots=True)
class Stand:
    """Everything that runs during a benchmark."""

    upstreams: dict[str, str] = field(default_factory=dict)  # fast, paced -> URL
    bares: dict[str, str] = field(default_factory=dict)
    gateway: Server | None = None
    key: str = ""  # with limits
    free: str = ""  # without


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [MEASUREMENTS[name] for name in given.only or MEASUREMENTS]
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"bench: this machine is busy already (load {load:.1f}): the figures will not be worth much", file=sys.stderr)
    try:
        with stand(with_gateway=not given.no_gateway) as here:
            rounds = {each.name: measure(here, each, 1 if given.short else given.runs, given.short) for each in chosen}
    except KeyboardInterrupt:
        print("\nstopped; nothing is kept", file=sys.stderr)
        return 130
    except (NotStarted, gateway.Refused) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    print()
    for name, seen in rounds.items():
        print(f"{name}: {report.medians(seen)}")
    if given.no_gateway:
        return 0
    outcomes = [line for each in chosen for line in judge(each, rounds[each.name])]
    return conclude(outcomes, rounds, given, load)


def arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--short", action="store_true")
    asked.add_argument("--only", action="append", choices=list(MEASUREMENTS))
    asked.add_argument("--runs", type=int, default=5)
    asked.add_argument("--strict", action="store_true")
    asked.add_argument("--no-gateway", action="store_true")
    asked.add_argument("--page", action="store_true")
    return asked.parse_args()


def conclude(outcomes: list[Outcome], rounds: dict[str, list[Round]], given: argparse.Namespace, load: float) -> int:
    print("\n" + report.table(outcomes))
    if given.short:
        print("A short run: these figures mean nothing, and are not kept.")
    elif given.only:
        print("Only a part was measured: not kept.")
    else:
        kept = report.keep(outcomes, rounds, load)
        print(f"kept in {kept.relative_to(ROOT)}")
        if given.page:
            page.put("bench", kept)
    return 1 if given.strict and not all(each.passed for each in outcomes) else 0


# What runs ------------------------------------------------------------------------------


@contextmanager
def stand(*, with_gateway: bool) -> Iterator[Stand]:
    """Start the upstreams, a bare relay for each and the gateway; stop them all in the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        here = Stand()
        pace = ("--interval", str(PACED_SECONDS), "--chunks", str(PACED_EVENTS))
        for name, options in {"fast": (), "paced": pace}.items():
            upstream = stack.enter_context(start_upstream(folder / f"{name}.log", options)).wait_until_up("/stats")
            bare = stack.enter_context(start_bare(folder / f"bare-{name}.log", upstream.url)).wait_until_up("/healthz")
            here.upstreams[name], here.bares[name] = upstream.url, bare.url
        if with_gateway:
            start_gateway(stack, here, folder)
        yield here


def start_upstream(log: Path, options: Sequence[str] = ()) -> Server:
    port = free_port()
    command = [PYTHON, "-m", "bench.upstream", "--port", str(port), *options]
    return Server("the upstream", command, log, f"http://127.0.0.1:{port}")


def start_bare(log: Path, upstream: str) -> Server:
    address = f"127.0.0.1:{free_port()}"
    command = [SERVED_BY, "-m", "gunicorn", "-c", str(ROOT / "bench" / "bare_conf.py"), "--workers", str(WORKERS)]
    env = {"BARE_UPSTREAM": upstream, "HOME": str(log.parent)}
    return Server("the bare relay", [*command, "--bind", address, "bench.bare:app"], log, f"http://{address}", env)


def start_gateway(stack: ExitStack, here: Stand, folder: Path) -> None:
    """The gateway with one node for each kind of load, and a client key."""
    here.gateway = stack.enter_context(
        gateway.start(
            folder, workers=WORKERS, env={"REQUIRE_API_KEY": "true", "PROVIDER_BASE_URLS": f"gemini={here.upstreams['fast']}"}
        )
    )
    management = gateway.Management(here.gateway.url)
    management.log_in()
    fast, paced = (f"{here.upstreams[name]}/v1" for name in ("fast", "paced"))
    for name, base, kind, more in (
        ("chat", fast, "openai-compatible", {}),
        ("responses", fast, "openai-compatible", {"apiType": "responses"}),
        ("messages", fast, "anthropic-compatible", {}),
        ("paced", paced, "openai-compatible", {}),
    ):
        management.add_connection(management.add_node(name, base, kind, **more), "sk-bench")
    management.add_connection("gemini", "sk-bench")
    for name in ("second", "third"):
        management.add_connection(management.add_node(name, fast, "openai-compatible"), "sk-bench")
    management.add_combo("three", *(f"{prefix}/bench-model" for prefix in ("chat", "second", "third")))
    for kind in ("chat", "responses", "messages", "gemini", "paced"):
        management.add_combo(f"two-{kind}", f"{kind}/bench-model", "second/bench-model")
    here.key = management.add_key("bench", requestsPerMinute=1_000_000, tokensPerMinute=1_000_000_000, maxConcurrent=100_000)
    here.free = management.add_key("free")


# Measuring ------------------------------------------------------------------------------


def measure(here: Stand, what: Measurement, runs: int, short: bool) -> list[Round]:
    if what.name == "log":
        if here.gateway is None:
            return [{}]
        with tempfile.TemporaryDirectory(prefix="bench-log-") as folder:
            return log.measure(Path(folder), what, here.upstreams["fast"], runs, short)
    if what.name == "ready":
        with tempfile.TemporaryDirectory(prefix="bench-ready-") as folder:
            return [{}] if here.gateway is None else ready.measure(Path(folder), what, runs, short)
    if what.name == "paint":
        return [{}] if here.gateway is None else paint.measure(here.gateway.url, what, runs, short)
    subjects = [each for each in what.subjects if each not in ("gateway", "plain") or here.gateway]
    count = what.short_count if short else what.count
    if what.upstream == "fast":
        for subject in subjects:  # connections opened, code paths warm
            shoot(here, what, subject, max(what.at_once, count // 10))
    rounds = []
    for number in range(1, runs + 1):
        rounds.append({subject: shoot(here, what, subject, count) for subject in subjects})
        print(f"{what.name} {number}/{runs}: {report.medians(rounds[-1:])}", flush=True)
    return rounds


def shoot(here: Stand, what: Measurement, subject: str, count: int) -> Shot:
    """One load on one subject, in a process of its own; the gateway's memory is watched when many streams are open."""
    url, model, key = {
        "gateway": (here.gateway.url if here.gateway else "", what.model, here.key if what.limited else here.free),
        "plain": (here.gateway.url if here.gateway else "", "chat/bench-model", here.key),
        "bare": (here.bares[what.upstream], "bench-model", "sk-bench"),
        "direct": (here.upstreams[what.upstream], "bench-model", "sk-bench"),
    }[subject]
    command = [
        PYTHON,
        str(ROOT / "bench" / "load.py"),
        url + what.path.format(model=model),
        "--model",
        model,
        "--key",
        key,
        *what.options,
    ]
    command += ["-c", str(what.at_once), "-n", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as load:
        try:
            memory = watch_memory(here, load, count) if subject == "gateway" and what.upstream == "paced" else None
            output, _ = load.communicate(timeout=300)
        finally:
            load.kill()
    if load.returncode:
        raise NotStarted(f"the load on {subject} ended with status {load.returncode}")
    seen: dict[str, Any] = json.loads(output)
    return seen if memory is None else {**seen, "memory_mb": memory}


def watch_memory(here: Stand, load: subprocess.Popen[str], streams: int) -> float:
    """The most that one worker of the gateway held while all streams were open, in MB; 0 if they never all were."""
    assert here.gateway is not None
    most = 0.0
    while load.poll() is None:
        if get_json(f"{here.upstreams['paced']}/stats")["streams_open"] == streams:
            most = max(most, *(resident_mb(pid) for pid in here.gateway.children()))
        time.sleep(0.1)
    return round(most, 1)


if __name__ == "__main__":
    sys.exit(main())
