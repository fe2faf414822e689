"""docs/performance.md: each section of figures is written by the command that took them, and names the file that keeps them.

    python -m bench.page NAME FILE        NAME is bench, peers or growth, FILE one of bench/results/

A test compares the page with what these files give, so no figure on it is written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"


def sections() -> dict[str, Callable[[Mapping[str, Any]], str]]:
    """Name -> what makes the section of a kept document. Imported here: these programs write the page too."""
    from bench import report
    from bench.growth import told
    from bench.peers import table

    return {"bench": report.markdown, "peers": table.markdown, "growth": told.markdown}


def put(name: str, kept: Path, page: Path = PAGE) -> None:
    """Write the section anew from the file. Raises LookupError when the page has no place for it."""
    text = page.read_text()
    found = _place(name).search(text)
    if found is None:
        raise LookupError(f"{page.name} has no section '{name}'")
    page.write_text(text[: found.start()] + made(name, kept) + text[found.end() :])


def made(name: str, kept: Path) -> str:
    """The whole section, with its marks."""
    body = sections()[name](json.loads(kept.read_text())).strip("\n")
    return f"<!-- {name}: from bench/results/{kept.name} -->\n\n{body}\n\n<!-- end of {name} -->"


def taken(name: str, page: Path = PAGE) -> tuple[str, str]:
    """The section as it stands, and the name of the file that it is from, "" while it was never written."""
    found = _place(name).search(page.read_text())
    if found is None:
        raise LookupError(f"{page.name} has no section '{name}'")
    return found[0], found["file"]


def _place(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {name}: from bench/results/(?P<file>[^ ]*) -->.*?<!-- end of {name} -->", re.DOTALL)


if __name__ == "__main__":
    put(sys.argv[1], Path(sys.argv[2]))
