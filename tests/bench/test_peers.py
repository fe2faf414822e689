"""Several gateways under one load: how their figures are put side by side, and a short run of what is always here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.peers import install, table
from bench.peers.loads import FIGURES, LOADS, Round, cell, ratio
from bench.processes import PYTHON, ROOT, environment
from tests.bench.test_run import left_over, without_warning

(RATE,) = [each for each in FIGURES if each.load == "chat" and each.better == "more"]
(ADDED,) = [each for each in FIGURES if "added to the upstream's own, p50" in each.title]


def shot(**seen: Any) -> dict[str, Any]:
    return {"lost": 0, "asked": 10, "rps": 100.0, "p50_ms": 2.0, **seen}


def rounds(*each: dict[str, float]) -> list[Round]:
    return [{"chat": {name: shot(rps=rps) for name, rps in one.items()}} for one in each]


def test_a_ratio_is_the_median_of_each_runs_own() -> None:
    """A machine that halves its pace in one run slows both."""
    seen = rounds({"omniroute": 400, "litellm": 100}, {"omniroute": 200, "litellm": 50}, {"omniroute": 420, "litellm": 60})
    assert cell(RATE, seen, "litellm").value == 60
    assert ratio(RATE, seen, "omniroute", "litellm") == 4.0


def test_more_is_better_or_less_is() -> None:
    own = {"direct": shot(p50_ms=1.0), "omniroute": shot(p50_ms=2.0), "litellm": shot(p50_ms=9.0)}
    seen: list[Round] = [{"chat-single": own}]
    assert cell(ADDED, seen, "litellm").value == 8.0
    assert ratio(ADDED, seen, "omniroute", "litellm") == 8.0
    assert ratio(ADDED, seen, "litellm", "omniroute") == 1 / 8


def test_a_gateway_that_lost_something_has_no_ratio() -> None:
    seen = rounds({"omniroute": 400, "litellm": 100})
    seen[0]["chat"]["litellm"] |= {"lost": 3}
    assert ratio(RATE, seen, "omniroute", "litellm") is None
    assert "3 of 10 lost" in table.text(document(seen, omniroute="OmniRoute 1", litellm="LiteLLM 2"))
    seen[0]["chat"]["litellm"] |= {"lost": 10}
    assert "all 10 lost" in table.text(document(seen, omniroute="OmniRoute 1", litellm="LiteLLM 2"))


def test_a_gateway_that_lost_a_worker_has_no_ratio_either() -> None:
    seen = rounds({"omniroute": 400, "litellm": 100}, {"omniroute": 400, "litellm": 100})
    seen[1]["chat"]["litellm"] |= {"ended": 1}
    assert ratio(RATE, seen, "omniroute", "litellm") is None
    assert "100, 1 processes ended" in table.text(document(seen, omniroute="OmniRoute 1", litellm="LiteLLM 2"))


def document(seen: list[Round], **subjects: str) -> dict[str, Any]:
    about = {"date": "2026-11-27T00:00:00", "commit": "abc", "cpu": "a cpu", "cores": 2, "python": "3.11", "load_before": 0.1}
    return {**about, "subjects": subjects, "skipped": {"portkey": "there is no node"}, "rounds": seen}


def test_the_page_names_who_was_not_measured() -> None:
    lines = table.markdown(document(rounds({"omniroute": 400, "litellm": 100}), omniroute="OmniRoute 1", litellm="LiteLLM 2"))
    assert "| figure | unit | OmniRoute 1 | LiteLLM 2 | ratio to LiteLLM |" in lines
    assert "| Chat, 32 at once (more is better) | requests/s | 400 | 100 | 4.00 |" in lines
    assert lines.endswith("portkey was not measured: there is no node")


def test_every_figure_has_its_load() -> None:
    assert {figure.load for figure in FIGURES} == {*LOADS, "start"}


def test_versions_are_exact_and_come_without_addresses() -> None:
    versions = install.versions()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    assert f"litellm[proxy]=={versions['litellm']}\n" in (install.PINNED / "requirements-litellm.in").read_text()
    lock = json.loads((install.PINNED / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages[f"node_modules/{install.PORTKEY}"]["version"] == versions["portkey"]
    assert all("integrity" in each and "resolved" not in each for each in packages.values())
    assert "://" not in install.REQUIREMENTS.read_text()


@pytest.mark.timeout(300)
def test_a_short_run(tmp_path: Path) -> None:
    """Without the others: they are not installed for the tests."""
    command = [PYTHON, "-m", "bench.peers", "--short", "--only", "omniroute", "--only", "bare"]
    env = environment({"TMPDIR": str(tmp_path)})
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert (ran.returncode, without_warning(ran.stderr)) == (0, ""), ran.stdout
    shown = [line for line in ran.stdout.splitlines() if " is better)" in line]
    assert len(shown) == len(FIGURES)
    assert " lost" not in ran.stdout
    assert ran.stdout.endswith("not kept.\n")
    assert left_over(tmp_path) == [] and list(tmp_path.iterdir()) == []
