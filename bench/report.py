"""The benchmark's table, and the file that keeps it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.figures import Outcome, Round
from bench.processes import ROOT

RESULTS = ROOT / "bench" / "results"
FIGURES = (("events_per_s", "p50_ms"), ("rps", "p50_ms"), ("first_paint_ms", "next_paint_ms"), ("ready_s",))
STACK = ("flask", "gunicorn", "gevent", "requests", "urllib3", "sqlalchemy", "orjson")


def table(outcomes: Sequence[Outcome]) -> str:
    width = max(len(each.title) for each in outcomes)
    lines = [f"{'figure':<{width}}  {'value':>9}  {'target':>15}  verdict", "-" * (width + 40)]
    for each in outcomes:
        target = f"{each.sense} {each.target:g}"
        verdict = "pass" if each.passed else f"MISS{': ' + each.note if each.note else ''}"
        lines.append(f"{each.title:<{width}}  {each.value:>9.3f}  {target:>15}  {verdict}")
    missed = sum(not each.passed for each in outcomes)
    lines.append(f"{len(outcomes) - missed} of {len(outcomes)} targets met" + (f", {missed} MISSED" if missed else ""))
    return "\n".join(lines)


def medians(rounds: Sequence[Round]) -> str:
    """What each subject did by itself, for the reader's eye: one line a measurement."""
    shown = []
    for subject in rounds[0]:
        figures = next(each for each in FIGURES if each[0] in rounds[0][subject])
        told = [f"{name} {statistics.median(each[subject][name] for each in rounds):g}" for name in figures]
        shown.append(f"{subject}: {', '.join(told)}")
    return "; ".join(shown)


def keep(outcomes: Sequence[Outcome], rounds: Mapping[str, Sequence[Round]], load: float, folder: Path = RESULTS) -> Path:
    """Write `<date>-<commit>.json` and the same as latest.json. `load` is the machine's load average before the start."""
    about = machine()
    document = {
        **about,
        "load_before": round(load, 2),
        "passed": all(each.passed for each in outcomes),
        "figures": [asdict(each) for each in outcomes],
        "rounds": rounds,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{about['date'][:10]}-{about['commit']}.json"
    text = json.dumps(document, indent=1) + "\n"
    path.write_text(text)
    (folder / "latest.json").write_text(text)
    return path


def markdown(document: Mapping[str, Any]) -> str:
    """What was kept, as a table for docs/performance.md."""
    figures = document["figures"]
    about = "{date}, commit {commit}, {cpu}, {cores} cores, Python {python}, load average {load_before} before the start.".format(
        **{**document, "date": document["date"][:10]}
    )
    lines = [about, "", "| figure | value | target | |", "| --- | ---: | ---: | --- |"]
    for each in figures:
        unit = f" {each['unit']}" if each["unit"] else ""
        verdict = "met" if each["passed"] else f"missed{': ' + each['note'] if each['note'] else ''}"
        lines.append(f"| {each['title']} | {each['value']:g}{unit} | {each['sense']} {each['target']:g}{unit} | {verdict} |")
    return "\n".join([*lines, "", f"{sum(each['passed'] for each in figures)} of {len(figures)} targets met."])


def keep_soak(told: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    return keep_as("soak", told, folder)


def keep_as(kind: str, told: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write `<kind>-<date>-<commit>.json`."""
    about = machine()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{about['date'][:10]}-{about['commit']}.json"
    path.write_text(json.dumps({**about, **told}, indent=1) + "\n")
    return path


def machine() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "stack": {name: version(name) for name in STACK},
    }


def commit() -> str:
    """The short hash, with `-dirty` when files differ from it; "none" where git can't tell."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(asked, capture_output=True, text=True)
    return said.stdout.strip() if said.returncode == 0 else "none"


def cpu_model() -> str:
    named = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    return named[0] if named else platform.machine()
