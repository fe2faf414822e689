"""docs/providers.md is what the command makes of the data."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from omniroute.cli import commands
from omniroute.providers.catalog import load
from omniroute.providers.page import page, sources

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
CATALOG = load()
MADE = page(CATALOG, sources())


def test_the_page_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(commands, ["providers-page"])
    assert printed.exit_code == 0, printed.output
    assert printed.output == PAGE.read_text(encoding="utf-8"), "run 'make docs'"


def test_every_provider_and_model_is_on_it_with_its_sources() -> None:
    told = sources()
    assert set(told) == set(CATALOG.providers)
    for one in CATALOG.all():
        assert f"\n## {one.name}\n" in MADE
        assert f"`{one.base_url}`" in MADE
        assert told[one.id] in MADE and "read 2026-" in told[one.id].lower()
        for model in one.models:
            assert f"| `{model.id}` |" in MADE


def test_prices_windows_and_what_is_not_known() -> None:
    assert "| `claude-haiku-5-5` | 1,000,000 | 128,000 | 0.1 | 0.5 | 0.01 | text, image, tools, reasoning |" in MADE
    assert "| `glm-4.7-flash` | 200,000 | 128,000 | free | free | - | text, reasoning |" in MADE
    assert "| `claude-opus-4-6` | - | - | - | - | - | text, image |" in MADE


def test_fields_of_the_address_are_told() -> None:
    assert "fills `{resource}` in the base URL; needed" in MADE
    assert "fills `{location}` in the base URL; `global` if left blank" in MADE
    assert "is asked instead of the base URL; may be left blank" in MADE


def test_no_cell_breaks_its_table() -> None:
    for line in MADE.splitlines():
        if line.startswith("| `"):
            assert line.count(" | ") == (4 if "](#" in line else 6), line
