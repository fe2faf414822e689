"""docs/security.md names code and tests: each is there, and each test of this folder stands in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`((?:omniroute|tests|scripts)/[^`]+)`", PAGE)


def test_what_it_names_is_there() -> None:
    assert len(NAMED) > 60
    assert [path for path in NAMED if not (ROOT / path).is_file()] == []


def test_every_control_has_its_row_and_its_tests() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 24)]
    for number, control, _, code, tests, limit in rows:
        assert (code and "tests/" in tests) or limit, (number, control)


def test_no_test_of_security_is_missing_in_it() -> None:
    own = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")} - {"tests/security/test_docs.py"}
    assert sorted(own - set(NAMED)) == []


def test_it_can_be_found() -> None:
    assert "docs/security.md" in (ROOT / "README.md").read_text()
    assert "security.md" in (ROOT / "docs" / "settings.md").read_text()
