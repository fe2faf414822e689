"""Prices: the unknown are called out, the operator's are set, changed and deleted."""

from __future__ import annotations

from decimal import Decimal

import pytest

from omniroute.usage.prices import StepView
from tests.dashboard.browsing import Browser, Element, Page
from tests.dashboard.conftest import Desk

NODE = {"name": "Team", "prefix": "team", "type": "openai-compatible", "base_url": "https://team.example.com/v1"}


@pytest.fixture
def node(desk: Desk) -> str:
    """Connected, with two models that nobody knows the price of."""
    made = desk.services.nodes.create(NODE, desk.by).id
    desk.connection(made)
    desk.services.models.add(made, ["llama", "qwen/big"], "custom", desk.by)
    return made


def rows(page: Page, region: str = "List of models and prices") -> dict[str, Element]:
    """The table's rows by their first cell."""
    (box,) = [each for each in page.root.walk() if each.attrs.get("aria-label") == region]
    return {row.all("td")[0].text: row for row in box.all("tr")[1:]}


def test_without_a_connection_the_page_explains(admin: Browser) -> None:
    page = admin.open("/dashboard/pricing")
    assert "Nothing is connected yet" in page.text and "not known" not in page.text
    assert "genai-prices" in page.text


def test_the_unknown_come_first_and_are_called_out(desk: Desk, admin: Browser, node: str) -> None:
    desk.connection("openai")
    page = admin.open("/dashboard/pricing")
    assert "The price of 2 models is not known." in page.text
    assert "counted as unknown cost; a key with a USD budget can't use them" in page.text
    assert list(rows(page))[:2] == ["team/llama", "team/qwen/big"]
    assert "Listed $2 $8 $0.5" in rows(page)["openai/gpt-4.1"].text
    assert "above 272k: $4 / $15" in next(text for text in rows(page) if text.startswith("openai/gpt-6.1-sol"))
    assert list(rows(page.follow("Show them"))) == ["team/llama", "team/qwen/big"]


def test_one_is_set_changed_and_deleted(desk: Desk, admin: Browser, node: str) -> None:
    page = admin.open("/dashboard/pricing").follow("Set price of team/qwen/big")
    assert page.control("Model").attrs["value"] == "qwen/big"
    page = page.fill({"Input": "0.25", "Output": "1.5", "Each request": "0.001"}).press("Save price")
    assert "qwen/big has your price from now on." in page.toasts[0]
    assert "The price of one model is not known." in page.text
    (view,) = desk.services.prices.list()
    assert (view.provider_id, view.model, view.input, view.request) == (node, "qwen/big", Decimal("0.25"), Decimal("0.001"))
    assert "Yours $0.25 $1.5" in next(row.text for name, row in rows(page).items() if name.startswith("team/qwen"))
    page = page.follow("Edit qwen/big")
    assert page.control("Input").attrs["value"] == "0.25" and page.control("Cached input").attrs["value"] == ""
    page.fill({"Input": "0", "Output": "0", "Each request": ""}).press("Save price")
    assert desk.services.prices.list()[0].input == 0
    page = admin.open("/dashboard/pricing").follow("Delete qwen/big")
    assert "its cost is unknown" in page.text
    page = page.press("Delete price")
    assert desk.services.prices.list() == () and "The price of 2 models" in page.text


def test_the_form_begins_with_what_counts_now(desk: Desk, admin: Browser) -> None:
    desk.connection("openai")
    page = admin.open("/dashboard/pricing").follow("Change price of openai/gpt-6.1-sol")
    shown = ("Input", "Output", "Cached input", "Written to cache", "Above input tokens", "Output then")
    assert [page.control(label).attrs["value"] for label in shown] == ["2", "10", "0.1", "2.5", "272000", "15"]
    page.fill({"Input": "1"}).press("Save price")
    (view,) = desk.services.prices.list()
    assert view.input == 1
    assert view.tiers == (StepView(272_000, Decimal(4), Decimal(15), Decimal("0.2"), Decimal(5)),)


