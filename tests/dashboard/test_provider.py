"""A provider's page: connections with Test, what is sent upstream, who owns the prefix."""

from __future__ import annotations

from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.relay import BETAS, PROFILE, Relay


def test_add_connection_turns_active(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    page = admin.open(f"/dashboard/providers/{node}").fill({"API key": KEY}).press("Add Connection")
    assert "is connected" in page.toasts[0]
    assert desk.services.connections.list(node)[0].test_status == "active"


def test_a_connection_that_does_not_work_is_saved_and_says_what_to_do(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    page = admin.open(f"/dashboard/providers/{node}").fill({"API key": BAD_KEY}).press("Add Connection")
    assert "doesn't work yet" in page.toasts[0]
    row = page.root.all("table")[0].text
    assert row.count("Make a new key") == 1
    assert BAD_KEY not in page.html


def test_a_missing_key_is_told_on_the_same_page(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    page = admin.open(f"/dashboard/providers/{node}").press("Add Connection")
    assert page.status == 400
    assert page.control("API key").attrs["aria-invalid"] == "true"


def test_test_shows_the_verdict_under_its_row(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node, name="first")
    bad = desk.connection(node, BAD_KEY, name="second")
    page = admin.open(f"/dashboard/providers/{node}").press("Test second")
    assert "Not valid" in page.text
    assert desk.services.connections.get(bad).test_status == "error"
    row = page.press("Test second", **{"HX-Request": "true"})
    assert "<html" not in row.html
    assert "Not valid" in row.text


def test_all_headers_are_shown_with_the_key_masked(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay, custom_headers={"X-Team": "blue", "x-app": None})
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}")
    shown = {row.children[0].text: row.children[1].text for row in page.root.all("tr") if len(row.all("td")) == 2}  # type: ignore[union-attr]
    assert set(PROFILE) - {"x-app", "Accept-Encoding"} <= set(shown)
    assert shown["X-Team"] == "blue"
    assert "x-app" not in shown
    assert shown["anthropic-beta"] == BETAS
    assert shown["Authorization"].startswith("Bearer sk-")
    assert KEY not in page.html
    assert f"{relay.url}/v1/messages?beta=true" in page.text
    assert "redact-thinking the relay may blank" in page.text


def test_a_key_too_short_for_a_hint_is_not_made_up(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    assert "Bearer ..." in admin.open(f"/dashboard/providers/{node}").text
    desk.connection(node, "sk-good-1")
    page = admin.open(f"/dashboard/providers/{node}")
    assert "Bearer ..." in page.text
    assert "xxx" not in page.text


def test_what_is_shown_is_what_is_sent(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.services.probe.test(desk.connection(node))
    page = admin.open(f"/dashboard/providers/{node}")
    for name, value in relay.last("/messages").headers:
        if name not in ("Host", "Content-Length", "Connection", "Authorization", "Accept", "X-Stainless-Timeout"):
            assert f"{name} {value}" in page.text


def test_a_provider_that_lost_its_prefix_says_who_has_it(desk: Desk, admin: Browser, relay: Relay) -> None:
    desk.node(relay, "agentrouter", name="My relay")
    page = admin.open("/dashboard/providers/agentrouter")
    assert "routes to My relay" in page.text


def test_an_unknown_provider_is_not_found(admin: Browser) -> None:
    page = admin.open("/dashboard/providers/nobody")
    assert page.status == 404
    assert page.follow("Go to Home").path == "/"
