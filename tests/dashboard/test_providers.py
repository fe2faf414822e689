"""The list of providers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.dashboard.providers import count, today
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import BAD_KEY, Desk
from tests.dashboard.trouble import answered
from tests.upstream.relay import Relay


def test_an_empty_list_leads_to_the_catalogue(admin: Browser) -> None:
    page = admin.open("/").follow("Providers")
    assert "No provider yet" in page.text
    assert page.follow("Add Provider").path == "/dashboard/providers/add"


def test_native_ones_and_nodes_stand_side_by_side(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.connection("openai")
    desk.node(relay, "agentrouter")
    page = admin.open("/dashboard/providers")
    assert "Claude Code compatible" in page.text
    assert "No connection" in page.text
    assert page.follow("OpenAI").path == "/dashboard/providers/openai"


def test_a_node_whose_flag_went_off_says_why_it_is_refused(open_desk: Callable[..., Desk], relay: Relay) -> None:
    node = open_desk().node(relay)
    page = open_desk(enable_cc_compatible_provider=False).admin().open("/dashboard/providers")
    assert "Switched off" in page.text
    assert "ENABLE_CC_COMPATIBLE_PROVIDER" in page.follow("Team").text
    assert page.links()["Team"].endswith(node)


@pytest.fixture
def many(desk: Desk, relay: Relay) -> Desk:
    """One that works, one in error, one that is off, one without a connection."""
    good = desk.node(relay, "good")
    desk.services.probe.test(desk.connection(good, name="work"))
    desk.services.probe.test(desk.connection(desk.node(relay, "bad"), BAD_KEY))
    desk.connection("openai", is_active=False)
    desk.node(relay, "empty")
    return desk


def tiles(page: Page) -> list[str]:
    return [each.all("h2")[0].text for each in page.root.all("article")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=goo", ["Good"]),
        ("q=WORK", ["Good"]),  # a connection's name
        ("q=claude+code+bad", ["Bad"]),
        ("q=api.openai.com", ["OpenAI"]),
        ("state=active", ["Good"]),
        ("state=trouble", ["Bad"]),
        ("state=off", ["OpenAI"]),
        ("state=empty", ["Empty"]),
        ("state=waiting", []),
        ("q=good&state=off", []),
    ],
)
def test_search_and_state(many: Desk, query: str, found: list[str]) -> None:
    admin = many.admin()
    assert tiles(admin.open(f"/dashboard/providers?{query}")) == found
    part = admin.open(f"/dashboard/providers?{query}", **{"HX-Request": "true"})
    assert tiles(part) == found and "<html" not in part.html


def test_nothing_found_leads_back_to_all(many: Desk) -> None:
    page = many.admin().open("/dashboard/providers?q=xyzzy")
    assert "No provider fits" in page.text and len(tiles(page.follow("Show all"))) == 4


def test_what_waits_is_a_state_too(many: Desk) -> None:
    row = next(row for row in many.services.connections.list() if row.name == "work")
    answered(many, row.id, "glm-5.1", 429, retry_after=60)
    page = many.admin().open("/dashboard/providers?state=waiting")
    assert tiles(page) == ["Good"] and "Cooling for" in page.text and "work" in page.text


def test_shares_of_todays_requests(many: Desk) -> None:
    now = many.services.clock.now()
    good = next(node.id for node in many.services.nodes.list() if node.prefix == "good")
    for number, provider in enumerate([good, good, good, "openai"]):
        many.log_row(f"row-{number}", at=now, status=200, kind="ok", provider_id=provider, provider_prefix="x")
    page = many.admin().open("/dashboard/providers")
    told = {each.all("h2")[0].text: each.text for each in page.root.all("article")}
    assert "75 % of today's requests" in told["Good"] and "25 % of today's requests" in told["OpenAI"]
    assert "today's requests" not in told["Bad"]


def test_today_begins_when_it_does_on_home(many: Desk) -> None:
    services = many.services
    services.preferences.update({"time_zone": "Asia/Kolkata"}, many.by)
    midnight = services.pulse.current().today.begins_at
    for number, (at, provider) in enumerate([(midnight - 3601, "openai"), (midnight + 1801, "agentrouter")]):
        many.log_row(f"row-{number}", at=at, status=200, kind="ok", provider_id=provider, provider_prefix="x")
    assert today(services) == {"agentrouter": 1}


def test_models_are_counted_as_clients_see_them(many: Desk) -> None:
    services = many.services
    good = next(node.id for node in services.nodes.list() if node.prefix == "good")
    services.models.add(good, ["a", "b", "c"], "custom", many.by)
    services.models.hide(good, "a", many.by)
    configuration = services.configuration.current()
    assert count(configuration, good) == 2
    for provider in ("agentrouter", "openai"):
        assert count(configuration, provider) == len(services.models.for_provider(provider, hidden=False))
