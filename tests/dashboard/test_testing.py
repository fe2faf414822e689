"""Test all without scripts, and the parts that scripts put together. In the browser: tests/browser/test_providers.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omniroute.relay import probe_all
from tests.dashboard.browsing import Browser
from tests.dashboard.conftest import BAD_KEY, KEY, Desk
from tests.upstream.client import until
from tests.upstream.relay import Relay

AT = "/dashboard/providers/test-all"


@pytest.fixture
def node(desk: Desk, relay: Relay) -> str:
    node = desk.node(relay)
    desk.connection(node, KEY, name="good")
    desk.connection(node, BAD_KEY, name="bad")
    desk.connection(node, f"{KEY}-off", name="off", is_active=False)
    return node


def test_one_post_tests_all_that_is_on_and_shows_the_results(desk: Desk, admin: Browser, node: str) -> None:
    page = admin.open("/dashboard/providers").press("Test all")
    assert page.path == AT
    assert page.toasts == ["2 tested: 1 works, 1 does not."]
    assert "Connected" in page.text and "the API key is refused" in page.text and "What can be behind it" in page.text
    assert {row.name: row.test_status for row in desk.services.connections.list(node)} == {
        "good": "active",
        "bad": "error",
        "off": "untested",
    }


def test_of_one_provider_it_comes_back_to_its_page(desk: Desk, admin: Browser, node: str, relay: Relay) -> None:
    other = desk.connection(desk.node(relay, "other"))
    page = admin.open(f"/dashboard/providers/{node}").press("Test all")
    assert page.path == f"/dashboard/providers/{node}" and page.toasts[0].startswith("2 tested")
    assert desk.services.connections.get(other).test_status == "untested"


def test_it_does_not_wait_for_the_slow_ones(desk: Desk, node: str, relay: Relay) -> None:
    rows = tuple(row for row in desk.services.connections.list(node) if row.name == "good")
    relay.always({"fault": "hang"}, path="/messages")
    done = probe_all.ask_all(desk.services.probe, rows, desk.by, seconds=0.2)
    assert (done.results, done.left) == ((), rows)
    relay.reset()
    relay.hang_up()  # what is under way still keeps its verdict
    until(lambda: desk.services.connections.get(rows[0].id).last_test, 20, lambda: "its verdict")


def test_one_that_is_gone_or_can_not_be_asked_holds_up_no_other(open_desk: Callable[..., Desk], relay: Relay) -> None:
    desk = open_desk()
    node = desk.node(relay)
    kept, gone = (desk.services.connections.get(desk.connection(node, f"{KEY}-{n}")) for n in "ab")
    desk.services.connections.delete(gone.id, desk.by)
    stranger = open_desk(storage_encryption_keys=("A" * 43 + "=",))
    (one,) = probe_all.ask_all(stranger.services.probe, (gone, kept), desk.by).results
    assert one.connection_id == kept.id and one.verdict.diagnosis.type == "secret_unreadable"
    off = open_desk(enable_cc_compatible_provider=False)
    (one,) = probe_all.ask_all(off.services.probe, (kept,), desk.by).results
    assert one.verdict.diagnosis.type == "feature_off"


def test_one_line_comes_with_its_outcome(desk: Desk, admin: Browser, node: str) -> None:
    page = admin.open(AT)
    part = page.press("Test bad of Team", **{"HX-Request": "true"})
    (line,) = part.root.all("li")[:1]
    assert line.attrs["data-outcome"] == "bad" and "<html" not in part.html
    assert BAD_KEY not in part.html
    assert page.press("Test good of Team").toasts[0].startswith("good: Connected")


def test_the_list_for_scripts_begins_at_once_and_the_page_does_not(admin: Browser, node: str) -> None:
    assert "data-start" not in admin.open(AT).html
    part = admin.open(AT, **{"HX-Request": "true"})
    assert "data-start" in part.html and "<html" not in part.html


def test_a_row_of_the_provider_page_is_quiet_among_many(desk: Desk, admin: Browser, node: str) -> None:
    row = desk.services.connections.list(node)[0]
    inputs = admin.open(AT).root.all("input")
    sent = {"csrf_token": next(each.attrs["value"] for each in inputs if each.attrs.get("name") == "csrf_token")}
    path, htmx = f"/dashboard/connections/{row.id}/test", {"HX-Request": "true"}
    assert "data-say" in admin.send(path, sent, **htmx).html
    assert "data-say" not in admin.send(path, sent | {"quiet": "1"}, **htmx).html


def test_nothing_in_use_says_so(open_desk: Callable[..., Desk], relay: Relay) -> None:
    desk = open_desk()
    desk.connection(desk.node(relay))
    off = open_desk(enable_cc_compatible_provider=False).admin()
    assert "Nothing to test" in off.open(AT).text
    assert "Test all" not in off.open("/dashboard/providers").buttons()