def test_a_price_with_wildcards_says_so_where_it_counts(desk: Desk, admin: Browser, node: str) -> None:
    desk.services.prices.put(node, "*", {"input": 1, "output": 1}, desk.by)
    page = admin.open("/dashboard/pricing")
    assert "Yours *" in rows(page)["team/llama"].text and "not known" not in page.text
    page = page.follow("Edit *")
    assert page.control("Model").attrs["value"] == "*"


def test_more_steps_than_the_form_has_room_for_are_kept(desk: Desk, admin: Browser, node: str) -> None:
    steps = [{"above": 1000, "input": 2}, {"above": 2000, "input": 3}]
    desk.services.prices.put(node, "llama", {"input": 1, "output": 1, "tiers": steps}, desk.by)
    page = admin.open("/dashboard/pricing").follow("Edit llama")
    assert "2 steps, set through the API" in page.text
    page.fill({"Input": "0.5"}).press("Save price")
    (view,) = desk.services.prices.list()
    assert (view.input, [step.input for step in view.tiers]) == (Decimal("0.5"), [Decimal(2), Decimal(3)])


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"Input": "three"}, "Input"),
        ({"Input": "-1"}, "Input"),
        ({"Output": "0.0000001"}, "Output"),
        ({}, "Input"),
        ({"Input": "1", "Model": "two words"}, "Model"),
        ({"Input": "1", "Model": ""}, "Model"),
        ({"Input": "1", "Input then": "2"}, "Above input tokens"),
        ({"Input": "1", "Above input tokens": "x"}, "Above input tokens"),
        ({"Input": "1", "Above input tokens": "9", "Output then": "x"}, "Output then"),
    ],
)
def test_what_is_refused_stands_beside_its_field(
    desk: Desk, admin: Browser, node: str, given: dict[str, str], label: str
) -> None:
    page = admin.open(f"/dashboard/pricing?provider={node}&model=llama").fill(given).press("Save price")
    assert page.status == 400
    assert page.control(label).attrs["aria-invalid"] == "true"
    assert all(page.control(name).attrs["value"] == value for name, value in given.items())
    assert desk.services.prices.list() == ()


def test_search_and_filter(desk: Desk, admin: Browser, node: str) -> None:
    desk.connection("openai")
    desk.services.prices.put("openai", "gpt-4.1", {"input": 1}, desk.by)
    for query, found in (
        ("q=LLAMA", ["team/llama"]),
        ("q=team", ["team/llama", "team/qwen/big"]),
        ("source=operator", ["openai/gpt-4.1"]),
        ("source=unknown&q=big", ["team/qwen/big"]),
    ):
        page = admin.open(f"/dashboard/pricing?{query}")
        assert list(rows(page)) == found
        assert list(rows(admin.open(f"/dashboard/pricing?{query}", **{"HX-Request": "true"}))) == found
    page = admin.open("/dashboard/pricing?q=nothing-fits")
    assert "No model fits" in page.text


def test_a_long_list_is_cut(desk: Desk, admin: Browser, node: str) -> None:
    desk.services.models.add(node, [f"m{number}" for number in range(80)], "custom", desk.by)
    page = admin.open("/dashboard/pricing?source=unknown")
    assert len(rows(page)) == 60 and "60 of 82 shown." in page.text
    assert len(rows(page.follow("Show all"))) == 82


def test_one_that_is_gone_is_a_404(admin: Browser) -> None:
    assert admin.open("/dashboard/pricing/delete?provider=openai&model=nothing").status == 404


def test_the_providers_page_shows_the_price_that_counts(desk: Desk, admin: Browser, node: str) -> None:
    desk.connection("openai")
    desk.services.prices.put("openai", "gpt-4.1", {"input": "1.25", "output": 3}, desk.by)
    desk.services.models.add("openai", ["gpt-4.1-nano"], "custom", desk.by)
    listed = rows(admin.open("/dashboard/providers/openai"), "List of models")
    assert "$1.25 / $3 Yours" in listed["gpt-4.1"].text
    assert "$0.1 / $0.4" in listed["gpt-4.1-nano Added"].text
    page = admin.open(f"/dashboard/providers/{node}")
    assert "Set price" in rows(page, "List of models")["llama Added"].text
    assert page.follow("Set price of llama").control("Model").attrs["value"] == "llama"
