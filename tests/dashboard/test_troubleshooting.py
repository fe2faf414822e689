"""Troubleshooting: the list for all, searched by an error's text, and what stands under a verdict."""

from __future__ import annotations

import pytest

from omniroute.routing.troubles import TROUBLES
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.relay import Relay

AT = "/dashboard/troubleshooting"


def shown(page: Page) -> list[str]:
    return [each.text for each in page.root.all("h2")]


def test_all_of_it_is_linked_from_health_and_the_providers(desk: Desk, admin: Browser) -> None:
    for place in ("/dashboard/health", "/dashboard/providers"):
        page = admin.open(place).follow("Troubleshooting")
        assert page.path == AT and shown(page) == [each.title for each in TROUBLES.values()]


@pytest.mark.parametrize("text", ["unauthorized client detected", '{"error":{"message":"unauthorized client detected"}}'])
def test_an_error_is_found_and_open(admin: Browser, text: str) -> None:
    page = admin.client.get(AT, query_string={"q": text})
    page = Page(admin, page)
    assert shown(page) == ["The relay does not admit this client"]
    assert [each.attrs.get("open") for each in page.root.all("details")] == [""]
    assert page.links()["Add it as Claude Code compatible"] == "/dashboard/nodes/add/claude-code-compatible"
    assert page.links()["Connect AgentRouter"] == "/dashboard/providers/add/agentrouter"


def test_the_search_comes_as_a_part_and_says_when_nothing_fits(admin: Browser) -> None:
    part = admin.open(f"{AT}?q=额度不足", **{"HX-Request": "true"})
    assert "<html" not in part.html and shown(part) == ["The credit is used up"]
    page = admin.open(f"{AT}?q=%3Cscript%3Exyzzy")
    assert "Nothing here has these words" in page.text and "<script>xyzzy" not in page.html


def test_for_one_provider_it_leads_to_that_one(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}").follow("Troubleshooting")
    assert "For Team" in page.text
    assert "It is set up as a plain" not in page.text  # it is a Claude Code compatible one
    assert page.links()["See what is sent upstream"] == f"/dashboard/providers/{node}#sent"
    assert page.links()["Edit base URL"] == f"/dashboard/nodes/{node}/edit#base_url"


def test_without_the_flag_nothing_leads_to_what_is_switched_off(open_desk: object) -> None:
    desk: Desk = open_desk(enable_cc_compatible_provider=False)  # type: ignore[operator]
    page = desk.admin().open(f"{AT}?q=unauthorized")
    assert "ENABLE_CC_COMPATIBLE_PROVIDER=true" in page.text
    assert "Add it as Claude Code compatible" not in page.links()


# Under a verdict ----------------------------------------------------------------------------------


def test_a_failed_test_tells_what_can_be_behind_it(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    bad = desk.connection(node, BAD_KEY, name="bad", max_concurrent=2)
    page = admin.open(f"/dashboard/providers/{node}").press("Test bad")
    assert "What can be behind it" in page.text and "The key is mistyped" in page.text
    links = page.links()
    assert links["Paste a new key"] == f"/dashboard/connections/{bad}/edit#api_key"
    assert page.follow("Paste a new key").control("API key").attrs["id"] == "api_key"
    assert admin.open(links["Edit base URL"]).control("Base URL").attrs["id"] == "base_url"
    part = page.press("Test bad", **{"HX-Request": "true"})
    assert "What can be behind it" in part.text and links["Paste a new key"] in part.html


def test_it_stays_there_folded_up_while_the_connection_is_in_error(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.probe.test(desk.connection(node, BAD_KEY))
    page = admin.open(f"/dashboard/providers/{node}")
    (behind,) = (each for each in page.root.all("details") if "mend" in each.attrs.get("class", "").split())
    assert "open" not in behind.attrs and "The key is mistyped" in behind.text


def test_what_a_request_has_set_is_understood_too(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    row = desk.connection(node)
    desk.services.connections.mark(row, "error", "unauthorized client detected, contact support")
    assert "A header of the profile was changed" in admin.open(f"/dashboard/providers/{node}").text


def test_a_valid_verdict_says_no_more(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node, name="good")
    page = admin.open(f"/dashboard/providers/{node}").press("Test good")
    assert "Valid" in page.text and "What can be behind it" not in page.text


def test_a_warning_offers_another_model_and_it_is_asked(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    row = desk.connection(node, name="good")
    desk.services.probe.test(row)
    relay.plan("glm-5.1")
    page = admin.open(f"/dashboard/providers/{node}").press("Test good")
    assert "The plan covers other models" in page.text
    assert page.links()["Test with another model"] == f"/dashboard/providers/{node}#model-{row}"
    page = page.fill({"Test with another model": " glm-5.1 "}).press("Test this model through good")
    assert "'glm-5.1' answered" in page.text
    relay.plan()


def test_a_check_leads_to_the_fields_of_its_own_form(desk: Desk, admin: Browser, relay: Relay) -> None:
    page = admin.open("/dashboard/nodes/add/openai-compatible").fill({"Base URL": relay.url, "Validate": KEY}).press("Check")
    assert "The relay answered, but not to this client" in page.text
    assert page.links()["Add it as Claude Code compatible"]
    page = (
        admin.open("/dashboard/nodes/add/claude-code-compatible")
        .fill({"Base URL": relay.url, "Validate": BAD_KEY})
        .press("Check")
    )
    assert page.links()["Paste a new key"] == "#check_key" and page.links()["Edit base URL"] == "#base_url"
    assert BAD_KEY not in page.html


def test_a_check_of_a_native_provider_does_so_too(open_desk: object, relay: Relay) -> None:
    desk: Desk = open_desk(provider_base_urls=(("agentrouter", relay.url),))  # type: ignore[operator]
    page = desk.admin().open("/dashboard/providers/add/agentrouter").fill({"API key": BAD_KEY}).press("Check")
    assert page.links()["Paste a new key"] == "#api_key"
    assert page.links()["Get a key there"].startswith("https://agentrouter.org/")
