"""Many keys at once: what is understood is told, each line is taken or left out by itself, and no key comes back to a page."""

from __future__ import annotations

import pytest

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.relay import Relay

LINES = f"{KEY}\nwork, {KEY}-2\n\nhome {BAD_KEY}\n{KEY}-2\nx, {'y' * 9000}\n"


@pytest.fixture
def page(desk: Desk, admin: Browser, relay: Relay) -> Page:
    node = desk.node(relay)
    desk.connection(node, KEY, name="old")
    return admin.open(f"/dashboard/providers/{node}").follow("Add many keys")


def lines(page: Page) -> list[str]:
    tables = [each for each in page.root.all("table") if "bulk-table" in each.attrs["class"]]
    return [row.text for table in tables for row in table.all("tr") if row.all("td")]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_preview_tells_what_is_understood_and_keeps_nothing(desk: Desk, page: Page, headers: dict[str, str]) -> None:
    shown = page.fill({"API keys": LINES}).press("Preview", **headers)
    told = lines(shown)
    assert [line.split()[0] for line in told] == ["1", "2", "4", "5", "6"]
    assert "already, as the connection 'old'" in told[0]
    assert "work" in told[1] and "New" in told[1] and "sk-...cd-2" in told[1]
    assert "home" in told[2] and "New" in told[2]
    assert "The same key as in line 2" in told[3] and "at most 8192" in told[4]
    assert "2 keys to add" in shown.text and "3 lines left out" in shown.text
    for key in (KEY, BAD_KEY, "y" * 100):
        assert key not in shown.html
    assert len(desk.services.connections.list()) == 1


def test_each_line_has_its_result_and_is_tested(desk: Desk, page: Page) -> None:
    done = page.fill({"API keys": LINES}).press("Add keys")
    assert "2 added, 3 left out" in done.text
    rows = [each.text for each in done.root.all("li") if "tests-line" in each.attrs.get("class", "")]
    assert ["Line 1" in rows[0], "work" in rows[1], "home" in rows[2], "Line 5" in rows[3]] == [True] * 4
    assert "Works" in rows[1] and "Doesn't work" in rows[2]
    assert {row.name: row.test_status for row in desk.services.connections.list()} == {
        "old": "untested",
        "work": "active",
        "home": "error",
    }
    assert KEY not in done.html and BAD_KEY not in done.html


def test_not_tested_when_not_wanted(desk: Desk, page: Page) -> None:
    label = next(each.text for each in page.root.all("label") if each.text.startswith("Test each one"))
    page.fill({"API keys": LINES, label: "off"}).press("Add keys")
    assert {row.test_status for row in desk.services.connections.list()} == {"untested"}


def test_with_scripts_the_rows_come_back_to_be_tested_one_by_one(desk: Desk, page: Page) -> None:
    part = page.fill({"API keys": LINES}).press("Add keys", **{"HX-Request": "true"})
    assert "<html" not in part.html and "data-start" in part.html
    assert {row.test_status for row in desk.services.connections.list()} == {"untested"}
    assert {"Test work of Team", "Test home of Team"} <= set(part.buttons())


def test_nothing_pasted_is_told_beside_the_field(page: Page) -> None:
    assert "Paste at least one key." in page.press("Add keys", **{"HX-Request": "true"}).text
    page = page.press("Add keys")
    assert page.status == 400 and "Paste at least one key." in page.text


def test_what_a_provider_asks_for_beside_the_key_is_asked_once(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/providers/azure-openai/bulk")
    page = page.fill({"API keys": "azure-key-1\nazure-key-2"}).press("Add keys")
    assert page.status == 400 and desk.services.connections.list() == ()
    label = next(each.text for each in page.root.all("label") if "esource" in each.text)
    page.fill({"API keys": "azure-key-1\nazure-key-2", label.removesuffix("(optional)").strip(): "ours"}).press("Add keys")
    assert {"ours" in row.base_url for row in desk.services.connections.list()} == {True}


def test_a_name_that_another_owns_is_told(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.node(relay, "agentrouter", name="My relay")
    page = admin.open("/dashboard/providers/agentrouter/bulk").fill({"API keys": KEY})
    part = page.press("Add keys", **{"HX-Request": "true"})
    assert part.status == 200 and "My relay" in part.text and part.answer.headers["HX-Retarget"] == "#bulk-preview"
    page = page.press("Add keys")
    assert page.status == 409 and "My relay" in page.text
