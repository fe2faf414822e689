"""Usage and the live log in a real browser: charts are drawn, rows come by themselves, and all of it works without scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from omniroute.models.db import Database
from omniroute.usage.logs import insert_rows
from tests.browser.chromium import Watch
from tests.browser.seed import sign_in
from tests.browser.test_dashboard import WIDTHS
from tests.gateway import Gateway
from tests.upstream.client import Upstream
from tests.upstream.raw import post

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
LONG = "a-name-without-any-place-to-break-it-" * 6
# How many of a canvas's pixels have exactly this colour.
PIXELS = """(canvas, colour) => {
  const wanted = colour.match(/\\d+/g).map(Number);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 255 && wanted.every((part, index) => data[at + index] === part)) found++;
  }
  return found;
}"""

FITS = (
    "() => [...document.querySelectorAll('.plot > .uplot')].every((plot) => plot.clientWidth === plot.parentElement.clientWidth)"
)


@pytest.fixture
def here(gateway: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    """Two providers, the first with a price."""
    made = gateway()
    for name in ("alpha", "beta"):
        node = made.add_upstream(name, upstream.v1, api_key=f"sk-good-{name}")
        if name == "alpha":
            made.api("PUT", "/api/pricing", {"provider": node, "model": "*", "input": 1000, "output": 1000})
    return made


@pytest.fixture
def key(here: Gateway) -> str:
    return here.make_key("laptop", logBodies=True)


def ask(here: Gateway, key: str, model: str, **more: Any) -> None:
    post(here.url, "/v1/chat/completions", {"Authorization": f"Bearer {key}"}, model=model, **more)


def write_rows(here: Gateway, *rows: dict[str, Any]) -> None:
    """Rows as some worker would have written them."""
    with closing(Database(f"sqlite:///{here.data_dir / 'omniroute.db'}")) as database:
        database.write(
            lambda session: insert_rows(session, [{"status": 200, "kind": "ok", "at": time.time(), **row} for row in rows])
        )


def chart(page: Page, measure: str) -> Locator:
    return page.locator(f"[data-measure={measure}]")


def drawn(page: Page, measure: str, line: int) -> int:
    """How much of the chart has the colour of that line."""
    colour = page.locator(f"[data-line='{line}'] .swatch").evaluate("swatch => getComputedStyle(swatch).color")
    return int(chart(page, measure).locator("canvas").evaluate(PIXELS, colour))


def point_at_the_last(page: Page, measure: str) -> None:
    inside = chart(page, measure).locator(".u-over")
    box = inside.bounding_box()
    assert box is not None
    inside.hover(position={"x": box["width"] - 8, "y": box["height"] / 2})


def test_the_charts_show_each_group_in_its_colour(here: Gateway, key: str, page: Page, upstream: Upstream) -> None:
    upstream.always({"delay": 1.0}, model="two")  # so that its point lies beside the other's
    for model in ("alpha/one", "alpha/one", "beta/two"):
        ask(here, key, model)
    here.log_rows(3)
    sign_in(page, here, "/dashboard/usage")
    expect(page.locator("[data-drawn]")).to_be_visible()
    for measure, least in (("tokens", 20), ("requests", 20), ("first", 3), ("total", 3)):  # bars; a point of a line
        assert min(drawn(page, measure, 0), drawn(page, measure, 1)) >= least, measure
    assert drawn(page, "cost", 0) >= 20 and drawn(page, "cost", 1) == 0
    assert drawn(page, "failed", 0) == 0

    # What stands under the pointer is said in words.
    point_at_the_last(page, "requests")
    tip = chart(page, "requests").locator("[data-tip]")
    expect(tip).to_contain_text("Together")
    assert tip.locator("div").all_inner_texts() == ["alpha\n2", "beta\n1", "Together\n3"]
    point_at_the_last(page, "cost")
    expect(chart(page, "cost").locator("[data-tip]")).to_contain_text("unknown")
    expect(tip).to_be_hidden()

    # A line is taken out and put back with the keyboard.
    before = drawn(page, "requests", 0)
    page.get_by_role("button", name="alpha").press("Enter")
    expect(page.get_by_role("button", name="alpha")).to_have_attribute("aria-pressed", "false")
    assert drawn(page, "requests", 0) == 0 < drawn(page, "requests", 1)
    page.get_by_role("button", name="alpha").press("Enter")
    assert drawn(page, "requests", 0) == before

    # Other colours are drawn in the dark.
    light = page.locator("[data-line='0'] .swatch").evaluate("swatch => getComputedStyle(swatch).color")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("[data-line='0'] .swatch")).not_to_have_css("color", light)
    assert drawn(page, "requests", 0) == before


def test_the_charts_are_read_with_the_keyboard(here: Gateway, key: str, page: Page) -> None:
    ask(here, key, "alpha/one")
    here.log_rows(1)
    sign_in(page, here, "/dashboard/usage")
    expect(page.locator("[data-drawn]")).to_be_visible()
    chart(page, "requests").get_by_role("application").press("End")
    said = chart(page, "requests").locator("[data-said]")
    expect(said).to_contain_text("alpha 1")
    expect(chart(page, "requests").locator("[data-tip]")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("nothing")
    page.keyboard.press("Escape")
    expect(chart(page, "requests").locator("[data-tip]")).to_be_hidden()


def test_charts_fit_their_place_at_every_width(here: Gateway, page: Page) -> None:
    write_rows(
        here,
        *(
            {
                "id": f"r-{number}",
                "provider_id": f"p-{number}",
                "provider_prefix": f"{LONG}{number}",
                "upstream_model": LONG,
                "key_name": LONG,
                "key_id": "k",
                "combo": LONG,
                "requested_model": LONG,
                "connection_name": LONG,
                "connection_id": "c",
                "cost": number * 10_000,
                "attempts": [{"target": LONG, "connection": LONG, "class": "ok", "status": 200, "at_ms": 1, "ms": 5}],
            }
            for number in range(12)
        ),
    )
    sign_in(page, here)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for path in (
            "/dashboard/usage",
            "/dashboard/usage?group=combo",
            "/dashboard/logs",
            f"/dashboard/logs?combo={LONG}",
            "/dashboard/logs/r-1",
            "/",
        ):
            page.goto(here.url + path)
            if "usage" in path:
                expect(page.locator("[data-drawn]")).to_be_visible()
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
                page.wait_for_function(FITS)


def live(page: Page, here: Gateway, path: str = "/dashboard/logs") -> Locator:
    """The rows of the log page, once it is live."""
    sign_in(page, here, path)
    page.get_by_role("switch", name="Live").click()
    expect(page.locator("[data-live-said]")).to_have_text("Live: new requests come in on top")
    return page.locator("tr[data-log]")


def test_requests_come_into_the_log_by_themselves(here: Gateway, key: str, page: Page) -> None:
    rows = live(page, here)
    expect(page.get_by_text("No request yet")).to_be_visible()
    ask(here, key, "alpha/one", stream=True)
    expect(rows).to_have_count(1)
    expect(page.get_by_text("No request yet")).to_have_count(0)
    expect(rows.first).to_contain_text("alpha/one")
    expect(rows.first).to_contain_text("laptop")
    expect(rows.first.locator("time")).not_to_contain_text("UTC")  # as everywhere, in the reader's own zone
    ask(here, key, "beta/two")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("beta/two")
    expect(rows.first).to_contain_text("unknown")

    page.get_by_role("button", name="Pause").click()
    ask(here, key, "alpha/three")
    expect(page.locator("[data-live-waiting]")).to_have_text("1 waiting")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    page.mouse.move(5, 5)
    expect(rows).to_have_count(3)

    rows.first.hover()
    ask(here, key, "alpha/four")
    expect(page.locator("[data-live-waiting]")).to_have_text("1 waiting")
    expect(page.locator("[data-live-said]")).to_have_text("Paused while you point at it")
    page.mouse.move(5, 5)
    expect(rows.first).to_contain_text("alpha/four")

    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="alpha/four")).to_be_visible()


def test_the_switch_ends_it_and_what_came_meanwhile_is_there_at_the_next(here: Gateway, key: str, page: Page) -> None:
    rows = live(page, here)
    page.get_by_role("switch", name="Live").click()
    expect(page.locator("[data-live-bar]")).to_be_hidden()
    ask(here, key, "alpha/one")
    here.log_rows(1)
    expect(rows).to_have_count(0)
    page.get_by_role("switch", name="Live").click()
    expect(rows).to_have_count(1)


def test_names_stay_text(here: Gateway, key: str, page: Page) -> None:
    rows = live(page, here)
    ask(here, key, HOSTILE)
    expect(rows.get_by_role("link")).to_have_text(HOSTILE)
    assert rows.locator("img, b, script").count() == 0
    assert page.title() == "Logs · OmniRoute"


def test_only_the_newest_are_kept(here: Gateway, page: Page) -> None:
    write_rows(here, *({"id": f"old-{number:03}", "at": time.time() - 60, "requested_model": "old"} for number in range(50)))
    rows = live(page, here)
    expect(rows).to_have_count(50)
    write_rows(
        here, *({"id": f"new-{number:03}", "at": time.time() + number / 1000, "requested_model": "new"} for number in range(180))
    )
    expect(rows).to_have_count(200)
    expect(rows.first).to_have_attribute("data-log", "new-179")
    expect(rows.filter(has_text="old")).to_have_count(20)


def test_the_filters_of_the_page_hold_for_what_comes(here: Gateway, key: str, page: Page) -> None:
    rows = live(page, here, "/dashboard/logs?outcome=failed")
    ask(here, key, "alpha/one")
    ask(here, key, "nobody/at-all")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("404")


def test_bodies_come_when_they_are_asked_for(here: Gateway, key: str, page: Page) -> None:
    ask(here, key, "alpha/one", messages=[{"role": "user", "content": HOSTILE}])
    row = here.log_rows(1)[0]
    sign_in(page, here, f"/dashboard/logs/{row['id']}")
    page.get_by_role("link", name="Show").click()
    expect(page.get_by_label("What was asked", exact=True)).to_contain_text(HOSTILE.replace('"', '\\"'))
    expect(page.get_by_label("What was answered", exact=True)).to_contain_text("Hello from the scripted upstream.")
    assert page.locator("#bodies img, #bodies b").count() == 0
    expect(page.get_by_role("heading", name="alpha/one")).to_be_visible()


@pytest.fixture
def plain(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A page without scripts."""
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900})
    watch.over(context)
    yield context.new_page()
    context.close()
    assert not watch.found, "\n".join(watch.found)


