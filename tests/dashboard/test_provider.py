"""A provider's page: connections with Test, what is sent upstream, who owns the prefix."""

from __future__ import annotations

from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.dashboard.trouble import answered
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


# The order -------------------------------------------------------------------------------------


def names(desk: Desk, node: str) -> list[str]:
    return [row.name for row in desk.services.connections.list(node)]


def three(desk: Desk, relay: Relay) -> str:
    node = desk.node(relay)
    for place, name in enumerate(("first", "second", "third")):
        desk.connection(node, f"{KEY}-{name}", name=name, priority=place)
    return node


def test_the_order_is_changed_without_scripts(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = three(desk, relay)
    page = admin.open(f"/dashboard/providers/{node}").press("Move third up")
    assert page.toasts[0].startswith("third is number 2 of 3 now.")
    assert names(desk, node) == ["first", "third", "second"]
    page.press("Move first down")
    assert names(desk, node) == ["third", "first", "second"]
    admin.open(f"/dashboard/providers/{node}").press("Move third up")  # it is the first
    assert names(desk, node) == ["third", "first", "second"]


def test_an_order_is_sent_whole_and_said(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = three(desk, relay)
    page = admin.open(f"/dashboard/providers/{node}")
    form = next(each for each in page.root.all("form") if "data-order-of" in each.attrs)
    token = next(each.attrs["value"] for each in form.all("input") if each.attrs["name"] == "csrf_token")
    ids = [row.id for row in desk.services.connections.list(node)]
    sent = {"csrf_token": token, "ids": " ".join(ids[::-1])}
    told = admin.send(form.attrs["action"], sent, **{"HX-Request": "true"})
    assert "The order is saved" in told.text and "hx-swap-oob" in told.html and "<html" not in told.html
    assert names(desk, node) == ["third", "second", "first"]
    page = told.press("Undo")
    assert names(desk, node) == ["first", "second", "third"]
    stale = admin.client.post(
        form.attrs["action"], data=sent | {"ids": "gone"}, headers={"Origin": "http://localhost", "HX-Request": "true"}
    )
    assert stale.headers["HX-Redirect"].startswith(f"/dashboard/providers/{node}")  # the page is to be read anew


def test_those_of_one_priority_say_that_they_share(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = desk.node(relay)
    desk.connection(node, f"{KEY}-a", name="a")
    assert "share the requests" not in admin.open(f"/dashboard/providers/{node}").text
    desk.connection(node, f"{KEY}-b", name="b")
    assert "Those of the same priority share the requests" in admin.open(f"/dashboard/providers/{node}").text
    admin.open(f"/dashboard/providers/{node}").press("Move b up")
    assert "share the requests" not in admin.open(f"/dashboard/providers/{node}").text


def test_what_waits_says_for_how_long(desk: Desk, admin: Browser, relay: Relay) -> None:
    node = three(desk, relay)
    row = desk.services.connections.list(node)[0]
    answered(desk, row.id, "glm-5.1", 429, retry_after=90)
    page = admin.open(f"/dashboard/providers/{node}")
    assert "Cooling for 1 min" in page.text
    tile = next(each.text for each in admin.open("/dashboard/providers").root.all("article"))
    assert "Cooling for 1 min" in tile and "first" in tile
