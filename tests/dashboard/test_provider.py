"""A provider's page: connections with Test, what is sent upstream, who owns the prefix."""

from __future__ import annotations

from tests.dashboard.browsing import Browser, Page
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
    assert row.count("Make a new key in the upstream's dashboard and") == 1
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


def headers(page: Page) -> dict[str, tuple[str, str]]:
    """By name: what the operator has made of it, and the value."""
    table = next(each for each in page.root.all("table") if each.attrs.get("aria-label") == "Headers")
    cells = [row.all("td") for row in table.all("tr") if row.all("td")]
    return {name.text.split(" ")[0]: (name.text.partition(" ")[2], value.text) for name, value in cells}


def test_all_headers_are_shown_with_the_key_masked(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node)
    page = admin.open(f"/dashboard/providers/{node}")
    shown = headers(page)
    assert set(PROFILE) - {"Accept-Encoding"} <= set(shown)
    assert shown["anthropic-beta"] == ("", BETAS)
    assert shown["Authorization"][1].startswith("Bearer sk-")
    assert {edit for edit, _ in shown.values()} == {""}
    assert KEY not in page.html
    assert f"{relay.url}/v1/messages?beta=true" in page.text
    assert "redact-thinking the relay may blank" in page.text


def test_ones_own_edits_of_headers_are_marked(desk: Desk, admin: Browser, relay: Relay) -> None:
    own = {
        "X-Team": "blue",
        "x-app": None,
        "user-agent": "mine",
        "X-Secret-Key": "hush-hush-hush-hush",
        "anthropic-version": "2023-06-01",
    }
    node = desk.node(relay, custom_headers=own)
    page = admin.open(f"/dashboard/providers/{node}")
    shown = headers(page)
    assert shown["X-Team"] == ("Added by you", "blue")
    assert shown["x-app"] == ("Removed by you", "cli")
    assert (shown.get("user-agent") or shown["User-Agent"]) == ("Replaced by you", "mine")
    assert shown["anthropic-version"] == ("", "2023-06-01")  # as it would be anyway
    assert shown["X-Secret-Key"] == ("Added by you", "***") and "hush-hush" not in page.html


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
