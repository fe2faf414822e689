"""docs/performance.md has the figures that were kept, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import page, report
from bench.processes import ROOT

NAMES = ("bench", "peers", "growth")
# What a measured figure looks like: a number with a unit of time, memory, rate or ratio behind it.
FIGURE = re.compile(r"\d[\d.,]*\s*(ms|MB|%|requests/s|events/s|req/s|times|x|×)(?!\w)")


@pytest.mark.parametrize("name", NAMES)
def test_each_section_is_what_its_file_gives(name: str) -> None:
    stands, file = page.taken(name)
    assert set(page.sections()) == set(NAMES)
    if file:
        assert stands == page.made(name, report.RESULTS / file)
    else:
        assert stands == f"<!-- {name}: from bench/results/ --><!-- end of {name} -->"


def test_no_figure_is_written_by_hand() -> None:
    text = page.PAGE.read_text()
    for name in NAMES:
        text = text.replace(page.taken(name)[0], "")
    assert FIGURE.search("takes 3.5 ms") and FIGURE.search("1.4 × faster")
    assert [found[0] for found in FIGURE.finditer(text)] == []


def test_a_section_is_written_and_found_again(tmp_path: Path) -> None:
    (copy := tmp_path / "performance.md").write_text("before\n<!-- bench: from bench/results/ --><!-- end of bench -->\nafter\n")
    kept = report.RESULTS / "latest.json"
    page.put("bench", kept, copy)
    stands, file = page.taken("bench", copy)
    assert (stands, file) == (page.made("bench", kept), "latest.json")
    assert copy.read_text() == f"before\n{stands}\nafter\n"
    figures: list[dict[str, Any]] = json.loads(kept.read_text())["figures"]
    assert all(f"| {each['title']} | " in stands for each in figures)
    page.put("bench", kept, copy)  # once more is the same
    assert copy.read_text() == f"before\n{stands}\nafter\n"


def test_a_page_without_the_place_is_left_alone(tmp_path: Path) -> None:
    (copy := tmp_path / "performance.md").write_text("nothing\n")
    with pytest.raises(LookupError):
        page.put("bench", report.RESULTS / "latest.json", copy)
    assert copy.read_text() == "nothing\n"


def test_the_page_names_commands_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^    make ([a-z-]+)", page.PAGE.read_text(), re.MULTILINE)) <= targets
