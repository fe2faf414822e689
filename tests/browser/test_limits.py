"""Limits in a real browser: a key with limits and a budget, used up while the page looks on, and given more."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_combos import ask
from tests.browser.test_dashboard import WIDTHS
from tests.gateway import Gateway
from tests.upstream.client import Upstream


@pytest.fixture
def here(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    made = gateway()
    made.add_upstream("alpha", upstream.v1)
    return made


def test_a_key_with_limits_and_a_budget(here: Gateway, page: Page) -> None:
    sign_in(page, here, "/dashboard/limits")
    page.get_by_role("link", name="Create key").click()
    page.get_by_label("Name", exact=True).fill("CI")
    page.get_by_text("Limits and rights").click()
    page.get_by_label("Requests per minute").fill("3")
    page.get_by_role("button", name="Create key").click()
    key = page.locator("#new-key").inner_text()

    # Its budget is added where limits are shown, and the form is a press away.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Limits").click()
    page.get_by_role("link", name="Add budget").click()
    expect(page.get_by_label("Key", exact=True)).to_be_in_viewport()
    page.get_by_label("For", exact=True).select_option("day")
    page.get_by_label("Limit", exact=True).fill("1")
    page.get_by_label("Counted in").select_option("tokens")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Save budget").click()
    expect(page.get_by_text("The budget of CI is saved.")).to_be_visible()
    day = page.get_by_role("row", name=re.compile("Tokens per day"))
    expect(day).to_contain_text("0 of 1")
    expect(day).to_contain_text(re.compile(r"in \d+ (h|min|s)"))

    # One request is let in and overshoots; the page says so by itself, and the next gets 429.
    assert ask(here, key, "alpha/one") == 200
    here.log_rows(1)
    expect(day).to_contain_text("Used up", timeout=15_000)
    expect(page.get_by_role("row", name=re.compile("Requests per minute"))).to_contain_text("1 of 3")
    assert ask(here, key, "alpha/one") == 429
    page.reload()
    page.get_by_role("link", name=re.compile(r"^\d alert")).click()
    alerts = page.locator("#alerts")
    expect(alerts).to_contain_text("The key CI has used up its budget of 1 token a day.")
    alerts.get_by_role("link", name=re.compile("Look at it")).first.click()

    # More is given, and it goes on.
    page.get_by_role("link", name="Change tokens per day of CI").click()
    page.get_by_label("Limit", exact=True).fill("1,000,000")
    page.get_by_role("button", name="Save budget").click()
    expect(day).to_contain_text("of 1M")
    expect(day).to_contain_text("Room")
    assert ask(here, key, "alpha/one") == 200

    # What is lost is said before it is deleted; the list renews itself under the dialog and behind it.
    page.get_by_role("link", name="Delete tokens per day of CI").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("as much as it likes in a day")
    dialog.get_by_role("button", name="Delete budget").click()
    expect(page.get_by_text("The budget of CI is deleted.")).to_be_visible()
    expect(day).to_have_count(0)


def test_keys_are_found_while_one_types_and_the_renewed_list_stays_narrow(here: Gateway, page: Page) -> None:
    for number in range(8):
        here.make_key(f"key {number}", maxConcurrent=1)
    sign_in(page, here, "/dashboard/limits")
    page.get_by_role("searchbox").fill("key 5")
    groups = page.locator("tr.group")
    expect(groups).to_have_count(1)
    edit = page.get_by_role("link", name="Edit key key 5")
    edit.focus()
    with page.expect_response(re.compile("/dashboard/limits.*q=key")):
        pass
    expect(groups).to_have_count(1)
    expect(edit).to_be_focused()


def test_no_page_of_limits_is_wider_than_its_window(here: Gateway, page: Page) -> None:
    key = here.api("POST", "/api/keys", {"name": "n" * 100, "requestsPerMinute": 1_000_000, "maxConcurrent": 1})["id"]
    for period in ("day", "month"):
        given = {"apiKeyId": key, "period": period, "limit_usd": 1_000_000_000, "timezone": "America/Argentina/ComodRivadavia"}
        here.api("POST", "/api/usage/budget", given)
    row = here.api("GET", "/api/providers")["connections"][0]["id"]
    quota = {"unit": "tokens", "limit": 1_000_000_000_000, "window": "month", "mode": "fixed"}
    here.api("PUT", f"/api/providers/{row}", {"name": "c" * 100, "quota": quota})
    sign_in(page, here, "/dashboard/limits")
    paths = (
        "/dashboard/limits",
        f"/dashboard/limits?key={key}",
        f"/dashboard/keys/{key}/edit",
        f"/dashboard/connections/{row}/edit",
    )
    for path in paths:
        page.goto(here.url + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"


def test_budgets_and_quotas_without_scripts(here: Gateway, chromium: Browser, watch: Watch) -> None:
    here.make_key("CI")
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    watch.over(context)
    page = context.new_page()
    sign_in(page, here, "/dashboard/limits")
    page.get_by_label("Limit", exact=True).fill("10")
    page.get_by_role("button", name="Save budget").click()
    page.get_by_role("link", name="Change USD per month of CI").click()
    page.get_by_label("Limit", exact=True).fill("20")
    page.get_by_role("button", name="Save budget").click()
    assert [each["limit_usd"] for each in here.api("GET", "/api/usage/budget")["budgets"]] == [20]
    page.get_by_role("link", name="Delete USD per month of CI").click()
    page.get_by_role("button", name="Delete budget").click()
    assert here.api("GET", "/api/usage/budget")["budgets"] == []
    row = here.api("GET", "/api/providers")["connections"][0]["id"]
    page.goto(f"{here.url}/dashboard/connections/{row}/edit")
    page.get_by_text("Quota", exact=True).click()
    page.get_by_label("Counted").select_option("requests")
    page.get_by_label("Limit", exact=True).fill("50")
    page.get_by_label("In", exact=True).select_option("5h")
    page.get_by_role("button", name="Save").click()
    page.goto(f"{here.url}/dashboard/limits")
    expect(page.get_by_role("row", name=re.compile("Requests per 5h"))).to_contain_text("0 of 50")
    context.close()
    assert not watch.found, "\n".join(watch.found)