def test_all_of_it_without_scripts(here: Gateway, key: str, plain: Page) -> None:
    for model in ("alpha/one", "alpha/one", "beta/two", "nobody/at-all"):
        ask(here, key, model)
    newest = here.log_rows(4)[1]
    sign_in(plain, here, "/dashboard/usage")
    expect(plain.get_by_text("1 answered request has no known price")).to_be_visible()
    expect(plain.get_by_role("heading", name="Over time")).to_be_hidden()
    rows = plain.locator(".usage-table tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("alpha")
    expect(rows.first.locator("progress").first).to_be_visible()
    plain.get_by_role("columnheader", name="Errors").get_by_role("link").click()
    expect(rows.first).to_contain_text("Not sent")
    plain.get_by_role("link", name="Model", exact=True).click()
    rows.get_by_role("link", name="two").click()
    expect(rows).to_have_count(1)
    plain.get_by_role("link", name="Show requests").click()
    expect(plain.locator("tr[data-log]")).to_have_count(1)
    expect(plain.get_by_role("switch")).to_have_count(0)
    plain.get_by_role("link", name="Clear").click()
    plain.get_by_label("Status", exact=True).select_option(label="Failed")
    plain.get_by_role("button", name="Filter").click()
    expect(plain.locator("tr[data-log]")).to_have_count(1)
    plain.goto(f"{here.url}/dashboard/logs/{newest['id']}")
    plain.get_by_role("link", name="Show").click()
    expect(plain.get_by_role("heading", name="What was asked and answered")).to_be_visible()
    expect(plain.get_by_label("What was answered", exact=True)).to_be_visible()
