"""Aliases: added, changed, deleted, and refused where they would lead nowhere."""

from __future__ import annotations

import pytest

from omniroute.combos.aliases import AliasView
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk


@pytest.fixture(autouse=True)
def connected(desk: Desk) -> None:
    desk.connection("openai")


def test_without_any_the_page_explains(admin: Browser) -> None:
    page = admin.open("/dashboard/aliases")
    assert "No alias yet" in page.text
    assert "wildcards" in page.text


def test_one_is_added_changed_and_deleted(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/aliases").fill({"Clients ask for": "claude-*", "And get": "openai/gpt-5.5", "Priority": "5"})
    page = page.press("Save alias")
    assert desk.services.aliases.list() == (AliasView("claude-*", "openai/gpt-5.5", 5),)
    assert "claude-* now means openai/gpt-5.5." in page.toasts[0]
    page = page.follow("Edit claude-*")
    assert page.control("And get").attrs["value"] == "openai/gpt-5.5"
    page = page.fill({"And get": "openai/other"}).press("Save alias").follow("Delete claude-*")
    assert "no longer go to openai/other" in page.text
    page = page.press("Delete alias")
    assert desk.services.aliases.list() == ()


def test_a_pattern_with_everything_that_an_address_gives_a_meaning_to(desk: Desk, admin: Browser) -> None:
    pattern = "a/b?c&d=%2F#e[1]*"
    desk.services.aliases.put(pattern, "openai/gpt-5.5", 0, desk.by)
    admin.open("/dashboard/aliases").follow(f"Delete {pattern}").press("Delete alias")
    assert desk.services.aliases.list() == ()


def test_what_is_refused_stands_beside_its_field(desk: Desk, admin: Browser) -> None:
    desk.services.combos.create({"name": "mine", "steps": ["openai/gpt-5.5"]}, desk.by)
    page = admin.open("/dashboard/aliases").fill({"Clients ask for": "mine", "And get": "openai/gpt-5.5"}).press("Save alias")
    assert page.status == 400
    assert page.control("Clients ask for").attrs["aria-invalid"] == "true"
    assert page.control("And get").attrs["value"] == "openai/gpt-5.5"
    page = page.fill({"Clients ask for": "", "And get": ""}).press("Save alias")
    assert page.status == 400
    assert "What do clients ask for?" in page.text


def test_an_alias_that_is_gone_is_a_404(admin: Browser) -> None:
    assert admin.open("/dashboard/aliases/delete?pattern=nothing").status == 404
