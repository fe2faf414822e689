"""Usage: the figures, the groups and the numbers of the charts, all from the same sums; what has no price is called unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from omniroute.dashboard.usage import AT_ONCE, LINES
from tests.dashboard.browsing import Browser, Page
from tests.dashboard.conftest import Desk

DAY = 86_400
ROW: dict[str, Any] = {
    "status": 200,
    "kind": "ok",
    "provider_id": "openai",
    "provider_prefix": "openai",
    "upstream_model": "gpt-5.5",
    "requested_model": "openai/gpt-5.5",
    "key_id": "k-1",
    "key_name": "laptop",
    "connection_id": "c-1",
    "connection_name": "company",
    "endpoint": "/v1/messages",
    "usage_source": "reported",
    "input_tokens": 1000,
    "output_tokens": 100,
    "cost": 1_230_000,
    "first_ms": 400,
    "total_ms": 2000,
    "attempts": [{}],
}
UNPRICED: dict[str, Any] = {
    "provider_id": "anthropic",
    "provider_prefix": "anthropic",
    "upstream_model": "claude",
    "combo": "both",
    "cost": None,
}
FAILED: dict[str, Any] = {
    "status": 529,
    "kind": "overloaded",
    "cost": None,
    "input_tokens": None,
    "output_tokens": None,
    "first_ms": None,
}


@pytest.fixture
def used(desk: Desk) -> Desk:
    """One answer with a price, one without, and one failure, all of the last hour."""
    now = desk.services.clock.now()
    for number, more in enumerate(({}, UNPRICED, FAILED)):
        desk.log_row(f"row-{number}", **ROW | {"at": now - number} | more)
    return desk


def rows(page: Page) -> dict[str, list[str]]:
    """The cells of the table, by the name of the group, in their order."""
    (table,) = page.root.all("table")
    found = [[cell.text for cell in row.all("td")] for row in table.all("tr")[1:]]
    return {cells[0]: cells[1:] for cells in found}


def figures(page: Page) -> dict[str, str]:
    (tiles,) = [each for each in page.root.all("dl") if "figures" in each.attrs["class"].split()]
    return {tile.all("dt")[0].text: " ".join(each.text for each in tile.all("dd")) for tile in tiles.all("div")}


def numbers(browser: Browser, page: Page) -> Any:
    """What the script would draw."""
    (place,) = [each.attrs["data-charts"] for each in page.root.walk() if "data-charts" in each.attrs]
    answer = browser.client.get(place)
    assert answer.content_type == "application/json"
    return answer.json


def test_nothing_yet_says_so(admin: Browser) -> None:
    page = admin.open("/dashboard/usage")
    assert "No request in this time" in page.text
    assert not page.root.all("table")


def test_the_figures(used: Desk) -> None:
    told = figures(used.admin().open("/dashboard/usage"))
    assert told["Spend"] == "$1.23 1 answered request has no known price"
    assert told["Requests"].startswith("3 3 attempts")
    assert told["Error rate"] == "33.3 % 1 failed"
    assert told["Tokens"].startswith("2,200 2,000 in (0 cached), 200 out")
    assert "within" in told["First content"] and "within" in told["Whole answer"]


def test_unknown_prices_lead_to_where_they_are_set(used: Desk) -> None:
    admin = used.admin()
    page = admin.open("/dashboard/usage").follow("1 answered request has no known price")
    assert (page.status, page.path) == (200, "/dashboard/pricing")


def test_what_has_no_price_at_all_is_unknown_and_not_free(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ROW | UNPRICED | {"at": desk.services.clock.now()})
    page = admin.open("/dashboard/usage")
    assert figures(page)["Spend"].startswith("unknown")
    assert rows(page)["anthropic"][0] == "unknown"
    assert "$0" not in page.text
    assert numbers(admin, page)["lines"][0]["cost"].count(None) == 1


def test_a_price_of_nothing_is_zero(desk: Desk, admin: Browser) -> None:
    desk.log_row(**ROW | {"at": desk.services.clock.now(), "cost": 0})
    assert figures(admin.open("/dashboard/usage"))["Spend"].startswith("$0 ")


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("Provider", {"openai", "anthropic"}),
        ("Model", {"gpt-5.5", "claude"}),
        ("Key", {"laptop"}),
        ("Combo", {"both", "No combo"}),
        ("Connection", {"company"}),
        ("Class", {"ok", "overloaded"}),
    ],
)
def test_groups(used: Desk, by: str, names: set[str]) -> None:
    page = used.admin().open("/dashboard/usage").follow(by)
    assert rows(page).keys() == names
    assert figures(page)["Requests"].startswith("3 ")


def test_a_group_is_a_filter_that_can_be_taken_out_again(used: Desk) -> None:
    admin = used.admin()
    page = admin.open("/dashboard/usage").follow("Model").follow("claude")
    assert rows(page).keys() == {"claude"} and figures(page)["Requests"].startswith("1 ")
    assert len(numbers(admin, page)["lines"]) == 1
    page = page.follow("24 hours")
    assert rows(page).keys() == {"claude"}
    page = page.follow("Take out Model: claude")
    assert rows(page).keys() == {"claude", "gpt-5.5"}


def test_a_filter_is_called_by_its_name(desk: Desk, admin: Browser) -> None:
    key, _ = desk.services.keys.create({"name": "the laptop"}, desk.by)
    desk.log_row(**ROW | {"at": desk.services.clock.now(), "key_id": key.id})
    page = admin.open("/dashboard/usage?group=key").follow("the laptop")
    assert "Take out Key: the laptop" in page.links()


def test_an_endpoint_is_a_filter_too(used: Desk) -> None:
    page = used.admin().open("/dashboard/usage?endpoint=/v1/messages")
    assert figures(page)["Requests"].startswith("3 ")
    assert "endpoint=%2Fv1%2Fmessages" in page.links()["Show requests"]
    assert "No request fits" in used.admin().open("/dashboard/usage?endpoint=/v1/other").text


def test_the_same_requests_in_the_log(used: Desk) -> None:
    page = used.admin().open("/dashboard/usage").follow("anthropic").follow("Show requests")
    assert page.path == "/dashboard/logs"
    assert [each.attrs["data-log"] for each in page.root.all("tr") if "data-log" in each.attrs] == ["row-1"]


@pytest.mark.parametrize(
    ("label", "first"),
    [("Spend", "openai"), ("Requests", "openai"), ("Errors", "openai"), ("Tokens in", "anthropic"), ("Provider", "anthropic")],
)
def test_sorting(used: Desk, label: str, first: str) -> None:
    used.log_row("more", **ROW | UNPRICED | {"at": used.services.clock.now(), "input_tokens": 5000, "status": 200})
    used.log_row("and", **ROW | {"at": used.services.clock.now(), "input_tokens": 1})
    page = used.admin().open("/dashboard/usage")
    (address,) = [each.attrs["href"] for head in page.root.all("thead") for each in head.all("a") if each.text == label]
    page = used.admin().open(address)
    assert next(iter(rows(page))) == first
    assert len([each for each in page.root.all("th") if "aria-sort" in each.attrs]) == 1


def test_groups_without_a_value_come_last(used: Desk) -> None:
    used.log_row(
        "lost",
        **ROW | FAILED | {"at": used.services.clock.now(), "provider_id": "gone", "provider_prefix": "gone", "total_ms": None},
    )
    assert list(rows(used.admin().open("/dashboard/usage?sort=first")))[-1] == "gone"


def test_the_charts_have_the_numbers_of_the_table(used: Desk) -> None:
    admin = used.admin()
    page = admin.open("/dashboard/usage?range=24h&group=provider")
    told = numbers(admin, page)
    assert told["step"] == 3600 and len(told["at"]) in (24, 25)
    lines = {line["name"]: line for line in told["lines"]}
    assert sum(lines["openai"]["requests"]) == 2 and sum(lines["anthropic"]["requests"]) == 1
    assert sum(lines["openai"]["cost"]) == 1_230_000 and sum(lines["openai"]["failed"]) == 1
    assert sum(lines["openai"]["tokens"]) == 1100
    assert max(time for time in lines["openai"]["first"] if time) <= 500
    assert all(len(line[name]) == len(told["at"]) for line in told["lines"] for name in line if name != "name")


def test_few_groups_have_a_line_and_the_others_are_one(desk: Desk, admin: Browser) -> None:
    now = desk.services.clock.now()
    for number in range(LINES + 3):
        desk.log_row(f"row-{number}", **ROW | {"at": now, "upstream_model": f"m-{number}", "cost": 1_000_000 * (20 - number)})
    page = admin.open("/dashboard/usage?group=model")
    told = numbers(admin, page)
    assert [line["name"] for line in told["lines"]] == [f"m-{number}" for number in range(LINES)] + ["3 others"]
    assert sum(told["lines"][-1]["requests"]) == 3
    assert sum(told["lines"][-1]["cost"]) == sum(1_000_000 * (20 - number) for number in range(LINES, LINES + 3))
    assert "3 others" in page.buttons() and len(rows(page)) == LINES + 3


def test_a_long_table_is_cut_and_can_be_had_whole(desk: Desk, admin: Browser) -> None:
    now = desk.services.clock.now()
    for number in range(AT_ONCE + 2):
        desk.log_row(f"row-{number}", **ROW | {"at": now, "upstream_model": f"m-{number}"})
    page = admin.open("/dashboard/usage?group=model")
    assert len(rows(page)) == AT_ONCE and "2 more are not shown." in page.text
    assert len(rows(page.follow("Show all"))) == AT_ONCE + 2


@pytest.mark.parametrize(("label", "count"), [("24 hours", 1), ("7 days", 2), ("30 days", 3), ("90 days", 4)])
def test_ranges(desk: Desk, admin: Browser, label: str, count: int) -> None:
    now = desk.services.clock.now()
    for number, days in enumerate((0, 3, 20, 80, 200)):
        desk.log_row(f"row-{number}", **ROW | {"at": now - days * DAY})
    page = admin.open("/dashboard/usage?range=24h").follow(label)
    assert figures(page)["Requests"].startswith(f"{count} ")


def test_days_of_ones_own_are_included_whole(desk: Desk, admin: Browser) -> None:
    for number, at in enumerate(("2026-03-01T00:00", "2026-03-02T23:59", "2026-03-03T00:00")):
        desk.log_row(f"row-{number}", **ROW | {"at": datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()})
    page = admin.open("/dashboard/usage?range=custom&since=2026-03-01&until=2026-03-02&group=model")
    assert figures(page)["Requests"].startswith("2 ")
    page = page.fill({"From": "2026-03-02", "to": "2026-03-03"}).press("Show")
    assert figures(page)["Requests"].startswith("2 ") and rows(page).keys() == {"gpt-5.5"}


@pytest.mark.parametrize("query", ["since=2026-03-05&until=2026-03-02", "since=soon", "since=1990-01-01", "until=9999-12-31"])
def test_days_that_make_no_sense_are_named(used: Desk, query: str) -> None:
    page = used.admin().open(f"/dashboard/usage?range=custom&{query}")
    assert page.status == 200 and "The last 7 days are shown." in page.text
    assert figures(page)["Requests"].startswith("3 ")


@pytest.mark.parametrize("query", ["group=nothing", "sort=nothing", "range=nothing", "foo=bar", "all=1"])
def test_what_means_nothing_is_as_if_it_were_not_there(used: Desk, query: str) -> None:
    page = used.admin().open(f"/dashboard/usage?{query}")
    assert figures(page)["Requests"].startswith("3 ") and rows(page).keys() == {"openai", "anthropic"}


def test_the_libraries_of_the_charts_are_on_this_page_alone(used: Desk) -> None:
    admin = used.admin()
    scripts = {
        path: {each.attrs["src"].partition("?")[0] for each in admin.open(path).root.all("script")}
        for path in ("/dashboard/usage", "/", "/dashboard/logs")
    }
    assert {"/static/vendor/uplot-1.6.32/uplot.min.js", "/static/charts.js"} <= scripts["/dashboard/usage"]
    assert not [each for path in ("/", "/dashboard/logs") for each in scripts[path] if "uplot" in each or "charts" in each]


def test_home_tells_todays(used: Desk) -> None:
    used.connection("openai")
    told = figures(used.admin().open("/"))
    assert told["Spend today"].startswith("$1.23 3 requests, ")
    assert "1 without a known price" in told["Spend today"]
    assert told["Error rate"] == "33.3 % 1 of 3 failed last 15 minutes"
