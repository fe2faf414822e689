"""The figures side by side: for the terminal, and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.peers.loads import FIGURES, Cell, cell, ratio
from bench.peers.subjects import OURS, PEERS

SHOWN = (OURS, "bare", *PEERS)
ABOUT = """\
{runs}, {date}, commit {commit}, {cpu}, {cores} cores, Python {python}, load average {load_before} before the start.
"lost" counts requests without the right answer. A ratio says how many times better OmniRoute does: above 1 it is ahead, below 1
behind. It is the median of the runs' own ratios, so it is not the quotient of the two medians beside it.
"""


def table(document: Mapping[str, Any]) -> list[list[str]]:
    """Rows of cells, the first one the head. `document` is what was kept."""
    subjects: dict[str, str] = document["subjects"]
    rounds = document["rounds"]
    columns = [name for name in SHOWN if name in subjects]
    compared = [name for name in (*PEERS, "bare") if name in subjects and OURS in subjects]
    head = ["figure", "unit", *(subjects[name] for name in columns), *(f"ratio to {_short(subjects[name])}" for name in compared)]
    rows = [head]
    for figure in FIGURES:
        cells = [cell(figure, rounds, name) for name in columns]
        if all(each.value is None and not each.asked for each in cells):
            continue
        ratios = [ratio(figure, rounds, OURS, name) for name in compared]
        rows.append(
            [
                f"{figure.title} ({figure.better} is better)",
                figure.unit,
                *(_told(each) for each in cells),
                *("" if value is None else f"{value:.2f}" for value in ratios),
            ]
        )
    return rows


def text(document: Mapping[str, Any]) -> str:
    """For the terminal."""
    rows = table(document)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            told.ljust(width) if not place else told.rjust(width)
            for place, (told, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, *_skipped(document)])


def markdown(document: Mapping[str, Any]) -> str:
    """For the page."""
    head, *rows = table(document)
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---", "---", *["---:"] * (len(head) - 2)], *rows)]
    runs = len(document["rounds"])
    about = ABOUT.format(
        **{**document, "date": document["date"][:10], "runs": f"Median of {runs} runs" if runs > 1 else "One run"}
    )
    return "\n".join([about, *lines, *([""] if document["skipped"] else []), *_skipped(document)])


def _skipped(document: Mapping[str, Any]) -> list[str]:
    return [f"{name} was not measured: {why}" for name, why in document["skipped"].items()]


def _short(title: str) -> str:
    return title.rpartition(" ")[0] if title[-1].isdigit() else title


def _told(each: Cell) -> str:
    if each.value is None:
        return f"all {each.asked} lost" if each.asked else ""
    shown = f"{each.value:,.0f}" if abs(each.value) >= 100 else f"{each.value:.2f}"
    lost = f", {each.lost} of {each.asked} lost" if each.lost else ""
    return shown + lost + (f", {each.ended} processes ended" if each.ended else "")
