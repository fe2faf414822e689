"""The same load, in one run, on this gateway and on others: LiteLLM's proxy and Portkey's gateway.

    python -m bench.peers [--short] [--runs 3] [--only SUBJECT] [--page]

--short   one run of small counts: does it all work? Its figures mean nothing and are not kept.
--only    one subject (may be given more than once): omniroute, bare, litellm, portkey.
--page    write the table into docs/performance.md too.

All run side by side on loopback, and each run puts each load on all of them in turn, so that a slow minute of the machine
weighs on all. Settings: bench/peers/subjects.py. What does not install or start is left out, with the reason. Each
answer's content is checked. Results are kept in bench/results/peers-*.json. It takes about 8 minutes.
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
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import gateway, page, report
from bench.figures import PACED_EVENTS, PACED_SECONDS
from bench.peers import table
from bench.peers.install import NotInstalled
from bench.peers.loads import LOADS, Load, Round, Shot
from bench.peers.subjects import SUBJECTS, Place, Subject
from bench.processes import PYTHON, ROOT, NotStarted, cpu_seconds, shared_out_mb
from bench.run import BUSY, start_upstream

LOOK_EVERY = 0.25  # seconds between two looks at the memory while streams are open
SETTLED = 3.0  # seconds after the last one has started: what is idle then is idle


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"bench: this machine is busy already (load {load:.1f}): the figures will not be worth much", file=sys.stderr)
    try:
        with ExitStack() as stack:
            subjects, skipped = start(stack, given.only or list(SUBJECTS))
            rounds = measure(subjects, 1 if given.short else given.runs, given.short)
    except KeyboardInterrupt:
        print("\nstopped; nothing is kept", file=sys.stderr)
        return 130
    except (NotStarted, gateway.Refused) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    titles = {name: subject.title for name, subject in subjects.items()}
    document = {**report.machine(), "load_before": round(load, 2), "subjects": titles, "skipped": skipped, "rounds": rounds}
    print("\n" + table.text(document))
    return conclude(document, given)


def arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--short", action="store_true")
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", action="append", choices=[name for name in SUBJECTS if name != "direct"])
    asked.add_argument("--page", action="store_true")
    return asked.parse_args()


def conclude(document: dict[str, object], given: argparse.Namespace) -> int:
    if given.short or given.only:
        print("A short run, or only a part: not kept.")
        return 0
    kept = report.keep_as("peers", document)
    print(f"kept in {kept.relative_to(ROOT)}")
    if given.page:
        page.put("peers", kept)
        print(f"written into {page.PAGE.relative_to(ROOT)}")
    return 0


# What runs ------------------------------------------------------------------------------


def start(stack: ExitStack, names: Sequence[str]) -> tuple[dict[str, Subject], dict[str, str]]:
    """The subjects that run, by name, and why the others don't. They, and their upstreams, end with `stack`."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    pace = ("--interval", str(PACED_SECONDS), "--chunks", str(PACED_EVENTS))
    upstreams = {
        name: stack.enter_context(start_upstream(folder / f"{name}.log", options)).wait_until_up("/stats").url
        for name, options in {"fast": (), "paced": pace}.items()
    }
    subjects: dict[str, Subject] = {}
    skipped: dict[str, str] = {}
    for name in dict.fromkeys((*names, "direct")):
        (own := folder / name).mkdir()
        try:
            subjects[name] = SUBJECTS[name](Place(stack, own, upstreams))
        except (NotInstalled, NotStarted) as exc:
            skipped[name] = str(exc).strip().splitlines()[0]
            print(f"{name} is left out: {exc}", flush=True)
        else:
            print(f"{subjects[name].title} is ready", flush=True)
    return subjects, skipped


# Measuring ------------------------------------------------------------------------------


def measure(subjects: dict[str, Subject], runs: int, short: bool) -> list[Round]:
    time.sleep(SETTLED / 10 if short else SETTLED)
    started = {
        name: {"ready_s": subject.ready_s, "memory_mb": round(shared_out_mb(subject.pids("chat")), 1)}
        for name, subject in subjects.items()
        if name != "direct"
    }
    for load in LOADS.values():
        for name in asked(load, subjects) if load.way != "paced" else ():  # connections opened, code paths warm
            shoot(load, subjects[name], load.short_count, 1.0)
    rounds: list[Round] = []
    for number in range(1, runs + 1):
        rounds.append({"start": started})
        for load in LOADS.values():
            names = asked(load, subjects)
            turn = number % len(names)  # nobody is always the first
            shots = {
                name: shoot(load, subjects[name], load.short_count if short else load.count, load.seconds)
                for name in names[turn:] + names[:turn]
            }
            rounds[-1][load.name] = shots
            print(f"{load.name} {number}/{runs}: " + "; ".join(f"{name} {told(shots[name])}" for name in names), flush=True)
    return rounds


def asked(load: Load, subjects: dict[str, Subject]) -> list[str]:
    return [name for name in subjects if name != "direct" or load.alone]


def shoot(load: Load, subject: Subject, count: int, seconds: float) -> Shot:
    """One load on one subject, in a process of its own. What can't be measured comes back as lost."""
    way = subject.ways[load.way]
    command = [PYTHON, str(ROOT / "bench" / "load.py"), way.url + load.path, "--model", way.model, "--key", way.key]
    command += [part for header in way.headers for part in ("--header", header)]
    command += [*load.options, "-c", str(load.at_once), "-n", str(count), "--seconds", str(seconds)]
    pids = subject.pids(load.way)
    before = cpu_seconds(pids)
    most = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        try:
            while load.way == "paced" and pids and running.poll() is None:
                most = max(most, shared_out_mb(pids))
                time.sleep(LOOK_EVERY)
            output, _ = running.communicate(timeout=300)
        finally:
            running.kill()
    if running.returncode:
        raise NotStarted(f"the load on {subject.title} ended with status {running.returncode}")
    seen: Shot = json.loads(output)
    if gone := len(set(pids) - set(subject.pids(load.way))):
        seen["ended"] = gone
    elif pids:
        seen["cpu_ms"] = round(1000 * (cpu_seconds(pids) - before) / max(1, seen["asked"]), 3)
    return {**seen, "memory_mb": round(most, 1)} if most else seen


def told(seen: Shot) -> str:
    ended = f" ({seen['ended']} of its processes ended)" if "ended" in seen else ""
    lost = f" ({seen['lost']} of {seen['asked']} lost: {seen['status']} {seen['failed']})" if seen["lost"] else ""
    return f"{seen['rps']:g}/s p50 {seen['p50_ms'] or 0:g} ms{lost}{ended}"


if __name__ == "__main__":
    sys.exit(main())
