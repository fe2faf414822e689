"""A provider's models: search, hide and show, add, delete, discover."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from omniroute.dashboard.models import MOST
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


@pytest.mark.parametrize("query", ["provider_id=x", "endpoint=x", "_method=POST", "_external=1&_scheme=ftp", "_anchor=x"])
def test_what_the_list_does_not_ask_for_goes_nowhere(admin: Browser, query: str) -> None:
    answer = admin.client.get(f"/dashboard/providers/agentrouter/models?q=haiku&{query}&all=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/dashboard/providers/agentrouter?q=haiku&all=1"


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


# Many of them -----------------------------------------------------------------------------------

HOSTILE = ("<script>alert(1)</script>", "a'\"`${7*7}{{7*7}}", "javascript:alert(1)", "=cmd|'/c'!A0", "x" * 256, "a/b?c=d&e#f%2F")


@pytest.fixture
def node(desk: Desk, relay: Relay) -> str:
    node = desk.node(relay)
    desk.services.models.add(node, HOSTILE, "custom", desk.by)
    return node


def test_hostile_names_are_shown_copied_tried_hidden_and_deleted_as_they_are(desk: Desk, admin: Browser, node: str) -> None:
    page = admin.open(f"/dashboard/providers/{node}")
    assert "<script>alert" not in page.html
    copied = {each.attrs["data-copy"] for each in page.root.all("button") if "data-copy" in each.attrs}
    for name in HOSTILE:
        assert f"team/{name}" in copied
        assert parse_qs(urlsplit(page.links()[f"Try {name}"]).query) == {"model": [f"team/{name}"]}
        page = page.press(f"Hide {name}")
    assert {row.id for row in desk.services.models.for_provider(node) if row.hidden} == set(HOSTILE)
    for name in HOSTILE:
        page = page.press(f"Delete {name}")
    assert desk.services.models.for_provider(node) == ()


def test_what_is_shown_can_be_chosen(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.services.models.add("agentrouter", ["mine"], "custom", desk.by)
    desk.services.models.add("agentrouter", ["theirs"], "discovered", desk.by)
    desk.services.models.hide("agentrouter", "glm-5.1", desk.by)
    desk.services.models.hide("agentrouter", "mine", desk.by)
    at = "/dashboard/providers/agentrouter"

    def ids(query: str) -> list[str]:
        return [row.split()[0] for row in rows(admin.open(f"{at}?{query}"))]

    assert ids("show=hidden") == ["glm-5.1", "mine"]
    assert ids("show=custom") == ["mine"] and ids("show=discovered") == ["theirs"]
    assert ids("show=hidden&q=glm") == ["glm-5.1"]
    assert len(ids("show=shown")) == 4 and len(ids("show=nonsense")) == 6
    page = admin.open(f"{at}?show=hidden").press("Show glm-5.1")
    assert [row.split()[0] for row in rows(page)] == ["mine"]  # the filter stays
    assert "No model fits “xyzzy”" in admin.open(f"{at}?show=discovered&q=xyzzy").text


def test_the_list_is_sorted_by_its_heads(desk: Desk, admin: Browser) -> None:
    page = admin.open("/dashboard/providers/openai")
    listed = [row.split()[0] for row in rows(page)]
    page = page.follow("Model")
    by_name = [row.split()[0] for row in rows(page)]
    assert by_name == sorted(listed, key=str.lower)
    head = next(each for each in page.root.all("th") if each.text == "Model")
    assert head.attrs["aria-sort"] == "ascending"
    windows = {row.id: row.context_window or 0 for row in desk.services.models.for_provider("openai")}
    page = page.follow("Window")
    by_window = [windows[row.split()[0]] for row in rows(page)]
    assert by_window == sorted(by_window, reverse=True)
    page = page.follow("In / out per M tokens")
    prices = desk.services.prices.of("openai", windows)
    cost = [(prices[row.split()[0]].input or 0) + (prices[row.split()[0]].output or 0) for row in rows(page)]
    known = [each for each in cost if each]
    assert known == sorted(known) and cost[: len(known)] == known  # without a price last
    assert [row.split()[0] for row in rows(page.follow("In / out per M tokens"))] == listed  # and back


def test_what_was_found_is_hidden_and_shown_at_once(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.models.add(node, [f"v{n % 2}/model-{n:03}" for n in range(150)], "custom", desk.by)
    page = admin.open(f"/dashboard/providers/{node}?q=v1/").press("Hide these 75 from clients")
    assert page.toasts[0].startswith("75 models hidden from clients.")
    assert "75 hidden" in page.text
    assert "75 shown" in page.text  # the search stays
    hidden = {row.id for row in desk.services.models.for_provider(node) if row.hidden}
    assert len(hidden) == 75 and all(one.startswith("v1/") for one in hidden)  # also those that the page had cut off
    part = page.press("Show these 75 to clients", **{"HX-Request": "true"})
    assert "75 models shown to clients." in part.text and "<html" not in part.html
    assert not any(row.hidden for row in desk.services.models.for_provider(node))
    part.press("Undo")
    assert sum(row.hidden for row in desk.services.models.for_provider(node)) == 75


def test_thousands_come_by_pages(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.models.add(node, [f"model-{n:04}" for n in range(2000)], "custom", desk.by)
    page = admin.open(f"/dashboard/providers/{node}")
    assert "60 of 2000 shown" in page.text
    page = page.follow("Show all")
    assert len(rows(page)) == MOST and "1 to 300 of 2000" in page.text
    page = page.follow("Next")
    assert rows(page)[0].split()[0] == "model-0300"
    assert rows(page.follow("Previous"))[0].split()[0] == "model-0000"
    last = admin.open(f"/dashboard/providers/{node}?all=1&from=99999")
    assert rows(last)[-1].split()[0] == "model-1999" and "Next" not in last.links()
    assert len(rows(admin.open(f"/dashboard/providers/{node}?all=1&from=-5"))) == MOST
