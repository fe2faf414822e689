"""A provider's models: search, hide and show, add, delete, discover."""

from __future__ import annotations

import pytest

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk
from tests.upstream.relay import Relay


@pytest.fixture
def page(admin: Browser) -> Page:
    return admin.open("/dashboard/providers/agentrouter")


def rows(page: Page) -> list[str]:
    table = next(each for each in page.root.walk() if each.attrs.get("id") == "model-list")
    return [row.all("td")[0].text for row in table.all("tr") if row.all("td")]


def test_the_search_works_without_scripts_and_with(admin: Browser) -> None:
    assert rows(admin.open("/dashboard/providers/agentrouter?q=haiku")) == ["claude-haiku-4-5-20251001"]
    part = admin.open("/dashboard/providers/agentrouter/models?q=haiku", **{"HX-Request": "true"})
    assert "<html" not in part.html
    assert rows(part) == ["claude-haiku-4-5-20251001"]
    assert admin.open("/dashboard/providers/agentrouter/models?q=haiku").path == "/dashboard/providers/agentrouter"


def test_hide_and_show(desk: Desk, page: Page) -> None:
    page = page.press("Hide glm-5.1")
    assert "1 hidden" in page.text
    assert "glm-5.1" not in [row.id for row in desk.services.models.for_provider("agentrouter", hidden=False)]
    page = page.press("Show glm-5.1")
    assert "hidden" not in page.text


def test_add_and_delete_by_name(desk: Desk, page: Page) -> None:
    page = page.fill({"Add by name": "family/my-model"}).press("Add model")
    assert page.toasts == ["family/my-model added."]
    page = page.press("Delete family/my-model")
    assert "family/my-model" not in " ".join(rows(page))


def test_a_model_of_the_catalogue_can_not_be_deleted(page: Page) -> None:
    assert "Delete glm-5.1" not in page.buttons()


def test_an_impossible_name_is_refused(page: Page) -> None:
    page = page.fill({"Add by name": "x" * 300}).press("Add model")
    assert len(page.toasts) == 1
    assert "x" * 300 not in " ".join(rows(page))


def test_discover_keeps_what_the_upstream_lists(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}").press("Discover")
    assert "4 models" in page.toasts[0]
    assert {row.id for row in desk.services.models.for_provider(node)} == {
        "claude-opus-4-6",
        "claude-haiku-4-5-20251001",
        "glm-5.1",
        "deepseek-v3.2",
    }


def test_an_empty_list_offers_to_ask(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}").press("Ask for its list")
    assert len(rows(page)) == 4
    assert "Ask for its list" not in page.buttons()


def test_discover_needs_a_connection_and_says_so(page: Page) -> None:
    assert "Add a connection first" in page.press("Discover").toasts[0]


def test_a_list_that_can_not_be_had_is_told(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    relay.always("waf-page", path="/models")
    page = admin.open(f"/dashboard/providers/{node}").press("Discover")
    assert "its API" in page.toasts[0]


def test_a_long_list_is_cut_and_shown_whole_on_demand(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.models.add(node, [f"model-{number:03}" for number in range(100)], "custom", desk.by)
    page = admin.open(f"/dashboard/providers/{node}")
    assert len(rows(page)) == 60
    assert len(rows(page.follow("Show all"))) == 100
