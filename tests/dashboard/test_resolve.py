"""The dry run as a page: who would be asked and who not, for whom and for how much; nothing goes out."""

from __future__ import annotations

import pytest

from omniroute.dashboard.resolve import moment
from omniroute.dashboard.shell import usd
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import Desk
from tests.dashboard.trouble import answered
from tests.upstream.relay import Relay


def test_the_form_alone_asks_nothing(admin: Browser) -> None:
    page = admin.open("/dashboard/resolve")
    assert page.status == 200
    assert "What would happen to" not in page.text


def test_order_cost_standing_and_who_is_left_out(desk: Desk, admin: Browser, relay: Relay) -> None:
    row = desk.connection("openai", name="company")
    off = desk.connection("openai", "sk-good-another-one", name="spare")
    desk.services.connections.update(off, {"is_active": False}, desk.by)
    desk.services.combos.create({"name": "c", "steps": ["openai/gpt-5.5", "openai/mine"]}, desk.by)
    answered(desk, row, "gpt-5.5", 529)
    page = admin.open("/dashboard/resolve").fill({"Model": "c", "Tokens in": "1000000"}).press("Show")
    assert page.text.index("openai/mine through company price not known") < page.text.index("openai/gpt-5.5 model locked")
    assert "So it said. Asked after the others for" in page.text
    assert "$" in page.text
    assert "Left out openai/gpt-5.5 disabled through spare" in page.text
    assert "This combo can never fall back" in page.text
    assert "Found as combo c ; in the order of priority" in page.text
    assert relay.requests() == []


def test_a_name_that_nobody_answers_to(desk: Desk, admin: Browser) -> None:
    desk.connection("openai")
    page = admin.open("/dashboard/resolve").fill({"Model": "openai-gpt-5.5"}).press("Show")
    assert page.status == 200
    assert "No provider answers to the model" in page.text


def test_as_a_key_with_limits(desk: Desk, admin: Browser) -> None:
    desk.connection("openai")
    desk.services.keys.create({"name": "CI", "allowed_models": ["team/*"]}, desk.by)
    page = admin.open("/dashboard/resolve").fill({"Model": "openai/gpt-5.5", "As client key": "CI"}).press("Show")
    assert "isn't allowed to ask" in page.text


def test_tags_keep_the_steps_that_have_them(desk: Desk, admin: Browser) -> None:
    desk.connection("openai")
    desk.services.combos.create({"name": "c", "steps": ["openai/a", {"model": "openai/b", "tags": ["vision"]}]}, desk.by)
    page = admin.open("/dashboard/resolve").fill({"Model": "c", "Tags": "vision"}).press("Show")
    asked = next(each.text for each in page.root.all("ol") if each.attrs.get("class") == "order")
    assert asked.startswith("1 openai/b")
    assert "openai/a" not in asked


@pytest.mark.parametrize("query", ["model=", "model=c&input_tokens=many", "model=c&output_tokens=-1", "model=c&key=nobody"])
def test_what_can_not_be_asked_is_said_in_the_form(admin: Browser, query: str) -> None:
    page = admin.open(f"/dashboard/resolve?{query}")
    assert page.status == 400
    assert [each for each in page.root.walk() if each.attrs.get("class") == "wrong"]


def test_one_of_many_orders_is_marked_as_such(desk: Desk, admin: Browser) -> None:
    desk.connection("openai")
    desk.services.combos.create({"name": "c", "strategy": "random", "steps": ["openai/a", "openai/b"]}, desk.by)
    assert "each request draws anew" in admin.open("/dashboard/resolve?model=c").text


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "–"),
        (0.0, "free"),
        (1e-9, "< $0.000001"),
        (0.000_021, "$0.000021"),
        (0.0125, "$0.013"),
        (0.5, "$0.50"),
        (12.0, "$12.00"),
    ],
)
def test_what_one_request_costs(amount: float | None, shown: str) -> None:
    assert usd(amount) == shown


def test_moments() -> None:
    assert moment("2026-11-27T00:00:00.000Z") == 1_795_737_600.0
    assert moment(None) is None
